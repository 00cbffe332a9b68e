"""What is there of a benchmark's parts below the folder of all data, what is missing, and how to get it."""

import os
import re
from urllib.parse import urlsplit

from labclip_lib.base.files import sha256
from labclip_lib.base.folders import is_hidden

GB = 10**9


def described(root, there, missing, taken):
    """Lines about parts: those that are there, those to take from a path, to fetch, and to get by hand."""
    yield from _lines("there", [(part.path, "") for part in there])
    for part in there:
        if is_other(root, part):
            yield f"  note           {part.path} is not the published file, and is left as it is"
    yield from _lines("to take", [(part.path, f"from {found}") for part, found in taken.items()])
    fetched = [part for part in missing if part.url and part not in taken]
    told = [(part.path, f"{_how_big(root, part)}, from {urlsplit(part.url).netloc}") for part in fetched]
    yield from _lines("to fetch", told)
    by_hand = [part for part in missing if not part.url and part not in taken]
    yield from _lines("by hand", [(part.path, part.by_hand) for part in by_hand])


def _lines(what, rows):
    """A line for each (path, text); for four or more with one text, in one folder and with one ending, one line."""
    groups = {}
    for path, text in rows:
        groups.setdefault((re.sub(r"[^/]+?(\.\w+|/)$", r"*\1", path), text), []).append(path)
    for (pattern, text), paths in groups.items():
        for path in paths if len(paths) < 4 else [f"{pattern} ({len(paths)} of them)"]:
            yield f"  {what:<14} {path}" + (f"  {text}" if text else "")


def _how_big(root, part):
    size = begun(root, part)
    fetched = f", {size / GB:.2f} GB of it fetched" if size else ""
    if part.gigabytes == 0:
        return "picture by picture" if part.pictures else "small"
    return ("size not published" if part.gigabytes is None else f"about {part.gigabytes} GB") + fetched


def target_of(root, part):
    """The path of a part with links followed, so that what is made beside it is on the same disk."""
    return (root / part.path).resolve()


def kept(root, part, ending):
    """The download of a part while it is not whole (.part) and, of an archive, until it is unpacked (.whole)."""
    return target_of(root, part).with_name(part.file + ending)


def begun(root, part):
    """How many bytes of a part's download are there."""
    paths = kept(root, part, ".part"), kept(root, part, ".whole")
    return sum(path.stat().st_size for path in paths if path.is_file())


def is_there(root, part):
    """Whether a part is there, by simple signs: the file, the pictures listed, or a folder that is not empty."""
    target = target_of(root, part)
    if part.pictures:
        names = pictures_of(root, part)
        return bool(names) and all((target / name).is_file() for name in names)
    if not part.is_folder:
        return target.is_file()
    if part.sign:
        return (target / part.sign).is_file()
    return holds_files(target)


def is_other(root, part):
    """Whether a part that is there has other bytes than the published ones."""
    return bool(part.sha256) and sha256(target_of(root, part)) != part.sha256


def holds_files(path):
    """Whether a path is a folder with something in it that is not hidden."""
    return path.is_dir() and not all(map(is_hidden, os.listdir(path)))


def pictures_of(root, part):
    """The names of the pictures whose addresses a part's JSON gives, each once; none when it is missing."""
    listed = root / part.pictures
    text = listed.read_text(encoding="utf-8", errors="replace") if listed.is_file() else ""
    return list(dict.fromkeys(re.findall(r'/(\w+\.jpg)"', text)))
