import gzip
import io
import os
import signal
import stat
import tarfile
import time
import zipfile

import pytest

from labclip_lib.benchmarks.getting import unpack
from labclip_lib.benchmarks.getting.unpack import ALWAYS_ALLOWED, Refused, scratch, unpacked


def make_zip(path, members):
    """members: name -> bytes, or a ZipInfo -> bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def make_tar(path, members):
    """members: name -> bytes, or the type of a member that is no file, which then points to /etc/passwd."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.mode = 0o4777
            if isinstance(data, bytes) and len(data) == 1 and data in b"123456":
                info.type, info.linkname = data, "/etc/passwd"
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


MAKERS = [("a.zip", make_zip), ("a.tar.gz", make_tar)]
both = pytest.mark.parametrize(("name", "make"), MAKERS, ids=["zip", "tar.gz"])


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(archive, raises_saying, *parts, kind=Refused):
    """Unpacking fails in one sentence, and leaves the folder of the archive as it was."""
    before = sorted(archive.parent.iterdir())
    with raises_saying(kind, str(archive), *parts), unpacked(archive, archive.parent / "out"):
        pass
    assert sorted(archive.parent.iterdir()) == before


@both
@pytest.mark.parametrize("top", ["", "Desert/", "./Desert/"])
def test_members_are_written_without_a_single_top_folder(name, make, top, tmp_path):
    of_macos = dict.fromkeys(("__MACOSX/._x", "__MACOSX/x", f"{top}.DS_Store", f"{top}x/._1.png"), b"!")
    archive = make(tmp_path / name, {f"{top}labels.csv": b"a,b\n", f"{top}x/1.png": b"picture"} | of_macos)
    with unpacked(archive, tmp_path / "out") as folder:
        assert files(folder) == {"labels.csv": b"a,b\n", "x/1.png": b"picture"}
        assert not stat.S_IMODE((folder / "labels.csv").stat().st_mode) & 0o7111
    assert list(tmp_path.iterdir()) == [archive]


@both
def test_a_single_file_stands_in_a_folder_too(name, make, tmp_path):
    with unpacked(make(tmp_path / name, {"labels.csv": b"a,b\n"}), tmp_path / "out") as folder:
        assert files(folder) == {"labels.csv": b"a,b\n"}


@both
@pytest.mark.parametrize("bad", ["../evil", "x/../../evil", "/evil", "C:\\evil", "x\\..\\..\\evil", "\\evil"])
def test_paths_that_lead_out(name, make, bad, tmp_path, raises_saying):
    refused(make(tmp_path / name, {"good": b"1 2", bad: b"evil"}), raises_saying, repr(bad))
    assert not list(tmp_path.parent.glob("evil"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar(kind, tmp_path, raises_saying):
    refused(make_tar(tmp_path / "a.tar.gz", {"good": b"1 2", "bad": kind}), raises_saying, "'bad'")


def test_a_link_in_a_zip(tmp_path, raises_saying):
    info = zipfile.ZipInfo("bad")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(make_zip(tmp_path / "a.zip", {"good": b"1", info: b"/etc/passwd"}), raises_saying, "'bad'")


@both
def test_a_bomb_is_refused_before_it_fills_the_disk(name, make, tmp_path, raises_saying, monkeypatch):
    archive = make(tmp_path / name, {"fine": b"12", "bomb": bytes(ALWAYS_ALLOWED)})
    written = []
    monkeypatch.setattr(tarfile.TarFile, "extractfile", lambda self, info: written.append(info) or io.BytesIO())
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda self, info: written.append(info) or io.BytesIO())
    refused(archive, raises_saying, f"{ALWAYS_ALLOWED:,} bytes")
    assert [getattr(info, "name", "") for info in written] in ([], ["fine"])


def test_a_bomb_of_a_header(tmp_path, raises_saying):
    """A tar may keep a name in a member of its own; here it is of 100 MB."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, ALWAYS_ALLOWED
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(gzip.compress(info.tobuf() + bytes(info.size)))
    refused(archive, raises_saying, f"{ALWAYS_ALLOWED:,} bytes")


def test_a_zip_that_understates_its_sizes(tmp_path, raises_saying):
    archive = make_zip(tmp_path / "a.zip", {"bomb": b"ab" * 5000})
    archive.write_bytes(archive.read_bytes().replace((10000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    refused(archive, raises_saying, "'bomb'")


@both
def test_too_many_members(name, make, tmp_path, raises_saying, monkeypatch):
    monkeypatch.setattr(unpack, "MOST_MEMBERS", 3)
    refused(make(tmp_path / name, {str(k): b"ab" for k in range(4)}), raises_saying, "more than 3 members")


@both
def test_more_than_the_disk_has(name, make, tmp_path, raises_saying, monkeypatch):
    archive = make(tmp_path / name, {"a": bytes(30000)})
    monkeypatch.setattr(unpack.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 20000}))
    refused(archive, raises_saying, "20,000", kind=OSError)


@both
@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "other"])
def test_damage(name, make, how, tmp_path, raises_saying):
    archive = make(tmp_path / name, {"a": os.urandom(30000), "b": os.urandom(30000)})
    data = bytearray(archive.read_bytes())
    if how == "flipped":
        data[40000] ^= 255
    archive.write_bytes({"cut": data[:45000], "flipped": data, "empty": b"", "other": b"Rar!" * 99}[how])
    refused(archive, raises_saying, "fetch it again")


@both
def test_damage_behind_the_last_member(name, make, tmp_path, raises_saying):
    archive = make(tmp_path / name, {"a": os.urandom(30000)})
    archive.write_bytes(archive.read_bytes()[:-6])
    refused(archive, raises_saying)


@both
def test_a_name_that_stands_there_twice(name, make, tmp_path, raises_saying):
    refused(make(tmp_path / name, {"a/b": b"12", "a//b": b"34"}), raises_saying, "'a//b' twice")
    refused(make(tmp_path / name, {"a": b"12", "a/b": b"34"}), raises_saying, "'a/b' twice")


@both
def test_an_archive_of_nothing(name, make, tmp_path, raises_saying):
    refused(make(tmp_path / name, {}), raises_saying, "no file")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_run_leaves_no_half_folder_for_a_whole_one(tmp_path):
    archive, half = make_zip(tmp_path / "a.zip", {str(k): b"x" for k in range(500)}), scratch(tmp_path / "out")
    child = os.fork()
    if not child:
        with unpacked(archive, tmp_path / "out"):
            time.sleep(60)
    while not (half.is_dir() and any(half.iterdir())):
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert any(half.iterdir()) and not (tmp_path / "out").exists()
    (half / "stale").touch()
    with unpacked(archive, tmp_path / "out") as folder:
        assert len(list(folder.iterdir())) == 500
    assert list(tmp_path.iterdir()) == [archive]
