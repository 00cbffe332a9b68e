"""Unpack an archive that is not trusted: all of it or nothing, and nothing outside its folder."""

import contextlib
import gzip
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

from labclip_lib.base.messages import first_line
from labclip_lib.base.progress import track

MAGIC = {".zip": b"PK", ".gz": b"\x1f\x8b"}
# Photos hardly compress and tables shrink perhaps tenfold; what grows more was made to fill a disk.
MOST_GROWTH, ALWAYS_ALLOWED = 20, 10**8
MOST_MEMBERS = 10**6
_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, RuntimeError)


class Refused(ValueError):
    """An archive that is damaged, or that must not be unpacked."""


def scratch(target):
    """The folder beside a target in which its archive is unpacked; if it exists, a killed run left it."""
    return target.with_name(f".{target.name}.unpacking")


@contextlib.contextmanager
def unpacked(archive, target):
    """The content of a .zip or .tar.gz, in a folder beside `target` that exists only within the `with` block.

    A single top folder is dropped. Only files are written, without their modes, and what macOS adds is skipped. Raises
    Refused, in one sentence, for a link, a device or a path that leads out of the folder, for a member that occurs
    twice, and for an archive that is damaged, locked, or has too many members or bytes; OSError when the disk is too
    small. Nothing is left behind, whatever happens, short of a kill.
    """
    archive, temporary = Path(archive), scratch(Path(target))
    shutil.rmtree(temporary, ignore_errors=True)
    free = shutil.disk_usage(temporary.parent).free
    temporary.mkdir()
    try:
        _write(archive, temporary, free)
        yield _inner(archive, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(archive, folder, free):
    """Write the members of an archive below a folder, or raise as `unpacked` says."""
    most = max(MOST_GROWTH * archive.stat().st_size, ALWAYS_ALLOWED)
    name = ""

    def allow(members, size):
        if members > MOST_MEMBERS:
            raise Refused(f"{archive} holds more than {MOST_MEMBERS:,} members, which is not what was published.")
        if size > most:
            raise Refused(f"{archive} unpacks to more than {most:,} bytes, which is not what was published.")
        if size > free:
            raise OSError(f"{archive} unpacks to more than the {free:,} bytes free in {folder.parent}; make room.")

    try:
        kind = _open_zip if _starts_with(archive, MAGIC[".zip"]) else _open_tar
        with kind(archive, allow) as (members, total), track(
            total=total, desc=f"unpacking {archive.name}", unit="B", unit_scale=True
        ) as bar:  # fmt: skip
            for name, mode, reader in members:
                parts = _safe(archive, name, mode)
                if parts is None or stat.S_ISDIR(mode):
                    continue
                path = folder.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with reader() as source, path.open("xb") as file:
                    while chunk := source.read(_CHUNK):
                        file.write(chunk)
                        bar.update(len(chunk))
    except (FileExistsError, NotADirectoryError):
        raise Refused(f"{archive} holds {name!r} twice; fetch it again.") from None
    except _DAMAGED as error:
        after = f" at {name!r}" if name else ""
        raise Refused(f"{archive} cannot be unpacked{after} ({first_line(error)}); fetch it again.") from None


@contextlib.contextmanager
def _open_zip(archive, allow):
    with zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
        total = sum(info.file_size for info in infos)
        allow(len(infos), total)

        def members():
            for info in infos:
                # Not every system writes a mode; without one a slash at the end marks a folder.
                kind = stat.S_IFMT(info.external_attr >> 16) or (stat.S_IFDIR if info.is_dir() else stat.S_IFREG)
                # zipfile gives no byte beyond the size that a member declares, and checks its CRC.
                yield info.filename, kind, lambda info=info: opened.open(info)

        yield members(), total


@contextlib.contextmanager
def _open_tar(archive, allow):
    """Read as a stream, so 16 GB are read once and not twice: sizes are known only member by member."""
    with gzip.open(archive) as file:
        stream = _Counted(file, allow)
        with tarfile.open(fileobj=stream, mode="r|") as opened:

            def members():
                declared = 0
                for count, info in enumerate(opened, 1):
                    declared += info.size
                    allow(count, declared)
                    kind = stat.S_IFREG if info.isreg() and not info.issparse() else stat.S_IFLNK
                    kind = stat.S_IFDIR if info.isdir() else kind
                    yield info.name, kind, lambda info=info: opened.extractfile(info)
                while stream.read(_CHUNK):  # to the end, where gzip's checksum is
                    pass

            yield members(), None


class _Counted:
    """A file that reads no more than `allow` allows, for even a header can unpack to more than a disk."""

    def __init__(self, file, allow):
        self.file, self.allow, self.size = file, allow, 0

    def read(self, size):
        data = self.file.read(size)
        self.size += len(data)
        self.allow(0, self.size)
        return data


def _safe(archive, name, mode):
    """The parts of a member's path; None to skip it. Raises Refused."""
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
        raise Refused(f"{archive} holds {name!r}, a path that leads out of its folder, and was not unpacked.")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise Refused(f"{archive} holds {name!r}, a link or a device and not a file, and was not unpacked.")
    if not parts or parts[0] == "__MACOSX" or parts[-1] == ".DS_Store" or parts[-1].startswith("._"):
        return None
    return parts


def _inner(archive, folder):
    """The folder, or the only thing in it if that is a folder."""
    inside = list(folder.iterdir())
    if not inside:
        raise Refused(f"{archive} holds no file; fetch it again.")
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _starts_with(path, magic):
    with open(path, "rb") as file:
        return file.read(len(magic)) == magic
