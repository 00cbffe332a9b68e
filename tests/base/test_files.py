import errno
import json
import os
from pathlib import Path

import pytest

from labclip_lib.base.files import digest, disk_errors, write_atomically, write_json, write_text


def test_others_may_read_what_was_written(tmp_path):
    """A cache or a checkpoint is often shared; a temporary file's private mode must not stick to it."""
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "kept", lambda part: Path(part).write_text("new"))
    assert (tmp_path / "kept").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_write_that_fails_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "kept"
    path.write_text("old")

    def write(part):
        Path(part).write_text("half of the new")
        raise error

    with pytest.raises(error):
        write_atomically(path, write)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_is_written_is_read_again(tmp_path):
    write_json(tmp_path / "a.json", {"é": [1, 0.1]})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"é": [1, 0.1]}
    write_text(str(tmp_path / "a.txt"), "é\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "é\r\n".encode()


def test_a_digest_knows_where_its_pieces_end():
    pieces = [("ab", "c"), ("a", "bc"), ("abc",), (b"ab", b"c"), (b"a", b"bc"), ("c", "ab"), (1, None), (None, 1)]
    assert len({digest(*some) for some in pieces}) == len(pieces)
    assert digest("a", b"b", (1, 2)) == digest("a", b"b", (1, 2))


@pytest.mark.parametrize(
    ("number", "parts"),
    [
        (errno.ENOSPC, ["The disk of 'out' is full", "run the same again"]),
        (errno.EDQUOT, ["The disk of 'out' is full", "run the same again"]),
        (errno.EROFS, ["Cannot write to 'out' (Read-only file system)", "choose another folder"]),
    ],
)
def test_what_a_disk_says_is_one_sentence(number, parts, raises_saying):
    with raises_saying(OSError, *parts), disk_errors(Path("out")):
        raise OSError(number, os.strerror(number))


def test_a_sentence_stays_as_it_is(raises_saying):
    with raises_saying(OSError, "This needs 3 GB; make room."), disk_errors("out"):
        raise OSError("This needs 3 GB; make room.")
