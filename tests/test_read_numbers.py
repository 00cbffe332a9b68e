"""The build reads each interval of a sentence beside the tables of its section."""

import json
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module")
def read_numbers(load_tool):
    return load_tool("read_numbers")


def prose(text):
    return {"cell_type": "markdown", "source": [text]}


def shows(text, kind="text/markdown"):
    return {"cell_type": "code", "outputs": [{"metadata": {}, "data": {kind: [text]}}]}


TABLE = shows("| | accuracy |\n|---|---|\n| swap_att | 0.058 (0.022 to 0.095) |\n")
SENTENCE = prose("They are ahead, {glue:text}`ch9_ahead`.")


@pytest.mark.parametrize(
    ("cited", "alike"),
    [
        ("+5.8 points (+2.2 to +9.5)", True),
        ("+5.8 points (+2.2 to +9.4)", False),
        ("0.06 (0.02 to 0.10)", True),  # 0.095 is rounded itself
        ("0.06 (0.02 to 0.09)", True),
        ("6 % (2 to 10)", True),
        ("0.057, 95 % interval 0.022 to 0.095", False),
        ("0.31 (0.28 to 0.35)", True),  # another measurement
        ("0.058", True),
        ("red", True),
    ],
)
def test_a_sentence_that_is_nearly_its_table(read_numbers, cited, alike):
    found = list(read_numbers.disagreements([prose("## A"), TABLE, SENTENCE], {"ch9_ahead": cited}))
    assert found == ([] if alike else [("ch9_ahead", cited, "0.058 (0.022 to 0.095)")])


def test_what_is_printed_counts_and_what_another_section_shows_does_not(read_numbers):
    printed = {"cell_type": "code", "outputs": [{"output_type": "stream", "text": ["ahead: 0.058 (0.022 to 0.095)\n"]}]}
    glued = {"ch9_ahead": "0.058 (0.022 to 0.094)"}
    assert len(list(read_numbers.disagreements([printed, SENTENCE], glued))) == 1
    assert not list(read_numbers.disagreements([printed, prose("## B"), SENTENCE], glued))


def test_the_build_warns(read_numbers, tmp_path, monkeypatch):
    run = tmp_path / "jupyter_execute" / "chapters"
    run.mkdir(parents=True)
    (run / "09_new.ipynb").write_text(json.dumps({"cells": [TABLE, SENTENCE]}))
    glued = {"data": {"text/plain": "'+5.8 points (+2.2 to +9.4)'"}}
    (run / "09_new.glue.json").write_text(json.dumps({"ch9_ahead": glued}))
    warned = []
    monkeypatch.setattr(
        read_numbers.LOGGER, "warning", lambda text, *args, location: warned.append((text % args, location))
    )
    pages = SimpleNamespace(found_docs={"chapters/09_new", "chapters/index"})
    read_numbers.read(SimpleNamespace(outdir=tmp_path / "html"), pages)
    ((text, location),) = warned
    assert "ch9_ahead" in text and "+9.4" in text and "0.095" in text and location == "chapters/09_new"
