import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys

import pytest
import torch
from embeddable import pairs

from labclip_lib.__main__ import main
from labclip_lib.alignment import reports
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.scene_task import binding_task, examine, examine_groups, fit_task
from labclip_lib.embeddings import shards
from labclip_lib.embeddings.shards import load_shards
from labclip_lib.measures import intervals
from labclip_lib.measures.markdown import as_rows
from labclip_lib.world.scenes import World

FEW = World(colors=("red", "yellow", "green", "blue"), shapes=("circle", "square", "star", "ring", "moon"))


def written(folder):
    """What lies in a folder, but for the lock."""
    return sorted(path for path in folder.iterdir() if ".lock" not in path.name)


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


def no_constant(name):
    pytest.fail(f"{name} is no JSON")


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_the_book_s_scenes(scenes, tiny, tiny_checkpoint, order, tmp_path, capsys):
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
    assert "epoch" in shown and {path.name for path in written(out.parent)} == {"my.safetensors"}
    task = binding_task(tiny, FEW, 2)  # what was printed is true of what was written
    for name, labclip in (("CLIP", None), ("LABCLIP", LABCLIP.load(out))):
        assert kept[name] == as_rows(examine(task, labclip, order) | examine_groups(task, labclip, order))


def test_options_are_taken(scenes, tiny, capsys):
    argv, out = scenes
    more = ["--mode", "SB", "--side", "image", "--rank", "3", "--epochs", "2", "--learning-rate", "0.01", "--seed", "5"]
    assert main([*argv, *more, "--chunk", "5", "--recipe", "paper", "--precision", "bfloat16"]) == 0
    how = {"mode": "SB", "side": "image", "rank": 3, "epochs": 2, "learning_rate": 0.01, "batch_size": 32, "seed": 5}
    want = fit_task(binding_task(tiny, FEW, 2), "fixed", **how, chunk=5, recipe="paper", precision="bfloat16")
    found = LABCLIP.load(out)
    assert found.side == "image" and torch.equal(found.linear.weight, want.linear.weight) and found.t == want.t
    assert "kept after epoch 2." in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["HNB", "SB"])
def test_embeddings(embeddings, embedding, mode, tmp_path, capsys):
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
    assert sorted(path.name for path in written(out.parent)) == ["my.safetensors", "table.json"]


def test_without_epochs_it_is_the_closed_form(embeddings, embedding, capsys):
    argv, out = embeddings
    assert main([*argv, "--epochs", "0"]) == 0
    assert "kept after epoch 0." in capsys.readouterr().out
    labclip = reports.train_on_tables(load_shards(embedding), epochs=0, batch_size=16)[0]
    assert len(labclip.history) == 1 and labclip.history[0]["strength"] is not None
    assert torch.equal(LABCLIP.load(out).linear.weight, labclip.linear.weight)
    assert [path.name for path in written(out.parent)] == ["my.safetensors"]


@pytest.fixture
def stopping(monkeypatch):
    """Fits that stop with an error in their third epoch from here on, as long as the block runs; gives their epochs."""

    @contextlib.contextmanager
    def stop(error=None):
        ran, sound = [], torch.save

        def save(state, file):  # the checkpoint of an epoch, and nothing else here
            ran.append(state["epoch"] - 1)
            if error is not None and len(ran) == 3:
                raise error
            sound(state, file)

        with monkeypatch.context() as patch:
            patch.setattr(torch, "save", save)
            yield ran

    return stop


@pytest.mark.parametrize("on", ["scenes", "embeddings"])
@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (OSError("The disk is gone."), 2)])
def test_interrupted_it_goes_on(request, stopping, on, error, status, tmp_path, capsys):
    argv, out = request.getfixturevalue(on)
    argv += ["--recipe", "paper", "--epochs", "5"]
    with stopping(error):
        assert main(argv) == status
    said, err = capsys.readouterr()
    assert said == "" and "Traceback" not in err and ("goes on" if status == 130 else "The disk is gone.") in err
    assert [path.name for path in written(out.parent) if path.is_file()] == ["my.checkpoint"]
    with stopping() as ran:
        assert main(argv) == 0
    assert ran == [2, 3, 4] and not out.with_suffix(".checkpoint").exists()
    whole = tmp_path / "whole.safetensors"
    with stopping() as ran:
        assert main([*argv, "--out", str(whole)]) == 0
    assert len(ran) == 5 and same(out, whole)


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (["--recipe", "papr"], "'papr'; choose from default, paper"),
        (["--json", "."], "--json names the folder .; name a file."),
        (["--batch-size", "1000"], "--batch-size must be between 2 and the 50 captions to train on, got 1,000"),
        (["--order", "fixed"], "--order is for the book's scenes"),
        (["--out", "my.pt"], "ends in .safetensors, got 'my.pt'"),
        (["--out", "/proc/labclip/my.safetensors"], "/proc/labclip"),
        (["--json", "/proc/labclip/table.json"], "/proc/labclip"),
        (["--embeddings", "nowhere"], "nowhere/manifest.json"),
        (["--rank", "17"], "--rank must be between 1 and 16, got 17"),
        (["--chunk", "0"], "--chunk must be 1 or more"),
        (["--learning-rate", "-1"], "--learning-rate must be above 0, got -1.0."),
        (["--precision", "half"], "'half'"),
        (["--device", "tpu"], "'tpu'"),
        (["--backbone", "pocke"], "not allowed with"),
        (["--report"], "--report is `python -m labclip_lib study comparison` now."),
        (["--report", "runs", "--epochs", "3"], "study comparison"),
        (["--dial"], "it takes no '--dial'"),
    ],
)
def test_mistakes_are_one_sentence(embeddings, more, seen, mistake, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert seen in mistake(*embeddings[0], "--epochs", "1", *more)
    assert not list(tmp_path.iterdir())


def test_negatives_that_are_not_there(tiny, tmp_path, mistake):
    source = pairs(tmp_path / "in", 60, 0)[0]
    out = shards.embed_source(tiny, source, tmp_path / "out", workers=0, progress=False)
    said = mistake("train", "--embeddings", str(out), "--out", str(tmp_path / "my.safetensors"), "--device", "cpu")
    assert "--mode 'HNB' needs negatives; pass some, or --mode 'SB'." in said


def test_a_folder_of_images_alone(pictured, embeddings, mistake):
    argv, out = pictured
    assert main(argv) == 0
    assert "images with captions" in mistake(*embeddings[0], "--embeddings", str(out))


def test_a_folder_that_embed_did_not_make(embeddings, tables, mistake):
    assert "manifest.json" in mistake(*embeddings[0], "--embeddings", str(tables))


def test_a_backbone_that_there_is_not(scenes, mistake):
    assert "did you mean 'pocket'?" in mistake(*scenes[0], "--backbone", "pocke")


def test_checkpoint_of_other_settings(embeddings, stopping, mistake):
    argv, out = embeddings
    argv += ["--recipe", "paper", "--epochs", "5"]
    with stopping(KeyboardInterrupt()):
        main(argv)
    before = out.with_suffix(".checkpoint").read_bytes()
    said = mistake(*argv, "--seed", "1")
    assert "my.checkpoint" in said and "other settings" in said
    assert out.with_suffix(".checkpoint").read_bytes() == before and not out.exists()
    assert main(argv) == 0


# Two processes as torchrun starts them, but quicker: see several.py. The second is late to read a checkpoint.
TOGETHER = """
import os, sys, time
sys.path.insert(0, "tests")
import several
from labclip_lib.alignment import fit as training, reports
from labclip_lib.embeddings import shards
from labclip_lib.__main__ import main
read = training.read_checkpoint
training.read_checkpoint = lambda *args: (time.sleep(int(os.environ["RANK"])), read(*args))[1]
for out in sys.argv[1:3]:
    def work():
        assert main(["train", "--out", out, *sys.argv[3:]]) == 0
    assert several.start(2, work) == [0, 0]
"""


def test_two_processes(embedding, root, monkeypatch, tmp_path, capsys):
    """It prints once, and the matrix is that of one process; also where a checkpoint has the whole fit already."""
    argv = ["--embeddings", str(embedding), "--device", "cpu", "--batch-size", "16", "--recipe", "paper"]
    argv += ["--epochs", "3"]
    alone, anew, finished = (tmp_path / f"{name}.safetensors" for name in ("alone", "anew", "finished"))
    assert main(["train", "--out", str(alone), *argv]) == 0
    said = capsys.readouterr().out.splitlines()
    replace = os.replace

    def interrupted(part, path):
        if path == finished:
            signal.raise_signal(signal.SIGINT)
        replace(part, path)

    # Where the tests run in the background, an interrupt is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        assert main(["train", "--out", str(finished), *argv]) == 130
    signal.signal(signal.SIGINT, before)
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
    assert {path.suffix for path in written(tmp_path)} == {".safetensors"} and "Traceback" not in done.stderr
