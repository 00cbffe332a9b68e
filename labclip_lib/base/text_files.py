"""Text files that people write: their encoding, and characters that show nothing."""

import codecs
import unicodedata
from pathlib import Path

# Letters and symbols by their Unicode category, but they look blank: Hangul fillers, the empty Braille cell.
FILLERS = "\u115f\u1160\u3164\uffa0\u2800"


def is_blank(text):
    """Whether a text shows nothing: it is empty, or all white space, control and other invisible characters."""
    return all(
        char in FILLERS or "\ufe00" <= char <= "\ufe0f" or unicodedata.category(char)[0] == "Z"
        or unicodedata.category(char) in ("Cc", "Cf")
        for char in text
    )  # fmt: skip


def trimmed(text):
    """A text in Unicode's composed form (NFC), without invisible characters at either end."""
    text = unicodedata.normalize("NFC", text)
    first, end = 0, len(text)
    while first < end and is_blank(text[first]):
        first += 1
    while first < end and is_blank(text[end - 1]):
        end -= 1
    return text[first:end]


def folded(text):
    """One form for all spellings of a name that look alike: trimmed, lower case, single spaces, nothing invisible."""
    shown = "".join(char for char in trimmed(text) if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", " ".join(shown.split()).casefold())


def read_text(path):
    """The text of a file, as `decoded` reads it."""
    return decoded(Path(path).read_bytes(), str(path))


def decoded(data, name):
    """Decode bytes in UTF-8, with or without a byte-order mark. ValueError, in one sentence, for any other encoding.

    name: what to call their file in the error.
    """
    marks = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE
    # UTF-16 without a mark: of the two bytes of most letters, always the same one is zero.
    if data.startswith(marks) or abs(data[::2].count(0) - data[1::2].count(0)) > max(4, len(data) // 4):
        raise ValueError(f"Cannot read {name}: it is UTF-16; save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Cannot read {name}: byte {error.start} is not UTF-8; save it as UTF-8.") from None
    if "\0" in text:
        line = len(text[: text.index("\0") + 1].splitlines())
        raise ValueError(f"Cannot read {name}: there is a NUL character in line {line}; take it out.")
    return text
