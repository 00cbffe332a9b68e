"""VALSE (Parcalabescu et al., 2022): captions and foils of eleven instruments, each after one linguistic phenomenon.

Under the folder of all data: valse/{instrument}.json, valse/images/{visual7w,SWiG,VisDial_v1.0}/, and COCO's
coco/{train2014,val2014,val2017}/.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np

from labclip_lib.benchmarks.hard_negatives import SUBSETS
from labclip_lib.benchmarks.records import Record, check_records, field_of, picture, read_json, text_of, typed
from labclip_lib.benchmarks.toy_pictures import save_pictures, write_once
from labclip_lib.world.captions import TEMPLATES
from labclip_lib.world.scenes import World

_NAME = "valse"
INSTRUMENTS = [name.partition("/")[2] for name in SUBSETS if name.startswith("VALSE/")]
VOTES = 2  # of three annotators for the caption and against the foil
# An item's data set -> where its images are; the file name of a COCO 2014 image says where it is.
FOLDERS = {
    "visual7w": "valse/images/visual7w",
    "SWiG": "valse/images/SWiG",
    "VisDial_v1.0": "valse/images/VisDial_v1.0",
    "coco2017": "coco/val2017",
    "coco_2017": "coco/val2017",
}


def load(root):
    """VALSE's 7,702 valid items as Records: one caption, one negative; groups are instruments, clusters images.

    root: the folder of all data. An item is valid if two or more of three annotators agreed on it.
    Raises ValueError when a file or an image is missing or not as published.
    """
    return check_records(read(root), _NAME)


def read(root):
    """`load` without checking that the images exist."""
    records = []
    for instrument in INSTRUMENTS:
        path = Path(root) / _NAME / f"{instrument}.json"
        for key, item in typed(read_json(path, _NAME), dict, path, "the file").items():
            where = f"item {key!r}"
            votes = typed(
                field_of(typed(item, dict, path, where), "mturk", path, where), dict, path, f"'mturk' of {where}"
            )
            count = field_of(votes, "caption", path, f"'mturk' of {where}")
            if typed(count, int, path, f"the votes of {where}") < VOTES:
                continue
            name = text_of(item, "image_file", path, where)
            folder = _folder(text_of(item, "dataset", path, where), name, path, where)
            records.append(
                Record(
                    f"{instrument}/{key}",
                    picture(root, folder, name, path, where),
                    (text_of(item, "caption", path, where),),
                    (text_of(item, "foil", path, where),),
                    instrument,
                    f"{folder}/{name}",
                )
            )
    return records


def _folder(dataset, name, path, where):
    coco = re.match("COCO_(train|val)2014_", name)
    if coco:
        return f"coco/{coco[1]}2014"
    if dataset not in FOLDERS:
        raise ValueError(
            f"{path}: {where} is of the data set {dataset!r}, with the image {name!r}; known are {', '.join(FOLDERS)} "
            "and images called COCO_train2014_ or COCO_val2014_ something."
        )
    return FOLDERS[dataset]


def write_toy(root, n=200, seed=0):
    """Write a toy VALSE: n pictures of the book's world for each of four instruments, in words that PocketCLIP knows.

    actant-swap: colours swapped. foil-it: a shape replaced. existence: a colour of the picture, and another.
    counting-small-quant: one to three things. The world has no words for the other seven, whose files hold no item.
    Writes nothing where the files exist already, real ones included.
    """
    root = Path(root)
    files = [root / _NAME / f"{instrument}.json" for instrument in INSTRUMENTS]
    if all(path.exists() for path in files):
        return
    toys = {
        "actant-swap": ("SWiG", "toy_{}.jpg", _actants),
        "counting-small-quant": ("visual7w", "v7w_toy_counting_{}.jpg", _counts),
        "existence": ("visual7w", "v7w_toy_existence_{}.jpg", _existence),
        "foil-it": ("FOIL dataset", "COCO_val2014_000000{}.jpg", _foils),
    }
    items = {}
    for number, (instrument, (dataset, pattern, make)) in enumerate(toys.items()):
        names = [pattern.format(950_000 + i) for i in range(n)]  # larger than COCO's ids: no photo is overwritten
        paths = [root / FOLDERS.get(dataset, "coco/val2014") / name for name in names]
        batches, captions, foils = make(n, [seed, number])
        for scenes in batches:
            save_pictures(scenes, paths[: len(scenes)])
            paths = paths[len(scenes) :]
        items[instrument] = {
            f"{instrument}_{i}": {
                "dataset": dataset,
                "image_file": name,
                "caption": caption,
                "mturk": {"foil": 0, "caption": 3, "other": 0},
                "foil": foil,
            }
            for i, (name, caption, foil) in enumerate(zip(names, captions, foils, strict=True))
        }
    for path in files:
        write_once(path, items.get(path.stem, {}))


# The pictures and texts of each instrument: batches of Scenes, n in all, with n captions and n foils.


def _actants(n, seed):
    scenes = World().sample(n, seed=seed)
    return [scenes], _captions(scenes, seed), _captions(scenes.swapped(), seed)


def _foils(n, seed):
    scenes = World().sample(n, seed=seed)
    return [scenes], _captions(scenes, seed), _captions(scenes.replaced("shape", seed), seed)


def _existence(n, seed):
    scenes, template = World().sample(n, seed=seed), "a {attr1} thing"
    absent = scenes.added(seed).color[:, [-1, -1]]  # whichever object is named, its colour is not in the picture
    recoloured = dataclasses.replace(scenes, color=absent)
    return [scenes], _captions(scenes, seed, template), _captions(recoloured, seed, template)


def _counts(n, seed):
    rng = np.random.default_rng(seed)
    sizes = [len(range(k, n, 3)) for k in range(3)]
    batches = [World().sample(size, objects=k, seed=[*seed, k]) for k, size in enumerate(sizes, 1)]
    true = np.repeat([1, 2, 3], sizes)
    false = (true + rng.integers(1, 3, n) - 1) % 3 + 1
    return batches, *([" and ".join(["a thing"] * k) for k in counts] for counts in (true, false))


def _captions(scenes, seed, template=TEMPLATES["article"]):
    # The order of the objects depends on the seed alone, so a caption and its foil share it.
    return scenes.captions("random", seed, template)
