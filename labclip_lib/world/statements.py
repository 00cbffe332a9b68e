"""What a caption can say beside colour and shape: where things stand, how large, how many, and what is missing.

Each kind of statement is about two things, and gives each of them one of two values: one is left and one is right, one
is large and one is small, of one there are two and of one there are three, one is there and one is not. So each has
twins, just as colours have: the same words, and the same layout with the two things exchanged.
"""

import dataclasses

import numpy as np
import torch

from labclip_lib.world.scenes import World

# Kind -> what is said of the first thing, and of the second one.
KINDS = {
    "left or right": ("left of", "right of"),
    "above or below": ("above", "below"),
    "large or small": ("large", "small"),
    "two or three": ("two", "three"),
    "there or not": ("", "no"),
}
RELATIONS = ("left or right", "above or below")
PLURALS = {"cross": "crosses"}
CLEAR = 1.5  # things stand side by side when they are so many times as far apart across as they are up and down
SMALL = (0.09, 0.11)  # radii; every other thing of one or two is at least 0.17


def plural(name):
    return PLURALS.get(name, f"{name}s")


@dataclasses.dataclass(frozen=True)
class Statements:
    """N pictures and what is said of two things in each; make them with `Statements.draw`.

    kind: a name out of KINDS. color, shape: (N, 2) label numbers of the two things; the first is the one that is left
    (above, large, two, there). They differ in both. seed: of the layouts.
    """

    world: World
    kind: str
    color: torch.Tensor
    shape: torch.Tensor
    seed: object

    @classmethod
    def draw(cls, world, kind, n, seed=0):
        """N random statements. Raises ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"There are no statements {kind!r}; choose from {', '.join(KINDS)}.")
        scenes = world.sample(n, 2, seed)
        return cls(world, kind, scenes.color, scenes.shape, seed)

    def __len__(self):
        return len(self.color)

    @property
    def value(self):
        """(N, 2): which value each thing has, 0 or 1 into KINDS; the labels of a probe, with `shape` as the objects."""
        return torch.arange(2).expand(len(self), 2)

    def swapped(self):
        """The twins: the two things exchanged. The pictures keep their layouts, and the captions their words."""
        return dataclasses.replace(self, color=self.color.flip(1), shape=self.shape.flip(1))

    def scenes(self):
        """The pictures, Scenes: of two things, of five where they are counted."""
        if self.kind == "two or three":
            slots = [0, 0, 1, 1, 1]
            return self.world.place(self.color[:, slots], self.shape[:, slots], self._stream("layout"))
        if self.kind == "there or not":
            return self._with_another()
        if self.kind == "large or small":
            scenes = self.world.place(self.color, self.shape, self._stream("layout"))
            small = np.tile([False, True], (len(self), 1))
            return shrunk(scenes, small, np.random.default_rng(self._stream("sizes")))
        scenes = self.world.place(self.color, self.shape, self._stream("layout"))
        return stand(scenes, self.kind == "left or right", self._stream("places"))

    def _stream(self, what):
        """A seed of its own for each thing that is drawn, so that none of them hangs on another."""
        return [*np.atleast_1d(self.seed), 1 + ("layout", "sizes", "places", "others").index(what)]

    def _with_another(self):
        """The first thing beside one that has neither the colour nor the shape of either."""
        rng, others = np.random.default_rng(self._stream("others")), []
        for labels, names in ((self.color, self.world.colors), (self.shape, self.world.shapes)):
            noise = rng.random((len(self), len(names)))
            np.put_along_axis(noise, labels.numpy().copy(), 2.0, axis=1)
            others.append(torch.from_numpy(noise.argmin(1)))
        pairs = [torch.stack([labels[:, 0], other], 1) for labels, other in zip(
            (self.color, self.shape), others, strict=True)]  # fmt: skip
        return self.world.place(*pairs, self._stream("layout"))

    def captions(self, order="fixed", seed=0):
        """One caption per statement, a list of N str.

        order: "fixed" names the things in the order of their shapes, "random" in one that the seed draws, the same for
        a statement and its twin. Relations have one word, "left of" or "above", and the order says which is where;
        in random order half of them are told the other way round, "right of" or "below".
        """
        if order not in ("fixed", "random"):
            raise ValueError(f"order must be 'fixed' or 'random', got {order!r}.")
        first, second = KINDS[self.kind]
        relation = self.kind in RELATIONS
        turned = np.random.default_rng(seed).random(len(self)) < (0.5 if order == "random" else 0)
        if not relation:  # from here on: whether the second thing is named first
            turned ^= (self.shape[:, 0] > self.shape[:, 1]).numpy()
        out = []
        for (a, b), turn in zip(self._phrases(), turned.tolist(), strict=True):
            if relation:
                out.append(f"{b} {second} {a}" if turn else f"{a} {first} {b}")
            else:
                said = [f"{first} {a}".strip(), f"{second} {b}"]
                out.append(" and ".join(said[::-1] if turn else said))
        return out

    def _phrases(self):
        name = plural if self.kind == "two or three" else str
        colors, shapes = self.world.colors, [name(shape) for shape in self.world.shapes]
        return [
            [f"{colors[c]} {shapes[s]}" for c, s in zip(cs, ss, strict=True)]
            for cs, ss in zip(self.color.tolist(), self.shape.tolist(), strict=True)
        ]


def stand(scenes, across, seed=0):
    """Scenes of two objects of which the first stands clearly left of the second, or, if not across, above it."""
    center, radius = scenes.center.clone(), scenes.radius.clone()
    rng, waiting = np.random.default_rng([*np.atleast_1d(seed), 1]), _unclear(center, across)
    while len(waiting):
        rows = scenes[waiting]
        again = scenes.world.place(rows.color, rows.shape, int(rng.integers(2**63)))
        center[waiting], radius[waiting] = again.center, again.radius
        waiting = waiting[_unclear(again.center, across)]
    order = center[..., 0 if across else 1].argsort(1)
    return dataclasses.replace(
        scenes, center=center.gather(1, order[..., None].expand(-1, -1, 2)), radius=radius.gather(1, order)
    )


def _unclear(center, across):
    apart = (center[:, 0] - center[:, 1]).abs()
    along, beside = (apart[:, 0], apart[:, 1]) if across else (apart[:, 1], apart[:, 0])
    return torch.where(along < CLEAR * beside)[0]


def phrase(color, shape, kind=2, many=False):
    """An object's name: by its colour (kind 0), by its shape (1) or by both (2); of many, in the plural."""
    noun = "thing" if kind == 0 else shape
    return f"{'' if kind == 1 else color + ' '}{plural(noun) if many else noun}"


def named(scenes, rng, whole=False, many=False):
    """N lists of phrases, one per object, each by its colour, its shape or, where whole, perhaps by both."""
    world, kinds = scenes.world, rng.integers(0, 3 if whole else 2, scenes.color.shape)
    return [
        [phrase(world.colors[c], world.shapes[s], kind, many) for c, s, kind in zip(*row, strict=True)]
        for row in zip(scenes.color.tolist(), scenes.shape.tolist(), kinds.tolist(), strict=True)
    ]


def shrunk(scenes, small, rng):
    """The scenes with some objects small. small: (N, K) bool array."""
    low, high = SMALL
    radius = torch.from_numpy((low + (high - low) * rng.random(small.shape)).astype(np.float32))
    return dataclasses.replace(scenes, radius=torch.where(torch.from_numpy(small), radius, scenes.radius))


def absent_things(scenes, rng):
    """N pairs of phrases of different colours and shapes that the scenes do not have."""
    drawn = []
    for labels, names in ((scenes.color, scenes.world.colors), (scenes.shape, scenes.world.shapes)):
        noise = rng.random((len(scenes), len(names)))
        np.put_along_axis(noise, labels.numpy(), 2.0, axis=1)
        drawn.append(torch.from_numpy(noise.argsort(1)[:, :2]))
    return named(dataclasses.replace(scenes, color=drawn[0], shape=drawn[1]), rng)


def one_reading(world, kind, n, seed=0):
    """Pictures that a word of this kind decides about, whatever its place: parts of (Scenes, captions, foils).

    A foil has another word: "above" for "left of", "small" for "large", "three" for "two", and one "no" more or less.
    A bag of words that knows these words is always right.
    """
    rng = np.random.default_rng([*np.atleast_1d(seed), 2])
    if kind in RELATIONS:
        told = Statements.draw(world, kind, n, seed)
        here, there = (KINDS[which][0] for which in (kind, RELATIONS[kind == RELATIONS[0]]))
        captions = told.captions()
        return [(told.scenes(), captions, [caption.replace(f" {here} ", f" {there} ") for caption in captions])]
    words, parts = KINDS[kind], []
    for value, count in enumerate((n - n // 2, n // 2)):
        scenes = world.sample(count, 1, [*np.atleast_1d(seed), value])
        names = [things[0] for things in named(scenes, rng, True)]
        if kind == "two or three":
            names = [things[0] for things in named(scenes, rng, True, many=True)]
            slots = [0] * (2 + value)
            scenes = world.place(scenes.color[:, slots], scenes.shape[:, slots], [*np.atleast_1d(seed), value])
        elif kind == "large or small":
            scenes = shrunk(scenes, np.full((count, 1), bool(value)), rng)
        elif value:
            names = [things[0] for things in absent_things(scenes, rng)]
        captions, foils = ([f"{word} {name}".strip() for name in names] for word in (words[value], words[1 - value]))
        parts.append((scenes, captions, foils))
    return parts
