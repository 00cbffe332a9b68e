import importlib

import pytest

from labclip_lib.base.old_paths import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_a_path_of_old_says_what_to_write(old, raises_saying):
    with raises_saying(ModuleNotFoundError, old, *(f"`from {wing} import" for wing in MOVED[old])):
        importlib.import_module(old)
    package, _, name = old.rpartition(".")
    if name not in importlib.import_module(package).__dict__.get("__all__", ()):
        with raises_saying(ModuleNotFoundError, old, *(f"`from {wing} import" for wing in MOVED[old])):
            exec(f"from {package} import {name}")
    for wing in MOVED[old]:
        importlib.import_module(wing)


def test_what_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        importlib.import_module("labclip_lib.never")


# Old module -> what chapters and assignments took from it in version 0.1.
USED = {
    "backbones": "load_backbone random_init_encoder",
    "benchmarks.evaluate": "ALL_FOUR BOTH_CAPTIONS BOTH_IMAGES bag cosines evaluate",
    "binding_task": "binding_task examine fit_task",
    "blind": "Detector NGrams blind_outcomes other_captions shorter",
    "captions": "CaptionPolicy TEMPLATES parse",
    "checks": "check check_exercise",
    "closed_form": "STRENGTHS discriminant_map",
    "coverage": "HOLDS cover coverage_table explain",
    "data": "at_hand data_folder load_real_clip",
    "dial": "RECIPE over_trainings",
    "embed": "embed_images embed_texts",
    "feed": "text_ids",
    "hard_negatives": "SUBSETS load_hard_negatives",
    "identifiability": "finite_world ideal_encoders lookup merging_cost orbits pseudo_optimal sensitivity twin",
    "language": "canonical world_tagger",
    "losses": "hard_negative_info_nce info_nce",
    "pairs": "Pairs",
    "plots": "INK PALETTE accuracy_bars accuracy_lines causal_graph glue show_scenes use_style",
    "pretrain": "Recipe Trainer",
    "probes": "LinearProbe probe_attribute_sets probe_attributes weight_cosine",
    "protocols": "bag_of_words_ceiling chance control_labels pair_clusters split_by_combination split_by_object",
    "scenes": "World",
    "support": "CONDITIONS SEEDS TwinWorld",
    "training": "fit_labclip",
    "widgets": "caption_explorer matrix_player quiz scene_composer temperature_slider try_captions",
}


@pytest.mark.parametrize("old", USED)
def test_the_advice_leads_to_the_names(old):
    doors = [importlib.import_module(wing) for wing in MOVED[f"labclip_lib.{old}"]]
    for name in USED[old].split():
        assert any(hasattr(door, name) for door in doors), name
