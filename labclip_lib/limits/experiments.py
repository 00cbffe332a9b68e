"""All experiments of chapter 7, and how the tables that the book keeps of them are made."""

import importlib
from pathlib import Path

from labclip_lib.limits.trainings import SEEDS, over_seeds
from labclip_lib.models.backbones import load_backbone
from labclip_lib.studies.comparison import pocket_paths

# Table -> (recipe of the PocketCLIPs it is about, or None where it trains its own; module with its wing, its function).
EXPERIMENTS = {
    "limits-objects": ("pocket", "limits.more_objects", "more_objects"),
    "limits-search": ("pocket", "limits.search", "conjunctive_search"),
    "limits-relations": ("pocket-relations", "limits.relations", "relations"),
    "limits-pairs": ("pocket", "limits.unseen_pairs", "unseen_pairs"),
    "limits-vectors": ("pocket", "limits.object_vectors", "object_vectors"),
    "limits-capacity": ("pocket", "limits.capacity", "capacities"),
    "limits-negatives": ("pocket", "limits.crossed_negatives", "crossed_negatives"),
    "limits-towers": ("pocket", "limits.which_tower", "which_tower"),
    "limits-world": ("pocket-3d", "limits.second_world", "second_world"),
    "limits-unmet": (None, "limits.unmet_pairs", "train_without_pairs"),
}


def remake(runs, out, device="auto", experiments=None, seeds=SEEDS, backbone=None):
    """Run the experiments, one after another; yields the path of each table as it is written.

    runs: the folder in which `study acceptance` left the PocketCLIPs of all recipes. out: for the tables; what is there
    of an interrupted run is taken up. experiments: in the form of EXPERIMENTS, which it stands for when left out.
    backbone: the name of one, as for `load_backbone`, to ask in place of all PocketCLIPs.
    Raises ValueError before anything runs when a PocketCLIP is missing, and as `load_backbone`.
    """
    experiments = experiments or EXPERIMENTS
    if backbone:
        load_backbone(backbone, device)  # so that a mistake in its name is found before a folder is made
    towers = {}
    for recipe in dict.fromkeys(recipe for recipe, _, _ in experiments.values() if recipe):
        paths = [backbone] if backbone else pocket_paths(runs, seeds, recipe)
        towers[recipe] = dict(zip(seeds, paths, strict=not backbone))
    for name, (recipe, module, function) in experiments.items():
        experiment = getattr(importlib.import_module(f"labclip_lib.{module}"), function)
        if recipe:
            yield over_seeds(name, experiment, towers[recipe], Path(out), device)
        else:
            yield experiment(out, device, seeds=seeds)
