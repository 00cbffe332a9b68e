"""Relations, sizes, counts and negation: does one matrix do for them what it does for colours?"""

import torch

from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.alignment.statement_task import (
    COLOURS,
    one_reading_accuracy,
    statement_probes,
    swap_and_match,
    task_of,
)
from labclip_lib.world.scenes import World
from labclip_lib.world.statements import KINDS


def relations(backbone, seed=0, n=3000, world=World()):
    """Every kind before and after LABCLIP: {kind: {"probes" or a method: {measure: Measure}}}.

    Methods: "CLIP"; "LABCLIP, this kind"; "LABCLIP, all kinds", one matrix fitted to the pairs of all of them; and
    "LABCLIP, all kinds, as few pairs", fitted to no more pairs than one of a single kind. Held out: unseen scenes, with
    their twins and all that have the same words.
    """
    kinds = (COLOURS, *KINDS)
    tasks = {kind: task_of(backbone, kind, n, [seed, k], world) for k, kind in enumerate(kinds)}
    own = {kind: _fit([task], seed) for kind, task in tasks.items()}
    everything, few = _fit(tasks.values(), seed), _fit(tasks.values(), seed, len(tasks))
    out = {}
    for kind, task in tasks.items():
        methods = {
            "CLIP": None, "LABCLIP, this kind": own[kind], "LABCLIP, all kinds": everything,
            "LABCLIP, all kinds, as few pairs": few,
        }  # fmt: skip
        out[kind] = {"probes": statement_probes(task)}
        for name, labclip in methods.items():
            out[kind][name] = swap_and_match(task, labclip)
            if kind != COLOURS:
                out[kind][name]["one reading"] = one_reading_accuracy(backbone, kind, labclip, seed=seed, world=world)
    return out


def _fit(tasks, seed, share=1):
    """A LABCLIP for the training pairs of all tasks, or for the first of each, one in so many."""
    parts = []
    for part in ("train", "validation"):
        each = [task.pairs(part, most=int(getattr(task.split, part).sum()) // share) for task in tasks]
        tables = [[vars(pairs)[name] for pairs in each] for name in
                  ("images", "texts", "negatives", "text_ids", "negative_ids")]  # fmt: skip
        images, texts, negatives, *ids = (torch.cat(table) for table in tables)
        parts.append(Pairs(images, texts, negatives, None, *ids))
    return fit_pairs(*parts, seed=seed)
