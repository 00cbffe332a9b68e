"""When the build runs a notebook again."""

import pytest

from labclip_lib.base.published_files import PINNED


@pytest.fixture
def state(load_tool, tmp_path, monkeypatch):
    """The state of a library of one file, with an empty folder of published files."""
    module = load_tool("library_cache")
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path / "data"))
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "a.py").write_text("a = 1")
    return lambda: module.state(tmp_path / "library")


def test_the_same_state_twice(state):
    assert state() == state()


def test_a_change_of_the_library(state, tmp_path):
    before = state()
    (tmp_path / "library" / "a.py").write_text("a = 2")
    assert state() != before


def test_a_published_file_that_is_fetched_or_changes(state, tmp_path):
    """Else a page would go on showing kept numbers when the files are there."""
    before = state()
    path = tmp_path / "data" / next(iter(PINNED))
    path.parent.mkdir(parents=True)
    path.write_text("one")
    fetched = state()
    path.write_text("another")
    assert len({before, fetched, state()}) == 3
