"""Real captions with their hard negatives, as five projects publish them: SugarCrepe(++), VALSE, COLA and NegCLIP.

Text only; the pictures are not needed here. Where the files come from: `base/published_files.py`.
"""

import ast
import functools
from typing import NamedTuple

from labclip_lib.base.csv_tables import read_table
from labclip_lib.base.messages import did_you_mean
from labclip_lib.base.published_files import PINNED, pinned_file
from labclip_lib.benchmarks.records import read_json
from labclip_lib.operators.coverage import cover

_FOLDERS = {
    "sugarcrepe": "SugarCrepe", "sugarcrepe_pp": "SugarCrepe++", "valse": "VALSE", "cola": "COLA", "aro": "NegCLIP",
}  # fmt: skip
_NAMES = {"COLA_multiobjects_matching_benchmark": "multi-object", "valid_neg_clip": "validation"}
# Subset -> its file, a key of `pinned.PINNED`.
SUBSETS = {
    f"{project}/{_NAMES.get(stem, stem)}": path
    for folder, project in _FOLDERS.items()
    for path in PINNED
    if path.startswith(f"{folder}/") and (stem := path.partition("/")[2].partition(".")[0])
}


class HardNegatives(NamedTuple):
    """One subset, N items: captions, negatives, paraphrases of the captions (None where it has none), image files."""

    captions: list
    negatives: list
    paraphrases: list | None
    images: list


def load_hard_negatives(name):
    """The pairs of a subset, a key of SUBSETS such as "SugarCrepe/swap_att"; a HardNegatives.

    VALSE: the items that its authors call valid (two or more of three annotators agreed). NegCLIP: a pair for each
    of a caption's one to five negatives. COLA: the first caption of a pair, with the second as its negative.
    Raises ValueError for another name, and when the file is not there (see `base/published_files.py`).
    """
    if name not in SUBSETS:
        raise ValueError(
            f"There is no subset {name!r}; {did_you_mean(name, SUBSETS, otherwise='choose a key of SUBSETS.')}"
        )
    return _READERS[name.partition("/")[0]](pinned_file(SUBSETS[name]))


@functools.cache
def cover_benchmarks():
    """Which operators explain the negatives of every subset: {key of SUBSETS: Coverage}.

    On all cores. Raises ValueError when a file is not there (see `base/published_files.py`).
    """
    return {name: cover(name, *load_hard_negatives(name)[:2], jobs=-1) for name in SUBSETS}


def _sugarcrepe(path):
    items = read_json(path, "texts").values()
    return _columns(items, "caption", "negative_caption", None, "filename")


def _sugarcrepe_pp(path):
    return _columns(read_json(path, "texts"), "caption", "negative_caption", "caption2", "filename")


def _valse(path):
    items = [item for item in read_json(path, "texts").values() if item["mturk"]["caption"] >= 2]
    return _columns(items, "caption", "foil", None, "image_file")


def _cola(path):
    items = read_json(path, "texts")
    return _columns(items, 1, 3, None, 0)


def _negclip(path):
    rows = [
        (row["title"], negative, row["filepath"])
        for _, row in read_table(path).rows
        for negative in ast.literal_eval(row["neg_caption"])
    ]
    return _columns(rows, 0, 1, None, 2)


def _columns(items, *fields):
    return HardNegatives(*(None if field is None else [item[field] for item in items] for field in fields))


_READERS = {
    "SugarCrepe": _sugarcrepe, "SugarCrepe++": _sugarcrepe_pp, "VALSE": _valse, "COLA": _cola, "NegCLIP": _negclip,
}  # fmt: skip
