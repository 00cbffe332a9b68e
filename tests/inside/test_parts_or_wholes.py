import pytest
import torch

from labclip_lib.inside.parts_or_wholes import BOXES, PICTURES, _shape_tokens, wholes_and_parts
from labclip_lib.inside.tokens import caption_tokens
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

SMALL = World(colors=World().colors[:5], shapes=World().shapes[:5])


@pytest.fixture(scope="module")
def tree():
    return wholes_and_parts(load_backbone("pocket", "cpu"), layouts=2, most=20, steps=60, world=SMALL)


def mean(table, method, measure):
    return float(table[method][measure].values.mean())


def test_wholes_are_clip_as_it_is(tree):
    assert 0.4 < mean(tree["unseen scene"], "whole, caption", "swap") < 0.6


def test_both_must_be_cut(tree):
    table = tree["unseen scene"]
    for picture in ("windows", *BOXES):
        assert mean(table, f"{picture}, caption", "swap") < 0.65
        assert mean(table, f"{picture}, phrases", "swap") > 0.85
    assert mean(table, "whole, phrases", "swap") < 0.6
    assert mean(table, "loose boxes, phrases", "swap") > 0.97


def test_what_is_fitted_binds(tree):
    for table in (tree["unseen scene"], tree["unseen pair"]):
        for method in ("LABCLIP", "LABCLIP and patch tokens"):
            assert mean(table, method, "swap") > 0.55
    assert mean(tree["unseen scene"], "cross-scorer", "swap") > mean(
        tree["unseen scene"], "cross-scorer, whole", "swap"
    )


def test_it_is_the_best_place_that_binds_and_not_the_mean_of_all(tree):
    table = tree["unseen scene"]
    assert (
        mean(table, "patch tokens, phrases", "swap")
        > 0.85
        > 0.65
        > mean(table, "mean of patch tokens, phrases", "swap")
    )
    assert mean(table, "CLIP and patch tokens", "swap") > 0.85
    assert mean(table, "CLIP and patch tokens", "recall@1") > mean(table, "whole, caption", "recall@1")


def test_a_phrase_takes_a_place_of_its_object_and_a_word_of_the_caption_need_not(tree):
    phrase, word = (tree["pointing"][name] for name in ("phrase", "word"))
    assert 0.1 < phrase.chance == word.chance < 0.6
    assert phrase.values.mean() > 0.8 > 0.7 > word.values.mean()


def test_shapes_are_found_in_captions_of_several_tokens_a_word(tiny_clip):
    """To CLIP "cyan" is two tokens; the vector of a caption's last word but one knows the words up to it."""
    clip = load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")
    captions = ["cyan ring and red star", "red star and cyan ring"]
    table, present = caption_tokens(clip, captions)
    shapes = _shape_tokens(clip, captions, table[None], present)
    for row, (first, last) in enumerate([(3, 6), (2, 6)]):  # without the start of text: cy an ring and red star
        assert torch.equal(shapes[0, row], table[row, [first - 1, last - 1]])


def test_the_order_of_the_phrases_changes_nothing(tree):
    for picture in PICTURES:
        name = f"{picture}, phrases"
        table = tree["unseen scene"]
        assert mean(table, name, "another order") == pytest.approx(mean(table, name, "swap"), abs=0.01)


def test_every_measure_has_its_levels(tree):
    for what in ("unseen scene", "unseen pair"):
        for measures in tree[what].values():
            assert [*measures] == ["swap", "group match", "another order", "recall@1"]
            for measure in measures.values():
                assert 0 < measure.chance <= measure.bag_of_words <= 0.5
                assert len(measure.values) == len(measure.clusters)
            assert len(measures["swap"].values) == 2 * len(measures["group match"].values)
            assert len({*measures["swap"].clusters}) <= 20


def test_what_is_kept_of_a_picture_and_what_it_costs(tree):
    cost = {name: {what: float(one.values[0]) for what, one in row.items()} for name, row in tree["cost"].items()}
    assert {name: row["KiB"] for name, row in cost.items()} == {
        "whole": 1, "mean of patch tokens": 1, "patch tokens": 4, "windows": 9, "tight boxes": 2, "loose boxes": 2,
    }  # fmt: skip
    assert [cost[name]["passes"] for name in ("whole", "patch tokens", "windows", "loose boxes")] == [1, 1, 9, 2]
    assert cost["windows"]["seconds"] == pytest.approx(9 * cost["whole"]["seconds"])


def test_a_vit_of_open_clip_is_asked_alike(tiny_clip):
    """With random weights, loaded as a reader's own; one colour of its world is two tokens to it."""
    clip = load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")
    world = World(colors=("red", "orange", "cyan", "green", "blue"), shapes=SMALL.shapes)
    found = wholes_and_parts(clip, layouts=1, most=4, steps=2, world=world)
    assert 0 <= mean(found["unseen pair"], "patch tokens, phrases", "swap") <= 1
    assert float(found["cost"]["patch tokens"]["KiB"].values[0]) == 4 * clip.dim * 4 / 1024
