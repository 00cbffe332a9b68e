"""The data dial: how PocketCLIP comes out when more, or fewer, of its captions bind.

Eighteen short trainings, three seeds at each share of binding captions. They differ in nothing else.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import scipy.stats
from tqdm.auto import tqdm

from labclip_lib.backbones import WEIGHTS, pick_device
from labclip_lib.diagnosis import Estimate, estimate, pairwise_outcomes
from labclip_lib.embed import embed_images, embed_texts, write_atomically
from labclip_lib.pretrain import Recipe, Trainer
from labclip_lib.probes import probe_attributes
from labclip_lib.protocols import split_by_combination
from labclip_lib.scenes import World

SHARES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
SEEDS = (0, 1, 2)
MOMENTS = (0, 1 / 6, 1 / 3, 2 / 3, 1)  # of the training, at which it is measured
# PocketCLIP's recipe but for two things: a quarter of the steps, and a text tower that learns twenty times
# as fast, so that within them it can take up word order, or lose it.
RECIPE = Recipe(steps=300, text_lr=2e-4)


def turn_dial(out, device="auto", recipe=RECIPE, shares=SHARES, seeds=SEEDS, progress=True):
    """Train and measure one PocketCLIP a share and seed; returns the path of the table, dial.json.

    A row of the table is {"share", "seed", "step", metric: {"mean", "low", "high"}}. Each finished training is
    kept in a file of its own in the folder `out`, so an interrupted run goes on with the next one. Raises
    ValueError when the folder holds trainings of another recipe.
    """
    out, device = Path(out), pick_device(device)
    out.mkdir(parents=True, exist_ok=True)
    table = []
    for share in shares:
        for seed in seeds:
            policy = dataclasses.replace(recipe.policy, binding=share)
            this = dataclasses.replace(recipe, seed=seed, policy=policy)
            path = out / f"dial-{share:g}-{seed}.json"
            if not path.exists():
                run = {"recipe": this.as_dict(), "rows": _train(this, device, progress)}
                _write(path, run)
            run = json.loads(path.read_text())
            if run["recipe"] != this.as_dict():
                raise ValueError(f"{path} holds a training of another recipe; choose another --out folder.")
            table += [{"share": share, "seed": seed} | row for row in run["rows"]]
    _write(out / "dial.json", {"recipe": recipe.as_dict(), "rows": table})
    return out / "dial.json"


def load_dial():
    """The kept table, a list of rows as `turn_dial` makes them; `pretrain --dial` makes it again."""
    return json.loads((WEIGHTS / "dial.json").read_text())["rows"]


def over_trainings(table, metric, share, step):
    """Estimate of a metric at one share and step: mean over its trainings, 95 % interval by Student's t.

    The interval speaks of further trainings, with other seeds. With three of them it is wide, as it should be.
    """
    values = [row[metric]["mean"] for row in table if row["share"] == share and row["step"] == step]
    mean, error = np.mean(values), scipy.stats.sem(values)
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * error
    return Estimate(float(mean), float(mean - half), float(mean + half))


def _train(recipe, device, progress):
    trainer, rows = Trainer(recipe, device), []
    moments = [round(moment * recipe.steps) for moment in MOMENTS]
    with tqdm(total=recipe.steps, disable=not progress) as bar:
        bar.set_description(f"binding {recipe.policy.binding:g}, seed {recipe.seed}")
        while True:
            if trainer.done in moments:
                rows.append({"step": trainer.done} | measure(trainer.snapshot(), recipe.world))
            if trainer.done == recipe.steps:
                return rows
            trainer.step()
            bar.update()


def measure(backbone, world=None, seed=7):
    """{metric: {"mean", "low", "high"}}: swap accuracy over all scenes, probes on held-out combinations.

    Each composition is drawn once, which is less than `acceptance.measure` has: probes learn from fewer rows.
    """
    scenes = (world or World()).compositions(seed=seed)
    split = split_by_combination(scenes.color, scenes.shape).to(backbone.device)
    color, shape = scenes.color.to(backbone.device), scenes.shape.to(backbone.device)
    images = embed_images(backbone, scenes)
    found, out = {"image probe": probe_attributes(images, color, shape, split)}, {}
    for order in ("fixed", "random"):
        captions = [part.captions(order, seed=seed) for part in (scenes, scenes.swapped())]
        true, twin = embed_texts(backbone, captions[0] + captions[1]).chunk(2)
        outcomes = pairwise_outcomes((images * true).sum(1), (images * twin).sum(1))
        out[f"swap accuracy, {order} order"] = estimate(outcomes, split.cluster.cpu().numpy())
        found[f"text probe, {order} order"] = probe_attributes(true, color, shape, split)
    out |= {name: estimate(result.right, result.cluster) for name, result in found.items()}
    return {name: value._asdict() for name, value in out.items()}


def _write(path, content):
    write_atomically(path, lambda part: Path(part).write_text(json.dumps(content, indent=1) + "\n"))
