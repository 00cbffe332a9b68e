"""Files that are never half written, and what is in them: atomic writes and checksums."""

import hashlib
import os
import tempfile
from pathlib import Path


def write_atomically(path, write):
    """Call write(temporary path) and move the result to path, so that path is never half written."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(part)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(part, 0o666 & ~umask)  # mkstemp's files are for their owner alone
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def sha256(path):
    """SHA-256 of a file, as hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
