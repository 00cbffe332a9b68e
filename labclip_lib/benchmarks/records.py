"""What all benchmarks are read into: records of an image, its true captions and its false ones.

A benchmark's file has `load(root)`, which reads its published format into a list of `Record`s, or says in one
sentence what is missing. `root` is the folder of all data; README.md of the repository and `python -m labclip_lib get`
say what lies where in it. `evaluation.py` evaluates a backbone on any records.
"""

import json
import re
import reprlib
from pathlib import Path
from typing import NamedTuple

from labclip_lib.base.csv_tables import as_table, read_lines
from labclip_lib.base.messages import closest, first_line
from labclip_lib.models.image_files import Picture


class Record(NamedTuple):
    """One item of a benchmark.

    key: its name, unique in the benchmark. image: a `Picture`. captions, negatives: tuples of str, each true
    of the image and each false. A record without negatives is for retrieval.
    group: the category that the benchmark reports by. cluster: items of one cluster (as a rule, of one image) are not
    independent, and are resampled together for an interval.
    other_image: a Picture of which the (one) negative is true and the (one) caption false, or None.
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
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=lambda pairs: _once(path, pairs))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not valid JSON ({first_line(error)}); fetch it again.") from None


def read_csv(path, of, columns=(), header=True):
    """The rows of a CSV file, each with its line's number: dicts, or lists where it has no header.

    columns: names that must be there. Errors as in `read_json`, and as `csv_tables.read_table` has them.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(missing(path, of))
    lines = read_lines(path)
    if len(lines) <= header:
        raise ValueError(f"{path} holds no row; fetch it again.")
    return as_table(lines, path, columns).rows if header else lines


def field_of(item, field, path, where):
    """A field of an item, a dict. ValueError when it is missing, with the field that was perhaps meant."""
    if field in item:
        return item[field]
    close = closest(field, map(str, item))
    hint = repr(close) if close else ", ".join(map(str, list(item)[:6]))
    raise ValueError(f"{path}: {where} has no {field!r} (it has {hint}); this is not the published format.")


def typed(value, kind, path, what):
    """The value, if it is of that kind: dict, list or str; else ValueError in one sentence."""
    if not isinstance(value, kind):
        raise ValueError(
            f"{path}: {what} is {reprlib.repr(value)}, not a {kind.__name__}; this is not the published format."
        )
    return value


def text_of(item, field, path, where):
    """The str in a field of an item, which must be a dict; else ValueError in one sentence."""
    value = field_of(typed(item, dict, path, where), field, path, where)
    return typed(value, str, path, f"the {field!r} of {where}")


def picture(root, folder, name, path, where):
    """The Picture of that name in root/folder. ValueError, in one sentence, for a name that might lie elsewhere."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(
            f"{path}: the image of {where} is called {reprlib.repr(name)}, which is not a plain file name; "
            f"this is not the published format."
        )
    return Picture(str(Path(root) / folder / name))


def missing(path, of):
    """The error message for a file or folder that is not there."""
    return f"There is no {path}; `python -m labclip_lib get {of}` says how to get it, and --data names another folder."


def check_records(records, of):
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
