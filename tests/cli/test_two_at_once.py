"""Two jobs on one folder, started while a third holds its lock: both say that they wait, and then they work in turn."""

import contextlib
import csv
import json
import os
import subprocess
import sys
import time

import pytest
from embeddable import pairs
from graded import course, graded, hand_in

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.benchmarks.formats import cola
from labclip_lib.embeddings.shards import embed_source

STUDY = """
import sys
from labclip_lib.models.recipes import Recipe
from labclip_lib.studies.binding_share import train_series
recipe = Recipe(steps=2, batch_size=8, warmup=1, config=sys.argv[2])
runs = {name: ({"name": name}, recipe) for name in "ab"}
train_series(sys.argv[1], recipe, runs, lambda backbone, world: {"is": backbone.name}, "cpu", progress=False)
"""


@pytest.fixture
def train(tiny, tmp_path):
    embedded = embed_source(tiny, pairs(tmp_path / "in", 60)[0], tmp_path / "in", workers=0, progress=False)
    matrix = tmp_path / "out" / "my.safetensors"
    argv = ["train", "--embeddings", embedded, "--out", matrix, "--device", "cpu", "--batch-size", "16"]

    def check(shown):
        assert LABCLIP.load(matrix).linear.weight.shape == (16, 16)
        assert [f"The matrix is in {matrix}." in one for one in shown] == [True, True]
        assert {path.name for path in matrix.parent.iterdir()} == {".my.safetensors.lock", "my.safetensors"}

    return ["-m", "labclip_lib", *argv], matrix.parent, ".my.safetensors.lock", check


@pytest.fixture
def reproduce(tiny_checkpoint, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    cola.write_toy(data, n=12)
    argv = ["reproduce", "--table", "further", "--backbone", tiny_checkpoint, "--data", data, "--out", out]

    def check(shown):
        first, second = (one.split("# The papers' tables")[1] for one in shown)
        assert first == second and (out / "report.html").read_text().endswith("</html>\n")
        assert "| COLA, all four | CLIP |" in (out / "report.md").read_text()

    return ["-m", "labclip_lib", *argv, "--workers", "0", "--device", "cpu"], out, ".lock", check


@pytest.fixture
def report(tmp_path):
    toy = course(tmp_path)
    hand_in(toy, "ada", **graded(10, 0, 4))

    def check(shown):
        assert shown == [f"{toy.root / 'report' / 'A.html'}\n"] * 2
        rows = list(csv.DictReader((toy.root / "marks" / "A.csv").open()))
        assert [(row["id"], row["score"]) for row in rows] == [("ada", "14"), ("bob", ""), ("cy", "")]
        assert "<!-- made from" in (toy.root / "feedback" / "ada" / "A" / "A.html").read_text()

    argv = ["course", "report", "A", "--course", toy.root]
    return ["-m", "labclip_lib", *argv], toy.root / "report", ".lock", check


@pytest.fixture
def study(tiny_recipe, tmp_path):
    table = tmp_path / "out" / "mine.json"

    def check(shown):
        rows = json.loads(table.read_text())["rows"]
        assert [(row["name"], row["step"]) for row in rows] == [(name, step) for name in "ab" for step in (0, 1, 2)]
        assert {path.name for path in table.parent.iterdir()} == {".lock", "a.json", "b.json", "mine.json"}

    return ["-c", STUDY, table, tiny_recipe.config], table.parent, ".lock", check


@pytest.mark.parametrize("work", ["train", "reproduce", "course report", "study"])
def test_two_at_once(work, request, root, tmp_path):
    command, folder, lock, check = request.getfixturevalue(work.split()[-1])
    waits = f"Another `{work}` is at work in {folder}; waiting for it.\n"
    said = [tmp_path / "first", tmp_path / "second"]
    with contextlib.ExitStack() as stack:
        errors = [stack.enter_context(path.open("w")) for path in said]
        with one_at_a_time(folder, work, lock):
            jobs = [
                subprocess.Popen(
                    [sys.executable, *map(str, command)], stdout=subprocess.PIPE, stderr=error, text=True,
                    env=os.environ | {"PYTHONPATH": str(root)},
                )
                for error in errors
            ]  # fmt: skip
            while not all(waits in path.read_text() for path in said):
                assert [job.poll() for job in jobs] == [None, None], [path.read_text() for path in said]
                time.sleep(0.05)
        shown = [job.communicate(timeout=120)[0] for job in jobs]
    errors = [path.read_text() for path in said]
    assert [job.returncode for job in jobs] == [0, 0] and all(waits in error for error in errors), errors
    check(shown)
    assert {path.name for path in folder.rglob(".*")} == {lock}  # no half of a file is left
