import numpy as np
import pytest

from labclip_lib.benchmarks.formats import sugarcrepe
from labclip_lib.benchmarks.many_models import FILE, KINDS, load_many_models

TABLE = """arch,pretrained,family,aro::VG_Relation,elevator::imagenet-1k
ViT-B-32,openai,OpenCLIP,59.5,63.25
NegCLIP,coco-ft,StructuredCLIP,81,61
ViT-L-14,laion2b_s32b_b82k,OpenCLIP,40,75
ViT-B-CLIP,cc12m,SLIP,52.5,40
"""


def test_each_model_has_its_scores_and_its_family(pin):
    pin(FILE, TABLE)
    models = load_many_models()
    assert models.names == [
        "OpenCLIP: ViT-B-32 / openai", "StructuredCLIP: NegCLIP / coco-ft", "OpenCLIP: ViT-L-14 / laion2b_s32b_b82k",
        "SLIP: ViT-B-CLIP / cc12m",
    ]  # fmt: skip
    assert models.families.tolist() == ["openai", "openai", "laion", "cc"]
    assert models.kinds.tolist() == ["OpenAI's data", "OpenAI's data", "LAION", "small collections"]
    assert models.groups.tolist() == ["OpenCLIP", "StructuredCLIP", "OpenCLIP", "SLIP"]
    assert models.tuned.tolist() == [False, True, False, False]
    assert {name: score.tolist() for name, score in models.scores.items()} == {
        "aro::VG_Relation": [0.595, 0.81, 0.4, 0.525], "elevator::imagenet-1k": [0.6325, 0.61, 0.75, 0.4],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"), [("arch,", "model,", "'arch'"), ("openai", "moonbeams", "'moonbeams'")]
)
def test_another_table_is_refused(pin, raises_saying, old, new, said):
    pin(FILE, TABLE.replace(old, new, 1))
    with raises_saying(ValueError, said):
        load_many_models()


def test_a_missing_table_says_how_to_fetch_it(monkeypatch, tmp_path, raises_saying):
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))
    with raises_saying(ValueError, FILE, "get texts"):
        load_many_models()


@pytest.fixture(scope="module")
def published(real_data):
    return load_many_models()


def test_the_published_table_holds_202_models_and_136_scores(published):
    assert len(set(published.names)) == 202 and len(published.scores) == 136
    assert all(((score >= 0) & (score <= 1)).all() for score in published.scores.values())
    assert set(published.kinds) == set(KINDS) and published.tuned.sum() == 8


def test_no_family_has_more_than_a_quarter_of_the_published_models(published):
    assert np.unique(published.families, return_counts=True)[1].max() <= 202 / 4


def test_openai_s_vit_has_the_scores_of_its_published_outcomes(published):
    place = published.names.index("OpenCLIP: ViT-B-32 / openai")
    for subset, measure in sugarcrepe.published("ViT-B/32").measures().items():
        # One item of swap_obj is in the one and not in the other.
        tolerance = 0.003 if subset == "swap_obj" else 1e-6
        assert published.scores[f"sugarcrepe::{subset}"][place] == pytest.approx(measure.values.mean(), abs=tolerance)
