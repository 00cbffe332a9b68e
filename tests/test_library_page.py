"""The page Library: its examples run, and what it lists is what the doors give."""

import doctest
import importlib
import re
import sys

import numpy as np
import pytest
import torch

import labclip_lib

FINDER = doctest.DocTestFinder(exclude_empty=False)


@pytest.fixture(scope="module")
def page(root):
    sys.path.insert(0, str(root / "tools"))
    try:
        yield importlib.import_module("library_page")
    finally:
        sys.path.remove(str(root / "tools"))


@pytest.mark.parametrize("name", labclip_lib.__all__)
def test_example_runs(name):
    value = getattr(labclip_lib, name)
    given = {"torch": torch, "np": np, **{other: getattr(labclip_lib, other) for other in labclip_lib.__all__}}
    tests = [test for test in FINDER.find(value, name, globs=given) if test.examples]
    assert tests, "no example"
    for test in tests:
        assert not doctest.DocTestRunner().run(test).failed


def test_every_wing_with_a_door_is_listed(page):
    for wing in page.WINGS:
        door = importlib.import_module(f"labclip_lib.{wing}")
        listed = re.findall(r"\* - ``(\w+)``", "\n".join(page.wing_lines(wing)))
        assert sorted(listed) == sorted(getattr(door, "__all__", []))


def test_the_page_has_every_wing(page, root):
    wings = {path.parent.name for path in (root / "labclip_lib").glob("*/__init__.py")}
    assert len(page.WINGS) == len(wings) and set(page.WINGS) == wings


def test_every_name_of_a_door_says_what_it_is(page):
    for wing in page.WINGS:
        door = importlib.import_module(f"labclip_lib.{wing}")
        for name in getattr(door, "__all__", []):
            assert len(page.first_sentence(getattr(door, name))) > 5, f"{wing}.{name}"


def test_a_word_before_a_colon_is_no_argument(page):
    def embed(images):
        """Embed."""

    lines = ["Embed.", "", "images: one or more, prepared as for the", "layers: crop and resize. size: fixed."]
    page.as_paragraphs(None, "function", None, embed, None, lines)
    assert lines[3:] == ["**images**: one or more, prepared as for the", "layers: crop and resize. size: fixed."]


def test_arguments_become_paragraphs(page):
    lines = [
        "Embed: images.",
        "",
        "images: one or",
        "    more. size: in pixels.",
        "Returns coef_.",
        "",
        ">>> a: b",
    ]
    page.as_paragraphs(None, "class", None, None, None, lines)
    assert lines == [
        "Embed: images.", "", "", "**images**: one or", "more. **size**: in pixels.", "", "Returns ``coef_``.", "",
        ">>> a: b",
    ]  # fmt: skip
