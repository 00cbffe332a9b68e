"""Does a PocketCLIP show the phenomenon? The measurements that every new one must pass.

Scenes come in twins: the same objects with their colours exchanged. A twin pair is never split between
training and test, so the test asks about *combinations* that the probe and the matrix never saw.
"""

import json

import numpy as np
import torch

from labclip_lib.alignment.fit import RECIPES, fit_labclip
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.intervals import estimate
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.models.pocket import WEIGHTS
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.scenes import World

ORDERS = ("fixed", "random")
# Metric -> (lowest, highest) value that is accepted.
BOUNDS = {
    "swap accuracy, fixed order": (0.45, 0.58),
    "swap accuracy, random order": (0.45, 0.58),
    "replace colour": (0.97, 1.0),
    "replace shape": (0.95, 1.0),
    "image probe": (0.95, 1.0),
    "text probe, fixed order": (0.95, 1.0),
    "text probe, random order": (0.85, 1.0),
    "LABCLIP-HNB swap accuracy, fixed order": (0.92, 1.0),
    "LABCLIP-HNB swap accuracy, random order": (0.85, 1.0),
}


def measure(backbone, world=None, layouts=10, seed=7):
    """All of `BOUNDS` for one backbone: {metric: (outcomes, clusters)}, two (M,) arrays over test items.

    Every composition of the world is drawn in so many layouts. LABCLIP: the paper's CLEVR recipe.
    """
    world = world or World()
    parts = [world.compositions(seed=[seed, k]) for k in range(layouts)]
    one = split_by_combination(parts[0].color, parts[0].shape).to(backbone.device)
    split = one.repeated(layouts)
    color, shape = (torch.cat([getattr(p, k) for p in parts]).to(backbone.device) for k in ("color", "shape"))
    images = torch.cat([embed_images(backbone, part) for part in parts])

    def texts(change, order):
        captions = [line for k, p in enumerate(parts) for line in change(p).captions(order, seed=[seed, k])]
        return embed_texts(backbone, captions)

    def probe(features, split):
        found = probe_attributes(features, color[: len(features)], shape[: len(features)], split)
        return found.right, found.cluster

    out = {"image probe": probe(images, split)}
    for order in ORDERS:
        true, twin = texts(lambda part: part, order), texts(lambda part: part.swapped(), order)
        out[f"swap accuracy, {order} order"] = _pairwise(images, true, twin, split)
        # In fixed order a composition has one caption, so further layouts only repeat it.
        out[f"text probe, {order} order"] = (
            probe(true[: len(one.test)], one) if order == "fixed" else probe(true, split)
        )
        labclip = _labclip_hnb(images, true, twin, split.train, seed)
        out[f"LABCLIP-HNB swap accuracy, {order} order"] = _pairwise(images, labclip(true), labclip(twin), split)
        if order == "random":
            for what in ("color", "shape"):
                foil = texts(lambda part, what=what: part.replaced(what, seed), order)
                out[f"replace {what.replace('color', 'colour')}"] = _pairwise(images, true, foil, split)
    return {metric: out[metric] for metric in BOUNDS}


def summary(runs, seed=0):
    """Mean, 95 % interval and verdict of each metric over one or more `measure` results.

    Twin pairs are the clusters of the bootstrap: a pair is drawn with all its scenes and all its seeds.
    Returns {metric: {"mean", "low", "high", "seeds": [...], "accepted": bool}}; accepted looks at each seed.
    """
    table = {}
    for metric, (low, high) in BOUNDS.items():
        row = pooled([run[metric] for run in runs], seed)
        table[metric] = row | {"accepted": all(low <= value <= high for value in row["seeds"])}
    return table


def pooled(runs, seed=0):
    """One metric over several trainings: {"mean", "low", "high", "seeds": [...]}, clustered as in `summary`.

    runs: for each training its (outcomes, clusters), or a `diagnosis.Measure`.
    """
    outcomes, clusters = (np.concatenate([run[part] for run in runs]) for part in (0, 1))
    return estimate(outcomes, clusters, seed)._asdict() | {"seeds": [float(run[0].mean()) for run in runs]}


def load_report(name):
    """A kept summary: "pocket", three seeds of the shipped recipe, or "fast-text", its text tower trained fast.

    CONTRIBUTING.md has the commands that make them. Returns {metric: row}, as `summary` does.
    """
    return json.loads((WEIGHTS / f"{name}-report.json").read_text())["table"]


def load_within(name):
    """The swap test inside each side, kept with the same report: {measure: row}, rows as of `pooled`."""
    return json.loads((WEIGHTS / f"{name}-report.json").read_text())["within"]


def as_markdown(table):
    """The summary as a Markdown table."""
    lines = ["| held-out combinations, a tie counts half | must | measured | 95 % interval | each seed | |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for metric, row in table.items():
        low, high = BOUNDS[metric]
        must = f"{low:.2f} to {high:.2f}" if high < 1 else f"at least {low:.2f}"
        seeds = " / ".join(f"{value:.3f}" for value in row["seeds"])
        verdict = "accepted" if row["accepted"] else "NOT ACCEPTED"
        lines.append(
            f"| {metric} | {must} | {row['mean']:.3f} | {row['low']:.3f} to {row['high']:.3f} | {seeds} | {verdict} |"
        )
    return "\n".join(lines)


def _pairwise(images, true, foil, split):
    outcomes = pairwise_outcomes((images * true).sum(1), (images * foil).sum(1))
    keep = split.test.cpu().numpy()
    return outcomes[keep], split.cluster.cpu().numpy()[keep]


def _labclip_hnb(images, true, twin, train, seed):
    """LABCLIP by the paper's recipe, from the training rows whose caption and twin the tower tells apart."""
    rows = train & (true != twin).any(1)
    n = int(rows.sum())
    if n < 2:
        return LABCLIP(true.shape[1]).to(true.device)  # a blind tower leaves nothing to learn from
    batch_size = min(n, RECIPES["paper"].batch_size)
    return fit_labclip(images[rows], true[rows], twin[rows], recipe="paper", batch_size=batch_size, seed=seed)
