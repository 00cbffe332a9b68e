import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import torch
from synthetic import SMALL as WORLD

from labclip_lib.alignment.scene_task import binding_task, examine, fit_task
from labclip_lib.base.files import sha256
from labclip_lib.embeddings.embed import embed_images
from labclip_lib.kept.trainings import load_study
from labclip_lib.models.backbones import Backbone, load_backbone
from labclip_lib.models.losses import hard_negative_info_nce
from labclip_lib.models.pretraining import pretrain
from labclip_lib.models.tokenizer import WordTokenizer
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.studies import comparison
from labclip_lib.studies.acceptance import pooled
from labclip_lib.studies.comparison import FULL, METHODS, compare, finetune
from labclip_lib.world.captions import parse
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.scenes import World

SMALL = World(colors=("red", "yellow", "green", "blue"), shapes=("circle", "square", "star", "ring", "moon"))
FEW = {"CLIP": None, "HNB, closed form": {"mode": "HNB", "epochs": 0, "batch_size": 16}}
ORDERS = ("fixed", "random")


@pytest.fixture
def pocket(tiny_checkpoint):
    """The tiny model, one's own to train on."""
    return load_backbone(str(tiny_checkpoint), device="cpu")


def tuned(backbone, steps=2, order="fixed", **how):
    return finetune(backbone, order, SMALL, 2, steps=steps, **{"batch_size": 32, "progress": False} | how)


# Training all weights on


@torch.no_grad()
def loss_on(backbone, part="train"):
    """LABCLIP's loss over scenes that training draws from, or that are held out."""
    scenes = SMALL.compositions(seed=[7, 0])
    scenes = scenes[getattr(split_by_combination(scenes.color, scenes.shape), part)]
    images = backbone.encode_images(scenes.render(backbone.image_size))
    texts, negatives = (backbone.encode_texts(part.captions()) for part in (scenes, scenes.swapped()))
    return float(hard_negative_info_nce(images, texts, negatives, backbone.logit_scale))


def test_it_learns_what_it_is_trained_on(pocket):
    before, after = loss_on(pocket), loss_on(tuned(pocket, 60, rate=3e-3))
    assert after < before - 0.5


def test_it_gives_another_backbone_and_leaves_this_one(pocket, tiny_checkpoint):
    kept = {path: sha256(path) for path in tiny_checkpoint.parent.iterdir()}
    state = {name: value.clone() for name, value in pocket.model.state_dict().items()}
    captions, images = SMALL.compositions().captions(), SMALL.sample(5).render(32)
    texts, seen, fingerprint = pocket.encode_texts(captions), pocket.encode_images(images), pocket.fingerprint
    new = tuned(pocket)
    assert new.fingerprint != fingerprint and new.name == f"{pocket.name}, fine-tuned" and new.dim == pocket.dim
    assert float((new.encode_texts(captions) - texts).norm(dim=1).min()) > 1e-4  # both towers have learnt
    assert float((new.encode_images(images) - seen).norm(dim=1).min()) > 1e-4
    assert not new.model.training and not any(p.requires_grad for p in new.model.parameters())
    assert torch.equal(pocket.encode_texts(captions), texts) and torch.equal(pocket.encode_images(images), seen)
    assert all(torch.equal(value, state[name]) for name, value in pocket.model.state_dict().items())
    assert not pocket.model.training and not any(p.requires_grad for p in pocket.model.parameters())
    assert {path: sha256(path) for path in tiny_checkpoint.parent.iterdir()} == kept


def test_the_same_seed_trains_the_same(pocket):
    first, second, other = tuned(pocket), tuned(pocket), tuned(pocket, seed=8)
    assert first.fingerprint == second.fingerprint != other.fingerprint


class Noting(WordTokenizer):
    """A tokenizer that keeps the lists of captions that it has read."""

    def __call__(self, lines, *name):
        self.read.append(lines)
        return super().__call__(lines, *name)


@pytest.fixture
def watched(pocket):
    """The tiny model; `tokenizer.read` holds what it has read, `seen` the prepared pictures that it has seen."""
    tokenizer, seen = Noting(pocket.tokenizer.words, pocket.tokenizer.context_length), []
    tokenizer.read = []
    pocket.model.visual.register_forward_pre_hook(lambda model, inputs: seen.append(inputs[0].detach()))
    backbone = Backbone(pocket.model, tokenizer, "watched", "cpu")
    backbone.seen = seen
    return backbone


def drawn_in(batch, pictures):
    """The layout and the scenes of a batch of prepared pictures: (k, (B,)); pictures: (L, S, 3, H, W)."""
    same = (batch[:, None] - pictures.flatten(0, 1)[None]).flatten(2).abs().amax(2) < 1e-5
    assert bool((same.sum(1) == 1).all())
    rows = same.double().argmax(1)
    (layout,) = set((rows // pictures.shape[1]).tolist())
    return layout, rows % pictures.shape[1]


@pytest.mark.parametrize("order", ORDERS)
def test_only_training_scenes_are_drawn(watched, order):
    """Held-out combinations appear in no image, no caption and no hard negative; images are prepared as usual."""
    every = Layouts.draw(SMALL, 2, 7)
    scenes, split = every.scenes, split_by_combination(every.scenes.color, every.scenes.shape)
    for part in every.parts:
        watched.encode_images(part)
    pictures = torch.stack(watched.seen)
    watched.seen.clear()
    tuned(watched, 12, order)
    batches = [lines for lines in watched.tokenizer.read if len(lines) == 64]  # a new Backbone reads a word too
    assert len(batches) == len(watched.seen) == 12
    kinds, twins = ([frozenset(parse(c, SMALL)) for c in part.captions()] for part in (scenes, scenes.swapped()))
    trained = {kinds[i] for i in torch.where(split.train)[0].tolist()}
    assert {frozenset(parse(c, SMALL)) for lines in batches for c in lines} == trained  # by now each has been there
    layouts = set()
    for lines, batch in zip(batches, watched.seen, strict=True):
        layout, rows = drawn_in(batch, pictures)
        layouts.add(layout)
        assert bool(split.train[rows].all()) and len(rows.unique()) == 32  # no scene is in a batch twice
        said = [frozenset(parse(caption, SMALL)) for caption in lines]
        assert said == [side[row] for side in (kinds, twins) for row in rows.tolist()]
    assert layouts == {0, 1}


def test_captions_are_in_the_order_asked_for(watched):
    known = set(SMALL.compositions().captions())
    for order in ORDERS:
        watched.tokenizer.read.clear()
        tuned(watched, 4, order)
        said = [caption for lines in watched.tokenizer.read for caption in lines if " and " in caption]
        share = np.mean([caption in known for caption in said])
        assert share == 1 if order == "fixed" else 0.35 < share < 0.65


def test_the_loss_is_that_of_the_embeddings_that_a_reader_sees(watched, monkeypatch, capsys):
    """Without a step taken and with running statistics."""
    every = Layouts.draw(SMALL, 2, 7)
    for part in every.parts:
        watched.encode_images(part)
    pictures = torch.stack(watched.seen)
    watched.seen.clear()
    monkeypatch.setattr(torch.nn.BatchNorm2d, "train", lambda self, mode=True: self)
    tuned(watched, 1, progress=True)
    layout, rows = drawn_in(watched.seen[0], pictures)
    scenes = every.parts[layout][rows]
    texts, negatives = (watched.encode_texts(part.captions()) for part in (scenes, scenes.swapped()))
    loss = hard_negative_info_nce(watched.encode_images(scenes), texts, negatives, watched.logit_scale)
    assert f"loss={float(loss):.3f}" in capsys.readouterr().err


def test_what_stays_frozen_does_not_learn(pocket):
    def texts_alone(model):
        model.requires_grad_(False).text.requires_grad_(True)
        return model

    before, after = pocket.model.state_dict(), tuned(pocket, unfreeze=texts_alone).model.state_dict()
    changed = {name.partition(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"text"}


def test_a_frozen_image_tower_is_asked_once(pocket):
    """Its embeddings in place of the tower give the same training, up to rounding, and no picture is seen."""

    def texts_alone(model):
        model.requires_grad_(False).text.requires_grad_(True)
        return model

    images = torch.stack([embed_images(pocket, part) for part in Layouts.draw(SMALL, 2, 7).parts])
    seen = []
    pocket.model.visual.register_forward_pre_hook(lambda model, inputs: seen.append(inputs))
    embedded = tuned(pocket, 6, unfreeze=texts_alone, images=images)
    assert not seen
    other, captions = tuned(pocket, 6, unfreeze=texts_alone), SMALL.compositions().captions()
    assert len(seen) == 6
    assert torch.allclose(embedded.encode_texts(captions), other.encode_texts(captions), atol=1e-4)
    assert not torch.allclose(embedded.encode_texts(captions), pocket.encode_texts(captions), atol=1e-2)


# The comparison


@pytest.fixture(scope="module")
def runs(tiny_checkpoint, tiny_recipe, tmp_path_factory):
    """Two PocketCLIPs, where `study acceptance` leaves them."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(tiny_checkpoint.parent, folder / "pocket-0")
    pretrain(dataclasses.replace(tiny_recipe, seed=1), folder / "pocket-1", device="cpu", progress=False)
    return folder


def compared(runs, out, seeds=(0,), methods=FEW):
    """Compare two methods and the training of all weights, in a world of as many scenes as a batch needs."""
    path = compare(runs, out, "cpu", seeds, steps=2, progress=False, world=WORLD, methods=methods, layouts=2)
    assert path == out / "labclip-report.json"
    return json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.fixture(scope="module")
def finished(runs, tmp_path_factory):
    """The folder of a finished comparison of one PocketCLIP, and its table."""
    out = tmp_path_factory.mktemp("comparison") / "new" / "out"
    return out, compared(runs, out)


def files(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != ".lock"}


def test_every_method_is_examined_in_both_orders(finished, pocket):
    out, table = finished
    assert list(table) == ["fixed", "random"] and all(list(rows) == [*FEW, FULL] for rows in table.values())
    task = binding_task(pocket, WORLD, 2)
    for order in ORDERS:
        found = {"CLIP": examine(task, None, order)}
        found["HNB, closed form"] = examine(task, fit_task(task, order, **FEW["HNB, closed form"]), order)
        tuned = finetune(pocket, order, WORLD, 2, steps=2, progress=False)
        found[FULL] = examine(binding_task(tuned, WORLD, 2), None, order)
        for name, measures in found.items():
            rows = table[order][name]
            assert list(rows) == list(measures)
            for what, measure in measures.items():
                assert rows[what] == pooled([measure]), (order, name, what)
    kept = {f"labclip-0-{o}-{m}.npz" for o in ORDERS for m in ("CLIP", "HNB-closed-form", "fine-tuned-all-weights")}
    assert set(files(out)) == kept | {"labclip-report.json", "labclip-settings.json"}


def test_the_trainings_of_another_recipe_are_found(tmp_path, raises_saying):
    path = tmp_path / "pocket-3d-1" / "pocket-3d.safetensors"
    with raises_saying(ValueError, str(path), f"--recipe pocket-3d --out {tmp_path}"):
        comparison.pocket_paths(tmp_path, (1,), "pocket-3d")
    path.parent.mkdir()
    path.touch()
    assert comparison.pocket_paths(tmp_path, (1,), "pocket-3d") == [path]


def test_seeds_are_pooled(runs, tmp_path):
    table = compared(runs, tmp_path, (0, 1), {"CLIP": None})
    backbones = (load_backbone(str(runs / f"pocket-{seed}" / "pocket.safetensors"), "cpu") for seed in (0, 1))
    found = [examine(binding_task(backbone, WORLD, 2), None, "random") for backbone in backbones]
    for what, row in table["random"]["CLIP"].items():
        assert row == pooled([measures[what] for measures in found]) and len(row["seeds"]) == 2, what
    seeds = [row["seeds"] for row in table["random"]["CLIP"].values()]
    assert any(first != second for first, second in seeds)


def test_what_is_finished_is_not_made_again(runs, finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "out")
    names = [f"labclip-0-{order}-HNB-closed-form.npz" for order in ORDERS]
    first, second = (tmp_path / "out" / name for name in names)
    first.unlink()
    first.hardlink_to(second)  # another's result, and not what would be made here
    before = files(tmp_path / "out")
    table = compared(runs, tmp_path / "out")
    after, want = files(tmp_path / "out"), json.loads(json.dumps(finished[1]))
    want["fixed"]["HNB, closed form"] = want["random"]["HNB, closed form"]
    assert table == want != finished[1]
    assert {name for name in after if after[name] != before[name]} == {"labclip-report.json"}


def test_interrupted_it_goes_on_where_it_stopped(runs, finished, monkeypatch, tmp_path):
    sound, written, out = os.replace, [], tmp_path / "out"

    def interrupted(*args):
        written.append(args)
        if len(written) == 5:  # the settings, and three results
            raise KeyboardInterrupt
        return sound(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compared(runs, out)
    before = files(out)
    assert len([name for name in before if name.startswith("labclip-0-fixed-")]) == 3 == len(before) - 1
    table, after = compared(runs, out), files(out)
    assert {name: after[name] for name in before} == before
    assert table == finished[1]  # as if nothing had happened


def test_a_result_is_whole_or_not_there(runs, monkeypatch, tmp_path):
    monkeypatch.setattr(np, "savez_compressed", lambda file, **arrays: file.write(b"PK") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compared(runs, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*labclip-0*"))


def test_a_folder_without_pocketclips(runs, tmp_path, raises_saying):
    with raises_saying(ValueError, "pocket-7"):
        compared(runs, tmp_path, (7,))


def test_names_of_methods_are_names_of_files():
    names = [comparison._plain(name) for name in [*METHODS, FULL]]
    assert len(set(names)) == len(METHODS) + 1 and all(set(name) <= set(map(chr, range(45, 123))) for name in names)


def test_another_comparison_s_folder_is_refused(runs, finished, raises_saying):
    with raises_saying(ValueError, "another --out"):
        compared(runs, finished[0], methods=FEW | {"SB": {"mode": "SB", "epochs": 0}})


def test_missing_models_are_named_before_the_work(tmp_path, raises_saying):
    with raises_saying(ValueError, "pocket-0", "study acceptance"):
        compare(tmp_path, tmp_path / "out", "cpu", world=SMALL)


@pytest.fixture(scope="module")
def kept():
    return load_study("comparison")


class TestKept:
    """The table in the package."""

    def test_every_order_and_method_is_there(self, kept):
        assert list(kept) == list(ORDERS)
        for order in ORDERS:
            assert list(kept[order]) == [*METHODS, FULL]
            assert len({tuple(rows) for rows in kept[order].values()}) == 1  # all were asked the same

    def test_rows_are_of_three_seeds(self, kept):
        for order, methods in kept.items():
            for name, rows in methods.items():
                assert {"swap", "replace colour", "replace shape"} <= set(rows)
                for what, row in rows.items():
                    assert set(row) == {"mean", "low", "high", "seeds"} and len(row["seeds"]) == 3
                    assert 0 <= row["low"] <= row["mean"] <= row["high"] <= 1, (order, name, what)
                    assert row["mean"] == pytest.approx(np.mean(row["seeds"])), (order, name, what)

    def test_its_measures_are_those_of_the_examination(self, kept, tiny):
        task = binding_task(tiny, layouts=1)
        for order in ORDERS:
            assert list(kept[order]["CLIP"]) == list(examine(task, None, order))

    def test_clip_alone_cannot_tell_twins_apart(self, kept):
        for order in ORDERS:
            assert all(0.42 <= value <= 0.6 for value in kept[order]["CLIP"]["swap"]["seeds"])

    @pytest.mark.parametrize(("order", "at_least"), [("fixed", 0.95), ("random", 0.88)])
    def test_the_default_binds_with_every_seed(self, kept, order, at_least):
        assert min(kept[order]["HNB"]["swap"]["seeds"]) >= at_least

    @pytest.mark.parametrize("order", ORDERS)
    def test_and_costs_no_retrieval(self, kept, order):
        (name,) = (what for what in kept[order]["CLIP"] if what.startswith("image to text"))
        clip, hnb = (kept[order][method][name] for method in ("CLIP", "HNB"))
        assert all(ours >= theirs for ours, theirs in zip(hnb["seeds"], clip["seeds"], strict=True))
