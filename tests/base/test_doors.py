import subprocess
import sys

import pytest

import labclip_lib
from labclip_lib.base.doors import door

# One process each: what was loaded stays loaded.
LOADED = "import sys; from labclip_lib import {name}; print([m for m in ('torch', 'open_clip') if m in sys.modules])"


def loaded_by(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_library_loads_nothing_before_it_is_needed():
    assert loaded_by("import sys, labclip_lib; print('torch' in sys.modules, 'numpy' in sys.modules)") == "False False"
    for name in ("World", "check", "LABCLIP", "pairwise_accuracy", "LinearProbe"):
        assert loaded_by(LOADED.format(name=name)) == "['torch']", name


def test_a_name_is_its_module_s(tmp_path, monkeypatch):
    assert labclip_lib.World is labclip_lib.world.scenes.World
    assert {"World", "load_backbone", "LABCLIP", "swap"} <= set(dir(labclip_lib)) == set(labclip_lib.__all__)


def test_an_unknown_name():
    load, listed, names = door("labclip_lib.world", {"scenes": "World"})
    assert listed() == names == ["World"] and load("World") is labclip_lib.World
    with pytest.raises(AttributeError, match=r"'labclip_lib\.world' has no attribute 'Word'"):
        load("Word")
