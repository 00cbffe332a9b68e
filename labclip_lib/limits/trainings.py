"""One experiment on several PocketCLIPs, kept as one table.

An experiment is a function of a Backbone and the seed of its random draws. It returns a tree: dicts with words as keys,
and Measures as leaves. Each training's tree is kept in a file of its own, so an interrupted series goes on.
"""

import inspect
import json
from pathlib import Path

import numpy as np

import labclip_lib
from labclip_lib.base.files import sha256, write_atomically, write_json
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.measures.measure import Measure
from labclip_lib.models.backbones import load_backbone
from labclip_lib.studies.acceptance import pooled

SEEDS = (0, 1, 2)


def over_seeds(name, experiment, towers, out, device="auto"):
    """Run an experiment on each training, and write what all of them gave to `out`/NAME.json; returns its path.

    experiment: (Backbone, seed) -> a tree of Measures. towers: {seed: path of a PocketCLIP's weights, or another name
    for `load_backbone`}. A leaf of the table is a row of `acceptance.pooled`, with "chance" and "bag_of_words" where
    they are numbers; what not all of the trainings have is left out.
    Raises ValueError when the folder holds results of another training, version or experiment.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(out, name):
        runs = [_run(out / f"{name}-{seed}.npz", experiment, path, seed, device) for seed, path in towers.items()]
        table = _pooled(runs)
        write_json(out / f"{name}.json", table)
    return out / f"{name}.json"


def _run(kept, experiment, path, seed, device):
    # The file of the experiment has its sizes, too.
    code = sha256(inspect.getsourcefile(experiment))
    tower = sha256(path) if Path(path).is_file() else load_backbone(str(path), device).fingerprint
    of = json.dumps({"tower": tower, "seed": seed, "library": labclip_lib.__version__, "code": code})
    if not kept.exists():
        flat = dict(_leaves(experiment(load_backbone(str(path), device), seed)))
        arrays = {f"{place}|{field}": value for place, measure in flat.items()
                  for field, value in measure._asdict().items()}  # fmt: skip
        write_atomically(kept, lambda part: _write(part, arrays | {"of": of}))
    with np.load(kept, allow_pickle=False) as file:
        arrays = dict(file)
    if str(arrays.pop("of")) != of:
        raise ValueError(
            f"{kept} holds results of another training, version or experiment; choose another --out folder."
        )
    tree = {}
    for place in dict.fromkeys(key.rpartition("|")[0] for key in arrays):
        *above, last = json.loads(place)
        values, clusters, *levels = (arrays[f"{place}|{field}"] for field in Measure._fields)
        node = tree
        for key in above:
            node = node.setdefault(key, {})
        node[last] = Measure(values, clusters, *map(float, levels))
    return tree


def _leaves(tree, above=()):
    for key, value in tree.items():
        if isinstance(value, Measure):
            yield json.dumps([*above, key]), value
        else:
            yield from _leaves(value, (*above, key))


def _pooled(runs):
    out = {}
    for key, first in runs[0].items():
        if not all(key in run for run in runs):
            continue
        each = [run[key] for run in runs]
        if isinstance(first, Measure):
            levels = {name: float(np.mean([getattr(one, name) for one in each])) for name in ("chance", "bag_of_words")}
            out[key] = pooled(each) | {name: level for name, level in levels.items() if np.isfinite(level)}
        else:
            out[key] = _pooled(each)
    return out


def _write(part, arrays):
    with open(part, "wb") as file:  # given a path, numpy would add an ending to it
        np.savez_compressed(file, **arrays)
