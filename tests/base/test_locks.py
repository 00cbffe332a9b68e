import contextlib
import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from labclip_lib.base.locks import one_at_a_time

# Notes when it is alone and when it leaves, and stays for some seconds in between.
WORK = """
import sys, time
from labclip_lib.base.locks import one_at_a_time
folder, notes, name, seconds = sys.argv[1:]
with one_at_a_time(folder, "embed"):
    print(name, "in", file=open(notes, "a"))
    time.sleep(float(seconds))
    print(name, "out", file=open(notes, "a"))
"""


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes"
    path.touch()
    return path


def start(folder, notes, name, seconds, **environment):
    command = [sys.executable, "-c", WORK, folder, notes, name, str(seconds)]
    return subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.PIPE, text=True)


def until(path, text):
    end = time.monotonic() + 30
    while text not in path.read_text():
        assert time.monotonic() < end, path.read_text()
        time.sleep(0.02)


def test_the_second_says_so_and_waits(tmp_path, notes):
    first = start(tmp_path / "out", notes, "a", 1)
    until(notes, "a in")
    second = start(tmp_path / "out", notes, "b", 0)
    assert [process.communicate()[1] for process in (first, second)] == [
        "",
        f"Another `embed` is at work in {tmp_path / 'out'}; waiting for it.\n",
    ]
    assert (first.returncode, second.returncode) == (0, 0)
    assert notes.read_text().splitlines() == ["a in", "a out", "b in", "b out"]


def test_a_killed_process_keeps_nothing(tmp_path, notes):
    first = start(tmp_path, notes, "a", 60)
    until(notes, "a in")
    first.kill()
    assert first.wait() == -signal.SIGKILL
    second = start(tmp_path, notes, "b", 0)
    assert (second.communicate()[1], second.returncode) == ("", 0)
    assert notes.read_text().splitlines() == ["a in", "b in", "b out"]


def test_an_error_gives_the_lock_back(tmp_path, notes):
    with pytest.raises(KeyError), one_at_a_time(tmp_path, "embed"):
        raise KeyError
    assert start(tmp_path, notes, "b", 0).communicate()[1] == ""


def test_a_refused_job_leaves_nothing(tmp_path):
    for folder in (tmp_path / "new" / "out", tmp_path):
        with pytest.raises(ValueError), one_at_a_time(folder, "embed"):
            raise ValueError
    with pytest.raises(ValueError), one_at_a_time(tmp_path / "out", "embed"):
        with contextlib.suppress(ValueError), one_at_a_time(tmp_path / "out", "embed"):
            raise ValueError
        assert (tmp_path / "out" / ".lock").exists()  # which the outer one still has
        raise ValueError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("new", [True, False], ids=["a new folder", "an old one"])
def test_a_refused_job_lets_one_in_at_a_time(tmp_path, notes, new):
    """It takes its lock file away while a second job waits; a third job still waits for the second."""
    folder = tmp_path / "out"
    if not new:
        folder.mkdir()
        (folder / "mine").touch()
    with pytest.raises(ValueError), one_at_a_time(folder, "embed"):
        second = start(folder, notes, "b", 2)
        assert "waiting for it" in second.stderr.readline()
        raise ValueError
    until(notes, "b in")
    third = start(folder, notes, "c", 0)
    assert "waiting for it" in third.stderr.readline()
    assert [process.wait(30) for process in (second, third)] == [0, 0]
    assert notes.read_text().splitlines() == ["b in", "b out", "c in", "c out"]


def test_a_lock_on_a_file_that_was_removed_is_taken_again(tmp_path, monkeypatch):
    """As an older filelock gives it, when a refused job removes the file in the instant before."""
    taken, acquire = [], FileLock.acquire

    def late(lock, *args, **how):
        out = acquire(lock, *args, **how)
        taken.append(lock)
        if len(taken) == 1:
            (tmp_path / ".lock").unlink()
        return out

    monkeypatch.setattr(FileLock, "acquire", late)
    with one_at_a_time(tmp_path, "embed"):
        assert len(taken) == 2 and (tmp_path / ".lock").exists()
    assert not taken[0].is_locked


def test_the_ranks_of_one_job_are_in_it_together_and_wait_for_the_first(tmp_path, notes):
    job = {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "a"}
    other = start(tmp_path, notes, "other", 1.5)
    until(notes, "other in")
    ranks = [start(tmp_path, notes, f"rank {rank}", 1, RANK=str(rank), MASTER_PORT="29501", **job) for rank in (1, 0)]
    assert [(process.communicate(timeout=60), process.returncode)[1] for process in (other, *ranks)] == [0, 0, 0]
    said = notes.read_text().splitlines()
    assert said[:2] == ["other in", "other out"]
    assert sorted(said[2:4]) == ["rank 0 in", "rank 1 in"] and sorted(said[4:]) == ["rank 0 out", "rank 1 out"]
    # A restart of the job waits for its own rank 0.
    late = start(tmp_path, notes, "late", 0, RANK="1", MASTER_PORT="29501", TORCHELASTIC_RESTART_COUNT="1", **job)
    with pytest.raises(subprocess.TimeoutExpired):
        late.wait(1)
    start(tmp_path, notes, "again", 0, RANK="0", MASTER_PORT="29501", TORCHELASTIC_RESTART_COUNT="1", **job).wait()
    assert (late.communicate(timeout=60)[1], late.returncode) == ("", 0)


@pytest.fixture
def late(monkeypatch):
    """This process is rank 1 of a job under torchrun, and each of its pauses takes a minute."""
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_PORT": "1", "TORCHELASTIC_RUN_ID": "late"}.items():
        monkeypatch.setenv(name, value)
    now = [0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def pauses(then):
        def sleep(seconds):
            now[0] += 60
            then(now[0])

        monkeypatch.setattr(time, "sleep", sleep)

    return pauses


@pytest.mark.parametrize("locks_work", [True, False])
def test_a_rank_that_comes_after_its_job_and_another(tmp_path, late, raises_saying, monkeypatch, locks_work):
    """It waits as long as the other job works, in which its rank 0 may be waiting too, and then ends."""
    (tmp_path / ".lock.job").write_text("another job")
    other, times = FileLock(tmp_path / ".lock"), [0]
    other.acquire()

    def pass_by(now):
        times.append(now)
        if now == 7200:
            other.release()

    def refuse(self, timeout=None):
        raise OSError(errno.ENOLCK, "No locks available")

    late(pass_by)
    if not locks_work:
        monkeypatch.setattr(FileLock, "acquire", refuse)
    says = "Rank 0 of this job is no longer at `embed`", str(tmp_path), "start the job again"
    with raises_saying(OSError, *says), one_at_a_time(tmp_path, "embed"):
        pytest.fail("it is alone")
    assert 7200 < times[-1] < 9000 if locks_work else times[-1] < 1000


def test_a_rank_whose_first_waits_for_another_job_waits_too(tmp_path, late):
    """Also when the lock happens to be free at a look."""
    job, other = tmp_path / ".lock.job", FileLock(tmp_path / ".lock")
    events = {1: other.acquire, 290: other.release, 420: other.acquire, 5000: lambda: job.write_text(" 1 late ")}

    def happen(now):
        for when in [when for when in events if when < now]:
            events.pop(when)()

    late(happen)
    with one_at_a_time(tmp_path, "embed"):
        assert not events
    other.release()


def test_whoever_has_it_may_ask_again(tmp_path, capsys):
    with one_at_a_time(tmp_path, "a"), one_at_a_time(tmp_path, "b"):
        pass
    assert capsys.readouterr() == ("", "")


def test_two_names_are_two_locks(tmp_path, notes):
    with one_at_a_time(tmp_path, "train", ".a.lock"):
        assert start(tmp_path, notes, "b", 0).communicate()[1] == ""


@pytest.mark.parametrize("error", [NotImplementedError(), OSError(errno.ENOLCK, "No locks available")])
def test_a_disk_without_locks(tmp_path, monkeypatch, capsys, error):
    def acquire(self, timeout=None):
        raise error

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with one_at_a_time(tmp_path, "embed"):
        pass
    assert capsys.readouterr().err == (
        f"The disk of {tmp_path} does not support locks; start no other `embed` there before this one has ended.\n"
    )


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, raises_saying):
    (tmp_path / "file").touch()
    with raises_saying(OSError, str(tmp_path / "file"), "choose another folder"), one_at_a_time(tmp_path / "file", "x"):
        pass

    def acquire(self, timeout=None):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with raises_saying(OSError, "Read-only file system", "choose another folder"), one_at_a_time(tmp_path, "embed"):
        pass
