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
# Variables whose values together identify one job of several processes, and one restart of it.
JOB = ("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT")
PATIENCE = 300  # seconds; the ranks of a job are started within less


@contextlib.contextmanager
def one_at_a_time(folder, work, name=".lock"):
    """Lock a folder while the block runs; a second job says on stderr that it waits, and waits.

    folder: made if it is missing. work: the name of the work in messages, such as "embed". name: of the lock file,
    where several things in one folder have a lock each. The system releases a lock when its process ends, however that
    happens. Under torchrun rank 0 holds the lock, and the other ranks wait until it does. Raises OSError, in one
    sentence, when the folder is not writable, and in a rank whose rank 0 has ended. On a disk without locks the block
    runs unlocked, after a warning.
    """
    folder = Path(folder)
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    holder = folder / f"{name}.job"
    job = " ".join(os.environ.get(variable, "") for variable in JOB)
    lock = FileLock(folder / name, is_singleton=True)  # the holder may acquire it again
    if int(os.environ.get("RANK", 0)):
        if "TORCHELASTIC_RUN_ID" in os.environ:
            _wait_for_the_first(lambda: holder.is_file() and holder.read_text() == job, lock, folder, work)
        yield
        return
    try:
        with disk_errors(folder):
            _take(lock, folder, work)
            if int(os.environ.get("WORLD_SIZE", 1)) > 1:
                write_text(holder, job)  # not deleted: a rank may arrive when rank 0 has finished
            else:
                holder.unlink(missing_ok=True)
        yield
    except Exception:  # a refused job leaves nothing
        if lock.lock_counter == 1:
            with contextlib.suppress(OSError):  # of folders that are not empty
                (folder / name).unlink()
                for path in new:
                    path.rmdir()
        raise
    finally:
        lock.release()


def _wait_for_the_first(has_it, lock, folder, work):
    """Wait until rank 0 has the lock; OSError once it can no longer come.

    While others are at work it may be waiting for them. But it takes a free lock at once, so where the lock is free at
    two looks, rank 0 has ended before this rank began, and another job has had the folder since.
    """
    look, free = time.monotonic() + PATIENCE, False
    while not has_it():
        time.sleep(0.1)
        if time.monotonic() > look:
            before, free, look = free, _is_free(lock), time.monotonic() + PATIENCE
            if before and free:
                raise OSError(f"Rank 0 of this job is no longer at `{work}` in {folder}; start the job again.")


def _is_free(lock):
    try:
        with lock.acquire(timeout=0):
            return True
    except Timeout:
        return False
    except (NotImplementedError, OSError):  # on a disk without locks nobody waits
        return True


def _take(lock, folder, work):
    waits = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)  # a refused job has taken away the folder that it made
        try:
            lock.acquire(timeout=1 if waits else 0)
        except (Timeout, FileNotFoundError):
            if not waits:
                print(f"Another `{work}` is at work in {folder}; waiting for it.", file=sys.stderr, flush=True)
            waits = True
            continue
        except (NotImplementedError, OSError) as error:  # the former from older versions of filelock
            if isinstance(error, OSError) and error.errno not in NO_LOCKS:
                raise
            print(
                f"The disk of {folder} does not support locks; start no other `{work}` there before this one has "
                "ended.",
                file=sys.stderr,
            )
            return
        if Path(lock.lock_file).exists():
            return
        # A refused job has removed the file between our opening it and our locking it, and a lock on a removed file
        # keeps nobody out. (From 3.21 on filelock looks by itself.)
        lock.release()
