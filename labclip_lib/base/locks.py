"""One job at a time in a folder, so that two that are started together do not spoil each other's files."""

import contextlib
import errno
import os
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from labclip_lib.base.files import disk_errors, write_text

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# What tells a job of several processes, and a restart of it, from any other.
JOB = ("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT")


@contextlib.contextmanager
def one_at_a_time(folder, work, name=".lock"):
    """Keep a folder to oneself for as long as the block runs; whoever comes second says so on stderr, and waits.

    folder: made, if it is not there. work: what both call themselves, such as "embed". name: of the lock's file, where
    several things in one folder have a lock each. The system takes a lock back when its process ends, in whatever way.
    Under torchrun rank 0 holds the lock, and the other ranks wait until it does. Raises OSError, in one sentence, where
    the folder cannot be written to. On a disk that knows no locks the block runs unguarded, after a sentence on stderr.
    """
    folder = Path(folder)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    holder = folder / f"{name}.job"
    job = " ".join(os.environ.get(variable, "") for variable in JOB)
    if int(os.environ.get("RANK", 0)):
        while "TORCHELASTIC_RUN_ID" in os.environ and not (holder.is_file() and holder.read_text() == job):
            time.sleep(0.1)
        yield
        return
    lock = FileLock(folder / name, is_singleton=True)  # one who has it may ask for it again
    try:
        with disk_errors(folder):
            _take(lock, folder, work)
            if int(os.environ.get("WORLD_SIZE", 1)) > 1:
                write_text(holder, job)  # it stays: a rank may come when rank 0 has finished
            else:
                holder.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def _take(lock, folder, work):
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"Another `{work}` is at work in {folder}; waiting for it.", file=sys.stderr, flush=True)
            lock.acquire()
    except (NotImplementedError, OSError) as error:  # the former from older versions of filelock
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        print(
            f"The disk of {folder} knows no locks; start no other `{work}` there before this one has ended.",
            file=sys.stderr,
        )
