import numpy as np
import pytest
import torch
from synthetic import SMALL as WORLD
from synthetic import BagOfWords, Binder

from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.limits.more_objects import ORDERS, Crowd, more_objects, re_pairings
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World
from labclip_lib.world.twins import pair_clusters


@pytest.fixture(scope="module")
def tree():
    return more_objects(Binder(), most=3, world=WORLD, objects=900, bags=6, choices=6)


def sets(parts):
    """The bags of a Crowd's parts: a set of (colours, shapes)."""
    return {(*sorted(c), *sorted(s)) for p in parts for c, s in zip(p.color.tolist(), p.shape.tolist(), strict=True)}


@pytest.mark.parametrize(("n", "ways"), [(2, 2), (3, 6), (4, 24), (5, 24)])
def test_re_pairings_are_different_and_of_one_bag(n, ways):
    scenes = World().sample(3, n, seed=1)
    parts = re_pairings(scenes, 24, [0])
    assert len(parts) == ways
    for row in range(3):
        assert len({tuple(part.color[row].tolist()) for part in parts}) == ways
    for one, twin in zip(parts[::2], parts[1::2], strict=True):
        assert torch.equal(twin.color, one.swapped().color) and torch.equal(twin.shape, scenes.shape)
        assert not torch.equal(twin.center, one.center)
    assert sets(parts) == sets([scenes])


def test_no_bag_is_both_known_and_tested():
    for n in (2, 3):
        crowd = Crowd.draw(WORLD, n, 200, 6, 12)
        assert not sets(crowd.known) & sets(crowd.tested)
        assert len(sets(crowd.tested)) == 6
        assert len(crowd.tested) * len(crowd.tested[0]) == 6 * 12  # as many images for each number of objects
        cluster = pair_clusters(crowd.known[0].color, crowd.known[0].shape)
        assert not set(cluster[crowd.validation].tolist()) & set(cluster[crowd.trains(1)].tolist())


def test_half_of_the_training_keeps_the_validation():
    crowd = Crowd.draw(WORLD, 2, 200, 6, 12)
    half, whole = crowd.trains(0.5), crowd.trains(1)
    assert 0.3 < half.sum() / whole.sum() < 0.7 and bool((whole | ~half).all())
    assert not bool((half & crowd.validation).any())


def test_who_binds_is_right_about_any_number(tree):
    for order in ORDERS:
        for measure in ("swap", "group match", "recall@1"):
            for n in ("2", "3"):
                assert tree[f"{measure}, {order} order"]["CLIP"][n].values.mean() == 1
        assert tree["probe"][f"text, {order} order"]["2"].values.mean() > 0.9


def test_every_curve_has_its_levels(tree):
    assert tree["probe"]["image"]["3"].bag_of_words == pytest.approx(1 / 3)
    assert tree["probe"]["image, two objects as small"]["3"].bag_of_words == 0.5  # there are two, however small
    assert tree["probe"]["image"]["3"].chance == pytest.approx(1 / 5)
    methods = {"CLIP", "LABCLIP", "LABCLIP-SB", "LABCLIP, fitted on two objects"}
    for order in ORDERS:
        for measure, levels in (("swap", (0.5, 0.5)), ("group match", (0.5, 0.5)), ("recall@1", (1 / 2, 1 / 6))):
            curves = tree[f"{measure}, {order} order"]
            assert methods <= set(curves)
            for curve in curves.values():
                for n, level in zip(("2", "3"), levels, strict=True):
                    assert curve[n].chance == pytest.approx(level) and curve[n].bag_of_words == pytest.approx(level)
            two, of_two = (curves[name]["2"].values for name in ("LABCLIP", "LABCLIP, fitted on two objects"))
            assert np.array_equal(two, of_two)
    assert tree["swap, random order"]["CLIP"]["3"].clusters.max() == 5  # one cluster a bag


def test_a_bag_of_words_is_at_its_ceiling():
    crowd, bag = Crowd.draw(WORLD, 3, 200, 6, 12), BagOfWords()
    images, texts = crowd.embed(bag), crowd.embed(bag, "random")
    for measure in crowd.examine(images, texts, "random", Unaligned()).values():
        assert measure.values.mean() == pytest.approx(measure.bag_of_words)


def test_smaller_objects_stay_where_they_are():
    crowd = Crowd.draw(WORLD, 2, 200, 6, 12)
    small = crowd.shrunk(0.5)
    for before, after in zip(crowd.known + crowd.tested, small.known + small.tested, strict=True):
        assert torch.equal(after.radius, before.radius * 0.5)
        assert torch.equal(after.center, before.center) and torch.equal(after.color, before.color)


def test_pocketclip_reads_of_six_objects_and_not_of_eight(raises_saying):
    pocket, world = load_backbone("pocket", "cpu"), World()
    assert pocket.encode_texts(world.sample(1, 6).captions()).shape == (1, 256)
    with raises_saying(ValueError, "23 words", "at most 22"):
        pocket.encode_texts(world.sample(1, 8).captions())


def test_a_world_has_no_more_objects_than_colours(raises_saying):
    with raises_saying(ValueError, "between 1 and 5", "got 6"):
        Crowd.draw(WORLD, 6, 200, 6, 12)
