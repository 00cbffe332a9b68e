import dataclasses
import json

import numpy as np
import pytest
import torch
from synthetic import SMALL, BagOfWords, Binder

from labclip_lib.embeddings.embed import embed_texts
from labclip_lib.kept.trainings import load_study
from labclip_lib.studies import binding_share as dial
from labclip_lib.studies import missing_twins as support
from labclip_lib.studies.binding_share import MOMENTS, RECIPE
from labclip_lib.studies.missing_twins import CONDITIONS, SEEDS, UNSEEN, measure, train_without_twins
from labclip_lib.world.captions import FILLERS, CaptionPolicy
from labclip_lib.world.twin_world import TwinWorld
from labclip_lib.world.twins import pair_clusters

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


# The trainings

BOTH, ONE = list(CONDITIONS)[:2]


@pytest.fixture
def take(monkeypatch, tiny_recipe, tmp_path):
    """Take twins away from the tiny model, with a measurement that costs nothing."""
    monkeypatch.setattr(support, "measure", lambda backbone, world: {"name": backbone.name, "coin": world.coin})

    def taken(conditions=(ONE,), seeds=(0, 1), recipe=None):
        path = train_without_twins(tmp_path / "out", "cpu", recipe or tiny_recipe, conditions, seeds, progress=False)
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
def with_eyes():
    """Measure an encoder of `synthetic`; `see` changes scenes before it looks at them, `read` captions."""

    def measured(encoder, see=lambda scenes: scenes, read=lambda captions: captions):
        class Spectacled(type(encoder)):
            def encode_images(self, scenes):
                return super().encode_texts(see(scenes).captions())

            def encode_texts(self, captions):
                return super().encode_texts(read(captions))

        found = measure(Spectacled(encoder.world), COIN)
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


def test_words_are_described_in_random_order(with_eyes, monkeypatch):
    """Both mention orders occur, and a scene's captions name its objects in the same one."""
    said = []
    monkeypatch.setattr(support, "embed_texts", lambda _, captions: said.extend(captions) or embed_texts(_, captions))
    with_eyes(Binder())
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
    assert all(np.array_equal(own, cluster[mask]) for own, mask in zip(asked, want, strict=True))


class TestKept:
    """The table in the package."""

    def test_every_condition_seed_and_moment_is_there(self):
        steps = [round(RECIPE.steps * moment) for moment in MOMENTS]
        want = [(name, seed, step) for name in CONDITIONS for seed in SEEDS for step in steps]
        assert len(want) == len(CONDITIONS) * 5 * 5
        assert [(row["condition"], row["seed"], row["step"]) for row in load_study("support")["rows"]] == want

    def test_its_figures_are_sound(self):
        for row in load_study("support")["rows"]:
            assert {name for name in row if name not in ("condition", "seed", "step")} == set(METRICS)
            assert_sound(row)

    def test_recipe_is_the_library_s(self):
        assert load_study("support")["recipe"] == RECIPE.as_dict()
