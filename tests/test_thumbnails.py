"""The pictures of the chapters' cards."""

import base64
import io

import nbformat
import pytest
from PIL import Image


@pytest.fixture
def tool(load_tool, root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "tools"))
    return load_tool("thumbnails")


def run(path, name, size):
    """A notebook that has run, with one figure."""
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "png")
    cell = nbformat.v4.new_code_cell("plot()", metadata={"mystnb": {"figure": {"name": name}}})
    cell.outputs = [nbformat.v4.new_output("display_data", {"image/png": base64.b64encode(file.getvalue()).decode()})]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)


def test_a_picture_is_the_whole_figure_of_the_chapter(tool, tmp_path, monkeypatch):
    (tmp_path / "figures").mkdir()
    (tmp_path / "index.md").write_text("```{chapters}\n01_one:\n  says: One.\n  figure: fig-one\n  alt: One.\n```\n")
    run(tmp_path / "01_one.ipynb", "fig-one", (400, 100))
    monkeypatch.setattr(tool, "CHAPTERS", tmp_path)
    monkeypatch.setattr(tool, "picture", lambda stem: tmp_path / "figures" / f"{stem}.webp")
    tool.main(tmp_path)
    with Image.open(tmp_path / "figures" / "01_one.webp") as picture:
        assert picture.size == tool.SIZE and picture.getpixel((0, 135))[0] > 200 > picture.getpixel((0, 135))[1]


def test_a_figure_that_is_not_there(tool, tmp_path):
    run(tmp_path / "01_one.ipynb", "fig-one", (400, 100))
    for path, name in (("01_one.ipynb", "fig-two"), ("02_two.ipynb", "fig-one")):
        with pytest.raises(SystemExit, match=f"holds no figure {name}; build the book with `make book`"):
            tool.figure(tmp_path / path, name)
