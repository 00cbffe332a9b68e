import os

import pytest

from labclip_lib.base.folders import LeftOut, ending, files_below, is_hidden


@pytest.mark.parametrize(
    "name", [".a.png", "._a.png", ".thumbnails/a.png", "a/__MACOSX/b.png", "@eaDir/a", "THUMBS.DB", "b/desktop.ini"]
)
def test_what_is_hidden(name):
    assert is_hidden(name)


@pytest.mark.parametrize("name", ["a.png", "./a.png", "../a.png", "a.b/c", "thumbs/a.db", "macosx/a.png", ""])
def test_what_is_not(name):
    assert not is_hidden(name)


def test_linked_folders_are_searched_once_and_never_in_a_circle(tmp_path):
    for name in ("a/1", "a/b/2", "other/3"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "4").touch()
    links = {"in/a/up": "in", "in/0-b": "in/a/b", "in/far": "far", "in/far2": "far", "in/above": "", "in/5": "far/4"}
    for link, target in links.items():
        os.symlink(tmp_path / target, tmp_path / link)
    os.symlink(tmp_path / "gone", tmp_path / "in" / "broken")
    left_out = LeftOut()
    found = files_below(tmp_path / "in", left_out)
    assert list(found) == ["5", "a/1", "a/b/2", "far/4", "other/3"]
    assert all(path.is_file() for path in found.values())
    assert {reason: count for reason, (count, _) in left_out.items()} == {
        "folders linked in a circle or twice": 4, "broken links or no files": 1,
    }  # fmt: skip


def test_what_was_left_out_in_one_line():
    left_out = LeftOut()
    for name in ("b/a.TXT", "c.txt", "README"):
        left_out.add(ending(name), name)
    assert str(left_out) == "2 .txt (first 'b/a.TXT'), 1 without an ending (first 'README')" and not str(LeftOut())
