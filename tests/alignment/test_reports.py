import dataclasses
import re

import numpy as np
import pytest
import torch
from bindable import bound, unit
from synthetic import SMALL, Binder

from labclip_lib.alignment import scene_task as binding_task
from labclip_lib.alignment.closed_form import STRENGTHS
from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.pairs import choice_outcomes, examine_pairs
from labclip_lib.alignment.reports import split_tables, train_on_scenes, train_on_tables
from labclip_lib.embeddings.shards import EmbeddedTables

# A LABCLIP on the book's scenes


class Turned(Binder):
    """Binds perfectly, but speaks of it in directions of its own: captions turned against images."""

    def __init__(self):
        super().__init__()
        self.turn = torch.linalg.qr(unit(5, 25, 25)).Q

    def encode_images(self, scenes):
        return super().encode_texts(scenes.captions())

    def encode_texts(self, captions):
        return super().encode_texts(captions) @ self.turn


@pytest.fixture
def turned():
    return Turned()


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_a_labclip_turns_captions_back(turned, order):
    labclip, tables, told = train_on_scenes(turned, order, SMALL, layouts=2, batch_size=64)
    assert list(tables) == ["CLIP", "LABCLIP"] and list(tables["CLIP"]) == list(tables["LABCLIP"])
    assert ("swap, the other order" in tables["CLIP"]) == (order == "fixed")
    assert tables["CLIP"]["swap"].values.mean() < 0.8 and tables["LABCLIP"]["swap"].values.mean() > 0.98
    assert len(tables["CLIP"]["swap"].values) == 2 * 20  # a tenth of 200 scenes
    assert told.startswith(f"320 captions in {order} order,") and re.search(r"Fitted in \d+\.\d s, kept after", told)
    assert tables["CLIP"]["group match"].values.mean() < 0.9 < tables["LABCLIP"]["group match"].values.mean()
    task = binding_task.binding_task(turned, SMALL, 2)
    again = binding_task.examine(task, labclip, order) | binding_task.examine_groups(task, labclip, order)
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


def parts(tables, seed=0, **how):
    """Train on tables; gives the three parts, as Pairs, the LABCLIP, its measures and the summary."""
    how = {"batch_size": 8, "epochs": 1} | how
    train, validation, test, _ = split_tables(tables, seed)
    labclip, measures, told = train_on_tables(tables, seed=seed, **how)
    fitted = fit_pairs(train, validation, seed=seed, **how)  # on these parts, and on no other
    assert torch.equal(labclip.linear.weight, fitted.linear.weight)
    for name, matrix in (("CLIP", None), ("LABCLIP", fitted)):
        for what, measure in examine_pairs(test, matrix).items():
            assert np.array_equal(measures[name][what].values, measure.values), (name, what)
    return {"train": train, "validation": validation, "test": test}, labclip, measures, told


def rows_of(table, some):
    """Which rows of a table these are."""
    same = (some[:, None] == table[None]).all(-1)
    assert bool((same.sum(1) == 1).all())
    return same.double().argmax(1)


@pytest.mark.parametrize("image", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_no_image_is_in_two_parts(seed, image):
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


def test_another_seed_makes_other_parts():
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


def test_captions_that_have_themselves_as_negatives_are_left_out():
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


def test_without_negatives_sb_is_the_way(raises_saying):
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
def test_the_epoch_that_is_told_is_the_one_that_is_kept(recipe):
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
