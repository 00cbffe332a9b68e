"""A world of embeddings that is made by hand: who wears which colour is there, and CLIP's cosine is blind to it."""

import itertools

import torch
from torch.nn.functional import normalize

from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.embeddings.feed import text_ids
from labclip_lib.measures.outcomes import pairwise_outcomes

COLORS, SHAPES = 5, 4


def unit(seed, *shape, dtype=torch.float32):
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype), dim=-1)


def bound(part, times=2, noise=0.1, device="cpu"):
    """`Pairs` of "train", "validation" or "test": two-object scenes, each seen so many times, foils are the twins.

    Image and caption agree on the bag, on which colours and shapes there are. Who wears what is a sum over objects
    in both, in directions of its own in each, so a linear map can bring them together. No combination is in two parts.
    """
    bag, table = COLORS + SHAPES, COLORS * SHAPES
    scenes, twins = [], []
    for number, ((s1, s2), (c1, c2)) in enumerate(
        itertools.product(itertools.combinations(range(SHAPES), 2), itertools.combinations(range(COLORS), 2))
    ):
        if ("test", "validation")[number % 6] == part if number % 6 < 2 else part == "train":
            for a, b in ((c1, c2), (c2, c1)):
                scenes.append([(a, s1), (b, s2)])
                twins.append([(b, s1), (a, s2)])

    def embedded(scenes, first):
        out = torch.zeros(len(scenes), bag + 2 * table)
        for row, scene in zip(out, scenes, strict=True):
            for color, shape in scene:
                row[color] = row[COLORS + shape] = 1
                row[first + color * SHAPES + shape] = 0.5
        return out

    images, texts, negatives = (
        embedded(*what).repeat(times, 1) for what in ((scenes, bag), (scenes, bag + table), (twins, bag + table))
    )
    seed = ("train", "validation", "test").index(part)
    images = images + noise * torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    turn = torch.linalg.qr(unit(9, images.shape[1], images.shape[1])).Q
    tables = (normalize(rows @ turn, dim=-1) for rows in (images, texts, negatives))
    ids = (text_ids([str(sorted(scene)) for scene in said] * times) for said in (scenes, twins))
    return Pairs(*tables, None, *ids).to(device)


@torch.no_grad()
def swap_accuracy(pairs, labclip=None):
    """How often an image is closer to its caption than to the twin's."""
    images, texts, negatives = pairs.images[pairs.image], pairs.texts, pairs.negatives[:, 0]
    labclip = labclip or Unaligned()
    images, texts, negatives = labclip.align_images(images), labclip.align_texts(texts), labclip.align_texts(negatives)
    return pairwise_outcomes((images * texts).sum(-1), (images * negatives).sum(-1)).mean()


def small(seed=0, images=30, captions=41, negatives=1, dim=8):
    """Random pairs, all texts different; captions are spread unevenly over the images."""
    image = torch.cat([torch.arange(images), torch.arange(images).repeat(captions)[: captions - images] % 7])
    ids = torch.arange(captions * (1 + negatives)) + 10_000 * seed
    return Pairs(
        unit(seed, images, dim), unit(seed + 1, captions, dim), unit(seed + 2, captions, negatives, dim), image,
        ids[:captions], ids[captions:].view(captions, negatives),
    )  # fmt: skip


def tables(pairs):
    """A Pairs as the arguments of `fit_labclip`."""
    return dict(vars(pairs))
