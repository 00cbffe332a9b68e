import contextlib
import csv
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from embeddable import pairs, pictures
from synthetic import SMALL, Binder
from toys import write_small_toys

from labclip_lib.__main__ import main
from labclip_lib.alignment import fit as training
from labclip_lib.alignment import reports
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.task import binding_task, examine, fit_task
from labclip_lib.cli import commands
from labclip_lib.diagnosis import cross_modal, within
from labclip_lib.embeddings import shards
from labclip_lib.embeddings.shards import load_shards
from labclip_lib.embeddings.tables import TABLES
from labclip_lib.measures import intervals
from labclip_lib.measures.markdown import as_rows
from labclip_lib.measures.measure import Measure
from labclip_lib.models import backbones, pocket, pretrained
from labclip_lib.models import pretraining as pretrain
from labclip_lib.probing import reports as probe_reports
from labclip_lib.studies import acceptance, comparison
from labclip_lib.studies import binding_share as dial
from labclip_lib.studies import missing_twins as support
from labclip_lib.studies.acceptance import BOUNDS
from labclip_lib.world.scenes import World


@pytest.fixture
def small(monkeypatch, tiny_recipe, tmp_path):
    """Recipes over the tiny model, and runs written below a folder of the test."""
    monkeypatch.setattr(
        pretrain, "Recipe", functools.partial(pretrain.Recipe, batch_size=8, warmup=2, config=tiny_recipe.config)
    )
    return ["pretrain", "--out", str(tmp_path), "--device", "cpu", "--steps", "2"]


@pytest.fixture
def graded(monkeypatch):
    """Stand in for the measurements: every metric at a share of its test items."""

    def grade(share=None):
        def measure(backbone):
            run = {}
            for metric, (low, high) in BOUNDS.items():
                outcomes = np.zeros(200)
                outcomes[: round(200 * ((low + high) / 2 if share is None else share))] = 1
                run[metric] = Measure(outcomes, np.arange(200))
            return run

        monkeypatch.setattr(acceptance, "measure", measure)
        inside = {"image with image": Measure(np.ones(4), np.arange(4))}
        monkeypatch.setattr(within, "diagnose_within", lambda backbone: inside)

    return grade


def mistake(capsys, argv):
    """What a wrong command line prints: one sentence on standard error and nothing like a traceback."""
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "Traceback" not in out + err
    return err


def test_pretrain_trains(small, tmp_path, capsys):
    assert main(small) == 0
    card = json.loads((tmp_path / "pocket-0" / "pocket-card.json").read_text())
    assert card["recipe"]["steps"] == 2 and card["recipe"]["seed"] == 0
    assert str(tmp_path / "pocket-0" / "pocket.safetensors") in capsys.readouterr().out


def test_pretrain_takes_seeds_and_a_binding_share(small, tmp_path):
    assert main([*small, "--seed", "3", "5", "--binding", "0.25"]) == 0
    for seed in (3, 5):
        recipe = json.loads((tmp_path / f"pocket-{seed}" / "pocket-card.json").read_text())["recipe"]
        assert recipe["seed"] == seed and recipe["policy"]["binding"] == 0.25


@pytest.mark.parametrize(("share", "status"), [(None, 0), (0.75, 1)])
def test_report_measures_three_seeds_and_judges_them(small, graded, tmp_path, capsys, share, status):
    graded(share)
    assert main([*small, "--report"]) == status
    out = capsys.readouterr().out
    assert ("NOT ACCEPTED" in out) == bool(status) and all(metric in out for metric in BOUNDS)
    assert "min on cpu" in out
    report = json.loads((tmp_path / "pocket-report.json").read_text())
    assert [recipe["seed"] for recipe in report["recipes"]] == [0, 1, 2] and list(report["table"]) == list(BOUNDS)
    assert report["within"]["image with image"]["seeds"] == [1.0, 1.0, 1.0]
    for seed in range(3):  # and each one's own row is on its card
        card = json.loads((tmp_path / f"pocket-{seed}" / "pocket-card.json").read_text())
        assert list(card["report"]) == list(BOUNDS) and len(card["report"]["image probe"]["seeds"]) == 1


def test_report_on_a_backbone_trains_nothing(small, graded, tiny_checkpoint, tmp_path, capsys):
    graded()
    assert main([*small, "--report", "--backbone", str(tiny_checkpoint)]) == 0
    assert "image probe" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_report_on_pocket_compares_with_its_card(small, graded, tiny, monkeypatch, capsys):
    graded()
    table = acceptance.summary([acceptance.measure(None)])
    table["image probe"]["mean"] += 0.0125
    monkeypatch.setattr(backbones, "load_backbone", lambda *args: tiny)
    monkeypatch.setattr(pocket, "verify_weights", lambda: {"report": table})
    assert main([*small, "--report", "--backbone", "pocket"]) == 0
    assert "0.0125" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (["--binding", "1.5"], "1.5"),
        (["--device", "tpu"], "'tpu'"),
        (["--out", "/proc/labclip"], "/proc/labclip"),
        (["--backbone", "pocke"], "'pocket'"),
        (["--steps", "-3"], "-3"),
        (["--steps", "0"], "0"),
    ],
)
def test_mistakes_are_one_sentence(small, more, seen, capsys):
    assert seen in mistake(capsys, [*small, *more])


def test_folder_of_another_recipe(small, capsys):
    main(small)
    capsys.readouterr()
    assert "another recipe" in mistake(capsys, [*small, "--steps", "3"])


def test_no_network_is_a_mistake_too(small, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(pretrained, "online", lambda url: False)
    monkeypatch.setattr(pretrained.huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert "cannot be reached" in mistake(capsys, [*small, "--backbone", "ViT-B-32-quickgelu/openai"])


def test_interruption_is_said(small, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(pretrain, "pretrain", interrupted)
    assert main(small) == 130
    assert "goes on" in capsys.readouterr().err


def test_dial_is_turned(small, monkeypatch, tmp_path, capsys):
    turned = []
    monkeypatch.setattr(dial, "turn_dial", lambda *args: turned.append(args) or tmp_path / "dial.json")
    monkeypatch.setattr(support, "take_twins_away", lambda *args: pytest.fail("it took twins away"))
    assert main(["pretrain", "--out", str(tmp_path), "--device", "cpu", "--dial"]) == 0
    assert turned == [(tmp_path, "cpu")] and capsys.readouterr().out == f"{tmp_path / 'dial.json'}\n"


@pytest.mark.parametrize(
    "more", [["--steps", "5"], ["--seed", "1"], ["--text-lr", "1e-3"], ["--report"], ["--backbone", "pocket"]]
)
def test_dial_has_a_recipe_of_its_own(more, capsys):
    assert more[0] in mistake(capsys, ["pretrain", "--dial", *more])


def test_twins_are_taken_away(monkeypatch, tmp_path, capsys):
    taken = []
    monkeypatch.setattr(support, "take_twins_away", lambda *args: taken.append(args) or tmp_path / "support.json")
    monkeypatch.setattr(dial, "turn_dial", lambda *args: pytest.fail("it turned the dial"))
    assert main(["pretrain", "--out", str(tmp_path), "--device", "cpu", "--twins"]) == 0
    assert taken == [(tmp_path, "cpu")] and capsys.readouterr().out == f"{tmp_path / 'support.json'}\n"


@pytest.mark.parametrize(
    "more", [["--steps", "5"], ["--seed", "1"], ["--binding", "1"], ["--text-lr", "1e-3"], ["--report"]]
)
def test_twins_have_a_recipe_of_their_own(more, monkeypatch, capsys):
    monkeypatch.setattr(support, "take_twins_away", lambda *args: pytest.fail("it trained"))
    said = mistake(capsys, ["pretrain", "--twins", *more])
    assert said.startswith("python -m labclip_lib pretrain: --twins has") and f"takes no {more[0]};" in said


def test_dial_and_twins_are_two_tables(monkeypatch, capsys):
    monkeypatch.setattr(support, "take_twins_away", lambda *args: pytest.fail("it trained"))
    monkeypatch.setattr(dial, "turn_dial", lambda *args: pytest.fail("it trained"))
    said = mistake(capsys, ["pretrain", "--dial", "--twins"])
    assert "--dial has" in said and "takes no --twins;" in said


def test_twins_of_another_recipe(monkeypatch, capsys):
    def refused(*args):
        raise ValueError("runs/support-coin-0-0.json holds a training of another recipe; choose another --out folder.")

    monkeypatch.setattr(support, "take_twins_away", refused)
    assert "another recipe" in mistake(capsys, ["pretrain", "--twins"])


# probe and diagnose


@pytest.fixture
def folder(tmp_path):
    """A reader's tables: every scene of a small world, embedded by one that binds perfectly."""
    path, scenes, binder = tmp_path / "mine", SMALL.compositions(seed=0), Binder()
    path.mkdir()
    rows = zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True)
    lines = [f"{SMALL.shapes[s]},{SMALL.colors[c]},{SMALL.shapes[t]},{SMALL.colors[d]}" for (c, d), (s, t) in rows]
    label(path, lines)
    for name, part in zip(TABLES, (scenes, scenes, scenes.swapped()), strict=True):
        np.save(path / f"{name}.npy", binder.encode_texts(part.captions()).numpy())
    return path


def label(folder, lines, header="object1,attribute1,object2,attribute2"):
    (folder / "labels.csv").write_text("\n".join([header, *lines]) + "\n")


def no_constant(name):
    pytest.fail(f"{name} is no JSON")


@pytest.mark.parametrize(
    ("verb", "row"),
    [("probe", "images probe"), ("probe", "captions probe, random labels"), ("diagnose", "swap accuracy")],
)
def test_tables_of_one_s_own(folder, verb, row, tmp_path, capsys):
    path = tmp_path / "new" / "table.json"
    assert main([verb, "--tables", str(folder), "--json", str(path), "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    kept = json.loads(path.read_text(), parse_constant=no_constant)
    assert kept["of"] == str(folder)
    assert [line.split(" | ")[0] for line in out.splitlines()[2:]] == [f"| {name}" for name in kept["table"]]
    seen = kept["table"][row]
    assert set(seen) == {"mean", "low", "high", "items", "chance", "bag of words"}
    assert seen["items"] > 0 and (seen["mean"] == 1 or "random" in row)
    assert (seen["bag of words"] is None) == ("random" in row)
    assert f"| {row} | {seen['mean']:.3f} | {seen['low']:.3f} to {seen['high']:.3f} | {seen['chance']:.3f} |" in out


def test_without_json_nothing_is_written(folder, capsys):
    before = sorted(folder.parent.rglob("*"))
    assert main(["diagnose", "--tables", str(folder), "--device", "cpu"]) == 0
    assert "swap accuracy" in capsys.readouterr().out and sorted(folder.parent.rglob("*")) == before


@pytest.mark.parametrize("verb", ["probe", "diagnose"])
def test_checkpoint_of_one_s_own(verb, tiny, tiny_checkpoint, monkeypatch, tmp_path, capsys):
    """It is probed without the control of untrained towers, for it names no architecture."""
    asked = []

    def report(backbone, untrained=None):
        asked.append((backbone, untrained))
        return {"something": Measure(np.array([0.0, 1.0]), np.arange(2), 0.25)}

    monkeypatch.setattr(probe_reports, "probe_backbone", report)
    monkeypatch.setattr(cross_modal, "diagnose", report)
    path = tmp_path / "table.json"
    assert main([verb, "--backbone", str(tiny_checkpoint), "--json", str(path), "--device", "cpu"]) == 0
    assert len(asked) == 1 and asked[0][0].fingerprint == tiny.fingerprint and asked[0][1] is None
    assert "| something | 0.500 | 0.000 to 1.000 | 0.250 |  |" in capsys.readouterr().out
    kept = json.loads(path.read_text(), parse_constant=no_constant)
    assert kept["of"] == str(tiny_checkpoint) and kept["table"]["something"]["bag of words"] is None


def test_pocket_is_probed_beside_its_untrained_towers(tiny, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(backbones, "load_backbone", lambda name, device: (name, device))
    monkeypatch.setattr(backbones, "random_init_encoder", lambda name, device: ("untrained", name, device))
    monkeypatch.setattr(probe_reports, "probe_backbone", lambda *encoders: asked.append(encoders) or {})
    assert main(["probe", "--device", "cpu"]) == 0
    assert asked == [(("pocket", "cpu"), ("untrained", "pocket", "cpu"))]


@pytest.mark.parametrize("verb", ["probe", "diagnose"])
@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        (lambda path: (path / "labels.csv").unlink(), ["labels.csv"]),
        (lambda path: label(path, ["a,b,c"], "object1,attribute1,object2"), ["'attribute2'"]),
        (lambda path: np.save(path / "images.npy", np.full((200, 25), np.nan)), ["200 of 200", "images"]),
        (lambda path: np.save(path / "captions.npy", np.zeros((7, 25))), ["7 rows", "200 lines"]),
        (lambda path: (path / "images.npy").write_bytes(b"nothing"), ["images.npy"]),
    ],
    ids=["no labels", "column", "NaN", "rows", "damaged"],
)
def test_mistakes_in_tables_are_one_sentence(folder, verb, damage, seen, capsys):
    damage(folder)
    said = mistake(capsys, [verb, "--tables", str(folder), "--device", "cpu"])
    assert said.startswith(f"python -m labclip_lib {verb}: ") and all(part in said for part in seen)


def test_mistakes_of_which_only_a_diagnosis_suffers(folder, capsys):
    np.save(folder / "captions.npy", np.random.default_rng(0).normal(size=(200, 7)))
    said = mistake(capsys, ["diagnose", "--tables", str(folder), "--device", "cpu"])
    assert "images 25" in said and "captions 7" in said
    (folder / "swapped.npy").unlink()
    assert "swapped.npy" in mistake(capsys, ["diagnose", "--tables", str(folder), "--device", "cpu"])
    assert main(["probe", "--tables", str(folder), "--device", "cpu"]) == 0


@pytest.mark.parametrize("verb", ["probe", "diagnose"])
def test_mistakes_in_probe_and_diagnose_are_one_sentence(folder, verb, capsys):
    tables = [verb, "--tables", str(folder)]
    known = ["red", "yelow", "green", "blue", "pink"]
    assert "'yellow'; did you mean 'yelow'?" in mistake(capsys, [*tables, "--attributes", *known])
    assert "--tables" in mistake(capsys, [verb, "--attributes", *known])
    assert "'tpu'" in mistake(capsys, [*tables, "--device", "tpu"])
    assert "nowhere" in mistake(capsys, [verb, "--tables", "nowhere"])
    assert "did you mean 'pocket'?" in mistake(capsys, [verb, "--backbone", "pocke"])
    assert "no/such.safetensors" in mistake(capsys, [verb, "--backbone", "no/such.safetensors"])
    assert "/proc/labclip" in mistake(capsys, [*tables, "--device", "cpu", "--json", "/proc/labclip/table.json"])


def test_too_few_scenes_to_split_are_one_sentence(folder, capsys):
    lines = (folder / "labels.csv").read_text().splitlines()[1:]
    label(folder, lines[:8])
    for name in TABLES:
        np.save(folder / f"{name}.npy", np.load(folder / f"{name}.npy")[:8])
    assert "10 or more" in mistake(capsys, ["probe", "--tables", str(folder), "--device", "cpu"])


def test_tables_and_a_backbone_are_two_questions(capsys):
    with pytest.raises(SystemExit) as left:
        main(["probe", "--tables", "mine", "--backbone", "ViT-B-32/openai"])
    assert left.value.code == 2 and "not allowed with" in capsys.readouterr().err


# embed


@pytest.fixture
def pictured(tmp_path, tiny_checkpoint):
    """A command line that embeds five pictures, and the folder it writes to."""
    pictures(tmp_path / "in", 5)
    argv = ["embed", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--backbone", str(tiny_checkpoint)]
    return [*argv, "--device", "cpu", "--workers", "0"], tmp_path / "out"


def test_embed_writes_tables_and_says_so(pictured, tiny, tmp_path, capsys):
    argv, out = pictured
    more = ["--shard-size", "2", "--batch-size", "1", "--precision", "bfloat16"]
    assert main([*argv, *more]) == 0
    said = capsys.readouterr().out
    first, taken = said.splitlines()
    assert re.fullmatch(rf"5 images in {re.escape(str(out))}; 5 embedded now, in \d+\.\d s \(\d+ a second\)\.", first)
    assert taken == "Taken: 5 .png; left out: nothing."
    tables = load_shards(out, tiny)
    assert tables.images.shape == (5, 16) and len(list(out.glob("*.safetensors"))) == 3
    assert tables.manifest["precision"] == "bfloat16"
    (tmp_path / "in" / "._000.png").touch()
    (tmp_path / "in" / "notes.txt").touch()
    assert main([*argv, *more]) == 0
    assert "left out: 1 .txt (first 'notes.txt'), 1 hidden (first '._000.png').\n" in capsys.readouterr().out
    assert main([*argv, *more]) == 0
    said = capsys.readouterr().out
    assert "5 images in" in said and "; 0 embedded now" in said


def test_embed_says_how_many_captions_were_cut(tiny, pictured, monkeypatch, tmp_path, capsys):
    argv, _ = pictured
    path, *_ = pairs(tmp_path / "pairs", 3, 1)
    monkeypatch.setattr(backbones.Backbone, "truncated", lambda self, captions: [True] * len(captions))
    assert main(["embed", str(path), *argv[2:]]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 images and 3 captions in") and said.endswith("saw the beginning: 6.\n")


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (["--batch-size", "0"], "batch_size"),
        (["--precision", "half"], "'half'"),
        (["--device", "tpu"], "'tpu'"),
        (["--backbone", "pocke"], "did you mean 'pocket'?"),
        (["--out", "/proc/labclip"], "/proc/labclip"),
    ],
)
def test_mistakes_in_embed_are_one_sentence(pictured, more, seen, capsys):
    assert seen in mistake(capsys, [*pictured[0], *more])


def test_mistakes_in_a_source_are_one_sentence(pictured, tmp_path, capsys):
    argv, _ = pictured
    sound = (tmp_path / "in" / "002.png").read_bytes()
    (tmp_path / "in" / "002.png").write_bytes(b"no image")
    assert main([*argv, "--workers", "1"]) == 2
    err = capsys.readouterr().err
    assert "002.png" in err.splitlines()[-1] and "Traceback" not in err
    assert "nowhere" in mistake(capsys, ["embed", "nowhere", *argv[2:]])
    (tmp_path / "in" / "002.png").write_bytes(sound)
    assert main([*argv, "--workers", "1"]) == 0
    capsys.readouterr()
    assert "another source" in mistake(capsys, ["embed", str(pairs(tmp_path / "pairs")[0]), *argv[2:]])


def test_interrupted_embed_goes_on(pictured, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shards, "_write", interrupted)
        assert main(pictured[0]) == 130
    assert "goes on" in capsys.readouterr().err
    assert main(pictured[0]) == 0


def test_embed_of_one_process_among_others_is_silent(pictured, monkeypatch, capsys):
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert main(pictured[0]) == 0 and capsys.readouterr() == ("", "")


# train

FEW = World(colors=("red", "yellow", "green", "blue"), shapes=("circle", "square", "star", "ring", "moon"))


@pytest.fixture
def scenes(monkeypatch, tiny_checkpoint, tmp_path):
    """A command line that trains on scenes of a small world, and the file it writes to."""
    small = functools.partial(reports.train_on_scenes, world=FEW, layouts=2)
    monkeypatch.setattr(reports, "train_on_scenes", small)
    monkeypatch.setattr(intervals, "bootstrap_ci", functools.partial(intervals.bootstrap_ci, draws=50))
    out = tmp_path / "new" / "my.safetensors"
    argv = ["train", "--backbone", str(tiny_checkpoint), "--out", str(out), "--device", "cpu"]
    return [*argv, "--batch-size", "32"], out


@pytest.fixture(scope="module")
def embedding(tiny, tmp_path_factory):
    """A folder that `embed` made of 60 captions of 30 images, each with two negatives."""
    folder = tmp_path_factory.mktemp("embedding")
    source = pairs(folder / "in", 60)[0]
    return shards.embed_source(tiny, source, folder / "out", shard_size=40, workers=0, progress=False)


@pytest.fixture
def embeddings(embedding, tmp_path):
    """A command line that trains on embeddings, and the file it writes to."""
    out = tmp_path / "my.safetensors"
    argv = ["train", "--embeddings", str(embedding), "--out", str(out), "--device", "cpu"]
    return [*argv, "--batch-size", "16"], out


def same(first, second):
    first, second = LABCLIP.load(first), LABCLIP.load(second)
    return torch.equal(first.linear.weight, second.linear.weight) and torch.equal(first.t, second.t)


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_train_on_the_book_s_scenes(scenes, tiny, tiny_checkpoint, order, tmp_path, capsys):
    argv, out = scenes
    path = tmp_path / "other" / "table.json"
    more = [] if order == "fixed" else ["--order", order]
    assert main([*argv, *more, "--json", str(path)]) == 0
    said, shown = capsys.readouterr()
    kept = json.loads(path.read_text(), parse_constant=no_constant)
    assert list(kept) == ["of", "CLIP", "LABCLIP"] and kept["of"] == str(tiny_checkpoint)
    lines = said.splitlines()
    assert lines[0] == "|  | CLIP | LABCLIP | chance | bag of words |" and lines[2].startswith("| swap | ")
    assert f"captions in {order} order" in lines[-1] and lines[-1].endswith(f" The matrix is in {out}.")
    for line, (name, clip), ours in zip(lines[2:-2], kept["CLIP"].items(), kept["LABCLIP"].values(), strict=True):
        cells = [f"{row['mean']:.3f} ({row['low']:.3f} to {row['high']:.3f})" for row in (clip, ours)]
        assert line.startswith(f"| {name} | {' | '.join(cells)} | ")
    assert "epoch" in shown and {path.name for path in out.parent.iterdir()} == {"my.safetensors"}
    task = binding_task(tiny, FEW, 2)  # what was printed is true of what was written
    for name, labclip in (("CLIP", None), ("LABCLIP", LABCLIP.load(out))):
        assert kept[name] == as_rows(examine(task, labclip, order))


def test_train_takes_its_options(scenes, tiny, capsys):
    argv, out = scenes
    more = ["--mode", "SB", "--side", "image", "--rank", "3", "--epochs", "2", "--learning-rate", "0.01", "--seed", "5"]
    assert main([*argv, *more, "--chunk", "5", "--recipe", "paper", "--precision", "bfloat16"]) == 0
    how = {"mode": "SB", "side": "image", "rank": 3, "epochs": 2, "learning_rate": 0.01, "batch_size": 32, "seed": 5}
    want = fit_task(binding_task(tiny, FEW, 2), "fixed", **how, chunk=5, recipe="paper", precision="bfloat16")
    found = LABCLIP.load(out)
    assert found.side == "image" and torch.equal(found.linear.weight, want.linear.weight) and found.t == want.t
    assert "kept after epoch 2." in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["HNB", "SB"])
def test_train_on_embeddings(embeddings, embedding, mode, tmp_path, capsys):
    argv, out = embeddings
    path = tmp_path / "table.json"
    assert main([*argv, "--mode", mode, "--json", str(path)]) == 0
    said = capsys.readouterr().out
    kept = json.loads(path.read_text(), parse_constant=no_constant)
    names = [line.split(" | ")[0] for line in said.splitlines()[2:-2]]
    assert kept["of"] == str(embedding) and names == [f"| {name}" for name in kept["LABCLIP"]]
    assert list(kept["CLIP"]) == list(kept["LABCLIP"]) and "caption against its hard negative" in kept["CLIP"]
    assert re.search(r"\n50 captions to train on, 4 to choose by, 6 to test on\. Fitted in .* The matrix is in", said)
    labclip = reports.train_on_tables(load_shards(embedding), mode=mode, batch_size=16)[0]
    assert torch.equal(LABCLIP.load(out).linear.weight, labclip.linear.weight)
    assert sorted(path.name for path in out.parent.iterdir()) == ["my.safetensors", "table.json"]


def test_without_epochs_it_is_the_closed_form(embeddings, embedding, capsys):
    argv, out = embeddings
    assert main([*argv, "--epochs", "0"]) == 0
    assert "kept after epoch 0." in capsys.readouterr().out
    labclip = reports.train_on_tables(load_shards(embedding), epochs=0, batch_size=16)[0]
    assert len(labclip.history) == 1 and labclip.history[0]["strength"] is not None
    assert torch.equal(LABCLIP.load(out).linear.weight, labclip.linear.weight)
    assert [path.name for path in out.parent.iterdir()] == ["my.safetensors"]


@pytest.fixture
def stopping(monkeypatch):
    """Fits that stop with an error in their third epoch from here on, as long as the block runs; gives their epochs."""

    @contextlib.contextmanager
    def stop(error=None):
        ran, sound = [], training._Fit.run_epoch

        def run_epoch(self):
            ran.append(self.epoch)
            if error is not None and len(ran) == 3:
                raise error
            sound(self)

        with monkeypatch.context() as patch:
            patch.setattr(training._Fit, "run_epoch", run_epoch)
            yield ran

    return stop


@pytest.mark.parametrize("on", ["scenes", "embeddings"])
@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (OSError("The disk is gone."), 2)])
def test_interrupted_train_goes_on(request, stopping, on, error, status, tmp_path, capsys):
    argv, out = request.getfixturevalue(on)
    argv += ["--recipe", "paper", "--epochs", "5"]
    with stopping(error):
        assert main(argv) == status
    said, err = capsys.readouterr()
    assert said == "" and "Traceback" not in err and ("goes on" if status == 130 else "The disk is gone.") in err
    assert [path.name for path in out.parent.iterdir() if path.is_file()] == ["my.checkpoint"]
    with stopping() as ran:
        assert main(argv) == 0
    assert ran == [2, 3, 4] and not out.with_suffix(".checkpoint").exists()
    whole = tmp_path / "whole.safetensors"
    with stopping() as ran:
        assert main([*argv, "--out", str(whole)]) == 0
    assert len(ran) == 5 and same(out, whole)


@pytest.mark.parametrize(
    "more", [["--seed", "1"], ["--mode", "SB"], ["--epochs", "6"], ["--batch-size", "20"], ["--recipe", "default"]]
)
def test_checkpoint_of_other_settings(embeddings, stopping, more, capsys):
    argv, out = embeddings
    argv += ["--recipe", "paper", "--epochs", "5"]
    with stopping(KeyboardInterrupt()):
        main(argv)
    before = out.with_suffix(".checkpoint").read_bytes()
    capsys.readouterr()
    said = mistake(capsys, [*argv, *more])
    assert "my.checkpoint" in said and "other settings" in said
    assert out.with_suffix(".checkpoint").read_bytes() == before and not out.exists()
    assert main(argv) == 0


def test_train_leaves_out_captions_that_have_themselves_as_negatives(tiny_checkpoint, tmp_path, capsys):
    path = pairs(tmp_path / "in", 60)[0]
    rows = list(csv.reader(path.read_text().splitlines()))
    for k in (4, 9, 31):
        rows[k][3] = rows[k][1]
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    embed = ["embed", str(path), "--out", str(tmp_path / "out"), "--backbone", str(tiny_checkpoint), "--workers", "0"]
    assert main([*embed, "--device", "cpu", "--batch-size", "7"]) == 0
    capsys.readouterr()
    argv = ["train", "--embeddings", str(tmp_path / "out"), "--out", str(tmp_path / "my.safetensors")]
    assert main([*argv, "--batch-size", "16", "--epochs", "0", "--device", "cpu"]) == 0
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.startswith("3 captions that have themselves among their negatives were left out. ")
    assert sum(int(n) for n in re.findall(r"(\d+) (?:captions )?to (?:train|choose|test)", told)) == 57


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (["--recipe", "papr"], "'papr'; choose from default, paper"),
        (["--batch-size", "1000"], "the 50 captions to train on, got 1,000"),
        (["--batch-size", "1"], "got 1."),
        (["--order", "fixed"], "--order is for the book's scenes"),
        (["--out", "my.pt"], "ends in .safetensors, got 'my.pt'"),
        (["--out", "/proc/labclip/my.safetensors"], "/proc/labclip"),
        (["--json", "/proc/labclip/table.json"], "/proc/labclip"),
        (["--embeddings", "nowhere"], "nowhere/manifest.json"),
        (["--rank", "17"], "between 1 and 16, got 17"),
        (["--chunk", "0"], "chunk"),
        (["--precision", "half"], "'half'"),
        (["--device", "tpu"], "'tpu'"),
    ],
)
def test_mistakes_in_train_are_one_sentence(embeddings, more, seen, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*embeddings[0], "--epochs", "1", *more]) == 2
    said, err = capsys.readouterr()
    last = err.splitlines()[-1]  # behind a progress bar, where it had begun
    assert last.startswith("python -m labclip_lib train: ") and seen in last and "Traceback" not in err
    assert said == "" and list(tmp_path.iterdir()) == []


def test_embeddings_without_captions(pictured, embeddings, capsys):
    argv, out = pictured
    assert main(argv) == 0
    capsys.readouterr()
    assert "images with captions" in mistake(capsys, [*embeddings[0], "--embeddings", str(out)])


def test_a_folder_that_embed_did_not_make(embeddings, folder, capsys):
    assert "manifest.json" in mistake(capsys, [*embeddings[0], "--embeddings", str(folder)])


@pytest.mark.parametrize("table", ["images", "captions"])
def test_embeddings_with_a_nan(embeddings, embedding, table, tmp_path, capsys):
    """Though their checksum is right."""
    copy = shutil.copytree(embedding, tmp_path / "copy")
    path, manifest = copy / f"{table}-00000.safetensors", json.loads((copy / "manifest.json").read_text())
    tensors, truncated = shards._read(path, manifest)
    tensors[table][3, 2] = torch.nan
    shards._write(path, tensors, truncated, manifest)
    said = mistake(capsys, [*embeddings[0], "--embeddings", str(copy)])
    assert f"{table}-00000.safetensors is damaged" in said and "embed" in said


def test_a_backbone_that_there_is_not(scenes, capsys):
    assert "did you mean 'pocket'?" in mistake(capsys, [*scenes[0], "--backbone", "pocke"])


def test_scenes_or_embeddings_or_a_report(capsys):
    for second in ("--backbone", "--report"):
        with pytest.raises(SystemExit) as left:
            main(["train", "--embeddings", "mine", second, "other"])
        assert left.value.code == 2 and "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "out"), [([], "runs/labclip"), (["--out", "mine"], "mine"), (["--out", "runs/v1.0"], "runs/v1.0")]
)
def test_all_methods_are_compared(more, out, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(comparison, "compare", lambda *args: asked.append(args) or "there")
    assert main(["train", "--report", "runs", "--device", "cpu", *more]) == 0
    assert asked == [(Path("runs"), Path(out), "cpu")] and capsys.readouterr().out == "there\n"
    assert main(["train", "--device", "cpu", *more, "--report"]) == 0  # of the runs that are there by default
    assert asked[1] == asked[0]


@pytest.mark.parametrize("more", [["--epochs", "3"], ["--mode", "SB"], ["--order", "random"], ["--json", "a.json"]])
def test_a_comparison_takes_no_other_options(more, capsys):
    assert main(["train", "--report", *more]) == 2
    assert f"takes no {more[0]}" in capsys.readouterr().err


# Two processes as torchrun starts them, but quicker: see several.py. The second is late to read a checkpoint.
TOGETHER = """
import os, sys, time
sys.path.insert(0, "tests")
import several
from labclip_lib.alignment import fit as training, reports
from labclip_lib.embeddings import shards
from labclip_lib.__main__ import main
read = training._read
training._read = lambda path: (time.sleep(int(os.environ["RANK"])), read(path))[1]
for out in sys.argv[1:3]:
    def work():
        assert main(["train", "--out", out, *sys.argv[3:]]) == 0
    assert several.start(2, work) == [0, 0]
"""


def test_train_in_two_processes(embedding, root, monkeypatch, tmp_path, capsys):
    """It prints once, and the matrix is that of one process; also where a checkpoint has the whole fit already."""
    argv = ["--embeddings", str(embedding), "--device", "cpu", "--batch-size", "16", "--recipe", "paper"]
    argv += ["--epochs", "3"]
    alone, anew, finished = (tmp_path / f"{name}.safetensors" for name in ("alone", "anew", "finished"))
    assert main(["train", "--out", str(alone), *argv]) == 0
    said = capsys.readouterr().out.splitlines()
    with monkeypatch.context() as patch:
        patch.setattr(LABCLIP, "save", lambda *args: os.kill(os.getpid(), signal.SIGINT))
        assert main(["train", "--out", str(finished), *argv]) == 130
    done = subprocess.run(
        [sys.executable, "-uc", TOGETHER, anew, finished, *argv], cwd=root, capture_output=True, text=True, timeout=240
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines, want = done.stdout.splitlines(), LABCLIP.load(alone)
    assert lines[: len(said) - 1] == lines[len(said) : -1] == said[:-1]  # each said it once, and the same table
    for path, told in ((anew, lines[len(said) - 1]), (finished, lines[-1])):
        found = LABCLIP.load(path)
        assert told.endswith(f"The matrix is in {path}.") and "kept after epoch 3." in told
        assert torch.allclose(found.linear.weight, want.linear.weight, atol=1e-4)
        assert torch.allclose(found.t, want.t, atol=1e-5)
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors"} and "Traceback" not in done.stderr


# The rest


@pytest.mark.parametrize(("sound", "status"), [(True, 0), (False, 1)])
def test_doctor_s_verdict_is_the_exit_status(monkeypatch, sound, status):
    monkeypatch.setattr(commands, "doctor", lambda: sound)
    assert main(["doctor"]) == status


@pytest.mark.parametrize("argv", [[], ["fly"], ["pretrain", "--seed", "one"]])
def test_argparse_says_how_it_is_used(argv, capsys):
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2 and "usage: python -m labclip_lib" in capsys.readouterr().err


def test_help_lists_the_verbs(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert all(verb in out for verb in ("doctor", "pretrain", "embed", "train", "probe", "diagnose"))


def test_from_a_shell(root, tmp_path):
    """The whole way, in a process of its own: status 2, one sentence, no traceback."""
    argv = [sys.executable, "-m", "labclip_lib", "pretrain", "--binding", "2", "--out", str(tmp_path)]
    done = subprocess.run(argv, cwd=root, env=os.environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.strip().splitlines()[-1].endswith("got 2.0.") and "Traceback" not in done.stderr


# The benchmarks


def test_get_lists_what_is_there_and_what_is_missing(tmp_path, capsys):
    assert main(["get", "--data", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for part in ("pug_spare: 0 of 5 parts", "must not be used for generative AI", "about 16 GB", "get coco --data"):
        assert part in shown


def test_get_says_what_went_wrong(tmp_path, capsys):
    assert main(["get", "colla", "--data", str(tmp_path)]) == 2
    assert "did you mean 'cola'?" in capsys.readouterr().err
    assert main(["get", "clevr", "--data", str(tmp_path), "--yes"]) == 1  # by hand only


def test_get_takes_what_was_fetched_by_hand(tmp_path, capsys):
    (tmp_path / "output_2obj.csv").write_text("a.png,cube,red,sphere,blue\n")
    data = tmp_path / "data"
    main(["get", "clevr", "--data", str(data), "--from", str(tmp_path / "output_2obj.csv"), "--yes"])
    assert (data / "clevr" / "output_2obj.csv").read_text() == "a.png,cube,red,sphere,blue\n"


def test_reproduce_prints_tables_and_writes_a_report(tmp_path, tiny_checkpoint, capsys):
    root, out = write_small_toys(tmp_path / "toys"), tmp_path / "out"
    arguments = ["reproduce", "--table", "retrieval", "further", "--backbone", str(tiny_checkpoint)]
    assert main([*arguments, "--data", str(root), "--out", str(out), "--workers", "0", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "| text to image, recall@1 | LABCLIP, paper's recipe |" in shown and "coloured shapes" in shown
    assert "text to image" in (out / "report.html").read_text() and (out / "further.svg").is_file()


def test_reproduce_runs_in_one_process(tmp_path, monkeypatch, capsys):
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    assert main(["reproduce", "--out", str(tmp_path)]) == 2
    assert "one process, got 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["--table", "swaps"], "There is no table 'swaps'"),
        (["--labclip", "none.safetensors"], "There is no file none.safetensors"),
        (["--table", "sugarcrepe", "--data", "nowhere"], "get sugarcrepe"),
    ],
)
def test_reproduce_says_what_is_wrong_before_it_works(arguments, seen, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", *arguments]) == 2
    assert seen in capsys.readouterr().err and not (tmp_path / "runs" / "reproduce" / "toys").exists()
