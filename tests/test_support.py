import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from synthetic import SMALL, BagOfWords, Binder

from labclip_lib import dial, support
from labclip_lib.backbones import load_backbone
from labclip_lib.captions import FILLERS, CaptionPolicy
from labclip_lib.dial import MOMENTS, RECIPE
from labclip_lib.pretrain import pretrain
from labclip_lib.protocols import pair_clusters
from labclip_lib.scenes import World
from labclip_lib.support import (
    CONDITIONS,
    SEEDS,
    UNSEEN,
    TwinWorld,
    load_support,
    measure,
    take_twins_away,
)

TWINS = ("both", "coin", "rule")
METRICS = (
    "swap accuracy, shown",
    "swap accuracy, other",
    "swap accuracy, held out",
    "replace accuracy",
    "unseen word replaced accuracy",
    "unseen word added accuracy",
    "caption moves, swap",
    "image moves, swap",
    "caption moves, replace",
    "image moves, replace",
    "image probe",
    "text probe",
)


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


# The trainings

BOTH, ONE = list(CONDITIONS)[:2]


@pytest.fixture
def take(monkeypatch, tiny_recipe, tmp_path):
    """Take twins away from the tiny model, with a measurement that costs nothing."""
    monkeypatch.setattr(support, "measure", lambda backbone, world: {"name": backbone.name, "coin": world.coin})

    def taken(conditions=(ONE,), seeds=(0, 1), recipe=None):
        path = take_twins_away(tmp_path / "out", "cpu", recipe or tiny_recipe, conditions, seeds, progress=False)
        return json.loads(path.read_text())

    return taken


def test_a_row_for_each_condition_seed_and_moment(take, tiny_recipe, tmp_path):
    table = take((BOTH, ONE))
    assert table["recipe"] == tiny_recipe.as_dict()
    want = [(name, seed, step) for name in (BOTH, ONE) for seed in (0, 1) for step in (0, 1, 2, 3)]
    assert [(row["condition"], row["seed"], row["step"]) for row in table["rows"]] == want
    for row in table["rows"]:
        assert row["name"] == f"pocket at step {row['step']}" and row["coin"] == row["seed"]
    assert json.loads((tmp_path / "out" / "support.json").read_text()) == table


def test_trainings_differ_in_what_is_stated_alone(take, tiny_recipe, tmp_path):
    table = take(tuple(CONDITIONS), (0, 3))
    assert len(table["rows"]) == 4 * 2 * 4
    seen = set()
    for path in (tmp_path / "out").glob("support-*.json"):
        recipe = json.loads(path.read_text())["recipe"]
        twins, single, seed = recipe["world"]["twins"], recipe["policy"]["single"], recipe["seed"]
        seen.add((twins, single, seed))
        assert path.name == f"support-{twins}-{single:g}-{seed}.json"
        world = TwinWorld(tiny_recipe.world.colors, tiny_recipe.world.shapes, twins, coin=seed)
        policy = CaptionPolicy(single, binding=1.0)
        assert recipe == dataclasses.replace(tiny_recipe, seed=seed, world=world, policy=policy).as_dict()
    assert seen == {(twins, single, seed) for twins, single in CONDITIONS.values() for seed in (0, 3)}


def test_conditions():
    """The first is the baseline, in which nothing is missing; the second lacks twins and nothing else."""
    single = CaptionPolicy().single
    assert CONDITIONS[BOTH] == ("both", single) and CONDITIONS[ONE] == ("coin", single)
    assert len(set(CONDITIONS.values())) == len(CONDITIONS) and len(set(SEEDS)) == len(SEEDS)


def test_what_is_finished_is_not_trained_again(take, monkeypatch):
    table = take()
    monkeypatch.setattr(dial, "Trainer", lambda *args: pytest.fail("it trained again"))
    assert take() == table
    assert [row["seed"] for row in take(seeds=(1,))["rows"]] == [1] * 4


def test_folder_of_another_recipe_is_refused(take, tiny_recipe, raises_saying):
    take(seeds=(0,))
    with raises_saying(ValueError, "support-coin-0.34-0.json", "another recipe", "--out"):
        take(seeds=(0,), recipe=dataclasses.replace(tiny_recipe, steps=4))


def test_unknown_condition(take):
    with pytest.raises(KeyError, match="no twins"):
        take(("no twins",))


# The measurement

COIN = TwinWorld(SMALL.colors, SMALL.shapes, coin=1)


@pytest.fixture
def with_eyes(monkeypatch):
    """Measure an encoder of `synthetic`; `see` changes scenes before it looks at them."""

    def measured(encoder, see=lambda scenes: scenes, read=lambda captions: captions):
        monkeypatch.setattr(support, "embed_images", lambda e, scenes: e.read(see(scenes).captions()))
        monkeypatch.setattr(support, "embed_texts", lambda e, captions: e.read(read(captions)))
        found = measure(encoder, COIN)
        assert tuple(found) == METRICS
        return {name: row["mean"] for name, row in found.items()}

    return measured


def test_an_encoder_that_binds(with_eyes):
    found = with_eyes(Binder())
    for name in METRICS[:5]:
        assert found[name] == 1, name
    assert found["unseen word added accuracy"] == 0.5  # it passes over the word
    for side in ("caption", "image"):
        assert found[f"{side} moves, swap"] == pytest.approx(1) and found[f"{side} moves, replace"] == pytest.approx(
            0.5
        )
    assert found["image probe"] > 0.7 and found["text probe"] > 0.7


def test_an_encoder_that_cannot_bind(with_eyes):
    found = with_eyes(BagOfWords())
    for group in ("shown", "other", "held out"):
        assert found[f"swap accuracy, {group}"] == 0.5
    assert found["replace accuracy"] == 1 and found["unseen word replaced accuracy"] == 1
    for side in ("caption", "image"):
        assert found[f"{side} moves, swap"] == pytest.approx(0, abs=1e-6)
        assert found[f"{side} moves, replace"] == pytest.approx(0.25)


def habit(scenes):
    """Who has this habit takes the twin that does not occur for the one that does."""
    other = COIN.group(scenes)["other"][:, None]
    return dataclasses.replace(scenes, color=torch.where(other, scenes.color.flip(1), scenes.color))


def test_groups_are_told_apart(with_eyes):
    found = with_eyes(Binder(), see=habit)
    assert [found[f"swap accuracy, {group}"] for group in ("shown", "other", "held out")] == [1, 0, 1]
    assert found["caption moves, swap"] == pytest.approx(1)  # measured where the missing twin would stand
    assert found["image moves, swap"] == pytest.approx(0, abs=1e-6)
    assert found["replace accuracy"] == 0.5  # neither caption fits what it sees there


def test_words_are_described_in_random_order(with_eyes):
    """Both mention orders occur, and a scene's captions name its objects in the same one."""
    said = []
    with_eyes(Binder(), read=lambda captions: said.extend(captions) or captions)
    true, swap, replace, replaced, added = np.array_split(said, 5)
    assert len(true) == 200 == len(COIN.compositions())
    first = [SMALL.shapes.index(caption.split()[1]) < SMALL.shapes.index(caption.split()[4]) for caption in true]
    assert 0.3 < np.mean(first) < 0.7
    for captions in zip(true, swap, replace, replaced, added, strict=True):
        was, swapped, changed, unseen, more = (caption.split() for caption in captions)
        assert swapped == [was[3], was[1], "and", was[0], was[4]]
        assert sum(a != b for a, b in zip(was, changed, strict=True)) == 1 and changed[1::3] == was[1::3]
        assert unseen == [UNSEEN, *was[1:]] and more == [UNSEEN, *was]


def test_the_unseen_word_is_known_and_never_said():
    assert UNSEEN in FILLERS
    for twins, single in CONDITIONS.values():
        captions = CaptionPolicy(single, binding=1.0).sample(TwinWorld(twins=twins), 2000, seed=0)[2]
        assert not any(UNSEEN in caption.split() for caption in captions)


def test_what_is_measured_of_a_backbone(tiny):
    world = TwinWorld(("red", "blue", "green", "pink"), ("circle", "square", "star", "ring"))
    found = measure(tiny, world)
    assert tuple(found) == METRICS and measure(tiny, world) == found
    assert_sound(found)


def assert_sound(row):
    for name in METRICS:
        value, most = row[name], 2 if "moves" in name else 1
        assert set(value) == {"mean", "low", "high"}
        assert -1e-6 <= value["low"] <= value["mean"] <= value["high"] <= most, name  # cosines are rounded


def test_intervals_draw_twins_together(with_eyes, monkeypatch):
    asked = []
    estimate = support.estimate
    monkeypatch.setattr(support, "estimate", lambda values, own: asked.append(own) or estimate(values, own))
    with_eyes(Binder())
    scenes = COIN.compositions(seed=7)
    cluster, group = pair_clusters(scenes.color, scenes.shape), COIN.group(scenes)
    want = [group["shown"], group["other"], group["held out"], *[group["other"]] * 7]
    assert all(np.array_equal(own, cluster[mask]) for own, mask in zip(asked, want, strict=False)) and len(asked) == 12


class TestKept:
    """The table in the package."""

    def test_every_condition_seed_and_moment_is_there(self):
        steps = [round(RECIPE.steps * moment) for moment in MOMENTS]
        want = [(name, seed, step) for name in CONDITIONS for seed in SEEDS for step in steps]
        assert len(want) == len(CONDITIONS) * 5 * 5
        assert [(row["condition"], row["seed"], row["step"]) for row in load_support()] == want

    def test_its_figures_are_sound(self):
        for row in load_support():
            assert {name for name in row if name not in ("condition", "seed", "step")} == set(METRICS)
            assert_sound(row)

    def test_recipe_is_the_library_s(self):
        assert json.loads((support.WEIGHTS / "support.json").read_text())["recipe"] == RECIPE.as_dict()
