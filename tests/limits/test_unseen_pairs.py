import numpy as np
import pytest
import torch

from labclip_lib.alignment.scene_task import binding_task
from labclip_lib.limits.unseen_pairs import (
    ASKED,
    FAMILIARITY,
    HOLD_OUTS,
    TWIN_TOO,
    coverage,
    draw_pairs,
    split_by_coverage,
)
from labclip_lib.limits.unseen_pairs import unseen_pairs as experiment
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

SMALL = World(("red", "green", "blue", "pink", "cyan"), ("circle", "square", "star", "moon"))


@pytest.fixture(scope="module")
def tree():
    sizes = {"layouts": 3, "draws": 1, "thin": 12, "shares": (0.5, 0.6), "equal": 22, "orders": ("random",)}
    return experiment(load_backbone("pocket", "cpu"), 1, SMALL, **sizes)


def test_every_colour_and_every_shape_is_seen_whatever_the_share():
    for seed in range(5):
        seen = draw_pairs(8, 8, 0.125, seed)
        assert seen.sum() == 8 and seen.any(0).all() and seen.any(1).all()
    assert draw_pairs(3, 5, 0.6).sum() == 9 and draw_pairs(3, 5, 1).all()
    assert draw_pairs(3, 5, 0.4).any(0).all()
    assert not torch.equal(draw_pairs(8, 8, 0.5, 0), draw_pairs(8, 8, 0.5, 1))


def test_a_share_that_hides_a_colour_is_refused(raises_saying):
    with raises_saying(ValueError, "0.1 is 6 of 64 pairs", "takes 8"):
        draw_pairs(8, 8, 0.1)


def test_the_fit_meets_seen_pairs_alone_and_nothing_of_the_test():
    scenes = World().compositions()
    split, unseen = split_by_coverage(scenes, 0.5, seed=3)
    seen = draw_pairs(8, 8, 0.5, seed=3)
    fit = split.train | split.validation
    assert seen[scenes.color[fit], scenes.shape[fit]].all() and split.validation.any()
    assert not (split.train & split.validation).any()
    assert not torch.isin(split.cluster[fit], split.cluster[split.test]).any()
    for kind in range(3):
        rows = split.test & (unseen == kind)
        assert rows.any() and (seen[scenes.color[rows], scenes.shape[rows]].sum(1) == 2 - kind).all()


def test_the_matrix_reaches_a_new_scene_and_clip_does_not(tree):
    found = tree["hold-outs"]["random"]
    assert set(found) == set(HOLD_OUTS)
    mean = {name: found["new image"][name]["group match"].values.mean() for name in found["new image"]}
    assert mean["HNB"] > 0.8 > 0.7 > mean["CLIP"]
    assert all(one["HNB"][name][2:] == (0.5, 0.5) for one in found.values() for name in ("swap", "group match"))


def test_an_equal_amount_is_equal_and_stands_only_where_there_is_so_much(tree):
    found = tree["coverage"]["random"]
    assert found["22 scenes"]["0.6"]["scenes in the fit"].values == [22]
    assert "0.5" in found["all of them"] and "0.5" not in found["22 scenes"]
    assert found["all of them"]["0.6"]["scenes in the fit"].values > 22


def test_familiarity_prefers_the_caption_of_more_seen_pairs(tree):
    scenes = SMALL.compositions()
    split, unseen = split_by_coverage(scenes, 0.5, seed=1)
    twin = (~draw_pairs(5, 4, 0.5, seed=1)[scenes.color.flip(1), scenes.shape]).sum(1)
    for kind, what in enumerate(ASKED):
        rows = split.test & (unseen == kind)
        right = torch.where(twin == unseen, 0.5, (unseen < twin).double())[rows]
        measure = tree["coverage"]["random"]["all of them"]["0.5"][what][FAMILIARITY]["swap"]
        assert np.allclose(measure.values, right)


def test_a_test_without_scenes_of_a_kind_is_refused(raises_saying):
    task = binding_task(load_backbone("pocket", "cpu"), SMALL, 1)
    with raises_saying(ValueError, "one unseen pair", "another share"):
        coverage(task, shares=(1,), equal=1000)


def test_where_the_twin_has_no_seen_pair_either_familiarity_guesses():
    task = binding_task(load_backbone("pocket", "cpu"), SMALL, 1)
    found = coverage(task, "random", seeds=(3, 5), shares=(0.4,), equal=1000)["all of them"]["0.4"]
    values = found[TWIN_TOO][FAMILIARITY]["swap"].values
    assert len(values) and set(values) == {0.5}
    assert len(values) < len(found["two unseen pairs"][FAMILIARITY]["swap"].values)
