"""Numbers that a page shows of published files, kept for where these are not at hand.

Some cells read published texts and embeddings that the repository does not hold. What they compute is kept beside this
file, as numbers. Where the files are at hand a cell computes live, and fails when the kept numbers differ.
`make kept` runs the chapters with the files at hand, and writes anew what has changed.
"""

import datetime
import hashlib
import json
import math
import os
import re
from pathlib import Path

import numpy as np
import torch
from IPython.display import Markdown

import labclip_lib
from labclip_lib.base.files import write_text
from labclip_lib.base.published_files import PINNED, at_hand
from labclip_lib.book.exercises import CheckFailed
from labclip_lib.measures.intervals import Estimate

FOLDER = Path(__file__).parent
REMAKE = "make kept"


class KeptFailed(CheckFailed):
    """A kept number differs from what the files give, or from what was written."""

    def _render_traceback_(self):
        return [str(self)]


def kept(name, compute, needs, digits=4):
    """The value of a function of published files: computed where they are at hand, else the value kept from such a run.

    name: of the file NAME.json beside this one. compute: a function of no arguments that returns numbers, words, lists,
    arrays, Estimates, and dicts of these with words as keys. needs: a list of the files it reads, or of folders of
    them, by their paths in PINNED. digits: decimals to which machines agree; numbers are rounded to
    them. Returns the same, live or kept; arrays and tuples come back as lists.
    Raises KeptFailed when a kept number is not what the function computes, or the kept file was changed by hand;
    ValueError when a file that it reads is there and is not the published one.
    """
    files = needed(needs)
    if not at_hand(*files):
        if _remaking():
            raise ValueError(f"{name!r} is made of {', '.join(needs)}; `python -m labclip_lib get texts` fetches them.")
        return _decoded(read(name)["value"], digits)
    live = _encoded(compute(), name)
    if _remaking():
        _write(name, _rounded(live, digits), files, digits)
    _compare(read(name)["value"], live, digits, name)
    return _decoded(live, digits)


def origin(needs):
    """A line for the top of a section, Markdown: whether its numbers of these files are of this run, or kept.

    needs: files and folders, as of `kept`.
    """
    files = needed(needs)
    if at_hand(*files):
        return Markdown("*What this page says of published files was computed by this run, from the files.*")
    entries = [read(path.stem) for path in FOLDER.glob("*.json")]
    dates = sorted({entry["date"] for entry in entries if entry["files"].keys() <= {*files}})
    when = " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]]))
    return Markdown(
        f"*Kept numbers: what this page says of published photos, texts and models was computed by its own cells, on "
        f"{when}. Not all of the files that it was computed from are on the machine that built the page. `python -m "
        "labclip_lib get texts` fetches them; then the same cells compute it anew. What is about the book's own world "
        "was computed now.*"
    )


def read(name):
    """What NAME.json holds: made_by, date, library, files (with their SHA-256), digits, sha256 and the value.

    Raises KeptFailed when there is none, or when its value is not the one that was written.
    """
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        raise KeptFailed(f"There is no kept result {name!r}; with the files at hand `{REMAKE}` makes it.")
    entry = json.loads(path.read_text(encoding="utf-8"))
    if _digest(entry["value"]) != entry["sha256"]:
        raise KeptFailed(f"The kept result {name!r} was changed by hand; `{REMAKE}` makes it anew.")
    return entry


def needed(needs):
    """The files of a list of files and folders: paths of PINNED."""
    files = [path for path in PINNED for need in needs if path == need or path.startswith(f"{need}/")]
    for need in needs:
        if not any(path == need or path.startswith(f"{need}/") for path in PINNED):
            raise ValueError(
                f"No published file is called {need!r} or lies in a folder of that name; see base/published_files.py."
            )
    return files


def _remaking():
    return os.environ.get("LABCLIP_KEPT") == "remake"


def _write(name, value, files, digits):
    path = FOLDER / f"{name}.json"
    of = {file: PINNED[file] for file in files}
    if path.is_file():
        old = json.loads(path.read_text(encoding="utf-8"))
        if (old["value"], old["files"], old["digits"], old["sha256"]) == (value, of, digits, _digest(value)):
            return  # unchanged, so it keeps its date
    content = {
        "made_by": REMAKE, "date": datetime.date.today().isoformat(), "library": labclip_lib.__version__,
        "files": of, "digits": digits, "sha256": _digest(value), "value": value,
    }  # fmt: skip
    text = json.dumps(content, indent=1, ensure_ascii=False)
    # A list of numbers on one line, so that a change can be read.
    text = re.sub(r"\[[^][{}\"]*\]", lambda match: re.sub(r"\s+", " ", match[0]), text) + "\n"
    write_text(path, text)


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _encoded(value, where):
    """The value as JSON can hold it; ValueError for what JSON cannot hold, NaN and infinity."""
    if isinstance(value, Estimate):
        return {"mean": float(value.mean), "low": float(value.low), "high": float(value.high)}
    if isinstance(value, dict):
        if other := [key for key in value if not isinstance(key, str)]:
            raise ValueError(f"{where} has the key {other[0]!r}; keys of a kept result are words.")
        return {key: _encoded(part, f"{where} / {key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(part, f"{where} / {i}") for i, part in enumerate(value)]
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        return _encoded(value.tolist(), where)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}; a kept number is finite.")
    if not isinstance(value, str | bool | int | float):
        raise ValueError(f"{where} is a {type(value).__name__}; a kept result holds numbers, words, lists and dicts.")
    return value


def _rounded(value, digits):
    if isinstance(value, dict):
        return {key: _rounded(part, digits) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part, digits) for part in value]
    return round(value, digits) + 0.0 if isinstance(value, float) else value  # + 0.0: no minus zero


def _decoded(value, digits):
    if isinstance(value, dict):
        if value.keys() == {"mean", "low", "high"}:
            return Estimate(*(_rounded(value[key], digits) for key in ("mean", "low", "high")))
        return {key: _decoded(part, digits) for key, part in value.items()}
    if isinstance(value, list):
        return [_decoded(part, digits) for part in value]
    return _rounded(value, digits)


def _compare(old, new, digits, where):
    """KeptFailed, naming the place, unless the new value rounds to the old one."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in old:
            _compare(old[key], new[key], digits, f"{where} / {key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, pair in enumerate(zip(old, new, strict=True)):
            _compare(*pair, digits, f"{where} / {i}")
    else:
        # A little more than half a digit: a value that lies between two digits may be rounded either way.
        numbers = isinstance(old, float) and isinstance(new, float)
        same = abs(old - new) <= 0.51 * 10.0**-digits if numbers else old == new
        if not same:
            raise KeptFailed(
                f"{where} is kept as {_short(old)}, and computed now as {_short(new)}; if the new one is right, "
                f"`{REMAKE}` keeps it."
            )


def _short(value):
    if isinstance(value, dict | list):
        return f"{len(value)} entries"
    return repr(value)
