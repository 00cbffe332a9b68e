"""Where the vectors of new objects come from: arithmetic with objects, and ways from a colour and a shape to a vector.

After Uselis, Koishigarina and Oh 2026 (arXiv 2605.31503), on scenes of two objects.
"""

import numpy as np
import torch
from torch.nn.functional import normalize, one_hot

from labclip_lib.diagnosis.cross_modal import twins
from labclip_lib.limits.object_sums import (
    ADDED,
    OWN,
    design,
    embed_sides,
    explained,
    least_squares,
    means_of_words,
    read_colors,
    sums,
)
from labclip_lib.limits.unseen_pairs import ASKED, split_by_coverage
from labclip_lib.measures.bags import recall_ceiling
from labclip_lib.measures.groups import group_match_outcomes, guessed_group_match
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import recall_outcomes, similarities
from labclip_lib.models.backbones import random_init_encoder
from labclip_lib.world.scenes import World

SHARES = (0.3, 0.5, 0.8)
DECAY = 1.0  # of the weights of the fits by Adam, per step and learning rate; with a tenth of it products overfit


def object_vectors(backbone, seed=0, world=World(), layouts=3, shares=SHARES, rank=16, steps=400):
    """{"sums", "arithmetic" or "from concepts": a tree of Measures}, as in the functions of these names.

    layouts: of each scene. shares: of the pairs that are seen where it says so. seed: of what is held out, of the
    untrained towers that stand beside the trained ones in "sums", and of the fits. rank, steps: as in `vector_tables`.
    """
    sides = embed_sides(backbone, world, layouts)
    untrained = embed_sides(random_init_encoder(seed=seed, device=backbone.device), world, layouts)
    out = {"sums": {"trained": sums(sides), "untrained": sums(untrained)}, "arithmetic": {}, "from concepts": {}}
    for name, side in sides.items():
        arithmetic, concepts = {}, {}
        for share in shares:
            split, unseen = split_by_coverage(side.scenes, share, seed)
            tables = vector_tables(side, split.train | split.validation, rank, steps, seed)
            key = f"{share:.3g}"
            arithmetic[key] = exchange_objects(side, tables, split, unseen, seed)
            concepts[key] = from_concepts(side, tables, split, unseen)
        out["arithmetic"][name], out["from concepts"][name] = arithmetic, concepts
    return out


def vector_tables(side, known, rank=16, steps=400, seed=0):
    """Ways to a vector for each pair, fitted to the mean embeddings of known scenes: {way: ((C, S, D), middle (D,))}.

    A scene is told as the middle plus the vectors of its objects. `OWN` has no vector for a pair that no known scene
    holds: it is nearly zero. `ADDED` adds one of the colour and one of the shape. "colour x shape" adds to that a
    product: `rank` numbers of the colour times as many of the shape, mixed. "network" is a sum with two hidden layers
    after it. The last two are fitted by `steps` steps of Adam.
    """
    world, means = side.scenes.world, side.means
    c, s = len(world.colors), len(world.shapes)
    labels = side.scenes.color[known], side.scenes.shape[known]
    out = {}
    for way, apart in ((OWN, False), (ADDED, True)):
        vectors = least_squares(design(world, *labels, apart, False), means[known])
        table = vectors[:c, None] + vectors[None, c : c + s] if apart else vectors[:-1].unflatten(0, (c, s))
        out[way] = table, vectors[-1]
    start, columns = out[ADDED], design(world, *labels, False, False)[:, :-1]
    rest = means[known] - _tell(start, *labels)
    size = rest.square().mean().sqrt().clamp(min=1e-9)
    # The mean squared error of the N sums, without going through N rows in each step.
    own, cross = columns.T @ columns / rest.numel(), columns.T @ rest / size / rest.numel()
    for way, make in (("colour x shape", _Product), ("network", _Network)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = make(c, s, means.shape[1], rank)
        adam = torch.optim.AdamW(module.parameters(), lr=1e-2, weight_decay=DECAY)
        for _ in range(steps):
            table = module().flatten(0, 1)
            loss = (table * (own @ table - 2 * cross)).sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
        with torch.no_grad():
            out[way] = start[0] + size * module(), start[1]
    return out


class _Product(torch.nn.Module):
    def __init__(self, colors, shapes, dim, rank):
        super().__init__()
        self.color, self.shape = (torch.nn.Parameter(torch.randn(n, rank)) for n in (colors, shapes))
        self.mix = torch.nn.Parameter(torch.randn(rank, dim) / rank)
        # Of a part of the pairs, the best sum alone is another one than the best sum beside a product.
        self.plus_color, self.plus_shape = (torch.nn.Parameter(torch.zeros(n, dim)) for n in (colors, shapes))

    def forward(self):
        return (self.color[:, None] * self.shape) @ self.mix + self.plus_color[:, None] + self.plus_shape


class _Network(torch.nn.Module):
    def __init__(self, colors, shapes, dim, rank):
        super().__init__()
        wide = 4 * rank
        self.color, self.shape = (torch.nn.Parameter(torch.randn(n, wide)) for n in (colors, shapes))
        self.out = torch.nn.Sequential(
            torch.nn.GELU(), torch.nn.Linear(wide, wide), torch.nn.GELU(), torch.nn.Linear(wide, dim)
        )

    def forward(self):
        return self.out(self.color[:, None] + self.shape)


def _tell(table, color, shape):
    """The (N, D) sums of a table's vectors for scenes (N, K)."""
    vectors, middle = table
    return vectors[color, shape].sum(1) + middle


def from_concepts(side, tables, split, unseen):
    """Test scenes told by `vector_tables`: {what is asked: {way: {measure: Measure}}}.

    A told embedding is read as the scene whose mean embedding is nearest to it, by the cosine after the mean of the
    known scenes is taken off. "concepts right": the share of the two colours and two shapes that this scene has. "all
    objects right": whether it is the scene; a bag of words that knows all concepts and guesses the rest has the
    ceiling, over scenes and twins alike. What is asked may hold a scene without its twin; then `ADDED`, which is a bag
    of words, shows what nearness to familiar pairs is worth. "group match" is blind to that: whether scene and twin,
    both told, fit their two means in this order. "R2": as of `explained`. `OWN` is there for scenes of seen pairs
    only, and knows nothing of a twin that has others.
    """
    color, shape, means = side.scenes.color, side.scenes.shape, side.means
    known = split.train | split.validation
    middle, twin, out = means[known].mean(0), twins(side.scenes), {}
    by_words = means_of_words(means, split.cluster)
    words = torch.cat([color, shape + len(side.scenes.world.colors)], 1)
    words = one_hot(words, len(side.scenes.world.colors) + len(side.scenes.world.shapes)).sum(1).float()
    for kind, what in enumerate(ASKED):
        rows = torch.where(split.test & (unseen == kind))[0]
        cluster = split.cluster[rows]
        alike = torch.bincount(split.cluster)[cluster]
        shared = words[rows] @ words.T / words[0].sum()
        out[what] = {}
        for way, table in tables.items():
            if way == OWN and kind:
                continue
            told, other = (_tell(table, color[at], shape[at]) - middle for at in (rows, twin[rows]))
            pairs = torch.stack([told, other], 1), torch.stack([means[rows], means[twin[rows]]], 1) - middle
            match, guess = group_match_outcomes(torch.einsum("gid,gjd->gij", *pairs)), guessed_group_match(2)
            near = _nearness(told, means - middle)
            right = recall_outcomes(near, 1, rows)
            concepts = shared.gather(1, near.argmax(1, keepdim=True))[:, 0].double().numpy()
            out[what][way] = {
                "R2": explained(means[rows], told + middle, middle, cluster, by_words[rows]),
                "concepts right": Measure(concepts, cluster.numpy(), float(shared.mean()), 1.0),
                "all objects right": Measure(right, cluster.numpy(), 1 / len(means), recall_ceiling(alike, 1)),
                "group match": Measure(match, cluster.numpy(), guess, guess),
            }
    return out


def _nearness(rows, means):
    """Cosines (N, S) of rows with means, both already without what all have in common."""
    return similarities(normalize(rows, dim=1), normalize(means, dim=1))


def exchange_objects(side, tables, split, unseen, seed=0):
    """Embeddings of test scenes of seen pairs, minus the vector of one object, plus another's: is the new scene read?

    {"seen pair" or "unseen pair", of the new object: {way: {"nearest" or "read by the probe": Measure}}}. The old
    object's vector is its own, the new one's is of one of the `vector_tables`. nearest: the mean embedding of the new
    scene is the nearest of all scenes', as in `from_concepts`. The probe is that of the side; it met all pairs.
    """
    scenes, means = side.scenes, side.means
    known = split.train | split.validation
    seen = torch.zeros(len(scenes.world.colors), len(scenes.world.shapes), dtype=torch.bool)
    seen[scenes.color[known], scenes.shape[known]] = True
    middle, out, rng = means[known].mean(0), {}, np.random.default_rng(seed)
    for what, allowed in (("seen pair", seen), ("unseen pair", ~seen)):
        base = torch.where(split.test & (unseen == 0))[0]
        some, slot, new = _new_objects(scenes[base], allowed, rng)
        base = base[some]
        color, shape = (getattr(scenes, name)[base].clone() for name in ("color", "shape"))
        old = color.gather(1, slot)[:, 0], shape.gather(1, slot)[:, 0]
        color.scatter_(1, slot, new[0][:, None])
        shape.scatter_(1, slot, new[1][:, None])
        target = _find(scenes, color, shape).repeat(len(side.rows))
        labels, cluster = (color.repeat(len(side.rows), 1), shape.repeat(len(side.rows), 1)), split.cluster[target]
        ceiling = recall_ceiling(torch.bincount(split.cluster)[cluster], 1)
        out[what] = {}
        for way, (vectors, _) in tables.items():
            if way == OWN and what == "unseen pair":
                continue
            edited = (side.rows[:, base] - tables[OWN][0][old] + vectors[new]).flatten(0, 1)
            nearest = recall_outcomes(_nearness(edited - middle, means - middle), 1, target)
            out[what][way] = {
                "nearest": Measure(nearest, cluster.numpy(), 1 / len(means), ceiling),
                "read by the probe": read_colors(side, edited, *labels, cluster),
            }
    return out


def _new_objects(scenes, allowed, rng):
    """A place (N, 1) and an object, (N,) colours and (N,) shapes, for scenes that can have one of the allowed pairs.

    Drawn at random among those of a colour and a shape that the scene does not have. Returns which scenes those are,
    (M,), the places and the objects.
    """
    c, s = allowed.shape
    free = ~one_hot(scenes.color, c).sum(1).bool()[:, :, None] & ~one_hot(scenes.shape, s).sum(1).bool()[:, None]
    noise = torch.from_numpy(rng.random((len(scenes), c, s))).masked_fill(~(free & allowed), -1).flatten(1)
    some = torch.where(noise.amax(1) >= 0)[0]
    new, slot = noise[some].argmax(1), torch.from_numpy(rng.integers(0, 2, (len(scenes), 1)))[some]
    return some, slot, (new // s, new % s)


def _find(scenes, color, shape):
    """The row, among all two-object scenes of a world, of scenes with these labels (N, 2) in any order."""
    size = len(scenes.world.colors) * len(scenes.world.shapes)

    def number(color, shape):
        first, second = (color * len(scenes.world.shapes) + shape).sort(1).values.T
        return first * size + second

    row = torch.full((size * size,), -1)
    row[number(scenes.color, scenes.shape)] = torch.arange(len(scenes))
    return row[number(color, shape)]
