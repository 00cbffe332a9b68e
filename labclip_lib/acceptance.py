"""Does a PocketCLIP show the phenomenon? The measurements that every new one must pass.

Scenes come in twins: the same objects with their colours exchanged. A twin pair is never split between
training and test, so the test asks about *combinations* that the probe and the matrix never saw.
"""

import dataclasses
import json

import numpy as np
import torch
import torch.nn.functional as F

from labclip_lib.backbones import WEIGHTS
from labclip_lib.diagnosis import bootstrap_ci, pairwise_outcomes
from labclip_lib.embed import embed_images, embed_texts
from labclip_lib.scenes import World

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


@dataclasses.dataclass(frozen=True)
class Split:
    """Boolean masks over scenes, and `cluster`, the number of each scene's twin pair."""

    train: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor
    cluster: torch.Tensor


def twin_split(scenes, seed=42):
    """80 / 10 / 10 % of the unordered twin pairs, so a scene and its twin always share a part."""
    both = torch.cat([scenes.color.sort(1).values, scenes.shape.sort(1).values], 1)
    _, cluster = both.unique(dim=0, return_inverse=True)
    n = int(cluster.max()) + 1
    rank = torch.from_numpy(np.random.default_rng(seed).permutation(n))[cluster] / n
    return Split(rank < 0.8, (rank >= 0.8) & (rank < 0.9), rank >= 0.9, cluster)


def measure(backbone, world=None, layouts=10, seed=7):
    """All of `BOUNDS` for one backbone: {metric: (outcomes, clusters)}, two (M,) arrays over test items.

    Every composition of the world is drawn in so many layouts. Probe: multinomial logistic regression, one
    a shape, weight decay chosen on validation pairs. LABCLIP: the paper's CLEVR recipe.
    """
    world = world or World()
    parts = [world.compositions(seed=[seed, k]) for k in range(layouts)]
    split = twin_split(parts[0])
    split = Split(*(value.repeat(layouts) for value in vars(split).values()))
    split = Split(*(value.to(backbone.device) for value in vars(split).values()))
    color, shape = (torch.cat([getattr(p, k) for p in parts]).to(backbone.device) for k in ("color", "shape"))
    images = torch.cat([embed_images(backbone, part) for part in parts])

    def texts(change, order):
        captions = [line for k, p in enumerate(parts) for line in change(p).captions(order, seed=[seed, k])]
        known = {caption: row for row, caption in enumerate(dict.fromkeys(captions))}
        return embed_texts(backbone, list(known))[[known[caption] for caption in captions]]

    out = {"image probe": _probe(images, color, shape, split, len(world.shapes))}
    for order in ORDERS:
        true, twin = texts(lambda part: part, order), texts(lambda part: part.swapped(), order)
        out[f"swap accuracy, {order} order"] = _pairwise(images, true, twin, split)
        # In fixed order a composition has one caption, so further layouts only repeat it.
        rows = slice(len(parts[0]) if order == "fixed" else None)
        part = Split(*(value[rows] for value in vars(split).values()))
        out[f"text probe, {order} order"] = _probe(true[rows], color[rows], shape[rows], part, len(world.shapes))
        matrix = _labclip_hnb(images, true, twin, split.train, seed)
        out[f"LABCLIP-HNB swap accuracy, {order} order"] = _pairwise(
            images, F.normalize(true @ matrix.T, dim=-1), F.normalize(twin @ matrix.T, dim=-1), split
        )
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
        outcomes = np.concatenate([run[metric][0] for run in runs])
        clusters = np.concatenate([run[metric][1] for run in runs])
        groups = [outcomes[clusters == c] for c in np.unique(clusters)]
        interval = bootstrap_ci(groups, seed)
        seeds = [float(run[metric][0].mean()) for run in runs]
        table[metric] = {
            "mean": float(outcomes.mean()), "low": interval[0], "high": interval[1],
            "seeds": seeds, "accepted": all(low <= value <= high for value in seeds),
        }  # fmt: skip
    return table


def load_report(name):
    """A kept summary: "pocket", three seeds of the shipped recipe, or "fast-text", its text tower trained fast.

    CONTRIBUTING.md has the commands that make them. Returns {metric: row}, as `summary` does.
    """
    return json.loads((WEIGHTS / f"{name}-report.json").read_text())["table"]


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


def _probe(features, color, shape, split, shapes):
    """One linear probe a shape, all fitted at once: which colour does that shape have? Test outcomes."""
    mean, spread = features[split.train].mean(0), features[split.train].std(0) + 1e-6
    features = (features - mean) / spread

    def questions(part):
        """(shapes, M, D) features, (shapes, M) answers, clusters and weights; short shapes are padded."""
        rows = [torch.where((shape == s).any(1) & part)[0] for s in range(shapes)]
        pad = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)
        asked = torch.arange(shapes, device=pad.device)[:, None, None]
        answer = (color[pad] * (shape[pad] == asked)).sum(2)
        return features[pad], answer, split.cluster[pad], pad >= 0

    x, y, _, real = questions(split.train)
    weight = real.flatten() / real.sum() * shapes
    best = (-1.0, None)
    for decay in (1e-5, 1e-4, 1e-3, 1e-2):
        w = torch.zeros(shapes, x.shape[2], int(color.max()) + 1, device=x.device, requires_grad=True)
        b = torch.zeros(shapes, 1, w.shape[2], device=x.device, requires_grad=True)
        solver = torch.optim.LBFGS([w, b], max_iter=150, line_search_fn="strong_wolfe")

        def loss(w=w, b=b, solver=solver, decay=decay):
            solver.zero_grad()
            nll = F.cross_entropy((x @ w + b).flatten(0, 1), y.flatten(), reduction="none")
            value = (nll * weight).sum() + decay * w.square().sum() / 2
            value.backward()
            return value

        solver.step(loss)
        xv, yv, _, real_v = questions(split.validation)
        with torch.no_grad():
            score = float(((xv @ w + b).argmax(-1) == yv)[real_v].float().mean())
        best = max(best, (score, (w.detach(), b.detach())), key=lambda pair: pair[0])
    w, b = best[1]
    x, y, cluster, real = questions(split.test)
    right = ((x @ w + b).argmax(-1) == y)[real]
    return right.double().cpu().numpy(), cluster[real].cpu().numpy()


def _labclip_hnb(images, true, twin, train, seed, epochs=50, batch_size=128):
    """LABCLIP's matrix, trained as the paper trains it on CLEVR (Adam, lr 0.01, 50 epochs, scale from 1)."""
    images, true, twin = images[train].clone(), true[train].clone(), twin[train].clone()
    matrix = torch.eye(images.shape[1], device=images.device, requires_grad=True)
    t = torch.zeros((), device=images.device, requires_grad=True)
    adam = torch.optim.Adam([matrix, t], lr=0.01)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=generator).to(images.device).split(batch_size):
            texts = F.normalize(torch.cat([true[rows], twin[rows]]) @ matrix.T, dim=-1)
            logits = t.exp() * images[rows] @ texts.T
            target = torch.arange(len(rows), device=images.device)
            loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits[:, : len(rows)].T, target)) / 2
            adam.zero_grad()
            loss.backward()
            adam.step()
    return matrix.detach()
