"""The book's small world: coloured shapes on a plain background.

A `World` names the colours and shapes there are. `World.sample` draws `Scenes`: a batch of layouts
held as tensors, one row per scene. `Scenes.render` paints them in torch, on any device, at any size. A world whose
shapes are solids is painted as objects on a floor, in three dimensions.

Scenes are drawn with NumPy on the CPU, so the same seed gives the same scenes on every machine.
Lengths are fractions of the image side, x to the right and y downwards, angles in radians.
"""

import dataclasses
import itertools
import re

import numpy as np
import torch

from labclip_lib.world import shapes, solids
from labclip_lib.world.placement import MARGIN, SMALLEST, draw_places
from labclip_lib.world.shapes import COLORS, SHAPES

# The caption template of the LABCLIP paper (Koishigarina et al., 2025).
PAPER_TEMPLATE = "{attr1} {obj1} and {attr2} {obj2}"


# What else is drawn: ANGLE (radians), TINT and SLOPE, either way at most. A backdrop is dark or light: its level is
# LEVELS at most above one of DARK_AND_LIGHT, and each of its channels differs from that by CAST at most.
ANGLE, TINT, SLOPE = 0.35, 0.07, 0.1
LEVELS, DARK_AND_LIGHT, CAST = 0.28, (0.02, 0.70), 0.03


@dataclasses.dataclass(frozen=True)
class World:
    """The colours and shapes that scenes are made of.

    colors: names out of `shapes.COLORS`. shapes: names out of `shapes.SHAPES`, or all out of `solids.SOLIDS`. Their
    order is the order of the label numbers. Raises ValueError for an unknown name, a repeated name, fewer than one of
    either, and for flat shapes beside solids.

    >>> world = World(colors=("red", "blue"), shapes=("circle", "square", "star"))
    >>> world.sample(3, seed=0).captions()
    ['red circle and blue star', 'red square and blue star', 'red square and blue star']
    """

    colors: tuple = tuple(COLORS)
    shapes: tuple = tuple(SHAPES)

    def __post_init__(self):
        for field, known in (("colors", COLORS), ("shapes", SHAPES | solids.SOLIDS)):
            names = tuple(getattr(self, field))
            object.__setattr__(self, field, names)
            unknown = [name for name in names if name not in known]
            if unknown:
                raise ValueError(f"World knows no {field[:-1]} {unknown[0]!r}; choose from {', '.join(known)}.")
            if not names or len(set(names)) < len(names):
                raise ValueError(f"World needs one or more different {field}, got {names}.")
        flat = [name for name in self.shapes if name in SHAPES]
        if 0 < len(flat) < len(self.shapes):
            raise ValueError(
                f"World has either flat shapes or solids, got {', '.join(self.shapes)}; leave out {flat[0]!r}."
            )

    @property
    def painter(self):
        """The module that paints its shapes: `visible(scenes, size)` and `paint(scenes, size)`."""
        return shapes if self.shapes[0] in SHAPES else solids

    def sample(self, n, objects=2, seed=0, distinct=True):
        """Draw n scenes of `objects` objects each, which all differ in colour and in shape.

        Colours, shapes, places, sizes, angles, tints and backgrounds are independent of each other;
        objects never touch. distinct=False lets colours and shapes repeat within a scene, as in CLEVR.
        Raises ValueError when there are not enough colours or shapes.
        """
        most = min(len(self.colors), len(self.shapes)) if distinct else 36  # beyond, an object is a few pixels wide
        if not 1 <= objects <= most:
            raise ValueError(f"objects must be between 1 and {most} in this world, got {objects}.")
        rng = np.random.default_rng(seed)
        if distinct:
            color = rng.random((n, len(self.colors))).argsort(1)[:, :objects]
            shape = rng.random((n, len(self.shapes))).argsort(1)[:, :objects]
        else:
            color = rng.integers(0, len(self.colors), (n, objects))
            shape = rng.integers(0, len(self.shapes), (n, objects))
        return self._lay_out(color, shape, rng)

    def _sample_where(self, wanted, n, objects, seed):
        """The first n scenes of `sample` for which wanted, a function of Scenes that gives (N,) bool, holds."""
        more = n
        while True:
            more = 2 * more + 16
            scenes = World.sample(self, more, objects, seed)
            rows = torch.where(wanted(scenes))[0][:n]
            if len(rows) == n:
                return scenes[rows]

    def compositions(self, objects=2, seed=0):
        """Every possible scene once, in a random layout.

        Object order does not count: with 8 colours, 8 shapes and two objects there are 1,568.
        """
        pairs = [
            list(zip(colors, shapes, strict=True))
            for shapes in itertools.combinations(range(len(self.shapes)), objects)
            for colors in itertools.permutations(range(len(self.colors)), objects)
        ]
        table = np.array(pairs).reshape(-1, objects, 2)
        return self._lay_out(table[..., 0], table[..., 1], np.random.default_rng(seed))

    def place(self, color, shape, seed=0):
        """Scenes of these objects, in random layouts. color, shape: (N, K) label numbers; objects may repeat.

        Raises ValueError for labels of other shapes, or that the world does not have.
        """
        color, shape = np.asarray(color), np.asarray(shape)
        if color.ndim != 2 or color.shape != shape.shape or not color.shape[1]:
            raise ValueError(f"place() needs (N, K) colors and shapes, got {color.shape} and {shape.shape}.")
        for what, labels, names in (("color", color, self.colors), ("shape", shape, self.shapes)):
            if labels.size and not 0 <= labels.min() <= labels.max() < len(names):
                raise ValueError(
                    f"place() needs {what} labels from 0 to {len(names) - 1}, got {labels.min()} to {labels.max()}."
                )
        return self._lay_out(color, shape, np.random.default_rng(seed))

    def _lay_out(self, color, shape, rng):
        n, objects = color.shape
        center, radius = draw_places(n, objects, rng)
        angle = 2 * ANGLE * rng.random((n, objects)) - ANGLE
        tint = 2 * TINT * rng.random((n, objects, 3)) - TINT
        level = LEVELS * rng.random((n, 1)) + np.where(rng.random((n, 1)) < 0.5, *DARK_AND_LIGHT)
        backdrop = level + 2 * CAST * rng.random((n, 3)) - CAST
        slope = 2 * SLOPE * rng.random((n, 2)) - SLOPE
        as_float = lambda a: torch.from_numpy(a.astype(np.float32))  # noqa: E731
        as_long = lambda a: torch.from_numpy(a.astype(np.int64))  # noqa: E731
        return Scenes(
            self, as_long(color), as_long(shape), as_float(center), as_float(radius), as_float(angle),
            as_float(tint), as_float(backdrop), as_float(slope),
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Scenes:
    """A batch of N scenes with K objects each; index it like a list.

    color, shape: (N, K) label numbers into `world.colors` and `world.shapes`.
    center: (N, K, 2) x and y, of solids on the floor; radius, angle: (N, K); tint: (N, K, 3) added to the colour.
    backdrop: (N, 3) background RGB; slope: (N, 2) how it brightens along x and y.

    >>> scenes = World().sample(2, seed=0)
    >>> scenes.captions()[0], scenes.swapped().captions()[0]
    ('green cross and yellow ring', 'yellow cross and green ring')
    >>> scenes.render(size=64).shape
    torch.Size([2, 3, 64, 64])
    """

    world: World
    color: torch.Tensor
    shape: torch.Tensor
    center: torch.Tensor
    radius: torch.Tensor
    angle: torch.Tensor
    tint: torch.Tensor
    backdrop: torch.Tensor
    slope: torch.Tensor

    def _map(self, change):
        fields = [f.name for f in dataclasses.fields(self) if f.name != "world"]
        return dataclasses.replace(self, **{name: change(getattr(self, name)) for name in fields})

    def __len__(self):
        return len(self.color)

    def __getitem__(self, index):
        """Scenes at an int, slice, mask or list of positions; always a batch."""
        if isinstance(index, (int, np.integer)):
            index = [range(len(self))[index]]
        return self._map(lambda values: values[index])

    def to(self, device):
        """The same scenes with their tensors on a device."""
        return self._map(lambda values: values.to(device))

    def swapped(self):
        """The twins: the first two objects exchange colours, everything else stays.

        Swapping twice gives the scenes back. Raises ValueError for scenes of one object.
        """
        if self.color.shape[1] < 2:
            raise ValueError("swapped() needs scenes of two or more objects, got one object each.")
        order = [1, 0, *range(2, self.color.shape[1])]
        return dataclasses.replace(self, color=self.color[:, order])

    def replaced(self, what, seed=0):
        """The scenes with one object's colour or shape replaced by one that the scene does not have.

        what: "color" or "shape". Which object changes, and to what, is drawn from the seed. Raises
        ValueError for any other `what`, or when the world has no colour (shape) left.
        """
        if what not in ("color", "shape"):
            raise ValueError(f"what must be 'color' or 'shape', got {what!r}.")
        labels = getattr(self, what).clone()
        n, k = labels.shape
        count = len(self.world.colors if what == "color" else self.world.shapes)
        if count <= k:
            raise ValueError(f"replaced() needs more than {k} {what}s in the world, it has {count}.")
        rng = np.random.default_rng(seed)
        # Noise with the labels in use pushed to the end: the smallest entry is a random unused label.
        noise = torch.from_numpy(rng.random((n, count))).to(labels.device).scatter(1, labels, 2.0)
        slot = torch.from_numpy(rng.integers(0, k, n)).to(labels.device)
        labels[torch.arange(n, device=labels.device), slot] = noise.argmin(1)
        return dataclasses.replace(self, **{what: labels})

    def added(self, seed=0):
        """The scenes with one object added, of a colour and a shape that the scene does not have.

        Raises ValueError when the world has no colour or no shape left.
        """
        n, k = self.color.shape
        rng = np.random.default_rng(seed)
        new = {}
        for what, names in (("color", self.world.colors), ("shape", self.world.shapes)):
            if len(names) <= k:
                raise ValueError(f"added() needs more than {k} {what}s in the world, it has {len(names)}.")
            noise = rng.random((n, len(names)))
            np.put_along_axis(noise, getattr(self, what).cpu().numpy(), 2.0, axis=1)  # those in use come last
            new[what] = noise.argmin(1)[:, None]
        center, radius = np.empty((n, 1, 2)), np.empty((n, 1))
        others, sizes = self.center.cpu().numpy(), self.radius.cpu().numpy()
        waiting, size = np.arange(n), SMALLEST
        while len(waiting):  # redraw where it touches another object, smaller each time, so that it fits in the end
            r = np.full(len(waiting), size)
            c = r[:, None] + MARGIN + (1 - 2 * (r[:, None] + MARGIN)) * rng.random((len(waiting), 2))
            center[waiting, 0], radius[waiting, 0] = c, r
            gap = np.linalg.norm(c[:, None] - others[waiting], axis=-1) - r[:, None] - sizes[waiting]
            waiting, size = waiting[(gap < MARGIN).any(1)], size * 0.99
        new |= {"center": center, "radius": radius, "angle": 2 * ANGLE * rng.random((n, 1)) - ANGLE}
        new["tint"] = 2 * TINT * rng.random((n, 1, 3)) - TINT
        grown = {
            name: torch.cat([old, torch.from_numpy(values).to(old)], 1)
            for name, values in new.items()
            for old in (getattr(self, name),)
        }
        return dataclasses.replace(self, **grown)

    def mention_order(self, order="fixed", seed=0):
        """The order in which captions name the objects: (N, K) positions.

        "fixed": in the order of `world.shapes`, as in the paper's CLEVR captions. "reversed": the fixed one reversed.
        "random": shuffled by the seed alone, so a scene and its twin are described in the same order.
        """
        if order in ("fixed", "reversed"):
            fixed = self.shape.argsort(1)
            return fixed if order == "fixed" else fixed.flip(1)
        if order == "random":
            noise = np.random.default_rng(seed).random(self.shape.shape).argsort(1)
            return torch.from_numpy(noise).to(self.shape.device)
        raise ValueError(f"order must be 'fixed', 'reversed' or 'random', got {order!r}.")

    def captions(self, order="fixed", seed=0, template=None):
        """One caption per scene, a list of N str.

        template: a format string with the fields {attr1} {obj1} {attr2} {obj2} ...; by default
        the paper's "{attr1} {obj1} and {attr2} {obj2}", stretched or shortened to K objects.
        """
        mention = self.mention_order(order, seed)
        color, shape = self.color.gather(1, mention).tolist(), self.shape.gather(1, mention).tolist()
        if template is None:
            template = " and ".join(f"{{attr{k}}} {{obj{k}}}" for k in range(1, self.color.shape[1] + 1))
        return [
            fill(template, [self.world.colors[c] for c in cs], [self.world.shapes[s] for s in ss])
            for cs, ss in zip(color, shape, strict=True)
        ]

    def masks(self, size=64, device="cpu"):
        """The share of each pixel in which each object is seen: (N, K, size, size) float32 in [0, 1]."""
        if not len(self):
            return torch.zeros(0, self.color.shape[1], size, size, device=device)
        return torch.cat([self.world.painter.visible(part, size) for part in self.to(device)._chunks(size)])

    def render(self, size=64, device="cpu"):
        """Paint the scenes: (N, 3, size, size) float32 RGB in [0, 1], antialiased, on the device."""
        if not len(self):
            return torch.zeros(0, 3, size, size, device=device)
        return torch.cat([part._paint(size) for part in self.to(device)._chunks(size)])

    def _chunks(self, size):
        # On a CPU a chunk's working set should stay in cache; on a GPU a kernel should have work.
        pixels = 2**18 if self.color.device.type == "cpu" else 2**27
        step = max(1, pixels // (self.world.painter.LAYERS * size * size * self.color.shape[1]))
        return [self[i : i + step] for i in range(0, len(self), step)]

    def _paint(self, size):
        return self.world.painter.paint(self, size)


def fill(template, colors, shapes):
    """Fill names into a caption template, with "an" before a vowel and no double spaces."""
    fields = {f"attr{k}": c for k, c in enumerate(colors, 1)} | {f"obj{k}": s for k, s in enumerate(shapes, 1)}
    try:
        text = template.format(**fields)
    except (KeyError, IndexError) as error:
        raise ValueError(f"The template {template!r} has no such object to name: {error}.") from None
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\ba(?= [aeiou])", "an", text)
