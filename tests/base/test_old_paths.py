import importlib

import pytest

from labclip_lib.base.old_paths import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_a_path_of_old_says_what_to_write(old, raises_saying):
    with raises_saying(ModuleNotFoundError, old, f"`from {MOVED[old]} import"):
        importlib.import_module(old)
    package, _, name = old.rpartition(".")
    if name not in importlib.import_module(package).__dict__.get("__all__", ()):
        with raises_saying(ModuleNotFoundError, old, f"`from {MOVED[old]} import"):
            exec(f"from {package} import {name}")
    importlib.import_module(MOVED[old])


def test_what_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        importlib.import_module("labclip_lib.never")
