import dataclasses
import math

import numpy as np
import pytest
from synthetic import SMALL, BagOfWords, Binder, tables

from labclip_lib.diagnosis.cross_modal import diagnose_tables
from labclip_lib.embeddings.tables import Tables
from labclip_lib.probing.reports import probe_backbone, probe_tables
from labclip_lib.world.scenes import World

WORLD = World()
SIDES = ("image", "caption, fixed order", "caption, random order")


@pytest.fixture(scope="module")
def probed():
    """`probe_backbone` of each synthetic encoder; the binder's control before training is a bag of words."""
    return {
        Binder: probe_backbone(Binder(WORLD), BagOfWords(WORLD), WORLD, layouts=1),
        BagOfWords: probe_backbone(BagOfWords(WORLD), None, WORLD, layouts=1),
    }


# A backbone on the book's scenes


@pytest.mark.parametrize("side", SIDES)
def test_a_binder_is_read_and_a_bag_of_words_is_not(probed, side):
    assert probed[Binder][f"{side} probe"].values.mean() > 0.98
    assert probed[BagOfWords][f"{side} probe"].values.mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("encoder", [Binder, BagOfWords])
@pytest.mark.parametrize("side", SIDES)
def test_random_labels_leave_a_probe_at_chance(probed, encoder, side):
    assert probed[encoder][f"{side} probe, random labels"].values.mean() == pytest.approx(1 / 8, abs=0.06)


@pytest.mark.parametrize("side", SIDES)
def test_each_probe_stands_beside_chance_and_ceiling(probed, side):
    run = probed[Binder]
    assert run[f"{side} probe"].chance == run[f"{side} probe, random labels"].chance == 1 / 8
    assert run[f"{side} probe"].bag_of_words == 0.5 and math.isnan(run[f"{side} probe, random labels"].bag_of_words)


class WorldOfThree(World):
    """Its compositions are some scenes of three objects."""

    def compositions(self, seed=0):
        return self.sample(600, 3, seed=0)


def test_ceiling_is_that_of_the_scenes():
    """With one more object a bag of words knows less; nobody typed one half in."""
    run = probe_backbone(Binder(WORLD), None, WorldOfThree(), layouts=1)
    assert run["image probe"].bag_of_words == pytest.approx(1 / 3) and run["image probe"].chance == 1 / 8


def test_the_untrained_towers_are_probed_when_given(probed):
    for side in SIDES:
        assert probed[Binder][f"untrained {side} probe"].values.mean() == pytest.approx(0.5, abs=0.05)
        assert f"untrained {side} probe, random labels" not in probed[Binder]
    assert not any("untrained" in name for name in probed[BagOfWords])


def test_probes_of_both_sides_are_compared(probed):
    cosine = probed[Binder]["cosine of image and caption probes"]
    assert (
        cosine.values.shape == (64,) and cosine.values.mean() > 0.99 and cosine.chance == 0
    )  # one embedding, two sides
    assert np.bincount(cosine.clusters).tolist() == [8] * 8


def test_only_held_out_combinations_are_asked(probed):
    measure = probed[Binder]["image probe"]
    assert len(measure.values) == 2 * 2 * len(set(measure.clusters))  # a pair is two scenes of two objects
    assert len(set(measure.clusters)) == pytest.approx(0.1 * 784, abs=1)


# A reader's own embeddings


def test_probes_of_tables():
    run = probe_tables(tables(Binder(), BagOfWords()))
    assert run["images probe"].values.mean() > 0.95 and run["captions probe"].values.mean() < 0.6
    assert run["images probe"].chance == 1 / 5 and run["images probe"].bag_of_words == 0.5
    assert run["images probe, random labels"].values.mean() < 0.5
    assert "cosine of image and caption probes" not in run  # they differ in width


def test_probes_of_one_model_are_compared_and_one_table_will_do():
    both = tables(Binder(), Binder())
    assert probe_tables(both)["cosine of image and caption probes"].values.mean() > 0.99
    alone = dataclasses.replace(both, embeddings={"captions": both.embeddings["captions"]})
    assert list(probe_tables(alone)) == ["captions probe", "captions probe, random labels"]


def test_too_few_scenes(raises_saying):
    few = SMALL.compositions(seed=0)[:4]
    with raises_saying(ValueError, "10 or more"):
        probe_tables(tables(Binder(), Binder(), few))
    assert diagnose_tables(tables(Binder(), Binder(), few))["swap accuracy"].values.mean() == 1.0  # nothing is split


def test_tables_may_be_on_the_device(device):
    made = tables(Binder(), Binder())
    there = Tables(
        made.attributes, made.objects, made.attribute.to(device), made.object.to(device),
        {name: x.to(device) for name, x in made.embeddings.items()} | {"images": made.embeddings["swapped"].to(device)},
    )  # fmt: skip
    assert diagnose_tables(there)["wrong first choices that are the twin"].values.mean() == 1
    assert probe_tables(there)["captions probe"].values.mean() > 0.95


def test_a_backbone_is_probed_in_its_own_world(tiny_3d):
    run = probe_backbone(tiny_3d, layouts=1)
    assert run["image probe"].chance == pytest.approx(1 / len(tiny_3d.world.colors))
