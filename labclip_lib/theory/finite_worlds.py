"""Finite worlds, where what InfoNCE asks of two encoders can be computed exactly, and what it leaves open.

The joint distribution of scenes and captions is a matrix here, so the loss needs no batch and its minimum has a
formula. It constrains encoders on the *support* only, that is, where the distribution has mass. Hence
*pseudo-optimal* encoders (after Chen et al., 2025): as good as an ideal one to the last bit, and blind to an
operator that leads off the support. This finite version, its two directions and their proofs are the book's own.
"""

import dataclasses
import itertools
import math

import numpy as np
import torch

from labclip_lib.world.scenes import World


@dataclasses.dataclass(frozen=True)
class FiniteWorld:
    """S scenes, T captions and the probability of each pair.

    scenes: (S,) hashable labels. captions: (T,) str. owner: (T,) number of the scene that a caption truly
    describes, -1 for none. joint: (S, T) float64 probabilities. margin: nats by which the logit of a caption with
    its own scene must exceed its others (see `finite_world`).
    Raises ValueError when the joint has another shape, a negative or non-finite entry, or does not sum to 1.
    """

    scenes: tuple
    captions: tuple
    owner: torch.Tensor
    joint: torch.Tensor
    margin: float

    def __post_init__(self):
        shape, total = (len(self.scenes), len(self.captions)), float(self.joint.sum())
        if tuple(self.joint.shape) != shape or not bool((self.joint >= 0).all()) or not abs(total - 1) < 1e-9:
            raise ValueError(
                f"joint must hold {shape} probabilities that sum to 1, got shape {tuple(self.joint.shape)}, "
                f"smallest entry {float(self.joint.min()):g} and sum {total:g}."
            )

    @property
    def scene_support(self):
        """(S,) mask of the scenes that occur."""
        return self.joint.sum(1) > 0

    @property
    def caption_support(self):
        """(T,) mask of the captions that occur."""
        return self.joint.sum(0) > 0

    @property
    def mutual_information(self):
        """The information that a caption holds about its scene, on average, in nats."""
        return -optimum(self)[1]


def finite_world(colors, shapes, twins="both", without=(), extra=(), margin=6.0, coin=0):
    """All scenes of two objects unlike in colour and in shape; two captions each, one per mention order.

    A scene is ((colour, shape), (colour, shape)) in the order of `shapes`; its captions, "red circle and blue square"
    and the reverse, are columns 2i and 2i + 1.
    twins: "both", or "one": of each scene and its `twin` only one occurs, chosen by a toss; coin: seed of the tosses.
    without: words and scenes; these scenes, and scenes that need such a word, never occur. extra: captions such as
    "no red circle and blue square" that describe no scene; they never occur either, and come last.
    The n scenes that occur do so equally often. A share n / (n + e^margin - 1) of them gets a caption drawn from all
    that occur, the others get one of their own two. So PMI is finite, and `margin` greater for a caption with its own
    scene than with another, whatever n is: one pair of encoders is optimal in all these worlds (`ideal_encoders`).
    Raises ValueError for names that `World` does not know, and when fewer than two scenes occur.
    """
    names = World(colors, shapes)
    if twins not in ("both", "one"):
        raise ValueError(f"twins must be 'both' or 'one', got {twins!r}.")
    if not 0 < margin < 700:  # beyond, e^margin is no float64
        raise ValueError(f"margin must be above 0 and below 700 nats, got {margin}.")
    scenes = tuple(
        tuple(zip(some, kinds, strict=True))
        for kinds in itertools.combinations(names.shapes, 2)
        for some in itertools.permutations(names.colors, 2)
    )
    unknown = [name for name in without if name not in {*names.colors, *names.shapes, *scenes}]
    if unknown:
        raise ValueError(f"without names {unknown[0]!r}, which is no part and no scene of this world; leave it out.")
    described = [" and ".join(map(" ".join, order)) for scene in scenes for order in (scene, scene[::-1])]
    known = sorted(set(extra) & set(described))
    if known:
        raise ValueError(f"extra holds {known[0]!r}, which describes a scene; give captions that describe none.")

    occurs = torch.tensor([not {scene, *scene[0], *scene[1]} & set(without) for scene in scenes])
    if twins == "one":
        # A toss for each pair, also for those that `without` removes, so that the others do not depend on it.
        tosses = np.random.default_rng(coin).integers(0, 2, len(scenes) // 2)
        pairs = [(scene, twin(scene)) for scene in scenes if scene < twin(scene)]
        absent = {pair[toss] for pair, toss in zip(pairs, tosses, strict=True)}
        occurs &= torch.tensor([scene not in absent for scene in scenes])
    n = int(occurs.sum())
    if n < 2:
        raise ValueError(f"A finite world needs two or more scenes that occur, got {n}; add colours or shapes.")

    owner = torch.tensor([i // 2 for i in range(len(described))] + [-1] * len(extra))
    caption_occurs = torch.cat([occurs.repeat_interleave(2), torch.zeros(len(extra), dtype=torch.bool)]).double()
    match = (torch.arange(len(scenes))[:, None] == owner).double()
    noise = n / (n + math.expm1(margin))
    given = (1 - noise) * match / 2 + noise * caption_occurs / (2 * n)  # p(caption | scene)
    joint = given * (occurs.double() / n)[:, None]
    return FiniteWorld(scenes, (*described, *extra), owner, joint, margin)


def twin(scene):
    """The scene with its two colours exchanged."""
    (color1, shape1), (color2, shape2) = scene
    return (color2, shape1), (color1, shape2)


# The loss and its minimum


def population_loss(world, logits):
    """InfoNCE with all the world's scenes and captions as negatives, each weighted by how often it occurs.

    logits: (S, T), for embeddings `images @ texts.T`. Returns a scalar float64 tensor in nats, with gradient: the mean
    over both directions of E[-logit + ln E'[e^logit]], where E' is over the negatives. It is `losses.info_nce` less
    ln B for a batch of B that holds every pair as often as it occurs. What never occurs is not read.
    Source: van den Oord et al. (2018); the limit of many negatives: Wang and Isola (2020), theorem 1.
    Raises ValueError for another shape, and where the logits that are read leave the loss undefined.
    """
    logits = torch.as_tensor(logits, dtype=torch.float64)
    if logits.shape != world.joint.shape:
        raise ValueError(
            f"population_loss needs logits of shape {tuple(world.joint.shape)}, one row per scene and one column "
            f"per caption, got {tuple(logits.shape)}."
        )
    # Cut out, not weighted with zero: 0 times NaN is NaN.
    logits = logits[world.scene_support][:, world.caption_support]
    joint = world.joint[world.scene_support][:, world.caption_support]
    attraction = (joint * logits.masked_fill(joint == 0, 0)).sum()
    scene, caption = joint.sum(1), joint.sum(0)
    for_images = (scene * (logits + caption.log()).logsumexp(1)).sum()
    for_texts = (caption * (logits + scene.log()[:, None]).logsumexp(0)).sum()
    loss = (for_images + for_texts) / 2 - attraction
    if bool(loss.isnan()):
        bad = int((~logits.isfinite()).sum())
        raise ValueError(f"population_loss got {bad} logits on the support that are NaN or infinite; check them.")
    return loss


def optimum(world):
    """The logits that minimise `population_loss`, and the minimum: (S, T) float64 nats, and -I(X; Y).

    They are the pointwise mutual information, ln p(x, y) / (p(x) p(y)), and so is every sum of it and a constant.
    NaN off the support, where nothing is asked; -inf where a scene and a caption both occur but never together.
    Source: van den Oord et al. (2018).
    """
    joint = world.joint
    pmi = joint.log() - joint.sum(1, keepdim=True).log() - joint.sum(0).log()
    return pmi, -float((joint * pmi)[joint > 0].sum())


def merging_cost(world, first, second):
    """The loss it costs to give two captions one embedding: I(X; Y) - I(X; m(Y)) in nats, where m merges the two.

    first, second: columns of the two. No encoders that merge them get `population_loss` below -I(X; m(Y)), because
    their logits are those of a world that cannot tell the two apart. It is 0 where both say the same of every
    scene or one never occurs, and positive otherwise: twins that do occur cannot be merged for free.
    """
    pair = world.joint[:, [first, second]]
    total = pair.sum(0)
    # The difference, written as a weighted Jensen-Shannon divergence: exactly 0 for equal columns.
    given, merged = pair / total, pair.sum(1, keepdim=True) / total.sum()
    return max(0.0, float((pair * (given / merged).log())[pair > 0].sum()))
