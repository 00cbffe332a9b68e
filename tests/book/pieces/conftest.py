"""The page of a piece that a module gives as its fixture `piece`, as a reader has it."""

import pytest
from piece_page import write_page


@pytest.fixture(scope="module")
def page(piece, tmp_path_factory):
    """Where the page is, and the selector of its panel."""
    path, (root,) = write_page(tmp_path_factory.mktemp("page") / "page.html", piece)
    return path, root


@pytest.fixture
def reader(browser, page):
    """A browser that has just opened the page; the page may not complain whatever the reader does."""
    browser.open(page[0])
    yield browser
    assert browser.complaints() == []


@pytest.fixture
def root(page):
    return page[1]
