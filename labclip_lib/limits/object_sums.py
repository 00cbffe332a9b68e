"""Is the embedding of a scene the sum of a vector for each of its objects?

After Uselis, Koishigarina and Oh 2026 (arXiv 2605.31503), on scenes of two objects. A vector for each *pair* of a
colour and a shape can say who has what. A vector for the colour plus one for the shape cannot: their sum is the same
for a scene and its twin.
"""

import dataclasses

import torch
from torch.nn.functional import one_hot

from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.bags import pairwise_ceiling
from labclip_lib.measures.measure import Measure
from labclip_lib.probing.protocols import Split, chance, split_by_combination
from labclip_lib.probing.scene_probes import ProbeResult, probe_attributes
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.scenes import Scenes, World

RIDGE = 1e-6  # least squares all but plain: the columns of a sum are not independent
OWN, ADDED = "a vector for each pair", "colour + shape"


@dataclasses.dataclass(frozen=True)
class Side:
    """Embeddings of S scenes, each K times: pictures in K layouts, or captions in both orders of mention.

    rows: (K, S, D) float32. color, shape: (K, S, 2) labels; of captions in the order of mention, `placed`. split: of
    the scenes, by combination. probe: of the rows, a ProbeResult: the colour that each shape has.
    """

    scenes: Scenes
    rows: torch.Tensor
    color: torch.Tensor
    shape: torch.Tensor
    placed: bool
    split: Split
    probe: ProbeResult

    @property
    def means(self):
        return self.rows.mean(0)


def embed_sides(backbone, world=World(), layouts=3):
    """All two-object scenes of a world, embedded: {"images" or "captions": Side}."""
    every = Layouts.draw(world, layouts)
    scenes = every.scenes
    told = [scenes.mention_order(order) for order in ("fixed", "reversed")]
    captions = [embed_texts(backbone, scenes.captions(order)) for order in ("fixed", "reversed")]
    sides = {
        "images": ([embed_images(backbone, part) for part in every.parts], [(s.color, s.shape) for s in every.parts]),
        "captions": (captions, [(scenes.color.gather(1, at), scenes.shape.gather(1, at)) for at in told]),
    }
    return {
        name: make_side(scenes, torch.stack(rows), *map(torch.stack, zip(*labels, strict=True)), name == "captions")
        for name, (rows, labels) in sides.items()
    }


def make_side(scenes, rows, color, shape, placed):
    """A Side of these embeddings, with its split and its probe; on the CPU, where all that follows is soon done."""
    split, rows = split_by_combination(scenes.color, scenes.shape), rows.cpu()
    flat = (part.flatten(0, 1) for part in (rows, color, shape))
    probe = probe_attributes(*flat, split.repeated(len(rows)))
    return Side(scenes, rows, color, shape, placed, split, probe)


def sums(sides):
    """How much of the embeddings of held-out scenes a sum explains: {what: {sum: {"R2" or "read by the probe": ...}}}.

    what: "images", each by itself; "images, mean of the layouts"; "captions". A sum is of `OWN` vectors or of `ADDED`
    ones; of captions also "by position", with other vectors for what is named first and what second. "read by the
    probe": whether a probe of real embeddings reads both colours out of the sum; "the embedding itself" beside it.
    """
    out = {}
    for name, side in sides.items():
        kinds = {OWN: (False, False), ADDED: (True, False)}
        if side.placed:
            kinds |= {f"{kind}, by position": (apart, True) for kind, (apart, _) in kinds.items()}
        split = side.split.repeated(len(side.rows))
        labels, rows = (side.color.flatten(0, 1), side.shape.flatten(0, 1)), side.rows.flatten(0, 1)
        test, cluster = split.test, split.cluster
        out[name] = {"the embedding itself": {"read by the probe": _probed(side, rows[test], labels, test, cluster)}}
        for kind, how in kinds.items():
            columns = design(side.scenes.world, *labels, *how)
            sum_of = columns[test] @ least_squares(columns[split.train], rows[split.train])
            middle = rows[split.train].mean(0)
            out[name][kind] = {
                "R2": explained(rows[test], sum_of, middle, cluster[test], means_of_words(rows[test], cluster[test])),
                "read by the probe": _probed(side, sum_of, labels, test, cluster),
            }
            if not side.placed:
                means, number = side.means[side.split.test], side.split.cluster[side.split.test]
                measure = explained(means, sum_of[: len(means)], middle, number, means_of_words(means, number))
                out.setdefault(f"{name}, mean of the layouts", {})[kind] = {"R2": measure}
    return out


def explained(rows, guesses, middle, cluster, told_by_words):
    """The share of variance that guesses explain, R2: a Measure over (N, D) rows, whose values' mean it is.

    middle: (D,) what is guessed without knowing anything; this is chance, 0. told_by_words: (N, D) what is guessed by
    one who knows the words alone; this is bag_of_words. A value is 1 - error / mean variance, and the interval takes
    the mean variance as given.
    """
    variance = (rows - middle).square().sum(1).double().mean()
    values, ceiling = (1 - (rows - told).square().sum(1).double() / variance for told in (guesses, told_by_words))
    return Measure(values.numpy(), cluster.numpy(), 0.0, float(ceiling.mean()))


def means_of_words(rows, cluster):
    """For each of (N, D) rows the mean of its cluster, the scenes with its words: no reader of words does better."""
    count = torch.bincount(cluster)[:, None]
    total = torch.zeros(len(count), rows.shape[1], dtype=rows.dtype).index_add_(0, cluster, rows)
    return (total / count.clamp(min=1))[cluster]


def design(world, color, shape, apart, placed):
    """What (N, 2) objects add up to, (N, W) float32 with a column of ones: pairs, or colours and shapes `apart`."""
    c, s = len(world.colors), len(world.shapes)
    each = torch.cat([one_hot(color, c), one_hot(shape, s)], -1) if apart else one_hot(color * s + shape, c * s)
    columns = each.flatten(1) if placed else each.sum(1)
    return torch.cat([columns, torch.ones(len(color), 1, dtype=columns.dtype)], 1).float()


def least_squares(columns, rows):
    """The (W, D) vectors whose sums come closest to the rows; of many such, nearly the shortest."""
    x, y = columns.double(), rows.double()
    ridge = RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(x.T @ x + ridge, x.T @ y).float()


def _probed(side, rows, labels, which, cluster):
    color, shape = (part[which] for part in labels)
    return read_colors(side, rows, color, shape, cluster[which])


def read_colors(side, rows, color, shape, cluster):
    """Whether the probe reads the colours (N, 2) of these shapes (N, 2), both, out of (N, D) rows: a Measure."""
    weight, bias = (part.to(rows.dtype) for part in (side.probe.weight, side.probe.bias))
    guess = (torch.einsum("nd,pcd->npc", rows, weight) + bias).argmax(-1)
    right = (guess.gather(1, shape) == color).all(1).double().numpy()
    guessed = chance(color, shape, len(side.scenes.world.colors)) ** 2
    return Measure(right, cluster.numpy(), guessed, pairwise_ceiling(True))
