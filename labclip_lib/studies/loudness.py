"""Is it the directions or the loudness that CLIP's cosine lacks? The matrices of `alignment.loudness`, all measured.

Three PocketCLIPs, captions in fixed and in random order.
"""

from pathlib import Path

import torch

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.loudness import directions_or_loudness, moves
from labclip_lib.alignment.scene_task import binding_task, examine, examine_groups
from labclip_lib.base.files import write_json
from labclip_lib.measures.measure import Measure
from labclip_lib.models.backbones import load_backbone
from labclip_lib.studies.acceptance import pooled
from labclip_lib.studies.comparison import LAYOUTS, ORDERS, SEEDS, pocket_paths
from labclip_lib.world.scenes import World


def weigh(runs, out, device="auto", seeds=SEEDS, world=World(), layouts=LAYOUTS):
    """Write `out`/loudness.json, {order: {matrix: {measure: row of `pooled`}}}, and return its path.

    runs: the folder in which `study acceptance` left pocket-0, pocket-1, ... Measures, on held-out combinations:
    "swap", "group match" and "cosine of the moves", of an image's from twin to scene with its caption's.
    Raises ValueError when a PocketCLIP is missing.
    """
    Path(out).mkdir(parents=True, exist_ok=True)
    found = {}
    for path in pocket_paths(runs, seeds):
        task = binding_task(load_backbone(str(path), device), world, layouts)
        for order in ORDERS:
            for name, pair in directions_or_loudness(task, order).items():
                for what, measure in _measure(task, pair, order).items():
                    found.setdefault(order, {}).setdefault(name, {}).setdefault(what, []).append(measure)
    table = {
        order: {name: {what: pooled(runs) for what, runs in rows.items()} for name, rows in matrices.items()}
        for order, matrices in found.items()
    }
    path = Path(out) / "loudness.json"
    write_json(path, table)
    return path


def _measure(task, pair, order):
    labclip = LABCLIP(task.images.shape[-1]).to(task.images.device)
    labclip.set_matrix(pair[0] @ pair[1])
    images, captions = moves(task, "test", order)
    cosines = torch.cosine_similarity(images @ pair[0], captions @ pair[1].T)
    clusters = task.split.cluster[task.split.test].repeat(len(task.images))
    return {
        "swap": examine(task, labclip, order)["swap"],
        "group match": examine_groups(task, labclip, order)["group match"],
        "cosine of the moves": Measure(cosines.cpu().numpy(), clusters.cpu().numpy(), 0.0),
    }
