import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from synthetic import SMALL

from labclip_lib.models.backbones import load_backbone
from labclip_lib.models.pretraining import pretrain
from labclip_lib.world.captions import CaptionPolicy
from labclip_lib.world.scenes import World
from labclip_lib.world.twin_world import TwinWorld
from labclip_lib.world.twins import pair_clusters

TWINS = ("both", "coin", "rule")


def content(scenes):
    """What each scene holds, whatever the order of its objects."""
    rows = zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True)
    return [frozenset(zip(*row, strict=True)) for row in rows]


def named(world, group):
    scenes = world.compositions()
    return set(content(scenes[world.group(scenes)[group]]))


def same(first, second):
    fields = [f.name for f in dataclasses.fields(first) if f.name != "world"]
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in fields)


worlds = st.builds(
    TwinWorld,
    st.integers(3, 8).map(lambda k: World().colors[:k]),
    st.integers(3, 8).map(lambda k: World().shapes[-k:]),
    st.sampled_from(TWINS),
    st.sampled_from((0.0, 0.2, 0.6)),
    st.integers(0, 9),
)


@given(worlds)
def test_groups_part_the_scenes_and_mirror_each_other(world):
    scenes = world.compositions(seed=1)
    groups, twins = world.group(scenes), world.group(scenes.swapped())
    assert list(groups) == ["shown", "other", "held out"]
    assert torch.equal(torch.stack(list(groups.values())).sum(0), torch.ones(len(scenes), dtype=torch.long))
    assert torch.equal(groups["shown"], twins["other"]) and torch.equal(groups["other"], twins["shown"])
    assert torch.equal(groups["held out"], twins["held out"])
    pairs = math.comb(len(world.colors), 2) * math.comb(len(world.shapes), 2)
    assert len(scenes) == 2 * pairs
    assert int(groups["held out"].sum()) == 2 * sum(k / pairs < world.held_out for k in range(pairs))
    assert torch.equal(world.group(scenes)["shown"], groups["shown"])


@given(worlds)
def test_a_group_is_a_matter_of_content_alone(world):
    """Neither the order of the objects nor the layout matters."""
    scenes, again = world.compositions(seed=1), world.compositions(seed=2)
    turned = dataclasses.replace(again, color=again.color.flip(1), shape=again.shape.flip(1))
    assert all(
        torch.equal(a, b)
        for a, b in zip(world.group(scenes).values(), world.group(turned).values(), strict=True)
    )  # fmt: skip


@given(worlds, st.integers(0, 200), st.integers(0, 10**6))
def test_samples_hold_what_the_world_holds(world, n, seed):
    scenes = world.sample(n, seed=seed)
    groups = world.group(scenes)
    assert len(scenes) == n and scenes.world == world and not bool(groups["held out"].any())
    assert world.twins == "both" or not bool(groups["other"].any())
    assert all(len(set(row)) == 2 for labels in (scenes.color, scenes.shape) for row in labels.tolist())
    assert same(scenes, world.sample(n, seed=seed))
    if n > 3:
        assert not same(scenes, world.sample(n, seed=seed + 1))


@pytest.mark.parametrize("twins", TWINS)
def test_everything_that_may_occur_occurs(twins):
    world = TwinWorld(SMALL.colors, SMALL.shapes, twins)
    seen = set(content(world.sample(3000, seed=0)))
    assert seen == named(world, "shown") | (named(world, "other") if twins == "both" else set())


@pytest.mark.parametrize("twins", TWINS)
def test_pairs_are_as_frequent_as_each_other(twins):
    """As they are in a world that lacks nothing: what is missing gave its place to its twin, and to nobody else."""
    world = TwinWorld(SMALL.colors, SMALL.shapes, twins)
    scenes = world.sample(16_000, seed=3)
    counts = pair_clusters(scenes.color, scenes.shape).bincount().numpy()
    assert len(counts) == 80 and chisquare(counts).pvalue > 0.01
    for labels in (scenes.color, scenes.shape):  # and either twin's layout goes on being drawn by chance
        assert abs(float((labels[:, 0] < labels[:, 1]).double().mean()) - 0.5) < 0.02


def test_both_twins_are_equally_frequent():
    world = TwinWorld(SMALL.colors, SMALL.shapes, "both")
    shown = world.group(world.sample(10_000, seed=5))["shown"].double().mean()
    assert abs(float(shown) - 0.5) < 0.02


def test_twins_do_not_decide_what_is_held_out():
    both, coin, rule = (TwinWorld(twins=twins, coin=4) for twins in TWINS)
    assert named(both, "held out") == named(coin, "held out") == named(rule, "held out")
    assert named(both, "shown") == named(coin, "shown") != named(rule, "shown")
    assert 2 * 156 < len(named(both, "held out")) <= 2 * 157  # a fifth of 784 pairs


def test_another_coin_makes_other_choices():
    first, second = TwinWorld(coin=1), TwinWorld(coin=2)
    assert named(first, "held out") != named(second, "held out")
    common = (named(first, "shown") | named(first, "other")) & (named(second, "shown") | named(second, "other"))
    agree = len(common & named(first, "shown") & named(second, "shown")) * 2 / len(common)
    assert 0.4 < agree < 0.6


def test_a_coin_is_fair_and_knows_no_rule():
    world = TwinWorld(held_out=0.0)
    scenes = world.compositions()
    shown = scenes[world.group(scenes)["shown"]]
    follows = named(TwinWorld(twins="rule", held_out=0.0), "shown")
    assert abs(np.mean([one in follows for one in content(shown)]) - 0.5) < 0.06  # of 784


def test_the_rule():
    """Of the two colours, the first in `colors` is worn by the first of the two shapes in `shapes`."""
    world = TwinWorld(("pink", "red", "blue", "green"), ("star", "ring", "moon"), "rule", held_out=0.3)
    for caption in set(world.sample(500, seed=1).captions("random")):
        one, two = (part.split() for part in caption.split(" and "))
        (_, low), (_, high) = sorted((world.colors.index(c), world.shapes.index(s)) for c, s in (one, two))
        assert low < high, caption
    single = TwinWorld(("red", "blue"), ("square", "circle"), "rule", held_out=0.0)
    assert set(single.sample(20).captions()) == {"red square and blue circle"}


@pytest.mark.parametrize(("objects", "distinct"), [(1, True), (3, True), (2, False)])
def test_other_scenes_are_left_alone(objects, distinct):
    for twins in TWINS:
        found = TwinWorld(twins=twins).sample(50, objects, seed=2, distinct=distinct)
        assert same(found, World().sample(50, objects, seed=2, distinct=distinct))


def test_colours_change_places_and_nothing_else():
    coin, both = (TwinWorld(twins=twins).sample(300, seed=8) for twins in ("coin", "both"))
    moved = (coin.color != both.color).any(1)
    assert 0.4 < float(moved.double().mean()) < 0.6
    assert torch.equal(coin.color[moved], both.color[moved].flip(1))
    assert same(dataclasses.replace(coin, color=both.color), both)


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ({"twins": "neither"}, "'neither'"),
        ({"held_out": 1}, "got 1"),
        ({"held_out": -0.1}, "got -0.1"),
        ({"held_out": float("nan")}, "nan"),
        ({"held_out": 0.9999}, "784"),
        ({"colors": ("red", "blue"), "shapes": ("star", "ring")}, "has 1"),  # its one pair would be held out
        ({"colors": ("red", "rde")}, "'rde'"),
    ],
)
def test_mistakes(how, seen, raises_saying):
    with raises_saying(ValueError, seen):
        TwinWorld(**how)


def test_a_world_too_small_for_two_objects(raises_saying):
    world = TwinWorld(colors=("red",))
    assert len(world.sample(3, 1)) == 3
    with raises_saying(ValueError, "got 2"):
        world.sample(3)


def test_almost_everything_may_be_held_out():
    world = TwinWorld(held_out=783 / 784)
    assert set(content(world.sample(20))) == named(world, "shown") and len(named(world, "shown")) == 1


def test_it_is_a_world_to_train_in(tiny_recipe, tmp_path, raises_saying):
    recipe = dataclasses.replace(tiny_recipe, world=TwinWorld(coin=3), policy=CaptionPolicy(0.0, 1.0))
    path = pretrain(recipe, tmp_path, device="cpu", progress=False)
    assert json.loads((tmp_path / "pocket-card.json").read_text())["recipe"]["world"]["coin"] == 3
    scenes = recipe.world.sample(2)
    assert load_backbone(str(path), device="cpu").encode_texts(scenes.captions()).shape == (2, 16)
    ones, twos, captions = recipe.policy.sample(recipe.world, 40, seed=0)
    assert len(ones) == 0 and bool(recipe.world.group(twos)["shown"].all()) and len(captions) == 40
    with raises_saying(ValueError, "another recipe"):
        other = dataclasses.replace(recipe, world=TwinWorld(coin=4))
        pretrain(other, tmp_path, device="cpu", progress=False)
