"""What a page shows where the published files are not at hand."""

import json
import re
import subprocess

import nbformat
import numpy as np
import pytest
import torch

from labclip_lib.base.published_files import PINNED
from labclip_lib.benchmarks.hard_negatives import SUBSETS, load_hard_negatives
from labclip_lib.book.exercises import CheckFailed
from labclip_lib.kept import kept, needed, origin, results
from labclip_lib.measures.intervals import Estimate

NAMES = sorted(path.stem for path in results.FOLDER.glob("*.json"))
ASKED = re.compile(r"kept\(\s*\"(\w+)\"")


@pytest.fixture
def room(tmp_path, monkeypatch):
    """An empty folder of kept results, and one of published files with a single one in it: pins, and its path."""
    monkeypatch.setattr(results, "FOLDER", tmp_path / "kept")
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("LABCLIP_KEPT", raising=False)
    file = tmp_path / "data" / "toy" / "a.csv"
    for folder in (file.parent, tmp_path / "kept"):
        folder.mkdir(parents=True)
    file.write_text("1")
    digest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    monkeypatch.setitem(PINNED, "toy/a.csv", digest)
    return file


@pytest.fixture
def remake(monkeypatch):
    """Keep a value under a name, as `make kept` does."""

    def run(name, value, **how):
        monkeypatch.setenv("LABCLIP_KEPT", "remake")
        kept(name, lambda: value, ["toy"], **how)
        monkeypatch.delenv("LABCLIP_KEPT")

    return run


def edit(name, old, new):
    """Change a kept value, and its seal, as somebody would who wants to be believed."""
    path = results.FOLDER / f"{name}.json"
    content = json.loads(path.read_text())
    assert repr(old) in json.dumps(content["value"])
    content["value"] = json.loads(json.dumps(content["value"]).replace(repr(old), repr(new)))
    content["sha256"] = results._digest(content["value"])
    path.write_text(json.dumps(content))


VALUE = {
    "share": 0.123456, "of": np.float64(1 / 3), "items": 77, "names": ["a", "b"], "row": np.array([0.5, 0.25]),
    "table": torch.tensor([[1.0, 2.0]]), "estimate": Estimate(0.51239, 0.4, 0.6), "yes": True, "tuple": (1, 2.5),
}  # fmt: skip
BACK = {
    "share": 0.1235, "of": 0.3333, "items": 77, "names": ["a", "b"], "row": [0.5, 0.25], "table": [[1.0, 2.0]],
    "estimate": Estimate(0.5124, 0.4, 0.6), "yes": True, "tuple": [1, 2.5],
}  # fmt: skip


def test_live_and_kept_are_the_same(room, remake):
    remake("mine", VALUE)
    live = kept("mine", lambda: VALUE, ["toy/a.csv"])
    room.unlink()
    elsewhere = kept("mine", lambda: pytest.fail("was computed"), ["toy"])
    assert live == elsewhere == BACK
    assert isinstance(elsewhere["estimate"], Estimate) and str(elsewhere["estimate"]) == "0.512 (0.400 to 0.600)"


def test_a_kept_file_says_where_it_is_from(room, remake):
    remake("mine", 0.5)
    content = json.loads((results.FOLDER / "mine.json").read_text())
    assert content["made_by"] == "make kept" and re.fullmatch(r"20\d\d-\d\d-\d\d", content["date"])
    assert content["files"] == {"toy/a.csv": PINNED["toy/a.csv"]} and content["library"] and content["digits"] == 4


def test_made_again_without_a_change_it_keeps_its_date(room, remake):
    remake("mine", [0.5, 1])
    path = results.FOLDER / "mine.json"
    old = path.read_text().replace(json.loads(path.read_text())["date"], "2020-02-02")
    path.write_text(old)
    remake("mine", [0.5, 1])
    assert path.read_text() == old
    remake("mine", [0.6, 1])
    assert json.loads(path.read_text())["value"] == [0.6, 1] and "2020" not in path.read_text()


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [(0.1235, 0.1236, "mine / share"), (77, 78, "mine / items"), (2.5, 2.6, "mine / tuple / 1"),
     (0.5124, 0.5123, "mine / estimate / mean")],
)  # fmt: skip
def test_one_digit_changed_is_named(room, remake, raises_saying, old, new, where):
    remake("mine", VALUE)
    edit("mine", old, new)
    with raises_saying(results.KeptFailed, f"{where} is kept as {new!r}, and computed now as", "`make kept` keeps it"):
        kept("mine", lambda: VALUE, ["toy"])


def test_another_shape_is_named(room, remake, raises_saying):
    remake("mine", {"a": [1, 2]})
    with raises_saying(results.KeptFailed, "mine / a is kept as 2 entries, and computed now as 3 entries"):
        kept("mine", lambda: {"a": [1, 2, 3]}, ["toy"])


def test_a_number_between_two_digits_may_be_rounded_either_way(room, remake):
    remake("mine", 0.12345)
    assert kept("mine", lambda: 0.12345 - 1e-9, ["toy"]) == pytest.approx(0.1234, abs=2e-4)
    assert kept("mine", lambda: 0.12345 + 1e-9, ["toy"]) == pytest.approx(0.1235, abs=2e-4)


def test_changed_by_hand_is_noticed_without_the_files(room, remake, raises_saying):
    remake("mine", 0.5)
    path = results.FOLDER / "mine.json"
    path.write_text(path.read_text().replace("0.5", "0.6"))
    room.unlink()
    with raises_saying(results.KeptFailed, "'mine' was changed by hand"):
        kept("mine", lambda: 0.5, ["toy"])


def test_a_byte_changed_in_a_published_file_is_named(room, remake, raises_saying):
    remake("mine", 0.5)
    room.write_text("2")
    with raises_saying(ValueError, str(room), "wrong checksum"):
        kept("mine", lambda: 0.5, ["toy"])


def test_nothing_is_kept_yet(room, raises_saying):
    for there in (True, False):
        with raises_saying(results.KeptFailed, "There is no kept result 'mine'", "`make kept`"):
            kept("mine", lambda: 0.5, ["toy"])
        if there:
            room.unlink()


def test_remaking_needs_the_files(room, remake, raises_saying):
    room.unlink()
    with raises_saying(ValueError, "'mine' is made of toy", "python -m labclip_lib get texts"):
        remake("mine", 0.5)


@pytest.mark.parametrize(
    ("value", "says"),
    [(float("nan"), "mine is nan"), ({"a": [0.1, float("inf")]}, "mine / a / 1 is inf"), (object(), "is a object"),
     ({1: 2}, "has the key 1"), (None, "is a NoneType")],
)  # fmt: skip
def test_what_cannot_be_kept(room, remake, raises_saying, value, says):
    with raises_saying(ValueError, says):
        remake("mine", value)


def test_a_file_that_nobody_publishes(room, raises_saying):
    with raises_saying(ValueError, "'none/at/all'"):
        kept("mine", lambda: 0.5, ["none/at/all"])


def test_the_line_at_the_top_of_a_section(room, remake):
    remake("mine", 0.5)
    assert "computed by this run" in origin(["toy"]).data
    room.unlink()
    line = origin(["toy"]).data
    assert "Kept numbers" in line and "`python -m labclip_lib get texts`" in line and "\n" not in line
    assert json.loads((results.FOLDER / "mine.json").read_text())["date"] in line


def test_a_failure_is_one_line_in_a_notebook():
    assert issubclass(results.KeptFailed, CheckFailed)
    assert results.KeptFailed("Say this.")._render_traceback_() == ["Say this."]


# What the book keeps


@pytest.mark.parametrize("name", NAMES)
def test_kept_as_it_was_written_and_of_the_pinned_files(name):
    content = results.read(name)
    assert content["files"] == {file: PINNED[file] for file in content["files"]}, "`make kept` makes it anew"
    assert content["made_by"] == "make kept" and content["files"]


@pytest.mark.parametrize("name", NAMES)
def test_kept_values_are_numbers_and_short_words(name):
    """No sentence of anybody's: words are names, of six words at most."""
    stack = [results.read(name)["value"]]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack += [*value, *value.values()]
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, str):
            assert len(value.split()) <= 6, value


def test_each_is_asked_for_by_a_chapter_and_kept(root):
    asked = set()
    for path in (root / "chapters").glob("*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "code":
                asked |= set(ASKED.findall(cell.source))
    assert asked == set(NAMES)


def test_the_real_files_are_whole(real_data):
    """A byte that changed in any of them is told here, by its path."""
    for file in PINNED:
        if (real_data / file).is_file():
            assert needed([file]) == [file] and results.at_hand(file), file


def test_no_sentence_of_a_benchmark_is_in_the_book(real_data, root):
    """No caption, negative or paraphrase of five words or more, however it is spelt and broken into lines."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files"], capture_output=True, text=True, check=True).stdout
    files = [root / name for name in listed.splitlines() if not name.endswith((".safetensors", ".png", ".csv"))]
    book = []
    for path in files:
        book += [*re.findall(r"\w+", path.read_text(encoding="utf-8", errors="replace").lower()), "\0"]
    by_length = {}
    for name in SUBSETS:
        for text in {text for column in load_hard_negatives(name)[:3] for text in column or ()}:
            words = tuple(re.findall(r"\w+", text.lower()))
            by_length.setdefault(len(words), {})[words] = name
    for length, sentences in by_length.items():
        if length >= 5:
            for words in zip(*(book[start:] for start in range(length)), strict=False):
                assert words not in sentences, f"{sentences[words]}: {' '.join(words)}"
