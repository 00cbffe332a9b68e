"""The data dial: what becomes of PocketCLIP when more, or fewer, of its training captions bind.

Eighteen short trainings, three seeds at each share of binding captions. Nothing else differs between them.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import scipy.stats

from labclip_lib.base.devices import pick_device
from labclip_lib.base.files import write_json
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.base.progress import track
from labclip_lib.diagnosis.cross_modal import diagnose_embeddings
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.intervals import Estimate
from labclip_lib.models.pretraining import Trainer
from labclip_lib.models.recipes import Recipe
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.scenes import World

SHARES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
SEEDS = (0, 1, 2)
MOMENTS = (0, 1 / 6, 1 / 3, 2 / 3, 1)  # of the training, at which it is measured
# PocketCLIP's recipe but for two things: a quarter of the steps, and a text tower that learns twenty times
# as fast, so that within them it can take up word order, or lose it.
RECIPE = Recipe(steps=300, text_lr=2e-4)


def train_binding_shares(out, device="auto", recipe=RECIPE, shares=SHARES, seeds=SEEDS, progress=True):
    """Train and measure one PocketCLIP per share and seed; returns the path of the table, dial.json.

    A row of the table is {"share", "seed", "step", metric: {"mean", "low", "high"}}. The rest as in `train_series`,
    in the folder `out`: a run that was interrupted resumes with the training that it had begun.
    """
    runs = {}
    for share in shares:
        for seed in seeds:
            policy = dataclasses.replace(recipe.policy, binding=share)
            labels = {"share": share, "seed": seed}
            runs[f"dial-{share:g}-{seed}"] = labels, dataclasses.replace(recipe, seed=seed, policy=policy)
    return train_series(Path(out) / "dial.json", recipe, runs, measure, device, progress)


def train_series(path, recipe, runs, measure, device="auto", progress=True, moments=MOMENTS):
    """Train many models, measure each at some moments, and write all results as one table; returns its path.

    runs: {file stem: (labels, Recipe)}. measure: (Backbone, World) -> {metric: value}, plain data. A row of
    the table is labels | {"step"} | metrics. moments: shares of the training after which it is measured. Each finished
    training is kept beside the table in a file of its own. Waits for another study in the folder. Raises ValueError
    when such a file is of another recipe.
    """
    with one_at_a_time(Path(path).parent, "study"):
        return _train_series(Path(path), recipe, runs, measure, pick_device(device), progress, moments)


def _train_series(path, recipe, runs, measure, device, progress, moments):
    table = []
    for stem, (labels, this) in runs.items():
        run_path = path.with_name(f"{stem}.json")
        if not run_path.exists():
            rows = _train(this, stem, measure, device, progress, moments)
            write_json(run_path, {"recipe": this.as_dict(), "rows": rows})
        run = json.loads(run_path.read_text())
        if run["recipe"] != this.as_dict():
            raise ValueError(f"{run_path} holds a training of another recipe; choose another --out folder.")
        table += [labels | row for row in run["rows"]]
    write_json(path, {"recipe": recipe.as_dict(), "rows": table})
    return path


def over_trainings(table, metric, step, **labels):
    """Estimate of a metric at one step: mean over the trainings with these labels, 95 % interval by Student's t.

    labels: such as share=0.1. The interval covers trainings with any other seeds, so from three or five trainings
    it is wide. Raises ValueError when no training has these labels.
    """
    rows = [row for row in table if row["step"] == step and labels.items() <= row.items()]
    if not rows:
        raise ValueError(f"The table has no training with {labels} at step {step}; choose labels that it has.")
    values = [row[metric]["mean"] for row in rows]
    mean, error = np.mean(values), scipy.stats.sem(values)
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * error
    return Estimate(float(mean), float(mean - half), float(mean + half))


def _train(recipe, name, measure, device, progress, moments):
    trainer, rows = Trainer(recipe, device), []
    moments = [round(moment * recipe.steps) for moment in moments]
    with track(total=recipe.steps, shows=progress) as bar:
        bar.set_description(name)
        while True:
            if trainer.done in moments:
                rows.append({"step": trainer.done} | measure(trainer.snapshot(), recipe.world))
            if trainer.done == recipe.steps:
                return rows
            trainer.step()
            bar.update()


def measure(backbone, world=World()):
    """{metric: {"mean", "low", "high"}}: swap accuracy over all scenes, probes on held-out combinations.

    Each composition is drawn once, so the probes learn from fewer rows than in `acceptance.measure`.
    """
    every = Layouts.draw(world, 1)
    labels = every.color.to(backbone.device), every.shape.to(backbone.device)
    split = split_by_combination(*labels)
    images = embed_images(backbone, every.scenes)
    swaps, probes = {}, {"image probe": probe_attributes(images, *labels, split).measure}
    for order in ("fixed", "random"):
        true, twin = embed_texts(backbone, every.captions(order) + every.swapped().captions(order)).chunk(2)
        swaps[f"swap accuracy, {order} order"] = diagnose_embeddings(images, true, twin, split.cluster)["accuracy"]
        probes[f"text probe, {order} order"] = probe_attributes(true, *labels, split).measure
    return {name: measure.estimate()._asdict() for name, measure in (swaps | probes).items()}
