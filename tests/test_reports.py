import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from bindable import bound, unit
from synthetic import SMALL, BagOfWords, Binder, lend_eyes

from labclip_lib import binding_task, reports
from labclip_lib.closed_form import STRENGTHS
from labclip_lib.pairs import choice_outcomes
from labclip_lib.reports import diagnose_tables, probe_backbone, probe_tables, train_on_scenes, train_on_tables
from labclip_lib.scenes import World
from labclip_lib.shards import EmbeddedTables
from labclip_lib.tables import Tables

WORLD = World()
SIDES = ("image", "caption, fixed order", "caption, random order")


@pytest.fixture(scope="module")
def probed():
    """`probe_backbone` of each synthetic encoder; the binder's control before training is a bag of words."""
    with pytest.MonkeyPatch.context() as patch:
        lend_eyes(patch, reports)
        return {
            Binder: probe_backbone(Binder(WORLD), BagOfWords(WORLD), WORLD, layouts=1),
            BagOfWords: probe_backbone(BagOfWords(WORLD), None, WORLD, layouts=1),
        }


def tables(images, captions, scenes=None):
    """A reader's tables of every scene of the small world, its images and its captions each by their own encoder."""
    scenes = scenes or SMALL.compositions(seed=0)
    embeddings = {
        "images": images.read(scenes.captions()),
        "captions": captions.read(scenes.captions()),
        "swapped": captions.read(scenes.swapped().captions()),
    }
    return Tables(scenes.world.colors, scenes.world.shapes, scenes.color, scenes.shape, embeddings)


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


def test_ceiling_is_that_of_the_scenes(monkeypatch):
    """With one more object a bag of words knows less; nobody typed one half in."""
    lend_eyes(monkeypatch, reports)
    monkeypatch.setattr(World, "compositions", lambda self, seed: self.sample(600, 3, seed=0))
    run = probe_backbone(Binder(WORLD), None, WORLD, layouts=1)
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


def test_tables_of_a_binder_are_matched_without_a_mistake():
    run = diagnose_tables(tables(Binder(), Binder()))
    assert (run["swap accuracy"].values == 1).all() and (run["recall@1 among 200 captions"].values == 1).all()
    assert run["swap, margin of the cosine"].values.mean() == pytest.approx(1)
    assert run["swap accuracy"].chance == run["swap accuracy"].bag_of_words == 0.5
    assert [run[f"recall@{k} among 200 captions"].chance for k in (1, 5, 10)] == [1 / 200, 5 / 200, 10 / 200]
    assert "wrong first choices that are the twin" not in run  # there are none


def test_tables_of_a_bag_of_words_tie():
    run = diagnose_tables(tables(BagOfWords(), BagOfWords()))
    assert (run["swap accuracy"].values == 0.5).all() and (run["recall@1 among 200 captions"].values == 0.5).all()
    assert (run["recall@5 among 200 captions"].values == 1).all()
    assert "wrong first choices that are the twin" not in run  # a tie for the first place is not wrong


def test_an_encoder_that_prefers_the_twin_makes_twin_errors():
    straight = tables(Binder(), Binder())
    turned = straight.embeddings | {"images": straight.embeddings["swapped"]}
    run = diagnose_tables(dataclasses.replace(straight, embeddings=turned))
    assert (run["swap accuracy"].values == 0).all() and (run["recall@1 among 200 captions"].values == 0).all()
    errors = run["wrong first choices that are the twin"]
    assert (errors.values == 1).all() and len(errors.values) == len(errors.clusters) == 200
    assert errors.chance == 1 / 199


def test_lengths_of_embeddings_do_not_matter():
    made = tables(Binder(), Binder())
    noise = torch.rand(200, 1, generator=torch.Generator().manual_seed(0)) + 0.1
    scaled = dataclasses.replace(made, embeddings={name: 9 * noise * x for name, x in made.embeddings.items()})
    assert diagnose_tables(scaled)["swap, margin of the cosine"].values == pytest.approx(np.ones(200))


def test_a_caption_that_several_images_share_stands_in_the_dictionary_once():
    scenes = SMALL.compositions(seed=0)
    twice = scenes[[*range(200), *range(200)]]
    run = diagnose_tables(tables(Binder(), Binder(), twice))
    assert (run["recall@1 among 200 captions"].values == 1).all()
    assert np.bincount(run["recall@1 among 200 captions"].clusters).tolist() == [4] * 100  # a pair, each image twice


def test_objects_that_repeat_are_other_scenes():
    """Two red circles and a red square are not one red circle and two red squares."""
    scenes = SMALL.sample(300, 3, seed=0, distinct=False)
    kinds = {
        tuple(sorted(zip(c, s, strict=True))) for c, s in zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True)
    }
    assert f"recall@1 among {len(kinds)} captions" in diagnose_tables(tables(Binder(), Binder(), scenes))


def test_twins_that_are_not_in_the_tables_are_no_errors():
    """A table need not hold every scene; where no twin is there, none can be chosen."""
    scenes = SMALL.compositions(seed=0)
    first = [i for i, row in enumerate(scenes.color.tolist()) if row[0] < row[1]]
    made = tables(Binder(), Binder(), scenes[first])
    mixed = made.embeddings | {"images": made.embeddings["images"].flip(0)}
    run = diagnose_tables(dataclasses.replace(made, embeddings=mixed))
    assert run["recall@1 among 100 captions"].values.mean() < 0.1
    assert "wrong first choices that are the twin" not in run


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


# A LABCLIP on the book's scenes


class Turned(Binder):
    """Binds perfectly, but speaks of it in directions of its own: captions turned against images."""

    def __init__(self):
        super().__init__()
        self.turn = torch.linalg.qr(unit(5, 25, 25)).Q

    def say(self, captions):
        return self.read(captions) @ self.turn


@pytest.fixture
def turned(monkeypatch):
    lend_eyes(monkeypatch, binding_task)
    monkeypatch.setattr(binding_task, "embed_texts", lambda encoder, captions: encoder.say(captions))
    return Turned()


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_a_labclip_turns_captions_back(turned, order):
    labclip, tables, told = train_on_scenes(turned, order, SMALL, layouts=2, batch_size=64)
    assert list(tables) == ["CLIP", "LABCLIP"] and list(tables["CLIP"]) == list(tables["LABCLIP"])
    assert ("swap, the other order" in tables["CLIP"]) == (order == "fixed")
    assert tables["CLIP"]["swap"].values.mean() < 0.8 and tables["LABCLIP"]["swap"].values.mean() > 0.98
    assert len(tables["CLIP"]["swap"].values) == 2 * 20  # a tenth of 200 scenes
    assert told.startswith(f"320 captions in {order} order,") and re.search(r"Fitted in \d+\.\d s, kept after", told)
    again = binding_task.examine(binding_task.binding_task(turned, SMALL, 2), labclip, order)
    for name, measure in tables["LABCLIP"].items():
        assert np.array_equal(measure.values, again[name].values), name


def test_how_it_is_fitted_is_handed_on(turned):
    labclip, _, told = train_on_scenes(turned, world=SMALL, layouts=1, mode="SB", epochs=0, batch_size=9, side="image")
    assert labclip.side == "image" and len(labclip.history) == 1 and labclip.history[0]["strength"] in STRENGTHS
    assert told.startswith("160 captions in fixed order") and told.endswith("kept after epoch 0.")


# And on a reader's own embeddings


def embedded(images=40, captions=70, negatives=2, dim=16, seed=0, image=True):
    """Random tables, as `load_shards` gives them: some images have several captions, the last one none."""
    rows = torch.randint(0, images - 1, (captions,), generator=torch.Generator().manual_seed(seed))
    rows[: images - 1] = torch.arange(images - 1)
    foils = unit(seed + 2, captions, negatives, dim) if negatives else None
    if not image:
        captions = images
        foils = foils[:images]
    ids = torch.arange(captions * (1 + negatives))
    return EmbeddedTables(
        unit(seed, images, dim), unit(seed + 1, captions, dim), foils, rows if image else None, {"rows": {}},
        ids[:captions], ids[captions:].view(captions, negatives) if negatives else None,
    )  # fmt: skip


@pytest.fixture
def parts(monkeypatch):
    """Train on tables; gives the three parts that there were, as Pairs, and what was told."""

    def run(tables, **how):
        seen, fit, examine = {}, reports.fit_labclip, reports.examine_pairs

        def fitted(validation, **more):
            fields = [field.name for field in dataclasses.fields(reports.Pairs)]
            seen["train"] = reports.Pairs(*(more[name] for name in fields))
            seen["validation"] = validation
            return fit(validation=validation, **more)

        def examined(pairs, labclip=None):
            assert seen.setdefault("test", pairs) is pairs
            return examine(pairs, labclip)

        with monkeypatch.context() as patch:
            patch.setattr(reports, "fit_labclip", fitted)
            patch.setattr(reports, "examine_pairs", examined)
            labclip, measures, told = train_on_tables(tables, **{"batch_size": 8, "epochs": 1} | how)
        return seen, labclip, measures, told

    return run


def rows_of(table, some):
    """Which rows of a table these are."""
    same = (some[:, None] == table[None]).all(-1)
    assert bool((same.sum(1) == 1).all())
    return same.double().argmax(1)


@pytest.mark.parametrize("image", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_no_image_is_in_two_parts(parts, seed, image):
    tables = embedded(image=image)
    seen, _, _, told = parts(tables, seed=seed)
    images, captions = [], []
    for pairs in seen.values():
        own = rows_of(tables.captions, pairs.texts)
        want = own if tables.image is None else tables.image[own]
        assert torch.equal(rows_of(tables.images, pairs.images)[pairs.image], want)  # each caption has its image
        assert torch.equal(pairs.negatives, tables.negatives[own])  # and its negatives
        images.append(set(want.tolist()))
        captions += own.tolist()
    assert not images[0] & images[1] and not images[0] & images[2] and not images[1] & images[2]
    n = 39 if image else 40  # the one without a caption is of no use
    assert set.union(*images) == set(range(n)) and sorted(captions) == list(range(len(tables.captions)))
    assert len(images[1]) in (3, 4) and len(images[2]) in (3, 4)
    counts = [f"{len(seen[name])} {what}" for name, what in
              (("train", "captions to train on"), ("validation", "to choose by"), ("test", "to test on"))]  # fmt: skip
    assert told.startswith(", ".join(counts) + ". Fitted in ")


def test_another_seed_makes_other_parts(parts):
    tables = embedded()
    first, second, third = (parts(tables, seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first["test"].texts, second["test"].texts)
    for name in ("validation", "test"):
        assert first[name].texts.shape != third[name].texts.shape or not torch.equal(
            first[name].texts, third[name].texts
        )


def test_a_labclip_of_tables_binds():
    """Taught on hand-made pairs that a cosine is blind to, of which it must find the combinations anew."""
    pairs = bound("train", times=4)
    ids = pairs.text_ids, pairs.negative_ids
    tables = EmbeddedTables(pairs.images, pairs.texts, pairs.negatives, pairs.image, {}, *ids)
    labclip, measures, _ = train_on_tables(tables, batch_size=64)
    name = "caption against its hard negative"
    assert list(measures) == ["CLIP", "LABCLIP"] and list(measures["CLIP"]) == list(measures["LABCLIP"])
    assert 0.2 < measures["CLIP"][name].values.mean() < 0.8 and measures["LABCLIP"][name].values.mean() > 0.95
    assert labclip.linear.weight.shape == (49, 49)


def test_captions_that_have_themselves_as_negatives_are_left_out(parts):
    """By their words, and not by their embeddings."""
    tables = embedded()
    tables.negative_ids[[3, 8, 60], [0, 1, 0]] = tables.text_ids[[3, 8, 60]]
    tables.negative_ids[3, 1] = tables.text_ids[3]
    tables.negative_ids[20, 0] = tables.text_ids[21]  # another's caption may be one
    tables.negatives[[5, 40], [0, 1]] = tables.captions[[5, 40]]  # the tower cannot tell these
    seen, _, _, told = parts(tables)
    assert told.startswith("3 captions that have themselves among their negatives were left out. ")
    kept = sorted(row for pairs in seen.values() for row in rows_of(tables.captions, pairs.texts).tolist())
    assert kept == [row for row in range(70) if row not in (3, 8, 60)]
    for pairs in seen.values():
        own = rows_of(tables.captions, pairs.texts)
        assert torch.equal(pairs.negatives, tables.negatives[own])
        assert torch.equal(pairs.images[pairs.image], tables.images[tables.image[own]])


def test_without_negatives_sb_is_the_way(parts, raises_saying):
    tables = embedded(negatives=0)
    _, _, measures, _ = parts(tables, mode="SB")
    assert len(measures["CLIP"]) == len(measures["LABCLIP"]) == 2
    with raises_saying(ValueError, "negatives", "SB"):
        train_on_tables(tables)


@pytest.mark.parametrize("lacking", ["images", "captions"])
def test_images_and_captions_are_needed(lacking, raises_saying):
    with raises_saying(ValueError, "images with captions", ".csv"):
        train_on_tables(dataclasses.replace(embedded(), **{lacking: None}))


@pytest.mark.parametrize("images", [1, 2])
def test_too_few_images_to_split(images, raises_saying):
    tables = EmbeddedTables(unit(0, 5, 8), unit(1, 9, 8), unit(2, 9, 1, 8), torch.arange(9) % images, {})
    with raises_saying(ValueError, "3 or more images", f"got {images}"):
        train_on_tables(tables, batch_size=2)


def test_nothing_left_of_the_captions(raises_saying):
    tables = embedded()
    with raises_saying(ValueError, "3 or more images", "got 0"):
        train_on_tables(
            dataclasses.replace(tables, negatives=tables.captions[:, None], negative_ids=tables.text_ids[:, None])
        )


@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_the_epoch_that_is_told_is_the_one_that_is_kept(parts, recipe):
    """The authors' recipes keep the last; ours the one that validation liked best, here not the last."""
    how = {"epochs": 6, "learning_rate": 0.3, "patience": 9}
    seen, labclip, _, told = parts(embedded(), recipe=recipe, **how)
    liked = [row["validation"] for row in labclip.history]
    assert liked.index(max(liked)) < 6
    kept = 6 if recipe == "paper" else liked.index(max(liked))
    assert told.endswith(f", kept after epoch {kept}.")
    rivals = {"rivals": seen["train"].texts, "rival_ids": seen["train"].text_ids}
    assert float(choice_outcomes(seen["validation"], labclip, **rivals).mean()) == liked[kept]


def test_tables_to_train_on_may_be_on_the_device(device):
    tables = embedded()
    there = dataclasses.replace(
        tables, **{name: getattr(tables, name).to(device) for name in ("images", "captions", "negatives", "image")}
    )
    labclip, measures, _ = train_on_tables(there, batch_size=8, epochs=1)
    assert labclip.linear.weight.device.type == device and len(measures["LABCLIP"]) == 3
