import subprocess
import sys
import time

import pytest

from labclip_lib.base.progress import track


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by hand, in seconds."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_file_gets_a_line_now_and_then_and_the_last(clock, capsys):
    with track(total=100, desc="fitting", unit="step") as bar:
        for _ in range(100):
            clock[0] += 1
            bar.update()
            bar.set_postfix(loss="0.12")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("|")[0] for line in lines] == [f"fitting: {n:3d}%" for n in (30, 60, 90, 100)]
    assert "100/100" in lines[-1] and "loss=0.12" in lines[-1]


def test_what_was_interrupted_says_how_far_it_came(clock, capsys):
    with pytest.raises(KeyboardInterrupt), track(total=9) as bar:
        bar.update(4)
        raise KeyboardInterrupt
    assert "4/9" in capsys.readouterr().err


def test_nothing_is_said_where_nothing_shall_be_or_nothing_is_to_do(clock, capsys):
    for _ in track(range(9), shows=False):
        clock[0] += 60
    assert list(track([])) == []
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar_that_moves(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(track(range(3))) == [0, 1, 2]
    err = capsys.readouterr().err
    assert err.count("\r") >= 2 and "3/3" in err


EMBEDDING = """
from labclip_lib import World, embed_images, load_backbone
embed_images(load_backbone("pocket", "cpu"), World().sample(600), progress=True)
"""


def test_the_log_of_a_run_is_made_of_lines(tmp_path, root):
    with (tmp_path / "log").open("w") as file:
        subprocess.run([sys.executable, "-c", EMBEDDING], cwd=root, stderr=file, check=True, timeout=120)
    log = (tmp_path / "log").read_text()
    assert "\r" not in log and log.count("\n") == 1 and "3/3" in log


def test_what_is_over_before_its_delay_says_nothing(capsys):
    list(track(range(3), desc="short", delay=60))
    assert "short" not in capsys.readouterr().err
