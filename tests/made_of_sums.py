"""Embeddings that are sums of vectors, for the tests of what finds such vectors."""

import torch

from labclip_lib.limits.object_sums import make_side
from labclip_lib.world.scenes import World

SMALL = World(("red", "green", "blue", "pink"), ("circle", "square", "star", "moon"))


def draw(*size):
    return torch.randn(*size, generator=torch.Generator().manual_seed(0))


def side(vectors, placed=False):
    """A Side of scenes whose embeddings are sums: vectors (1 or 2, C, S, D), two for what is named first and second."""
    scenes = SMALL.compositions()
    labels = [torch.stack([part, part.flip(1)]) for part in (scenes.color, scenes.shape)]
    place = torch.arange(2) if placed else torch.zeros(2, dtype=torch.long)
    return make_side(scenes, vectors[place, labels[0], labels[1]].sum(2) + 5, *labels, placed)


def mean(measure):
    return float(measure.values.mean())
