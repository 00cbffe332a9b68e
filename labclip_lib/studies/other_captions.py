"""What in the captions, or in the pictures, makes a half of PocketCLIP bind: short trainings that differ in one thing.

The study "image-space" asks where the binding of the image space comes from, though no caption of two objects ever
binds. The study "captions" turns the dials of Gurung, Hoffmann and Brox 2025 (arXiv 2507.07985).
"""

import dataclasses
import re
from pathlib import Path

import numpy as np
import torch

from labclip_lib.diagnosis.cross_modal import diagnose_embeddings, diagnose_groups
from labclip_lib.diagnosis.within_modality import diagnose_within
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.studies import binding_share
from labclip_lib.studies.binding_share import RECIPE, SEEDS, train_series
from labclip_lib.world.captions import TEMPLATES, CaptionPolicy, tell
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.scenes import Scenes, World
from labclip_lib.world.shapes import COLORS
from labclip_lib.world.twins import pair_clusters, twin_rows


@dataclasses.dataclass(frozen=True)
class OtherCaptions(CaptionPolicy):
    """A caption policy with more to choose.

    one_word: whether captions of single objects, too, give one word only, the colour or the shape.
    alike: whether a caption names all its objects in the same way, all by colour or all by shape, unless it binds.
    left_out: share of the two-object captions that name one object and are silent about the other.
    larger_first: whether a caption begins with the larger object. negatives: whether each caption comes with a hard
    negative. It exchanges the two colours of a caption that binds two objects; of any other it replaces one word, by a
    colour (a shape) that the scene does not have.
    """

    one_word: bool = False
    alike: bool = False
    left_out: float = 0.0
    larger_first: bool = False
    negatives: bool = False

    def _caption(self, scenes, rng):
        n, k = scenes.color.shape
        mention = scenes.mention_order("random", seed=rng.integers(2**63))
        template = rng.choice(list(TEMPLATES.values()), n)
        in_full = (rng.random(n) < (not self.one_word if k == 1 else self.binding))[:, None]
        by_color = rng.random((n, 1 if self.alike else k)) < 0.5
        by_color, by_shape = np.broadcast_to(in_full | by_color, (n, k)), np.broadcast_to(in_full | ~by_color, (n, k))
        if self.larger_first:
            mention = scenes.radius.argsort(1, descending=True)
        told = np.where(rng.random(n) < self.left_out, 1, k)

        def told_of(scenes):
            lines = {m: tell(scenes, mention[:, :m], template, by_color, by_shape) for m in set(told.tolist())}
            return [lines[m][i] for i, m in enumerate(told.tolist())]

        captions = told_of(scenes)
        if not self.negatives:
            return (captions,)
        swaps = (told == 2) & in_full[:, 0]
        word = rng.integers(0, told)  # the place in the caption of the object that gets another word
        other = by_shape[np.arange(n), word] & (~by_color[np.arange(n), word] | (rng.random(n) < 0.5))
        changed = scenes
        for what, rows in (("color", ~other), ("shape", other)):
            labels = getattr(scenes, what).clone()
            count = len(scenes.world.colors if what == "color" else scenes.world.shapes)
            noise = torch.from_numpy(rng.random((n, count))).scatter(1, labels, 2.0)  # the scene's own come last
            rows = torch.from_numpy(np.flatnonzero(rows & ~swaps))
            labels[rows, mention[rows, torch.from_numpy(word)[rows]]] = noise.argmin(1)[rows]
            changed = dataclasses.replace(changed, **{what: labels})
        if k == 2:
            color = torch.where(torch.from_numpy(swaps)[:, None], scenes.color.flip(1), changed.color)
            changed = dataclasses.replace(changed, color=color)
        return captions, told_of(changed)


@dataclasses.dataclass(frozen=True)
class SwatchWorld(World):
    """A world whose pictures, like a caption, say the colour of an object in one place and its shape in another.

    Each object has a row of its own: on the left its shape, black or white, and on the right a round swatch of its
    colour. shows: says so in a recipe.
    """

    shows: str = "a shape and a swatch for each object"

    def _lay_out(self, color, shape, rng):
        scenes = super()._lay_out(color, shape, rng)
        return _SwatchScenes(**{field.name: getattr(scenes, field.name) for field in dataclasses.fields(scenes)})


class _SwatchScenes(Scenes):
    def _paint(self, size):
        k = self.color.shape[1]
        if k > 2:
            raise ValueError(f"SwatchWorld paints scenes of one or two objects, got {k}.")
        shapes = tuple({**dict.fromkeys(self.world.shapes), "circle": None})
        radius = 0.75 * self.radius
        row = self.center[..., 1].argsort(1).argsort(1) if k == 2 else (self.center[..., 1] > 0.5).long()
        # How far a shape is from the middle of its cell: as far as its object from the middle of the picture.
        off = (self.center - 0.5) / (0.5 - self.radius[..., None]) * (0.24 - radius[..., None])
        middle = torch.stack([torch.full_like(radius, 0.25), 0.25 + 0.5 * row], -1)
        right = torch.tensor([0.5, 0.0], device=radius.device)
        ink = torch.where(self.backdrop.mean(1) < 0.5, 0.95, 0.05)[:, None, None]
        palette = torch.tensor([COLORS[name] for name in self.world.colors], device=radius.device)[self.color]
        return Scenes(
            World(self.world.colors, shapes), self.color.repeat(1, 2),
            torch.cat([self.shape, torch.full_like(self.shape, shapes.index("circle"))], 1),
            torch.cat([middle + off, middle + right - off], 1), radius.repeat(1, 2), self.angle.repeat(1, 2),
            torch.cat([ink - palette, self.tint], 1), self.backdrop, self.slope,
        )._paint(size)  # fmt: skip


# Study -> name of a condition -> (what differs from RECIPE, what differs in its captions).
CONDITIONS = {
    "image-space": {
        "as it is": ({}, {}),
        "single objects by one word": ({}, {"one_word": True}),
        "no single objects": ({}, {"single": 0.0}),
        "no single objects, no mixed captions": ({}, {"single": 0.0, "alike": True}),
        "shape and colour apart": ({"world": SwatchWorld()}, {}),
        "batches of 48": ({"batch_size": 48}, {}),
    },
    "captions": {
        "all bind": ({}, {"binding": 1.0}),
        "all bind, shape and colour apart": ({"world": SwatchWorld()}, {"binding": 1.0}),
        "half of them leave one object out": ({}, {"binding": 1.0, "left_out": 0.5}),
        "all leave one object out": ({}, {"binding": 1.0, "left_out": 1.0}),
        "the larger object first": ({}, {"binding": 1.0, "larger_first": True}),
        "the larger object alone": ({}, {"binding": 1.0, "left_out": 1.0, "larger_first": True}),
        "10 % bind": ({}, {"binding": 0.1}),
        "10 % bind, hard negatives": ({}, {"binding": 0.1, "negatives": True}),
    },
}


def train_other_captions(study, out, device="auto", recipe=RECIPE, conditions=None, seeds=SEEDS, progress=True):
    """Train and measure one PocketCLIP per condition and seed; returns the path of the table, STUDY.json.

    study: key of CONDITIONS. conditions: names of some of its conditions, by default all. A row of the table is
    {"condition", "seed", "step", metric: {"mean", "low", "high"}}, before the training and after it; the rest as in
    `binding_share.train_series`. Raises ValueError for a condition that the study lacks.
    """
    known, runs = CONDITIONS[study], {}
    if unknown := [name for name in conditions or () if name not in known]:
        raise ValueError(f"The study {study!r} has no condition {unknown[0]!r}; choose from {', '.join(known)}.")
    for seed in seeds:
        for name in conditions or known:
            changes, captions = known[name]
            this = dataclasses.replace(recipe, seed=seed, policy=OtherCaptions(**captions), **changes)
            stem = "-".join([study, *re.findall(r"\w+", name), str(seed)])
            runs[stem] = {"condition": name, "seed": seed}, this
    return train_series(Path(out) / f"{study}.json", recipe, runs, measure, device, progress, moments=(0, 1))


def measure(backbone, world):
    """{metric: {"mean", "low", "high"}} over all scenes of two objects: those of `binding_share.measure`, and more.

    "image with image": of `diagnose_within`. "group match, ORDER order": twins against each other. "replace colour",
    "replace shape": one word of a caption in random order is false. "one phrase": the caption names one of the two
    objects, and its foil gives that object the other's colour.
    """
    every = Layouts.draw(world, 1)
    scenes, cluster = every.scenes, pair_clusters(every.color, every.shape)
    images, out = embed_images(backbone, scenes), {}
    first, second = twin_rows(every.color, every.shape)
    for order in ("fixed", "random"):
        true, twin = embed_texts(backbone, every.captions(order) + every.swapped().captions(order)).chunk(2)
        # In random order a scene and its twin are told in orders of their own, so the twin's caption is made here.
        groups = images[torch.stack([first, second], 1)], torch.stack([true[first], twin[first]], 1)
        out[f"group match, {order} order"] = diagnose_groups(*groups, cluster[first])["group match"]
    for what in ("color", "shape"):
        foil = embed_texts(backbone, every.replaced(what).captions("random"))
        name = f"replace {what.replace('color', 'colour')}"
        out[name] = diagnose_embeddings(images, true, foil, cluster)["accuracy"]
    phrases = [[line.split(" and ")[0] for line in drawn.captions("random")] for drawn in (every, every.swapped())]
    phrase, foil = (embed_texts(backbone, lines) for lines in phrases)
    out["one phrase"] = diagnose_embeddings(images, phrase, foil, cluster)["accuracy"]
    out["image with image"] = diagnose_within(backbone, world)["image with image: its copy or its twin"]
    return binding_share.measure(backbone, world) | {name: value.estimate()._asdict() for name, value in out.items()}
