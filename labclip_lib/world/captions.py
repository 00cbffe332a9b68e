"""What captions say about scenes: templates, reading a caption back, and the caption policy.

The caption policy decides how often a pretraining caption states which colour goes with which shape.
PocketCLIP's captions of two objects never state it; `studies/binding_share.py` shows what happens when they do.
"""

import dataclasses
import re

import numpy as np

from labclip_lib.world.scenes import PAPER_TEMPLATE, fill

# Two-object templates; `one_object` cuts each down to its first object.
TEMPLATES = {
    "paper": PAPER_TEMPLATE,
    "article": "a {attr1} {obj1} and a {attr2} {obj2}",
    "photo": "a photo of a {attr1} {obj1} and a {attr2} {obj2}",
}


def one_object(template):
    """The part of a two-object template that names the first object."""
    return template.split(" and ")[0]


def parse(caption, world):
    """Read a caption back: a list of (colour or None, shape or None), one per object mentioned.

    "a red circle and a blue thing" -> [("red", "circle"), ("blue", None)]. Raises ValueError for a
    caption that names no object of the world, and for a word that is neither colour, shape nor filler.
    """
    objects = []
    for phrase in re.split(r"\band\b|,", caption.lower()):
        words = re.findall(r"[\w'-]+", phrase)
        unknown = [w for w in words if w not in {*world.colors, *world.shapes, *FILLERS}]
        if unknown:
            raise ValueError(f"Cannot read {caption!r}: {unknown[0]!r} is no colour or shape of this world.")
        color = next((w for w in words if w in world.colors), None)
        shape = next((w for w in words if w in world.shapes), None)
        if color or shape:
            objects.append((color, shape))
    if not objects:
        raise ValueError(f"Cannot read {caption!r}: it names no colour and no shape of this world.")
    return objects


@dataclasses.dataclass(frozen=True)
class CaptionPolicy:
    """What pretraining captions mention.

    single: share of images that hold one object, captioned in full ("a red circle").
    binding: share of the two-object captions that bind, that is, give both objects their colour and
        their shape. The others name each object by its colour *or* by its shape, never by both ("a red thing
        and a square"). To a bag of words they fit the scene and its swapped twin alike. To a careful
        reader the mixed ones still say a little: the square is not the red thing.
    Raises ValueError for a share outside [0, 1].
    """

    single: float = 0.34
    binding: float = 0.0

    def __post_init__(self):
        for name in ("single", "binding"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {getattr(self, name)}.")

    def vocabulary(self, world):
        """The words of its captions beside FILLERS and the colours and shapes of the world: none."""
        return ()

    def sample(self, world, n, seed=0):
        """Draw n captioned scenes: (one-object Scenes, two-object Scenes, n captions).

        The captions of the one-object scenes come first. Templates and object order are random. A policy that makes
        hard negatives adds n more captions, one for each, in the same order.
        """
        rng = np.random.default_rng(seed)
        singles = int(rng.binomial(n, self.single))
        ones = world.sample(singles, 1, seed=rng.integers(2**63))
        twos = world.sample(n - singles, 2, seed=rng.integers(2**63))
        forms = zip(self._caption(ones, rng), self._caption(twos, rng), strict=True)
        return ones, twos, [caption for form in forms for part in form for caption in part]

    def _caption(self, scenes, rng):
        """The scenes' captions, a list of N str, in a tuple; a policy's hard negatives come second in it."""
        n, k = scenes.color.shape
        mention = scenes.mention_order("random", seed=rng.integers(2**63))
        template = rng.choice(list(TEMPLATES.values()), n)
        in_full = (rng.random(n) < (1 if k == 1 else self.binding))[:, None]
        by_color = rng.random((n, k)) < 0.5
        return (tell(scenes, mention, template, in_full | by_color, in_full | ~by_color),)


def tell(scenes, mention, templates, by_color, by_shape):
    """Captions that name some of the objects, each by its colour, by its shape or by both: a list of N str.

    mention: (N, M) positions of the M objects that are named, in this order. templates: N two-object templates; where
    M is 1, each is cut down to its first object. by_color, by_shape: (N, M) bool, which words an object is given.
    """
    color, shape = scenes.color.gather(1, mention).tolist(), scenes.shape.gather(1, mention).tolist()
    m, names = mention.shape[1], scenes.world
    return [
        fill(
            one_object(template) if m == 1 else template,
            [names.colors[color[i][j]] if by_color[i, j] else "" for j in range(m)],
            [names.shapes[shape[i][j]] if by_shape[i, j] else "thing" for j in range(m)],
        )
        for i, template in enumerate(templates)
    ]


FILLERS = ("a", "an", "and", "of", "photo", "thing", "the")
