"""Does binding reach pairs of a colour and a shape that the towers themselves never met?

`unseen_pairs.py` keeps pairs from a matrix, and its towers have met them all. Here short trainings keep a block of
pairs from both towers: four colours that never wear four of the shapes. Their captions bind, or they do not.
"""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from labclip_lib.alignment.closed_form import discriminant_map
from labclip_lib.alignment.labclip import LABCLIP, Unaligned
from labclip_lib.alignment.scene_task import binding_task
from labclip_lib.diagnosis.cross_modal import diagnose_embeddings, diagnose_groups, twins
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import recall, similarities
from labclip_lib.probing.protocols import Split
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.studies.acceptance import ORDERS
from labclip_lib.studies.binding_share import RECIPE, SEEDS, train_series
from labclip_lib.world.pair_world import PairWorld
from labclip_lib.world.scenes import World

# Name of a training -> (share of the two-object captions that bind, whether the block's pairs occur).
TRAININGS = {
    "naming, all met": (0.0, True),
    "naming, block unmet": (0.0, False),
    "binding, all met": (1.0, True),
    "binding, block unmet": (1.0, False),
}
# Asked about -> (pairs of the scene that are of the block, pairs of its twin that are).
ASKED = {"no pair": (0, 0), "all four": (2, 2), "one each": (1, 1), "the scene's": (1, 0), "the twin's": (0, 1)}
RARE = "no pair, rare words"  # a control: of each object the colour or the shape is of the block
ALIKE = ("no pair", RARE, "all four", "one each")  # here a preference for familiar captions does not help
METHODS = ("CLIP", "matrix of the rest", "matrix of all pairs")


def train_without_pairs(out, device="auto", recipe=RECIPE, trainings=tuple(TRAININGS), seeds=SEEDS, progress=True):
    """Train and measure one PocketCLIP per kind of training and seed; returns the path of limits-unmet.json.

    Each seed also draws the block: half of the colours or of the shapes, of which there are fewer, and as many of the
    others. A row of the table is {"training", "seed", "step"} and the metrics of `measure`; the rest as in
    `binding_share.train_series`.
    """
    runs = {}
    for seed in seeds:
        for name in trainings:
            binding, met = TRAININGS[name]
            names = recipe.world.colors, recipe.world.shapes
            world = PairWorld(*names, min(map(len, names)) // 2, coin=seed, met=met)
            policy = dataclasses.replace(recipe.policy, binding=binding)
            this = dataclasses.replace(recipe, seed=seed, world=world, policy=policy)
            stem = f"unmet-{binding:g}-{'all' if met else 'block'}-{seed}"
            runs[stem] = {"training": name, "seed": seed}, this
    return train_series(Path(out) / "limits-unmet.json", recipe, runs, measure, device, progress, moments=(1,))


def measure(backbone, world, layouts=4):
    """{metric: {"mean", "low", "high", "chance", "bag_of_words"}} of a backbone, for a `PairWorld`.

    Asked are the two-object scenes of half of the twin pairs, drawn at random. "ORDER order, METHOD, ASKED": swap
    accuracy, where ASKED says how many pairs of the scene and of its twin are of the block, or ASKED is RARE; with
    " / match" behind it the group match, of those in ALIKE. A matrix is the W of the closed form with random foils,
    alone, so no strength is chosen: "of the rest" is fitted to scenes without a pair of the block, "of all pairs" to as
    many of all scenes.
    "image probe, WHICH", "text probe, ORDER order, WHICH": the colour that a shape has, by a probe fitted to all kinds
    of scenes, where the pair asked about is of the "block" or of the "rest". "zero-shot, WHICH": one object, among the
    captions of all pairs; "zero-shot, colour, WHICH", "zero-shot, shape, WHICH": whether that word is right in the
    caption it chooses; "zero-shot, of its kind, WHICH": among the captions of the block, or of the rest, alone;
    "zero-shot, another kind, WHICH": whether it chooses a caption of the others, out of all. "zero-shot, rare words":
    of those of the rest that have a colour or a shape of the block.
    Raises ValueError in a world too small for one of ASKED.
    """
    task = binding_task(backbone, World(world.colors, world.shapes), layouts)
    task = dataclasses.replace(task, split=_wider(task.split))
    out = _zero_shot(task, world) | _probes(task, world)
    for order in ORDERS:
        out |= {f"{order} order, {name}": value for name, value in _alignments(task, world, order).items()}
    return {
        name: value.estimate()._asdict() | {"chance": value.chance, "bag_of_words": value.bag_of_words}
        for name, value in out.items()
    }


def _wider(split, seed=0):
    """The split with half of the clusters for the test and a tenth for validation; the rest is for training."""
    n = int(split.cluster.max()) + 1
    place = torch.from_numpy(np.random.default_rng(seed).permutation(n) / n).to(split.cluster.device)[split.cluster]
    return Split(place >= 0.6, (place >= 0.5) & (place < 0.6), place < 0.5, split.cluster, split.asked)


def _alignments(task, world, order):
    scenes, split, device = task.layouts.scenes, task.split, task.images.device
    twin, inside = twins(scenes).to(device), world.in_block(scenes.color, scenes.shape).sum(1).to(device)
    kinds = {name: (inside == own) & (inside[twin] == other) for name, (own, other) in ASKED.items()}
    color, shape = world.words_of_block(scenes.color, scenes.shape)
    kinds[RARE] = kinds["no pair"] & (color | shape).all(1).to(device)
    out = {}
    for method, labclip in zip(METHODS, [Unaligned(), *_fits(task, inside == 0, order)], strict=True):
        with torch.no_grad():
            images = labclip.align_images(task.images)
            forms = (task.texts[f"{prefix}{order} order"] for prefix in ("", "twin, "))
            true, foil = (labclip.align_texts(form).expand_as(images) for form in forms)
        for name, kind in kinds.items():
            rows = torch.where(split.test & kind)[0]
            if not len(rows):
                raise ValueError(f"No test scene is of {name!r} in a world of so few scenes; choose a larger one.")
            asked = (table[:, rows].flatten(0, 1) for table in (images, true, foil))
            clusters = split.cluster[rows].repeat(len(images))
            out[f"{method}, {name}"] = diagnose_embeddings(*asked, clusters)["accuracy"]
            if name in ALIKE:
                first = rows[rows < twin[rows]]
                groups = (images[:, first], images[:, twin[first]]), (true[:, first], foil[:, first])
                groups = (torch.stack(both, 2).flatten(0, 1) for both in groups)
                clusters = split.cluster[first].repeat(len(images))
                out[f"{method}, {name} / match"] = diagnose_groups(*groups, clusters)["group match"]
    return out


def _fits(task, rest, order):
    """Two LABCLIPs, of the training scenes in `rest` and of as many of all kinds."""
    train = task.split.train
    rows = torch.where(train)[0]
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[: int((train & rest).sum())]]
    for known in (train & rest, torch.zeros_like(train).index_fill(0, rows, True)):
        pairs = dataclasses.replace(task, split=dataclasses.replace(task.split, train=known)).pairs("train", order)
        labclip = LABCLIP(pairs.images.shape[1]).to(known.device)
        labclip.set_matrix(discriminant_map(pairs, "random"))
        yield labclip


def _probes(task, world):
    every, out = task.layouts, {}
    labels = every.color.to(task.images.device), every.shape.to(task.images.device)
    split = task.split.repeated(len(task.images))
    tables = {"image probe": task.images.flatten(0, 1)}
    for order in ORDERS:
        tables[f"text probe, {order} order"] = task.texts[f"{order} order"].expand_as(task.images).flatten(0, 1)
    for name, table in tables.items():
        result = probe_attributes(table, *labels, split)
        inside = world.in_block(torch.from_numpy(result.truth), torch.from_numpy(result.object)).numpy()
        for which, mask in (("block", inside), ("rest", ~inside)):
            levels = result.chance, result.bag_of_words
            out[f"{name}, {which}"] = Measure(result.right[mask], result.cluster[mask], *levels)
    return out


def _zero_shot(task, world):
    images, labels, captions = task.singles
    similarity, pair = similarities(images, captions), torch.arange(len(captions), device=labels.device)
    color, shape = pair // len(world.shapes), pair % len(world.shapes)
    of_block, every = world.in_block(color, shape), torch.ones_like(pair, dtype=torch.bool)

    def read(rows, right, among, bag_of_words=1.0):
        """Whether the picture's first choice among some captions is a right one; words name one object fully."""
        columns = torch.where(right)[1].view(len(rows), -1)
        outcomes = recall(similarity[rows].masked_fill(~among, -2), columns, [1])[1]
        return Measure(outcomes, rows.cpu().numpy(), columns.shape[1] / int(among.sum()), bag_of_words)

    rare = torch.stack(world.words_of_block(color, shape)).any(0) & ~of_block
    rows = torch.where(rare[labels])[0]
    out = {"zero-shot, rare words": read(rows, pair == labels[rows, None], every)}
    for which, candidates in (("block", of_block), ("rest", ~of_block)):
        rows = torch.where(candidates[labels])[0]
        own = labels[rows, None]
        out |= {
            f"zero-shot, {which}": read(rows, pair == own, every),
            f"zero-shot, colour, {which}": read(rows, color == color[own], every),
            f"zero-shot, shape, {which}": read(rows, shape == shape[own], every),
            f"zero-shot, of its kind, {which}": read(rows, pair == own, candidates),
            f"zero-shot, another kind, {which}": read(rows, ~candidates.expand(len(rows), -1), every, 0.0),
        }
    return out
