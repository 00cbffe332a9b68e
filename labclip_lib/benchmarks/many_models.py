"""The scores of 202 published CLIP models on many benchmarks (Oh et al., 2024, arXiv 2406.09388).

They publish one table, a model a row, and state no licence for it: it is read here, and none of its rows is kept.
"""

import re
from typing import NamedTuple

import numpy as np

from labclip_lib.base.csv_tables import read_table
from labclip_lib.base.published_files import pinned_file

FILE = "vl_compo/individual_results.csv"
_ABOUT = ("arch", "pretrained", "family")  # the columns that hold no score
# What a family was trained on, roughly, for a figure that cannot show seventeen of them apart.
KINDS = {
    "OpenAI's data": ("openai",),
    "LAION": ("laion",),
    "DataComp, CommonPool": ("datacomp", "commonpool"),
    "other large collections": ("webli", "dfn", "metaclip", "merged"),
    "small collections": ("yfcc", "cc", "redcaps", "in", "declip"),
    "studies with generated pictures": ("real", "syn", "synreal", "synthci"),
}


class ManyModels(NamedTuple):
    """N models. names: N str, "group: architecture / data". groups, families, kinds: (N,) str. tuned: (N,) bool.

    groups: as the table has it, such as "OpenCLIP". families: models that were first trained on data of one name, such
    as "laion"; models of one family are not independent. kinds: keys of KINDS, by family. tuned: whether a pretrained
    model was trained further to compose; it has OpenAI's family, whose ViT-B/32 all of these begin with, as we
    understand their papers. scores: {"benchmark::part": (N,) float64 in [0, 1]}.
    """

    names: list
    groups: np.ndarray
    families: np.ndarray
    kinds: np.ndarray
    tuned: np.ndarray
    scores: dict


def load_many_models():
    """The published table, a ManyModels. Raises ValueError when it is not there (see `base/published_files.py`)."""
    path = pinned_file(FILE)
    columns, rows = read_table(path, _ABOUT)
    rows = [row for _, row in rows]
    tuned = np.array([row["pretrained"].endswith("-ft") for row in rows])
    families = np.array(
        ["openai" if ft else _first_word(row["pretrained"]) for ft, row in zip(tuned, rows, strict=True)]
    )
    kind_of = {family: kind for kind, members in KINDS.items() for family in members}
    if unknown := sorted({*families.tolist()} - {*kind_of}):
        raise ValueError(f"{path} has models trained on {unknown[0]!r}, which KINDS of many_models.py does not know.")
    return ManyModels(
        [f"{row['family']}: {row['arch']} / {row['pretrained']}" for row in rows],
        np.array([row["family"] for row in rows]),
        families,
        np.array([kind_of[family] for family in families]),
        tuned,
        {name: np.array([float(row[name]) for row in rows]) / 100 for name in columns if name not in _ABOUT},
    )


def _first_word(data):
    return re.match("[a-z]*", data)[0]
