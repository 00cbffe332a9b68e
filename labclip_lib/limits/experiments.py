"""All experiments of chapter 7, and how the tables that the book keeps of them are made."""

import importlib
from pathlib import Path

from labclip_lib.limits.trainings import SEEDS, over_seeds
from labclip_lib.studies.comparison import pocket_paths

# Table -> (recipe of the PocketCLIPs it is about, or None where it trains its own; module of this wing, its function).
EXPERIMENTS = {
    "limits-objects": ("pocket", "more_objects", "more_objects"),
    "limits-search": ("pocket", "search", "conjunctive_search"),
    "limits-relations": ("pocket-relations", "relations", "relations"),
    "limits-pairs": ("pocket", "unseen_pairs", "unseen_pairs"),
    "limits-vectors": ("pocket", "object_vectors", "object_vectors"),
    "limits-capacity": ("pocket", "capacity", "capacities"),
    "limits-negatives": ("pocket", "crossed_negatives", "crossed_negatives"),
    "limits-towers": ("pocket", "which_tower", "which_tower"),
    "limits-world": ("pocket-3d", "second_world", "second_world"),
    "limits-unmet": (None, "unmet_pairs", "train_without_pairs"),
}


def remake(runs, out, device="auto", experiments=None, seeds=SEEDS):
    """Run the experiments, one after another; yields the path of each table as it is written.

    runs: the folder in which `study acceptance` left the PocketCLIPs of all recipes. out: for the tables; what is there
    of an interrupted run is taken up. experiments: in the form of EXPERIMENTS, which it stands for when left out.
    Raises ValueError before anything runs when a PocketCLIP is missing.
    """
    experiments = experiments or EXPERIMENTS
    towers = {}
    for recipe in dict.fromkeys(recipe for recipe, _, _ in experiments.values() if recipe):
        towers[recipe] = dict(zip(seeds, pocket_paths(runs, seeds, recipe), strict=True))
    for name, (recipe, module, function) in experiments.items():
        experiment = getattr(importlib.import_module(f"labclip_lib.limits.{module}"), function)
        if recipe:
            yield over_seeds(name, experiment, towers[recipe], Path(out), device)
        else:
            yield experiment(out, device, seeds=seeds)
