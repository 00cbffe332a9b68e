"""Tables of the long trainings, and the command that makes each anew."""

import json
from pathlib import Path

FOLDER = Path(__file__).parent / "studies"
# Name of a table -> the verb that trains and measures; CONTRIBUTING.md says which of its files is kept.
MADE_BY = {
    "pocket": "study acceptance",
    "pocket-128": "study acceptance --recipe pocket-128",
    "pocket-3d": "study acceptance --recipe pocket-3d",
    "pocket-relations": "study acceptance --recipe pocket-relations",
    "dial": "study dial",
    "support": "study twins",
    "image-space": "study image-space",
    "captions": "study captions",
    "comparison": "study comparison",
    "loudness": "study loudness",
    **dict.fromkeys(
        map(
            "limits-{}".format,
            ["objects", "search", "relations", "pairs", "vectors", "capacity", "negatives", "towers", "world", "unmet"],
        ),
        "reproduce --table limits",
    ),
    **dict.fromkeys(map("inside-{}".format, ["looks", "lives", "parts", "more"]), "reproduce --table inside"),
}


def load_study(name):
    """The results of a long training, as its study wrote them: dicts and lists of plain numbers.

    "pocket", "pocket-128", "pocket-3d", "pocket-relations": three seeds of a shipped recipe, {"table": rows of
    `acceptance.summary`, "within": rows of `pooled`}. "dial": {"rows"} of `binding_share`. "support": {"rows"} of
    `missing_twins`. "image-space" and "captions": {"rows"} of `other_captions`. "comparison": {order: {method:
    {measure: row of `pooled`}}}. "loudness": {order: {matrix: {measure: row of `pooled`}}}. "limits-unmet": {"rows"} of
    `unmet_pairs`. The other "limits-..." and "inside-...": the trees of the experiments of the wings `limits` and
    `inside`, with rows of `over_seeds` for leaves.
    Raises ValueError for another name.
    """
    if name not in MADE_BY:
        raise ValueError(f"No table of a training is kept as {name!r}; choose from {', '.join(MADE_BY)}.")
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; `python -m labclip_lib {MADE_BY[name]}` makes it anew.")
    return json.loads(path.read_text())
