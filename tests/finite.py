"""Small finite worlds, and what is asked of encoders in them."""

from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.theory.encoders import ideal_encoders, lookup, orbits, pseudo_optimal
from labclip_lib.theory.finite_worlds import finite_world, population_loss

COLORS, SHAPES = ("red", "green", "blue"), ("circle", "square", "triangle")


def swap(caption):
    c1, s1, _, c2, s2 = caption.split()
    return f"{c2} {s1} and {c1} {s2}"


def make(**options):
    return finite_world(COLORS, SHAPES, **options)


def loss(world, images, texts):
    return float(population_loss(world, images @ texts.T))


def blind(world, operator, texts=None):
    """Pseudo-optimal captions."""
    texts = ideal_encoders(world)[1] if texts is None else texts
    return pseudo_optimal(texts, world.caption_support, orbits(world.captions, operator))


def swap_outcomes(world, images, texts):
    """(S,) outcomes: does each scene prefer its own caption to the swapped one?"""
    own = [world.captions[2 * i] for i in range(len(world.scenes))]
    encode = lookup(world.captions, texts)
    return pairwise_outcomes((images * encode(own)).sum(1), (images * encode([swap(c) for c in own])).sum(1))
