import sys

import nbformat
import pytest


@pytest.fixture
def cells(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "tools"))
    import cells

    yield cells
    del sys.modules["cells"]


def notebook(path, *sources):
    """A notebook of these code cells behind a set-up cell."""
    made = [nbformat.v4.new_code_cell(source) for source in ("set_up()\n" * 50, *sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One"), *made]), path)


def test_blank_lines_and_the_set_up_cell_are_not_counted(cells, tmp_path):
    notebook(tmp_path / "a.ipynb", "a\n\nb\n  \n", "", "c\n" * 40)
    assert cells.lengths(tmp_path / "a.ipynb") == [2, 0, 40]


@pytest.mark.parametrize(
    ("sources", "fails"), [(["a\n" * 8] * 20, False), (["a\n" * 9] * 20, True), (["a\n"] * 9 + ["a\n" * 31], True)]
)
def test_long_cells_fail(cells, tmp_path, monkeypatch, sources, fails, capsys):
    notebook(tmp_path / "a.ipynb", *sources)
    monkeypatch.setattr(cells, "CHAPTERS", tmp_path)
    assert cells.main() == fails and "all chapters" in capsys.readouterr().out


def test_the_chapters_cells_are_for_reading(cells):
    assert not cells.main()
