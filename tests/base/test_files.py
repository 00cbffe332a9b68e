from pathlib import Path

import pytest

from labclip_lib.base.files import write_atomically


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
