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


@contextlib.contextmanager
def one_at_a_time(folder, work, name=".lock"):
    """Lock a folder while the block runs; a second job says on stderr that it waits, and waits.

    folder: made if it is missing. work: the name of the work in messages, such as "embed". name: of the lock file,
    where several things in one folder have a lock each. The system releases a lock when its process ends, however that
    happens. Under torchrun rank 0 holds the lock, and the other ranks wait until it does. Raises OSError, in one
    sentence, when the folder is not writable. On a disk without locks the block runs unlocked, after a warning.
    """
    folder = Path(folder)
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    holder = folder / f"{name}.job"
    job = " ".join(os.environ.get(variable, "") for variable in JOB)
    if int(os.environ.get("RANK", 0)):
        while "TORCHELASTIC_RUN_ID" in os.environ and not (holder.is_file() and holder.read_text() == job):
            time.sleep(0.1)
        yield
        return
    lock = FileLock(folder / name, is_singleton=True)  # the holder may acquire it again
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
            f"The disk of {folder} does not support locks; start no other `{work}` there before this one has ended.",
            file=sys.stderr,
        )
