"""Real captions with their hard negatives, as five projects publish them: SugarCrepe(++), VALSE, COLA and NegCLIP.

Text only; the pictures are not needed here. The files are pinned and verified, see `data.py`.
"""

import ast
import difflib
import json
from typing import NamedTuple

from labclip_lib.csv_tables import as_table, lines_of
from labclip_lib.data import fetch_pinned

_HOST = "https://raw.githubusercontent.com"
# Publisher -> (folder of LABCLIP_DATA, repository at its pinned commit, folder there).
_SOURCES = {
    "SugarCrepe": ("sugarcrepe", "RAIVNLab/sugar-crepe/0047054b243992f0fad63d6f64f7544862daf846", "data"),
    "SugarCrepe++": ("sugarcrepe_pp", "Sri-Harsha/scpp/c083bbf039a5ca215acaf25e7ee736d2ea6f3864", "data"),
    "VALSE": ("valse", "Heidelberg-NLP/VALSE/2152d90d", "data"),
    "COLA": ("cola", "arijitray1993/COLA/1fa52fba9cff4e6ffb7bfcf3550838748347273b", "data"),
    "NegCLIP": ("aro", "mertyg/vision-language-models-are-bows/81fdd20dc5b6f434aa5a4a971717bc80d1cedb0d", "temp_data"),
}
_FILES = {
    "COLA/multi-object": "COLA_multiobjects_matching_benchmark.json",
    "NegCLIP/validation": "valid_neg_clip.tsv",
}
# Subset -> SHA-256 of its file.
SUBSETS = {
    "SugarCrepe/add_att": "012d88d729693d193760e6f3393b06a1cf874380a9db0062e937201199fe044d",
    "SugarCrepe/add_obj": "1b9d76b93139a937b8dc1ada92a4f05ecc821bb3c291d752428bafadd4bb0682",
    "SugarCrepe/replace_att": "9fe55fd4c0a9ad1f85d486d9f6d0215b41f867eb025026e7f7b5ce44352545ee",
    "SugarCrepe/replace_obj": "9d299600639947e9d15281a9ded1382b376cf4ea088a8d08a1314bfe76e81898",
    "SugarCrepe/replace_rel": "356bcc2fc4c6aed3f4d9fd50acc58489bb1fe70c28791f9368d4cbf9ea39cdc9",
    "SugarCrepe/swap_att": "7a7ce04e5c4c80412b48c6f0c1347fb1a2f5d54c0be6aa429b64d390e442f8d0",
    "SugarCrepe/swap_obj": "073cdb8e253d053614e80710834d9773b09dbc1dd0a412f6f9492262caa1dcad",
    "SugarCrepe++/replace_att": "6826413592894754eeca02aeebbcbbc8b95a7456998abcc714e71c033ce6fe87",
    "SugarCrepe++/replace_obj": "5c6dc499ec8f511a8aa4ec1b7b5eb0eca90317488abe36ec39573355e2d361ab",
    "SugarCrepe++/replace_rel": "040fb95d3f0619bf515db60879e99709a87a5e9b4f524ec3403b127243480fd4",
    "SugarCrepe++/swap_att": "450d0fd9fcad3e6f44950dc634e7f901ab1c6d9c60a569ade5ae8ffb3d203ad8",
    "SugarCrepe++/swap_obj": "5f33cae824de431a7ecd3c5de6301f689815f9497aa36d96b154bbaf117b201b",
    "VALSE/actant-swap": "915294ac3ade7c4c067b1c6841d0db93b60cb8a61ac8e2fb6b125c2a1c0ca93a",
    "VALSE/action-replacement": "336ba134f29a3475d0508809067218909a6bd30f079c59309d19244eccb7917f",
    "VALSE/coreference-hard": "ef54d8d971d9e0f264e07de08d9915c6e3d6129a2f239888f2b938f5c2eb4139",
    "VALSE/coreference-standard": "dae1d9eb018acb54e29a1c4983f3563f86ec3b6beb4037a261564270b0473e95",
    "VALSE/counting-adversarial": "0d23529308449c98b37a91048a865a5f377325eceb9accd73f2947bc512d12b0",
    "VALSE/counting-hard": "2cc83615653675fb50914ce2d8ab4041cce1278eed7ac0abf6f319dbce5c967a",
    "VALSE/counting-small-quant": "ca0645885b05738f6c6df2dffec70c669aaff64114017f33425821faab4bc374",
    "VALSE/existence": "b20fca52eba86c544083d423345a2e28e60e601ef61c56c9ac1c73a95a3a6d18",
    "VALSE/foil-it": "6f6f0d7494271ed28f6e6f075c3ba36ba1bc45d00ecf7403920f060915130460",
    "VALSE/plurals": "43760db7fc8c6f2a21d3536d52f81539cb101f3370e8d2effb09de43d91486a3",
    "VALSE/relations": "061fc557459c318ccd6734d07c21cfa5bf5ae87aa6b1110b8f5ec3d6b2911043",
    "COLA/multi-object": "e2846dcc958e3277813ca572bce53db96fd5dd65caaa57ccd20dc1ce51d73ec0",
    "NegCLIP/validation": "a9d00160062384faa2423df728ee3c15db05503fcbb28c212de11a6c8741eff4",
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
    of a caption's one to five negatives. COLA: the first caption of a pair and the second.
    Raises ValueError for another name; ConnectionError or ValueError when the file cannot be had (see `data.py`).
    """
    if name not in SUBSETS:
        close = difflib.get_close_matches(str(name), SUBSETS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "choose a key of SUBSETS."
        raise ValueError(f"There is no subset {name!r}; {hint}")
    project = name.partition("/")[0]
    with fetch_pinned(*pinned(name)).open(encoding="utf-8", newline="") as lines:
        return _READERS[project](lines)


def pinned(name):
    """Of a subset's file: its path below LABCLIP_DATA, its address and its SHA-256."""
    project, subset = name.split("/")
    folder, repository, inner = _SOURCES[project]
    file = _FILES.get(name, f"{subset}.json")
    return f"{folder}/{file}", f"{_HOST}/{repository}/{inner}/{file}", SUBSETS[name]


def _sugarcrepe(lines):
    items = json.load(lines).values()
    return _columns(items, "caption", "negative_caption", None, "filename")


def _sugarcrepe_pp(lines):
    return _columns(json.load(lines), "caption", "negative_caption", "caption2", "filename")


def _valse(lines):
    items = [item for item in json.load(lines).values() if item["mturk"]["caption"] >= 2]
    return _columns(items, "caption", "foil", None, "image_file")


def _cola(lines):
    items = json.load(lines)
    return _columns(items, 1, 3, None, 0)


def _negclip(lines):
    rows = [
        (row["title"], negative, row["filepath"])
        for _, row in as_table(lines_of(lines.read(), "NegCLIP's file", "\t"), "NegCLIP's file").rows
        for negative in ast.literal_eval(row["neg_caption"])
    ]
    return _columns(rows, 0, 1, None, 2)


def _columns(items, *fields):
    return HardNegatives(*(None if field is None else [item[field] for item in items] for field in fields))


_READERS = {
    "SugarCrepe": _sugarcrepe, "SugarCrepe++": _sugarcrepe_pp, "VALSE": _valse, "COLA": _cola, "NegCLIP": _negclip,
}  # fmt: skip
