"""The one face of all benchmarks: records of an image, what is right to say of it, and what is wrong.

A benchmark's file has `load(root)`, which reads its published format into a list of `Record`s, or says in one
sentence what is missing. `root` is the folder of all data; README.md of the repository and `python -m labclip_lib get`
say what lies where in it. `evaluate.py` asks a backbone about any records.
"""

import csv
import difflib
import json
from pathlib import Path
from typing import NamedTuple

from labclip_lib.pocket import first_line
from labclip_lib.sources import Picture


class Record(NamedTuple):
    """One item of a benchmark.

    key: its name, once in the benchmark. image: a `sources.Picture`. captions, negatives: tuples of str, each right
    and each wrong. A record without negatives is for retrieval.
    group: the category that the benchmark reports by. cluster: items of one cluster (as a rule, of one image) are not
    independent, and are drawn together for an interval.
    other_image: a Picture of which the (one) negative is right and the (one) caption is wrong, or None.
    """

    key: str
    image: Picture
    captions: tuple
    negatives: tuple = ()
    group: str = ""
    cluster: str = ""
    other_image: Picture | None = None


def read_json(path, of):
    """What a JSON file holds. ValueError, in one sentence, when it is missing, damaged or has a key twice.

    of: the benchmark's name as `python -m labclip_lib get` knows it.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(missing(path, of))
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=lambda pairs: _once(path, pairs))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not sound JSON ({first_line(error)}); fetch it again.") from None


def read_csv(path, of, columns=None, header=True):
    """The rows of a CSV file: dicts, or lists where it has no header. Errors as in `read_json`; columns: needed."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(missing(path, of))
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list((csv.DictReader if header else csv.reader)(lines, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a sound CSV file ({first_line(error)}); fetch it again.") from None
    if not rows:
        raise ValueError(f"{path} holds no row; fetch it again.")
    for column in columns or ():
        need(rows[0], column, path, "its first row")
    return rows


def need(item, field, path, where):
    """A field of an item, a dict. ValueError, naming the one that was perhaps meant, when it is not there."""
    if field in item:
        return item[field]
    close = difflib.get_close_matches(field, map(str, item), n=1)
    hint = f" (it has {close[0]!r})" if close else f" (it has {', '.join(map(str, list(item)[:6]))})"
    raise ValueError(f"{path}: {where} has no {field!r}{hint}; this is not the published format.")


def missing(path, of):
    """The sentence for a file or folder that is not there."""
    return f"There is no {path}; `python -m labclip_lib get {of}` says how to get it, and --data names another folder."


def checked(records, of):
    """The records, if each key occurs once and each image is there; else ValueError in one sentence."""
    seen = {}
    for record in records:
        if record.key in seen:
            raise ValueError(f"{of} has the item {record.key!r} twice; fetch its files again.")
        seen[record.key] = record
    if not records:
        raise ValueError(f"{of} holds no item; fetch its files again.")
    paths = dict.fromkeys(
        picture.path for record in records for picture in (record.image, record.other_image) if picture
    )
    absent = [path for path in paths if not Path(path).is_file()]
    if absent:
        raise ValueError(
            f"{len(absent):,} of the {len(paths):,} images of {of} are missing, the first is {absent[0]}; "
            f"`python -m labclip_lib get {of}` says how to get them."
        )
    return records


def _once(path, pairs):
    out = dict(pairs)
    if len(out) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{path} has the key {twice!r} twice; fetch it again.")
    return out
