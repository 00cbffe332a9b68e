"""Does a PocketCLIP show the phenomenon? The measurements that every new one must pass.

Scenes come in twins: the same objects with their colours exchanged. A twin pair is never split between
training and test, so the test asks about *combinations* that the probe and the matrix never saw.
"""

import numpy as np
import torch

from labclip_lib.alignment.fit import RECIPES, fit_labclip
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.statement_task import (
    one_reading_accuracy,
    one_reading_tables,
    statement_probes,
    swap_and_match,
    task_of,
)
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.intervals import estimate
from labclip_lib.measures.markdown import markdown_table
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.statement_policy import StatementPolicy
from labclip_lib.world.statements import KINDS

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
# The same for one that reads statements, of each kind.
OF_STATEMENTS = {
    "swap accuracy": (0.45, 0.58),
    "right word": (0.9, 1.0),
    "image probe": (0.9, 1.0),
    "text probe": (0.85, 1.0),
}
STATEMENT_BOUNDS = {f"{kind}, {metric}": bound for kind in KINDS for metric, bound in OF_STATEMENTS.items()}
STATEMENT_BOUNDS["two or three, image probe"] = (0.8, 1.0)  # five small objects in 64 pixels


def measure(backbone, world=None, layouts=10, statements=2000):
    """All of `BOUNDS`, and of `STATEMENT_BOUNDS` for who reads statements: {metric: Measure} over test items.

    world: left out, the backbone's own. Every composition of it is drawn in `layouts` layouts. LABCLIP: the paper's
    CLEVR recipe. statements: how many of each kind, in random order, for a backbone that reads them.
    """
    every = Layouts.draw(world or backbone.world, layouts)
    split = split_by_combination(every.color, every.shape)
    tested, cluster = split.test.numpy(), split.cluster.numpy()
    images = torch.cat([embed_images(backbone, part) for part in every.parts])

    def compare(true, foil):
        outcomes = pairwise_outcomes((images * true).sum(1), (images * foil).sum(1))
        return Measure(outcomes[tested], cluster[tested], 0.5)

    def probe(features, scenes):
        labels = scenes.color.to(features.device), scenes.shape.to(features.device)
        return probe_attributes(features, *labels, split_by_combination(*labels)).measure

    out = {"image probe": probe(images, every)}
    for order in ORDERS:
        true, twin = (embed_texts(backbone, drawn.captions(order)) for drawn in (every, every.swapped()))
        out[f"swap accuracy, {order} order"] = compare(true, twin)
        # In fixed order a composition has one caption, so further layouts only repeat it.
        probed = every.scenes if order == "fixed" else every
        out[f"text probe, {order} order"] = probe(true[: len(probed.color)], probed)
        labclip = _labclip_hnb(images, true, twin, split.train.to(images.device), every.seed)
        out[f"LABCLIP-HNB swap accuracy, {order} order"] = compare(labclip(true), labclip(twin))
    for what in ("color", "shape"):  # against the captions in random order
        foil = embed_texts(backbone, every.replaced(what).captions(order))
        out[f"replace {what.replace('color', 'colour')}"] = compare(true, foil)
    out = {metric: out[metric] for metric in BOUNDS}
    words = getattr(getattr(backbone, "tokenizer", None), "words", ())
    if {*StatementPolicy.words} <= {*words}:
        out |= _statements(backbone, world or backbone.world, statements)
    return out


def _statements(backbone, world, n):
    out = {}
    for kind in KINDS:
        task = task_of(backbone, kind, n, world=world)
        probes = statement_probes(task)
        out |= {
            f"{kind}, swap accuracy": swap_and_match(task)["swap, random order"],
            f"{kind}, right word": one_reading_accuracy(one_reading_tables(backbone, kind, n, world=world)),
            f"{kind}, image probe": probes["image probe"],
            f"{kind}, text probe": probes["text probe, random order"],
        }
    return out


def summary(runs):
    """Mean, 95 % interval and verdict of each metric over one or more `measure` results.

    Twin pairs are the clusters of the bootstrap: a pair is drawn together with all its scenes, of all seeds.
    Returns {metric: {"mean", "low", "high", "seeds": [...], "accepted": bool}}; accepted: each seed is within BOUNDS.
    """
    rows = {}
    for metric in runs[0]:
        low, high = (BOUNDS | STATEMENT_BOUNDS)[metric]
        row = pooled([run[metric] for run in runs])
        rows[metric] = row | {"accepted": all(low <= value <= high for value in row["seeds"])}
    return rows


def pooled(runs):
    """One metric over several trainings or draws, a Measure each: {"mean", "low", "high", "seeds": [...]}."""
    values, clusters = (np.concatenate([getattr(run, name) for run in runs]) for name in ("values", "clusters"))
    return estimate(values, clusters)._asdict() | {"seeds": [float(run.values.mean()) for run in runs]}


def as_markdown(summary):
    """A `summary` as a Markdown table."""
    rows = []
    for metric, row in summary.items():
        low, high = (BOUNDS | STATEMENT_BOUNDS)[metric]
        rows.append(
            [
                metric,
                f"{low:.2f} to {high:.2f}" if high < 1 else f"at least {low:.2f}",
                f"{row['mean']:.3f}",
                f"{row['low']:.3f} to {row['high']:.3f}",
                " / ".join(f"{value:.3f}" for value in row["seeds"]),
                "accepted" if row["accepted"] else "NOT ACCEPTED",
            ]
        )
    return markdown_table(
        ["held-out combinations, a tie counts half", "must", "measured", "95 % interval", "each seed", ""], rows
    )


def _labclip_hnb(images, true, twin, train, seed):
    """LABCLIP by the paper's recipe, from the training rows whose caption and twin the tower tells apart."""
    rows = train & (true != twin).any(1)
    n = int(rows.sum())
    if n < 2:
        return LABCLIP(true.shape[1]).to(true.device)  # a blind tower leaves nothing to learn from
    batch_size = min(n, RECIPES["paper"].batch_size)
    return fit_labclip(images[rows], true[rows], twin[rows], recipe="paper", batch_size=batch_size, seed=seed)
