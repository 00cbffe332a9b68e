import hashlib
import re

import pytest

from labclip_lib.base.published_files import ADDRESSES, PINNED, at_hand, data_folder, pinned_file
from labclip_lib.embeddings import real_clip as data

TEXT = "sugarcrepe/swap_att.json"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of all data with one file in it, which stands for a published one."""
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))
    (tmp_path / "sugarcrepe").mkdir()
    (tmp_path / TEXT).write_bytes(b"words")
    monkeypatch.setitem(PINNED, TEXT, hashlib.sha256(b"words").hexdigest())
    return tmp_path


def test_the_real_files_are_the_pinned_ones(real_data):
    assert at_hand(*PINNED)
    for name, digest in PINNED.items():
        assert pinned_file(name) == real_data / name
        assert hashlib.sha256((real_data / name).read_bytes()).hexdigest() == digest


def test_an_address_holds_a_whole_commit():
    for name, url in ADDRESSES.items():
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{40}(/[\w.+-]+)+", url), name
    assert set(PINNED) - set(ADDRESSES) == {"real_clip_vitb32/photo_embeddings.npy"}


def test_all_some_or_none_at_hand(folder):
    assert at_hand(TEXT) and not at_hand(TEXT, "sugarcrepe/swap_obj.json") and not at_hand("sugarcrepe/swap_obj.json")
    assert data.at_hand is at_hand and data.PINNED is PINNED


@pytest.mark.parametrize("names", [(TEXT,), ("sugarcrepe/swap_obj.json", TEXT)])
def test_wrong_bytes_are_told_wherever_they_stand(folder, names, raises_saying):
    (folder / TEXT).write_bytes(b"Words")
    with raises_saying(ValueError, str(folder / TEXT), "checksum", "get texts"):
        at_hand(*names)
    with raises_saying(ValueError, str(folder / TEXT), "checksum", "get texts"):
        pinned_file(TEXT)


def test_a_missing_file_names_the_command_that_fetches_it(folder, raises_saying):
    with raises_saying(ValueError, str(folder), "sugarcrepe/swap_obj.json", "python -m labclip_lib get texts"):
        pinned_file("sugarcrepe/swap_obj.json")


def test_nothing_is_downloaded_behind_the_readers_back(to_download, monkeypatch, raises_saying):
    monkeypatch.setattr("urllib.request.urlopen", lambda *args, **options: pytest.fail("asked the network"))
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("asked the network"))
    assert not at_hand(TEXT)
    with raises_saying(ValueError, str(to_download), "get texts"):
        pinned_file(TEXT)
    assert not to_download.exists()


@pytest.mark.parametrize(
    ("name", "seen"), [("sugarcrepe/swap_at.json", f"{TEXT!r}?"), ("x", "PINNED"), (None, "PINNED")]
)
def test_another_name(folder, name, seen, raises_saying):
    for look in (at_hand, pinned_file):
        with raises_saying(ValueError, repr(name), seen):
            look(name)


def test_where_the_data_lie(monkeypatch, tmp_path):
    for variable in ("LABCLIP_DATA", "LABCLIP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder() == tmp_path / ".cache" / "labclip"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert data_folder() == tmp_path / "caches" / "labclip"
    monkeypatch.setenv("LABCLIP_CACHE", "~/kept")
    assert data_folder() == tmp_path / "kept"
    monkeypatch.setenv("LABCLIP_DATA", "data")
    assert str(data_folder()) == "data"
    monkeypatch.setenv("LABCLIP_DATA", "")
    assert data_folder() == tmp_path / "kept"
