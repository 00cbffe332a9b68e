"""Files that are never half written, and what is in them: atomic writes, checksums, a full disk in one sentence."""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from pathlib import Path


def write_atomically(path, write):
    """Call write(temporary path), then move that file to path, so that path is never half written."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(part)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(part, 0o666 & ~umask)  # mkstemp makes files that only their owner can read
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def write_bytes(path, data):
    """Write bytes to a file, whole or not at all."""
    write_atomically(Path(path), lambda part: Path(part).write_bytes(data))


def write_text(path, text):
    """Write a text to a file in UTF-8, whole or not at all; its line ends stay as they are."""
    write_bytes(path, text.encode())


def write_json(path, content):
    """Write what JSON can hold to a file, whole or not at all."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def sha256(path):
    """SHA-256 of a file, as hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(*pieces):
    """SHA-256, as hex, of bytes and of other values' `repr`, so that ("ab", "c") and ("a", "bc") differ."""
    out = hashlib.sha256()
    for piece in pieces:
        data = piece if isinstance(piece, bytes) else repr(piece).encode()
        out.update(len(data).to_bytes(8, "little") + data)
    return out.hexdigest()


@contextlib.contextmanager
def disk_errors(folder):
    """Turn disk errors in the block (full, not writable) into an OSError of one sentence that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # already one of our own messages
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(
                f"The disk of {str(folder)!r} is full ({error.strerror}); what is finished is kept, so run the same "
                "again when there is room."
            ) from None
        raise OSError(f"Cannot write to {str(folder)!r} ({error.strerror}); choose another folder.") from None
