import importlib.metadata

import pytest

from labclip_lib import doctor as room
from labclip_lib.doctor import BOOK, LIBRARY, doctor


@pytest.fixture(autouse=True)
def sound(monkeypatch):
    """An installation with nothing wrong."""
    monkeypatch.setattr(room, "verify_weights", lambda: {"sha256": "0123456789abcdef", "recipe": {"seed": 4}})
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.2.3")
    monkeypatch.delenv("LABCLIP_DATA", raising=False)


def without(monkeypatch, missing):
    def version(name):
        if name == missing:
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_sound_installation(capsys):
    assert doctor() is True
    out = capsys.readouterr().out
    for part in ("Python 3.", "torch 1.2.3", "device: ", "0123456789ab", "seed 4", "LABCLIP_DATA is not set"):
        assert part in out


def test_damaged_weights(monkeypatch, capsys):
    def damaged():
        raise ValueError("PocketCLIP's weights are damaged: install labclip_lib again.")

    monkeypatch.setattr(room, "verify_weights", damaged)
    assert doctor() is False
    assert "damaged" in capsys.readouterr().out


def test_missing_library(monkeypatch, capsys):
    without(monkeypatch, LIBRARY[0])
    assert doctor() is False
    assert f"{LIBRARY[0]} is missing, needed for the library: pip install ." in capsys.readouterr().out


def test_missing_book_tool_does_not_stop_the_library(monkeypatch, capsys):
    without(monkeypatch, BOOK[0])
    assert doctor() is True
    assert f"{BOOK[0]} is missing" in capsys.readouterr().out


@pytest.mark.parametrize(("made", "said"), [(True, "real data: "), (False, "holds no real_clip_vitb32")])
def test_data_folder(monkeypatch, tmp_path, capsys, made, said):
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))
    if made:
        (tmp_path / "real_clip_vitb32").mkdir()
    doctor()
    line = capsys.readouterr().out.splitlines()[-1]
    assert said in line and str(tmp_path) in line


def test_names_are_those_of_real_packages(monkeypatch):
    monkeypatch.undo()
    for name in LIBRARY:
        assert importlib.metadata.version(name)
