import dataclasses
import functools
import json
import shutil

import numpy as np
import pytest
import torch

from labclip_lib.alignment.scene_task import binding_task, examine, fit_task
from labclip_lib.base.files import sha256
from labclip_lib.kept.trainings import load_study
from labclip_lib.measures import intervals
from labclip_lib.models.backbones import load_backbone
from labclip_lib.models.losses import hard_negative_info_nce
from labclip_lib.models.pretraining import pretrain
from labclip_lib.models.tokenizer import WordTokenizer
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.studies import comparison
from labclip_lib.studies.acceptance import pooled
from labclip_lib.studies.comparison import FULL, METHODS, compare, finetune
from labclip_lib.world.captions import parse
from labclip_lib.world.scenes import Scenes, World

SMALL = World(colors=("red", "yellow", "green", "blue"), shapes=("circle", "square", "star", "ring", "moon"))
FEW = {"CLIP": None, "HNB, closed form": {"mode": "HNB", "epochs": 0, "batch_size": 16}}
ORDERS = ("fixed", "random")


@pytest.fixture
def pocket(tiny_checkpoint):
    """The tiny model, one's own to train on."""
    return load_backbone(str(tiny_checkpoint), device="cpu")


def tuned(backbone, steps=2, order="fixed", **how):
    return finetune(backbone, order, SMALL, 2, steps=steps, progress=False, **{"batch_size": 32} | how)


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


@pytest.mark.parametrize("order", ORDERS)
def test_only_training_scenes_are_drawn(pocket, monkeypatch, order):
    """Held-out combinations appear in no image, no caption and no hard negative."""
    scenes = SMALL.compositions()
    split = split_by_combination(scenes.color, scenes.shape)
    said, seen, encode, render = [], [], WordTokenizer.__call__, Scenes.render
    monkeypatch.setattr(WordTokenizer, "__call__", lambda self, lines: said.append(lines) or encode(self, lines))
    monkeypatch.setattr(Scenes, "render", lambda self, *args: seen.append(self) or render(self, *args))
    tuned(pocket, 12, order)
    batches = [lines for lines in said if len(lines) == 64]  # a new Backbone reads a word too
    assert len(batches) == len(seen) == 12
    kinds = [frozenset(parse(caption, SMALL)) for caption in scenes.captions()]
    trained = {kinds[i] for i in torch.where(split.train)[0].tolist()}
    assert {frozenset(parse(c, SMALL)) for lines in batches for c in lines} == trained  # by now each has been there
    for lines, drawn in zip(batches, seen, strict=True):
        own = [frozenset(parse(caption, SMALL)) for caption in drawn.captions()]
        twin = [frozenset(parse(caption, SMALL)) for caption in drawn.swapped().captions()]
        assert [frozenset(parse(caption, SMALL)) for caption in lines] == own + twin
        assert len(set(own)) == len(own)  # no scene is in a batch twice


def test_captions_are_in_the_order_asked_for(pocket, monkeypatch):
    said, encode = [], WordTokenizer.__call__
    monkeypatch.setattr(WordTokenizer, "__call__", lambda self, lines: said.extend(lines) or encode(self, lines))
    known = set(SMALL.compositions().captions())
    for order in ORDERS:
        said.clear()
        tuned(pocket, 4, order)
        share = np.mean([caption in known for caption in said if " and " in caption])
        assert share == 1 if order == "fixed" else 0.35 < share < 0.65


def test_images_are_prepared_as_a_backbone_does(pocket, monkeypatch):
    """Without a step taken and with running statistics, training sees the embeddings that a reader sees."""
    batches, loss = [], comparison.chunked_info_nce
    monkeypatch.setattr(type(pocket.model), "train", lambda self, mode=True: self)
    monkeypatch.setattr(
        comparison, "chunked_info_nce", lambda *args: batches.append([x.detach() for x in args[:4]]) or loss(*args)
    )
    drawn, render = [], Scenes.render
    monkeypatch.setattr(Scenes, "render", lambda self, *args: drawn.append(self) or render(self, *args))
    tuned(pocket, 1)
    ((images, texts, negatives, scale),), (scenes,) = batches, drawn
    assert torch.allclose(images, pocket.encode_images(render(scenes, 32)), atol=1e-5)
    assert torch.allclose(texts, pocket.encode_texts(scenes.captions()), atol=1e-5)
    assert torch.allclose(negatives, pocket.encode_texts(scenes.swapped().captions()), atol=1e-5)
    assert float(scale) == pytest.approx(pocket.logit_scale)


# The comparison


@pytest.fixture(scope="module")
def runs(tiny_checkpoint, tiny_recipe, tmp_path_factory):
    """Two PocketCLIPs, where `study acceptance` leaves them."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(tiny_checkpoint.parent, folder / "pocket-0")
    pretrain(dataclasses.replace(tiny_recipe, seed=1), folder / "pocket-1", device="cpu", progress=False)
    return folder


@pytest.fixture
def compared(runs, monkeypatch, tmp_path):
    """Compare two methods and the training of all weights."""
    monkeypatch.setattr(comparison, "METHODS", FEW)
    monkeypatch.setattr(comparison, "LAYOUTS", 2)
    monkeypatch.setattr(comparison, "finetune", functools.partial(finetune, batch_size=32))
    monkeypatch.setattr(intervals, "bootstrap_ci", functools.partial(intervals.bootstrap_ci, draws=50))

    def run(seeds=(0,)):
        path = compare(runs, tmp_path / "new" / "out", "cpu", seeds, steps=2, progress=False, world=SMALL)
        assert path == tmp_path / "new" / "out" / "labclip-report.json"
        return json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    return run


def files(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_every_method_is_examined_in_both_orders(compared, pocket, tmp_path):
    table = compared()
    assert list(table) == ["fixed", "random"] and all(list(rows) == [*FEW, FULL] for rows in table.values())
    task = binding_task(pocket, SMALL, 2)
    for order in ORDERS:
        found = {"CLIP": examine(task, None, order)}
        found["HNB, closed form"] = examine(task, fit_task(task, order, **FEW["HNB, closed form"]), order)
        found[FULL] = examine(binding_task(tuned(pocket, 2, order), SMALL, 2), None, order)
        for name, measures in found.items():
            rows = table[order][name]
            assert list(rows) == list(measures)
            for what, measure in measures.items():
                assert rows[what] == pooled([measure]), (order, name, what)
    out = tmp_path / "new" / "out"
    kept = {f"labclip-0-{o}-{m}.npz" for o in ORDERS for m in ("CLIP", "HNB-closed-form", "fine-tuned-all-weights")}
    assert set(files(out)) == kept | {"labclip-report.json", "labclip-settings.json"}


def test_seeds_are_pooled(compared, runs):
    table = compared((0, 1))
    backbones = (load_backbone(str(runs / f"pocket-{seed}" / "pocket.safetensors"), "cpu") for seed in (0, 1))
    found = [examine(binding_task(backbone, SMALL, 2), None, "random") for backbone in backbones]
    for what, row in table["random"]["CLIP"].items():
        assert row == pooled([measures[what] for measures in found]) and len(row["seeds"]) == 2, what
    seeds = [row["seeds"] for row in table["random"]["CLIP"].values()]
    assert any(first != second for first, second in seeds)


def test_what_is_finished_is_not_made_again(compared, monkeypatch, tmp_path):
    table, before = compared(), files(tmp_path / "new" / "out")
    del before["labclip-report.json"]
    for name in ("binding_task", "examine", "fit_task", "finetune", "load_backbone"):
        monkeypatch.setattr(comparison, name, lambda *args, **how: pytest.fail("it was made again"))
    assert compared() == table
    after = files(tmp_path / "new" / "out")
    assert {name: after[name] for name in before} == before


def test_interrupted_it_goes_on_where_it_stopped(compared, monkeypatch, tmp_path):
    sound, asked, out = comparison.examine, [], tmp_path / "new" / "out"

    def interrupted(*args):
        asked.append(args)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return sound(*args)

    with monkeypatch.context() as patch:
        patch.setattr(comparison, "examine", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compared()
    before = files(out)
    assert len([name for name in before if name.startswith("labclip-0-fixed-")]) == 3 == len(before) - 1
    asked.clear()
    monkeypatch.setattr(comparison, "examine", lambda *args: asked.append(args) or sound(*args))
    table, after = compared(), files(out)
    assert len(asked) == 3 and {name: after[name] for name in before} == before
    for path in out.iterdir():
        path.unlink()
    assert compared() == table  # as if nothing had happened


def test_a_result_is_whole_or_not_there(compared, monkeypatch, tmp_path):
    monkeypatch.setattr(comparison.np, "savez_compressed", lambda file, **arrays: file.write(b"PK") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compared()
    assert not list((tmp_path / "new" / "out").glob("*labclip-0*"))


def test_a_folder_without_pocketclips(compared, tmp_path, raises_saying):
    with raises_saying(ValueError, "pocket-7"):
        compared((7,))


def test_names_of_methods_are_names_of_files():
    names = [comparison._plain(name) for name in [*METHODS, FULL]]
    assert len(set(names)) == len(METHODS) + 1 and all(set(name) <= set(map(chr, range(45, 123))) for name in names)


def test_another_comparison_s_folder_is_refused(compared, monkeypatch, raises_saying):
    compared()
    monkeypatch.setattr(comparison, "METHODS", FEW | {"SB": {"mode": "SB", "epochs": 0}})
    with raises_saying(ValueError, "another --out"):
        compared()


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
