import unicodedata

import pytest

from labclip_lib.base.text_files import decoded, folded, is_blank, read_text, trimmed


@pytest.mark.parametrize(
    "text", ["", " \t\n", "\ufeff", "\u200b", "\0", "\u00a0\u2003", "\u00ad\u200d", "\u3164", "\u2800", "\ufe0f"]
)
def test_what_shows_nothing_is_blank(text):
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", ".", "\u200bé\ufeff", "❤️", "ไ", "猫", "\ue000"])
def test_what_shows_anything_is_not(text):
    assert not is_blank(text)


def test_names_that_look_the_same_have_one_form():
    assert trimmed(" \ufeffe\u0301\u200b ") == "é" and trimmed("\u200b") == ""
    spelled = ["Zoë Ng", unicodedata.normalize("NFD", "zoë ng"), " ZOË  NG\u00a0", "\ufeffzoë\u200b ng"]
    assert {folded(name) for name in spelled} == {"zoë ng"}
    assert folded("Straße") == folded("STRASSE") and folded("zoe ng") != "zoë ng"


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffun étoile".encode())
    assert read_text(tmp_path / "a.txt") == "un étoile" and decoded(b"", "it") == ""


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        ("a star\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
        ("a star\n".encode("utf-16-le"), "UTF-16"),
        ("a red star\n".encode("utf-16-be"), "UTF-16"),
        ("a star\n".encode("utf-32"), "UTF-16"),
        ("étoile".encode("cp1252"), "byte 0 is not UTF-8; save it as UTF-8"),
        (b"a\r\nb\0c", "NUL character in line 2"),
        (b"\0", "NUL character in line 1"),
    ],
)
def test_other_encodings_are_named(data, seen, raises_saying):
    with raises_saying(ValueError, "Cannot read the file", seen):
        decoded(data, "the file")
