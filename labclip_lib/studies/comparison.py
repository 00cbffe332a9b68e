"""CLIP, LABCLIP in its forms, and a PocketCLIP that is fine-tuned with all its weights, all measured alike.

Three PocketCLIPs, captions in fixed and in random order. It takes long, so the table is kept.
"""

import copy
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from labclip_lib.alignment.fit import RECIPES
from labclip_lib.alignment.scene_task import binding_task, examine, fit_task
from labclip_lib.base.files import sha256, write_atomically, write_json
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.base.progress import track
from labclip_lib.measures.measure import Measure
from labclip_lib.models.backbones import Backbone, load_backbone
from labclip_lib.models.chunked import chunked_info_nce
from labclip_lib.models.pocket import unpadded
from labclip_lib.models.pretraining import MAX_LOGIT_SCALE, schedule
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.studies.acceptance import ORDERS, pooled
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.scenes import World

SEEDS = (0, 1, 2)
LAYOUTS = 10
# Name -> the arguments of `fit_labclip`; None is CLIP as it is.
METHODS = {
    "CLIP": None,
    "SB, paper": {"mode": "SB", "recipe": "paper"},
    "HNB, paper": {"mode": "HNB", "recipe": "paper"},
    "SB, closed form": {"mode": "SB", "epochs": 0},
    "HNB, closed form": {"mode": "HNB", "epochs": 0},
    "SB": {"mode": "SB"},
    "HNB": {"mode": "HNB"},
    "HNB, image side": {"mode": "HNB", "side": "image"},
    "HNB, rank 128": {"mode": "HNB", "rank": 128},
    "HNB, rank 32": {"mode": "HNB", "rank": 32},
}
FULL = "fine-tuned, all weights"


def all_weights(model):
    """The model with every parameter learning, in training mode."""
    return model.requires_grad_(True).train()


def finetune(backbone, order="fixed", world=World(), layouts=LAYOUTS, seed=7, steps=250, batch_size=128, rate=3e-4,
             progress=True, unfreeze=all_weights, images=None):  # fmt: skip
    """A PocketCLIP fine-tuned on the scenes and captions that LABCLIP gets: a new Backbone.

    The backbone that is passed stays unchanged. The loss is LABCLIP's, with hard negatives. AdamW, warmed up over a
    tenth of the steps, then half a cosine.
    unfreeze: a function that is given the copy of the model, and says in it which parameters learn. images: (L, S, D),
    the layouts' image embeddings, for an image tower that does not learn; left out, each batch is embedded anew.
    """
    every = Layouts.draw(world, layouts, seed)
    n, train = len(every.scenes), torch.where(split_by_combination(every.scenes.color, every.scenes.shape).train)[0]
    captions, foils = every.captions(order), every.swapped().captions(order)
    model, device = unfreeze(copy.deepcopy(backbone.model)), backbone.device
    encode_text = unpadded(model)
    config = model.visual.preprocess_cfg
    mean, std = (torch.tensor(config[key], device=device)[:, None, None] for key in ("mean", "std"))
    adam = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05, betas=(0.9, 0.98))
    rng = np.random.default_rng(seed)
    bar = track(range(steps), desc=f"fine-tuning, {order} order", shows=progress)
    for step in bar:
        for group in adam.param_groups:
            group["lr"] = rate * schedule(step, steps, steps // 10)
        k = rng.integers(layouts)  # one layout per batch, so that no scene is in it twice
        rows = train[torch.from_numpy(rng.choice(len(train), batch_size, replace=False))]
        if images is None:
            pixels = every.parts[k][rows].render(backbone.image_size, device)
            pictures = normalize(model.encode_image((pixels - mean) / std), dim=-1)
        else:
            pictures = images[k][rows.to(images.device)]
        batch = [side[k * n + row] for side in (captions, foils) for row in rows.tolist()]
        texts, negatives = normalize(encode_text(backbone.tokenizer(batch).to(device)), dim=-1).chunk(2)
        loss = chunked_info_nce(pictures, texts, negatives, model.logit_scale.exp(), len(pictures))
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(MAX_LOGIT_SCALE))
        bar.set_postfix(loss=f"{float(loss.detach()):.3f}")
    return Backbone(model, backbone.tokenizer, f"{backbone.name}, fine-tuned", device)


def compare(runs, out, device="auto", seeds=SEEDS, steps=250, progress=True, world=World(), methods=METHODS,
            layouts=LAYOUTS):  # fmt: skip
    """Every method on every PocketCLIP in both orders; writes `out`/labclip-report.json and returns its path.

    runs: the folder in which `study acceptance` left pocket-0, pocket-1, ... methods: in the form of METHODS. Each
    finished fine-tuning or fit is kept beside the table, so an interrupted comparison resumes where it stopped.
    Waits for another study in the folder. Raises ValueError when a PocketCLIP is missing, or when the folder holds a
    comparison of other models or settings.
    """
    with one_at_a_time(out, "study"):
        return _compare(Path(runs), Path(out), device, seeds, steps, progress, world, methods, layouts)


def pocket_paths(runs, seeds, recipe="pocket"):
    """The weights that `study acceptance` of a recipe left in the folder `runs`; ValueError when one is missing."""
    paths = [Path(runs) / f"{recipe}-{seed}" / f"{recipe}.safetensors" for seed in seeds]
    if missing := [path for path in paths if not path.is_file()]:
        raise ValueError(
            f"There is no {missing[0]}; make it with `python -m labclip_lib study acceptance --recipe {recipe} "
            f"--out {runs}`."
        )
    return paths


def _compare(runs, out, device, seeds, steps, progress, world, methods, layouts):
    pockets = pocket_paths(runs, seeds)
    _same_settings(out / "labclip-settings.json", pockets, world, steps, methods, layouts)
    for seed, path in zip(seeds, pockets, strict=True):
        task = None
        for order in ORDERS:
            for name in [*methods, FULL]:
                result_path = out / f"labclip-{seed}-{order}-{_plain(name)}.npz"
                if result_path.exists():
                    continue
                if name == FULL:
                    pocket = load_backbone(str(path), device)
                    tuned = finetune(pocket, order, world, layouts, steps=steps, progress=progress)
                    measures = examine(binding_task(tuned, world, layouts), None, order)
                else:
                    task = task or binding_task(load_backbone(str(path), device), world, layouts)
                    how = methods[name]
                    measures = examine(task, None if how is None else fit_task(task, order, **how), order)
                arrays = {f"{k}|{what}": value for what, m in measures.items() for k, value in
                          (("values", m.values), ("clusters", m.clusters))}  # fmt: skip
                write_atomically(result_path, lambda part, arrays=arrays: _write_arrays(part, arrays))
    table = {order: {name: _pool(out, seeds, order, name) for name in [*methods, FULL]} for order in ORDERS}
    path = out / "labclip-report.json"
    write_json(path, table)
    return path


def _same_settings(path, pockets, world, steps, methods, layouts):
    """Record the settings; ValueError for a folder with other settings."""
    settings = {
        "pockets": [sha256(pocket) for pocket in pockets], "world": dataclasses.asdict(world),
        "layouts": layouts, "steps": steps, "methods": methods,
        "recipes": {name: dataclasses.asdict(recipe) for name, recipe in RECIPES.items()},
    }  # fmt: skip
    settings = json.loads(json.dumps(settings))
    if path.exists():
        if json.loads(path.read_text()) != settings:
            raise ValueError(
                f"{path.parent} holds a comparison of other models or settings; choose another --out folder."
            )
        return
    write_json(path, settings)


def _pool(out, seeds, order, name):
    runs = [np.load(out / f"labclip-{seed}-{order}-{_plain(name)}.npz", allow_pickle=False) for seed in seeds]
    measures = [key.partition("|")[2] for key in runs[0].files if key.startswith("values")]
    return {
        what: pooled([Measure(run[f"values|{what}"], run[f"clusters|{what}"]) for run in runs]) for what in measures
    }


def _write_arrays(part, arrays):
    with open(part, "wb") as file:  # given a path, numpy would add an ending to it
        np.savez_compressed(file, **arrays)


def _plain(name):
    return name.replace(",", "").replace(" ", "-")
