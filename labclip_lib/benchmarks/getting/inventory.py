"""Which of a benchmark's parts are in the folder of all data, which are missing, and how to get them."""

import os
import re
from urllib.parse import urlsplit

from labclip_lib.base.files import sha256
from labclip_lib.base.folders import is_hidden

GB = 10**9


def described(root, present, missing, taken):
    """Yield lines about parts: those present, to take from a local path, to fetch, and to get by hand.

    taken: {part: local path} of those missing parts that need no download.
    """
    yield from _lines("there", [(part.path, "") for part in present])
    for part in present:
        if is_other(root, part):
            yield f"  note           {part.path} is not the published file, and is left as it is"
    yield from _lines("to take", [(part.path, f"from {path}") for part, path in taken.items()])
    to_fetch = [part for part in missing if part.url and part not in taken]
    sizes = [(part.path, f"{_how_big(root, part)}, from {urlsplit(part.url).netloc}") for part in to_fetch]
    yield from _lines("to fetch", sizes)
    by_hand = [part for part in missing if not part.url and part not in taken]
    yield from _lines("by hand", [(part.path, part.by_hand) for part in by_hand])


def _lines(what, rows):
    """Yield a line per (path, text), but one line for four or more with the same text, folder and suffix."""
    groups = {}
    for path, text in rows:
        groups.setdefault((re.sub(r"[^/]+?(\.\w+|/)$", r"*\1", path), text), []).append(path)
    for (pattern, text), paths in groups.items():
        for path in paths if len(paths) < 4 else [f"{pattern} ({len(paths)} of them)"]:
            yield f"  {what:<14} {path}" + (f"  {text}" if text else "")


def total_size(benchmark):
    """How much a benchmark's downloads are in all, in words."""
    if benchmark.size or not any(part.url for part in benchmark.parts):
        return benchmark.size or "by hand"
    known = sum(part.gigabytes or 0 for part in benchmark.parts)
    more = any(part.gigabytes is None or part.pictures for part in benchmark.parts)
    return f"{known} GB{' and more' if more else ''}" if known else "not published"


def _how_big(root, part):
    size = begun(root, part)
    fetched = f", {size / GB:.2f} GB of it fetched" if size else ""
    if part.gigabytes == 0:
        return "picture by picture" if part.pictures else "small"
    return ("size not published" if part.gigabytes is None else f"about {part.gigabytes} GB") + fetched


def target_of(root, part):
    """The path of a part with links followed, so that files made beside it are on the same disk."""
    return (root / part.path).resolve()


def download_path(root, part, ending):
    """The path of a part's download: ending .part while it is incomplete, .whole until its archive is unpacked."""
    return target_of(root, part).with_name(part.file + ending)


def begun(root, part):
    """How many bytes of a part are downloaded already."""
    paths = (download_path(root, part, ending) for ending in (".part", ".whole"))
    return sum(path.stat().st_size for path in paths if path.is_file())


def is_there(root, part):
    """Whether a part is present, by a quick look: the file, the pictures listed, or a folder that is not empty."""
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
    """Whether a part that is present differs from the published bytes."""
    return bool(part.sha256) and sha256(target_of(root, part)) != part.sha256


def holds_files(path):
    """Whether a path is a folder with something in it that is not hidden."""
    return path.is_dir() and not all(map(is_hidden, os.listdir(path)))


def pictures_of(root, part):
    """The names of the pictures that a part's JSON gives addresses of, each once; [] when the JSON is missing."""
    listed = root / part.pictures
    text = listed.read_text(encoding="utf-8", errors="replace") if listed.is_file() else ""
    return list(dict.fromkeys(re.findall(r'/(\w+\.jpg)"', text)))
