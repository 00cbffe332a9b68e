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


def test_the_chapters_cells_are_for_reading(root):
    assert not runpy.run_path(str(root / "tools" / "cells.py"))["main"]()
