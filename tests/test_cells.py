import runpy
import shutil

import nbformat
import pytest


@pytest.fixture
def cells(root, tmp_path):
    """The tool in a book of its own, whose chapters are empty: its names, and where they are."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "chapters").mkdir()
    return runpy.run_path(shutil.copy(root / "tools" / "cells.py", tmp_path / "tools")), tmp_path / "chapters"


def notebook(path, *sources):
    """A notebook of these code cells behind a set-up cell."""
    made = [nbformat.v4.new_code_cell(source) for source in ("set_up()\n" * 50, *sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One"), *made]), path)


def test_blank_lines_and_the_set_up_cell_are_not_counted(cells):
    tool, chapters = cells
    notebook(chapters / "a.ipynb", "a\n\nb\n  \n", "", "c\n" * 40)
    assert tool["lengths"](chapters / "a.ipynb") == [2, 0, 40]


@pytest.mark.parametrize(
    ("sources", "fails"), [(["a\n" * 8] * 20, False), (["a\n" * 9] * 20, True), (["a\n"] * 9 + ["a\n" * 31], True)]
)
def test_long_cells_fail(cells, sources, fails, capsys):
    tool, chapters = cells
    notebook(chapters / "a.ipynb", *sources)
    assert tool["main"]() == fails and "all chapters" in capsys.readouterr().out


def page(path, *cells):
    """A notebook of (source, tags, metadata) cells, Markdown where the source begins with a mark of it."""
    made = []
    for source, tags, more in cells:
        new = nbformat.v4.new_markdown_cell if source[0] in "#:*" else nbformat.v4.new_code_cell
        made.append(new(source, metadata={"tags": tags, **more}))
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)


SEEN = [
    ("# Five words of {term}`prose` here\n:::{admonition} Not\n:class: not\n:::", [], {}),
    ("*Of the notebook alone.*", ["remove-cell"], {}),
    ("a = 1\n\nb = 2", [], {}),
    ("hidden = 1", ["hide-input"], {"mystnb": {"figure": {"caption": "A figure."}}}),
    ('predict_number("a", "b")', ["remove-input"], {}),
    (":::{figure} a.png\n:alt: no word\n:::", [], {}),
    (":::{exercise-start} Not\n:::", [], {}),
    ("stub = 1", ["exercise-stub"], {}),
    (":::{exercise-end}\n:::\n:::{solution-start} x\n:class: dropdown\n:::\nFolded words.", [], {}),
    ("solution = 1", ["exercise-solution"], {}),
    (":::{solution-end}\n:::\n[Two words](more.md), $x$.", [], {}),
    ('quiz([("One?", []), ("Two?", [])])', ["remove-input"], {}),
]


def test_minutes_are_of_what_a_reader_of_the_page_meets(cells):
    tool, chapters = cells
    page(chapters / "a.ipynb", *SEEN)
    counted = {"words": 8, "lines": 3, "figures": 2, "predictions": 1, "exercises": 1, "questions": 2}
    assert tool["counts"](chapters / "a.ipynb") == counted
    assert tool["minutes"](chapters / "a.ipynb") == pytest.approx(8 / 130 + 3 * 4 / 60 + 2 + 1 + 5 + 1)


def test_a_chapter_longer_than_its_session_fails(cells, capsys):
    tool, chapters = cells
    name, most = next(iter(tool["SESSIONS"].items()))
    for words, fails in ((0.99, False), (1.01, True)):
        prose = "# " + "word " * int(130 * most * words)
        page(chapters / f"{name}.ipynb", (prose, [], {}), ("set_up()", ["hide-input"], {}), ("a", [], {}))
        assert tool["main"]() == fails
        assert (f"{name} takes a reader more than {most} minutes" in capsys.readouterr().out) == fails


def test_the_chapters_cells_are_for_reading(root):
    assert not runpy.run_path(str(root / "tools" / "cells.py"))["main"]()
