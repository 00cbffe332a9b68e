import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from synthetic import SMALL, BagOfWords, Binder

from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.kept.trainings import load_study
from labclip_lib.measures.intervals import estimate
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.models.pretraining import Trainer
from labclip_lib.studies.binding_share import MOMENTS, RECIPE
from labclip_lib.studies.missing_twins import CONDITIONS, SEEDS, UNSEEN, measure, train_without_twins
from labclip_lib.world.captions import FILLERS, CaptionPolicy
from labclip_lib.world.layouts import Layouts
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


@pytest.fixture(scope="module")
def taken(small_recipe, tmp_path_factory):
    """The folder in which twins were taken away from a small model: every condition, two seeds."""
    path = train_without_twins(
        tmp_path_factory.mktemp("twins") / "out", "cpu", small_recipe, seeds=(0, 3), progress=False
    )
    assert path.name == "support.json"
    return path.parent


def table_in(folder):
    return json.loads((folder / "support.json").read_text())


def test_a_row_for_each_condition_seed_and_moment(taken, small_recipe):
    table = table_in(taken)
    assert table["recipe"] == small_recipe.as_dict()
    want = [(name, seed, step) for name in CONDITIONS for seed in (0, 3) for step in (0, 1)]
    assert [(row["condition"], row["seed"], row["step"]) for row in table["rows"]] == want


def recipe_of(small_recipe, condition, seed):
    twins, single = CONDITIONS[condition]
    world = TwinWorld(small_recipe.world.colors, small_recipe.world.shapes, twins, coin=seed)
    return dataclasses.replace(small_recipe, seed=seed, world=world, policy=CaptionPolicy(single, binding=1.0))


def test_each_is_measured_at_its_step_in_its_world(taken, small_recipe):
    recipe = recipe_of(small_recipe, ONE, 3)
    trainer = Trainer(recipe)
    for row in table_in(taken)["rows"][6:8]:
        found = measure(trainer.snapshot(), recipe.world)
        assert row == {"condition": ONE, "seed": 3, "step": trainer.done} | found
        trainer.step()


def test_trainings_differ_in_what_is_stated_alone(taken, small_recipe):
    names = set()
    for condition, (twins, single) in CONDITIONS.items():
        for seed in (0, 3):
            path = taken / f"support-{twins}-{single:g}-{seed}.json"
            assert json.loads(path.read_text())["recipe"] == recipe_of(small_recipe, condition, seed).as_dict()
            names.add(path.name)
    assert {path.name for path in taken.iterdir()} == names | {".lock", "support.json"} and len(names) == 8


def test_conditions():
    """The first is the baseline, in which nothing is missing; the second lacks twins and nothing else."""
    single = CaptionPolicy().single
    assert CONDITIONS[BOTH] == ("both", single) and CONDITIONS[ONE] == ("coin", single)
    assert len(set(CONDITIONS.values())) == len(CONDITIONS) and len(set(SEEDS)) == len(SEEDS)


def test_what_is_finished_is_not_trained_again(taken, small_recipe, tmp_path):
    shutil.copytree(taken, tmp_path / "out")
    run_path = tmp_path / "out" / "support-coin-0.34-3.json"
    run_path.write_text(run_path.read_text().replace('"step"', '"moment"'))  # no training would write this
    train_without_twins(tmp_path / "out", "cpu", small_recipe, (ONE,), (0, 3), progress=False)
    rows = table_in(tmp_path / "out")["rows"]
    assert [row["seed"] for row in rows] == [0, 0, 3, 3] and rows[:2] == table_in(taken)["rows"][4:6]
    assert all("moment" in row for row in rows[2:])


def test_folder_of_another_recipe_is_refused(taken, small_recipe, raises_saying):
    other = dataclasses.replace(small_recipe, steps=4)
    with raises_saying(ValueError, "support-coin-0.34-0.json", "another recipe", "--out"):
        train_without_twins(taken, "cpu", other, (ONE,), (0,), progress=False)


def test_unknown_condition(small_recipe, tmp_path):
    with pytest.raises(KeyError, match="no twins"):
        train_without_twins(tmp_path, "cpu", small_recipe, ("no twins",), progress=False)


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


class ReadsOrder(Binder):
    """Embeds which shape is named before which, and nothing else."""

    def of(self, caption):
        out = torch.zeros(len(SMALL.shapes), len(SMALL.shapes))
        out[*(SMALL.shapes.index(word) for word in caption.split() if word in SMALL.shapes)] = 1
        return out.flatten()


def test_words_are_described_in_random_order(with_eyes):
    """Both mention orders occur, and a scene's captions name its objects in the same one."""
    said = []
    with_eyes(Binder(), read=lambda captions: said.extend(captions) or captions)
    true = [caption.removeprefix(f"{UNSEEN} ") for caption in said if len(caption.split()) == 6]
    assert len(true) == len(set(true)) == 200 == len(COIN.compositions()) and set(true) <= set(said)
    first = [SMALL.shapes.index(caption.split()[1]) < SMALL.shapes.index(caption.split()[4]) for caption in true]
    assert 0.3 < np.mean(first) < 0.7
    unseen = {caption for caption in said if caption.startswith(UNSEEN) and len(caption.split()) == 5}
    assert unseen == {" ".join([UNSEEN, *caption.split()[1:]]) for caption in true}
    found = with_eyes(ReadsOrder())
    assert found["caption moves, swap"] == found["caption moves, replace"] == pytest.approx(0, abs=1e-6)


def test_the_unseen_word_is_known_and_never_said():
    assert UNSEEN in FILLERS
    for twins, single in CONDITIONS.values():
        captions = CaptionPolicy(single, binding=1.0).sample(TwinWorld(twins=twins), 2000, seed=0)[2]
        assert not any(UNSEEN in caption.split() for caption in captions)


KNOWN = TwinWorld(("red", "blue", "green", "pink"), ("circle", "square", "star", "ring"))  # to the tiny model


def test_what_is_measured_of_a_backbone(tiny):
    found = measure(tiny, KNOWN)
    assert tuple(found) == METRICS and measure(tiny, KNOWN) == found
    assert_sound(found)


def assert_sound(row):
    for name in METRICS:
        value, most = row[name], 2 if "moves" in name else 1
        assert set(value) == {"mean", "low", "high"}
        assert -1e-6 <= value["low"] <= value["mean"] <= value["high"] <= most, name  # cosines are rounded


def test_intervals_draw_twins_together(tiny):
    found = measure(tiny, KNOWN)
    every = Layouts.draw(KNOWN, 1)
    cluster, group = pair_clusters(every.color, every.shape).numpy(), KNOWN.group(every.scenes)
    images, true = embed_images(tiny, every.scenes), embed_texts(tiny, every.captions("random"))
    for name, drawn in (("swap", every.swapped()), ("replace", every.replaced("color"))):
        text, other = embed_texts(tiny, drawn.captions("random")), group["other"].numpy()
        right = pairwise_outcomes((images * true).sum(1), (images * text).sum(1))
        groups = {f"{name} accuracy, {key}": mask.numpy() for key, mask in group.items()}
        for metric, mask in groups.items() if name == "swap" else [("replace accuracy", other)]:
            assert found[metric] == estimate(right[mask], cluster[mask])._asdict(), metric
        moves = (1 - (true * text).sum(1)).double().numpy()[other]
        assert found[f"caption moves, {name}"] == pytest.approx(estimate(moves, cluster[other])._asdict(), abs=1e-6)
    held_out, swapped = group["held out"].numpy(), embed_texts(tiny, every.swapped().captions("random"))
    right = pairwise_outcomes((images * true).sum(1), (images * swapped).sum(1))[held_out]
    assert found["swap accuracy, held out"] != estimate(right)._asdict()  # here both twins are there


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
