import pytest

from labclip_lib.inside.more_parts import ON_TWO, parts_of_more
from labclip_lib.inside.parts_or_wholes import BOXES
from labclip_lib.models.backbones import load_backbone


@pytest.fixture(scope="module")
def tree():
    return parts_of_more(load_backbone("pocket", "cpu"), numbers=(2, 4), objects=1_600, bags=6, choices=8, epochs=0)


def mean(tree, measure, method, n):
    return float(tree[measure][method][n].values.mean())


def test_boxes_bind_in_a_crowd_too(tree):
    assert mean(tree, "swap", "loose boxes, phrases", "2") > 0.9
    assert mean(tree, "swap", "tight boxes, phrases", "4") > mean(tree, "swap", "CLIP", "4")


def test_levels_of_a_choice_among_re_pairings(tree):
    """Of two objects there are two, of four twenty-four, of which eight are here."""
    unfitted = {f"{parts}, phrases" for parts in ("patch tokens", "windows", "small windows", *BOXES)}
    assert {*tree["swap"]} == {"CLIP", "CLIP and patch tokens", "LABCLIP", "LABCLIP-SB", ON_TWO} | unfitted
    for method in tree["recall@1"].values():
        assert method["2"].chance == method["2"].bag_of_words == pytest.approx(1 / 2)
        assert method["4"].chance == method["4"].bag_of_words == pytest.approx(1 / 8)
    for measure in ("swap", "group match"):
        assert all(
            row.chance == row.bag_of_words == 0.5 for method in tree[measure].values() for row in method.values()
        )


def test_a_matrix_fitted_on_two_is_the_same_where_there_are_two(tree):
    assert mean(tree, "swap", ON_TWO, "2") == mean(tree, "swap", "LABCLIP", "2")


def test_bags_of_two_seeds_are_not_the_same():
    """Their numbers stand for other bags."""
    how = {"numbers": (2,), "objects": 1_600, "bags": 3, "choices": 2, "epochs": 0}
    clip = load_backbone("pocket", "cpu")
    first, second = (parts_of_more(clip, seed, **how)["swap"]["CLIP"]["2"].clusters for seed in (0, 1))
    assert not {*first} & {*second}


def test_a_vit_of_open_clip_is_asked_alike(tiny_clip):
    clip = load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")
    found = parts_of_more(clip, numbers=(3,), objects=900, bags=3, choices=4, epochs=0)
    assert 0 <= mean(found, "swap", "CLIP and patch tokens", "3") <= 1
