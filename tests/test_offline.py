"""The book to take along."""

import zipfile

import pytest
from browser import CHROMIUM


@pytest.fixture
def offline(load_tool):
    return load_tool("offline")


@pytest.fixture
def book(tmp_path):
    """A book of one chapter, built, and the folder of its notebook."""
    pages, sources = tmp_path / "html" / "chapters", tmp_path / "sources"
    for folder in (pages, sources):
        folder.mkdir(parents=True)
    (pages / "01_one.html").write_text("<!doctype html><p>A red circle.</p>", "utf-8")
    (sources / "01_one.ipynb").write_text("{}")
    return tmp_path / "html", sources


def test_one_zip_holds_the_site(offline, book, monkeypatch, capsys):
    monkeypatch.setattr(offline, "CHROMIUM", None)
    for _ in range(2):  # the second time, what was made before is not packed
        (path,) = offline.make_offline(*book)
        with zipfile.ZipFile(path) as packed:
            assert packed.namelist() == ["clip-and-the-binding-problem/chapters/01_one.html"]
    assert path.name == "book.zip" and "no Chromium" in capsys.readouterr().out


def test_a_book_that_is_not_built(offline, book):
    (book[1] / "02_two.ipynb").write_text("{}")
    with pytest.raises(SystemExit, match=r"02_two\.html; build the book with `make book`"):
        offline.make_offline(*book)


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
def test_each_chapter_is_printed(offline, book):
    _, printed = offline.make_offline(*book)
    assert printed.name == "01_one.pdf" and printed.read_bytes().startswith(b"%PDF")
