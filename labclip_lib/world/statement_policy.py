"""What the pretraining captions of PocketCLIP-relations say.

They use every word of `statements`, and never say who stands in which relation to whom: a caption of two different
things names the relation, or both values, apart from the things ("a circle and a red thing one left of the other").
Where there is one reading only, it is told: one thing on the left, five of one kind, two things that are both large.
"""

import dataclasses

import numpy as np

from labclip_lib.world.captions import CaptionPolicy
from labclip_lib.world.statements import KINDS, RELATIONS, absent_things, named, phrase, plural, shrunk, stand


@dataclasses.dataclass(frozen=True)
class StatementPolicy(CaptionPolicy):
    """What the pretraining captions of PocketCLIP-relations mention; see CaptionPolicy for scenes without statements.

    shares: of the images that show a place, a relation, a size, a count and something missing; the rest have captions
    like PocketCLIP's.
    """

    shares: tuple = (0.14, 0.18, 0.10, 0.16, 0.08)

    words = (
        "left", "right", "above", "below", "on", "at", "top", "bottom", "one", "other", "large", "small", "larger",
        "smaller", "than", "two", "three", "four", "no", "things",
    )  # fmt: skip

    def vocabulary(self, world):
        return (*self.words, *map(plural, world.shapes))

    def sample(self, world, n, seed=0):
        """Draw n captioned scenes: (several Scenes, ..., n captions), the captions in the order of the scenes."""
        rng = np.random.default_rng(seed)
        told = rng.multinomial(n, (*self.shares, 1 - sum(self.shares)))
        *plain, captions = super().sample(world, told[-1], seed=rng.integers(2**63))
        parts = [*plain]
        for tell_kind, count in zip((_places, _relations, _sizes, _counts, _missing), told, strict=False):
            for scenes, said in tell_kind(world, count, rng):
                parts.append(scenes)
                captions = captions + said
        return *parts, captions


def _seed(rng):
    return int(rng.integers(2**63))


def _shuffled(names, rng):
    return [names[i] for i in rng.permutation(len(names))]


def _places(world, n, rng):
    """One object in one half of the picture: "red circle on the left"."""
    scenes = world.sample(n, 1, _seed(rng))
    x, y = scenes.center[:, 0].T - 0.5
    where = np.where(
        (x.abs() > y.abs()).numpy(),
        np.where(x.numpy() < 0, "on the left", "on the right"),
        np.where(y.numpy() < 0, "at the top", "at the bottom"),
    )
    yield scenes, [f"{a} {place}" for (a,), place in zip(named(scenes, rng, True), where, strict=True)]


def _relations(world, n, rng):
    """Two objects, and a relation that holds for one of them: "circle and red thing one left of the other"."""
    for kind, count in zip(RELATIONS, (n - n // 2, n // 2), strict=True):
        scenes = stand(world.sample(count, 2, _seed(rng)), kind == "left or right", _seed(rng))
        word = rng.choice(KINDS[kind], count)
        yield scenes, [f"{' and '.join(_shuffled(names, rng))} one {how} the other"
                       for names, how in zip(named(scenes, rng), word, strict=True)]  # fmt: skip


def _sizes(world, n, rng):
    """One object, two of one size, or a large and a small one: "circle and red thing one larger than the other"."""
    one, same = n // 3, n // 3
    scenes = world.sample(one, 1, _seed(rng))
    small = rng.random((one, 1)) < 0.5
    word = np.where(small[:, 0], "small", "large")
    yield shrunk(scenes, small, rng), [f"{w} {a}" for (a,), w in zip(named(scenes, rng, True), word, strict=True)]
    scenes = world.sample(same, 2, _seed(rng))
    small = np.repeat(rng.random((same, 1)) < 0.5, 2, 1)
    word = np.where(small[:, 0], "small", "large")
    yield shrunk(scenes, small, rng), [" and ".join(f"{w} {a}" for a in _shuffled(names, rng))
                                        for names, w in zip(named(scenes, rng), word, strict=True)]  # fmt: skip
    scenes = world.sample(n - one - same, 2, _seed(rng))
    small = np.tile([False, True], (len(scenes), 1))
    forms = ("{0} and {1} one larger than the other", "{0} and {1} one smaller than the other",
             "one large one small {0} and {1}")  # fmt: skip
    form = rng.choice(forms, len(scenes))
    yield shrunk(scenes, small, rng), [how.format(*_shuffled(names, rng))
                                        for names, how in zip(named(scenes, rng), form, strict=True)]  # fmt: skip


def _counts(world, n, rng):
    """One to four of a kind, "three circles", or two of one kind and three of another, "two and three circles ..."."""
    number_words = ("one", "two", "three", "four")
    for k, count in zip(range(1, 5), rng.multinomial(n // 2, [1 / 4] * 4), strict=True):
        kinds = rng.integers(0, 3, count)
        color, shape = (rng.integers(0, len(names), (count, k)) for names in (world.colors, world.shapes))
        # What the caption names is the same for all; the rest may differ.
        color[kinds != 1], shape[kinds != 0] = color[kinds != 1, :1], shape[kinds != 0, :1]
        yield (
            world.place(color, shape, _seed(rng)),
            [
                f"{number_words[k - 1]} {phrase(world.colors[c], world.shapes[s], kind, k > 1)}"
                for c, s, kind in zip(color[:, 0], shape[:, 0], kinds, strict=True)
            ],
        )
    scenes = world.sample(n - n // 2, 2, _seed(rng))
    slots = [0, 0, 1, 1, 1]
    said = []
    for names in zip(scenes.color.tolist(), scenes.shape.tolist(), rng.integers(0, 2, (len(scenes), 2)), strict=True):
        each = [phrase(world.colors[c], world.shapes[s], kind, True) for c, s, kind in zip(*names, strict=True)]
        said.append("{} and {} {} and {}".format(*_shuffled(("two", "three"), rng), *_shuffled(each, rng)))
    yield world.place(scenes.color[:, slots], scenes.shape[:, slots], _seed(rng)), said


def _missing(world, n, rng):
    """One or two objects, and what is not there: "no circle", "no circle and no red thing"."""
    for objects, count in ((1, n // 2), (2, n - n // 2)):
        scenes = world.sample(count, objects, _seed(rng))
        absent = absent_things(scenes, rng)
        twice = rng.random(count) < 0.5
        yield scenes, [" and ".join(f"no {a}" for a in names[: 1 + more])
                       for names, more in zip(absent, twice, strict=True)]  # fmt: skip
