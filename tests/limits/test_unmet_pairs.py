import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
from synthetic import SMALL, BagOfWords, Binder
from torch.nn.functional import normalize

from labclip_lib.kept.trainings import load_study
from labclip_lib.limits.unmet_pairs import ALIKE, ASKED, METHODS, RARE, SEEDS, TRAININGS, measure, train_without_pairs
from labclip_lib.models.pretraining import Trainer
from labclip_lib.studies.acceptance import ORDERS
from labclip_lib.studies.binding_share import RECIPE
from labclip_lib.world.captions import parse
from labclip_lib.world.pair_world import PairWorld
from labclip_lib.world.scenes import World

WORLD = PairWorld(SMALL.colors, SMALL.shapes, block=2, coin=1)
ONE = ("zero-shot", *(f"zero-shot, {what}" for what in ("colour", "shape", "of its kind", "another kind")))
SIDES = ("image probe", *(f"text probe, {order} order" for order in ORDERS), *ONE)
METRICS = {"zero-shot, rare words", *(f"{side}, {which}" for side in SIDES for which in ("block", "rest"))} | {
    f"{order} order, {method}, {asked}{match}"
    for order in ORDERS for method in METHODS for asked in (*ASKED, RARE)
    for match in ["", *([" / match"] if asked in ALIKE else [])]
}  # fmt: skip


# The trainings

KINDS = ("naming, all met", "binding, block unmet")


@pytest.fixture(scope="module")
def one_step(tiny_recipe, tmp_path_factory):
    """A recipe of one step, in a world of six colours and six shapes."""
    world = World(tiny_recipe.world.colors[:6], tiny_recipe.world.shapes[:6])
    config = json.loads(Path(tiny_recipe.config).read_text())
    config["text_cfg"]["vocab_size"] -= 4
    path = tmp_path_factory.mktemp("small") / "small.json"
    path.write_text(json.dumps(config))
    return dataclasses.replace(tiny_recipe, steps=1, world=world, config=str(path))


@pytest.fixture(scope="module")
def folder(one_step, tmp_path_factory):
    """The folder of two kinds of training, of one seed."""
    out = tmp_path_factory.mktemp("unmet")
    return train_without_pairs(out, "cpu", one_step, KINDS, (3,), progress=False).parent


def recipe_of(one_step, binding, met):
    world = PairWorld(one_step.world.colors, one_step.world.shapes, 3, coin=3, met=met)
    return dataclasses.replace(
        one_step, seed=3, world=world, policy=dataclasses.replace(one_step.policy, binding=binding)
    )


def test_a_row_for_each_training_after_its_last_step(folder, one_step):
    table = json.loads((folder / "limits-unmet.json").read_text())
    assert table["recipe"] == one_step.as_dict()
    assert [(row["training"], row["seed"], row["step"]) for row in table["rows"]] == [(kind, 3, 1) for kind in KINDS]
    assert all(row.keys() - {"training", "seed", "step"} == METRICS for row in table["rows"])


def test_the_table_alone_has_a_name_like_the_other_tables(folder):
    """CONTRIBUTING.md copies all that is called limits-*.json to where tables are kept."""
    assert [path.name for path in folder.glob("limits-*.json")] == ["limits-unmet.json"]


def test_trainings_differ_in_what_is_stated_alone(folder, one_step):
    for stem, binding, met in (("0-all", 0.0, True), ("1-block", 1.0, False)):
        found = json.loads((folder / f"unmet-{stem}-3.json").read_text())["recipe"]
        assert found == recipe_of(one_step, binding, met).as_dict()


def test_each_is_measured_in_its_own_world(folder, one_step):
    recipe = recipe_of(one_step, 1.0, met=False)
    trainer = Trainer(recipe)
    trainer.step()
    row = json.loads((folder / "limits-unmet.json").read_text())["rows"][1]
    assert row == {"training": KINDS[1], "seed": 3, "step": 1} | measure(trainer.snapshot(), recipe.world)


def test_a_world_of_few_scenes_is_refused(raises_saying):
    few = PairWorld(SMALL.colors[:3], SMALL.shapes, 1)
    with raises_saying(ValueError, "'all four'", "larger"):
        measure(Binder(), few, layouts=1)


# The measurement


def rare(color, shape):
    """Whether a colour and a shape are of the block: (bool, bool)."""
    labels = (torch.tensor([names.index(word)]) for names, word in ((SMALL.colors, color), (SMALL.shapes, shape)))
    return tuple(map(bool, WORLD.words_of_block(*labels)))


def inside(color, shape):
    return all(rare(color, shape))


class Reader(Binder):
    """Binds, and hears the words: so a matrix that never met a pair still has something to map."""

    def of(self, caption):
        return torch.cat([super().of(caption), BagOfWords.of(self, caption)])


class OnlyTheRest(Binder):
    """Binds pairs that are not of the block; of the others it says which colour and which shape there is."""

    def of(self, caption):
        pairs, words = super().of(caption).reshape(len(SMALL.colors), -1), BagOfWords.of(self, caption)
        for color, shape in parse(caption, SMALL):
            if inside(color, shape):
                pairs[SMALL.colors.index(color), SMALL.shapes.index(shape)] = 0
        return torch.cat([pairs.flatten(), words])


class LikesTheFamiliar(BagOfWords):
    """Likes captions the less, the more of their pairs are of the block; words of images and of captions never meet."""

    def encode_images(self, scenes):
        words = torch.stack([super(LikesTheFamiliar, self).of(caption) for caption in scenes.captions()])
        return normalize(torch.cat([torch.ones(len(words), 1), words, 0 * words], 1), dim=1)

    def of(self, caption):
        unmet, words = sum(inside(*pair) for pair in parse(caption, SMALL)), super().of(caption)
        return torch.cat([torch.tensor([3.0 - unmet]), 0 * words, words])


def means(encoder):
    found = measure(encoder, WORLD, layouts=2)
    assert found.keys() == METRICS
    return {name: row["mean"] for name, row in found.items()}


def test_an_encoder_that_binds_is_right_about_everything():
    found = means(Reader())
    assert all(found[f"{order} order, CLIP, {asked}"] == 1 for order in ORDERS for asked in ASKED)
    assert all(found[f"{what}, {which}"] == (what != ONE[-1]) for what in ONE for which in ("block", "rest"))


def test_a_bag_of_words_guesses_whatever_is_asked():
    found = measure(BagOfWords(), WORLD, layouts=2)
    for name, row in found.items():
        if "order, CLIP" in name or "matrix" in name:
            assert row["mean"] == row["chance"] == row["bag_of_words"] == 0.5, name
        assert row["low"] <= row["mean"] <= row["high"]
        if "probe" in name:
            assert row["chance"] == pytest.approx(1 / len(SMALL.colors))
    assert found["zero-shot, block"]["mean"] == 1


def test_what_is_read_of_the_rest_alone_shows():
    found = means(OnlyTheRest())
    for order in ORDERS:
        name = f"{order} order, CLIP"
        assert found[f"{name}, no pair"] == 1 and found[f"{name}, all four"] == 0.5
        assert found[f"{name}, all four / match"] == 0.5 and found[f"{name}, one each"] == 1


class FewWords(Reader):
    """Does not bind an object that has a word of the block."""

    def of(self, caption):
        pairs = [pair for pair in parse(caption, SMALL) if not any(rare(*pair))]
        bound = sum((super(Reader, self).of(" ".join(pair)) for pair in pairs), torch.zeros(25))
        return torch.cat([bound, BagOfWords.of(self, caption)])


def test_rare_words_are_asked_about_by_themselves():
    found = means(FewWords())
    for order in ORDERS:
        assert found[f"{order} order, CLIP, {RARE}"] == 0.5 < found[f"{order} order, CLIP, no pair"]


def test_a_liking_shows_in_one_sided_questions_and_cancels_in_the_others():
    found = means(LikesTheFamiliar())
    for order in ORDERS:
        name = f"{order} order, CLIP"
        assert (found[f"{name}, the scene's"], found[f"{name}, the twin's"]) == (0, 1)
        for asked in ALIKE:
            assert found[f"{name}, {asked}"] == found[f"{name}, {asked} / match"] == 0.5


class OtherShape(Reader):
    """Takes a pair of the block for one of the rest that has its colour."""

    def encode_images(self, scenes):
        met = next(shape for shape in SMALL.shapes if not any(inside(color, shape) for color in SMALL.colors))
        told = ([(c, met if inside(c, s) else s) for c, s in parse(line, SMALL)] for line in scenes.captions())
        return self.encode_texts([" and ".join(f"{c} {s}" for c, s in one) for one in told])


def test_what_a_single_object_is_taken_for():
    found = measure(OtherShape(), WORLD, layouts=2)
    one = [found[f"{what}, block"] for what in ONE]
    assert [row["mean"] for row in one] == pytest.approx([0, 1, 0, 0.5, 1])  # of its kind, the two of its colour tie
    assert [row["chance"] for row in one] == pytest.approx([1 / 25, 1 / 5, 1 / 5, 1 / 4, 21 / 25])
    assert [row["bag_of_words"] for row in one] == [1, 1, 1, 1, 0]
    assert found["zero-shot, rest"]["mean"] == 1 and found["zero-shot, of its kind, rest"]["chance"] == 1 / 21


class TestKept:
    """The table in the package."""

    def test_every_training_is_there(self):
        want = [(name, seed, RECIPE.steps) for seed in SEEDS for name in TRAININGS]
        table = load_study("limits-unmet")
        assert [(row["training"], row["seed"], row["step"]) for row in table["rows"]] == want
        assert table["recipe"] == RECIPE.as_dict()

    def test_its_figures_are_sound(self):
        for row in load_study("limits-unmet")["rows"]:
            assert row.keys() - {"training", "seed", "step"} == METRICS
            for name in METRICS:
                assert 0 <= row[name]["low"] <= row[name]["mean"] <= row[name]["high"] <= 1
                assert all(math.isfinite(row[name][level]) for level in ("chance", "bag_of_words"))
