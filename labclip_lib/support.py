"""Worlds in which only one scene of a twin pair ever occurs, and PocketCLIPs that were trained in them.

A loss constrains an encoder where the training data has mass: on its *support*. Take one twin of each pair off
the support, and the loss no longer asks which colour goes with which shape. What does gradient descent do then?
"""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import torch

from labclip_lib.captions import CaptionPolicy
from labclip_lib.diagnosis import estimate, pairwise_outcomes
from labclip_lib.dial import RECIPE, train_series
from labclip_lib.embed import embed_images, embed_texts
from labclip_lib.pocket import WEIGHTS
from labclip_lib.probes import probe_attributes
from labclip_lib.protocols import pair_clusters, split_by_combination
from labclip_lib.scenes import World

# Name -> (which twins occur, share of images with one object only).
CONDITIONS = {
    "both twins": ("both", 0.34),
    "one twin": ("coin", 0.34),
    "one twin, no single objects": ("coin", 0.0),
    "one twin, by a rule, no single objects": ("rule", 0.0),
}
SEEDS = (0, 1, 2, 3, 4)
UNSEEN = "the"  # a word PocketCLIP has a number for, and that no caption of its training holds


@dataclasses.dataclass(frozen=True)
class TwinWorld(World):
    """A world that holds back scenes: some pairs of twins never occur, and of the others perhaps one twin only.

    twins: "both" occur; or one of each pair, chosen by a "coin"; or by a "rule": of the two colours, the one that
    comes first in `colors` is worn by the shape that comes first in `shapes`. held_out: share of the pairs of which
    neither occurs. coin: seed of these choices, which do not depend on `twins`. Scenes of one or three objects are
    left alone.
    """

    twins: str = "coin"
    held_out: float = 0.2
    coin: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.twins not in ("both", "coin", "rule"):
            raise ValueError(f"TwinWorld needs twins to be 'both', 'coin' or 'rule', got {self.twins!r}.")
        if not 0 <= self.held_out < 1:
            raise ValueError(f"TwinWorld needs held_out in [0, 1), got {self.held_out}.")
        pairs = math.comb(len(self.colors), 2) * math.comb(len(self.shapes), 2)
        if 0 < pairs <= math.ceil(self.held_out * pairs):
            raise ValueError(
                f"TwinWorld with held_out {self.held_out} holds back every pair of twins, of which this world has "
                f"{pairs}; lower it, or add colors and shapes."
            )

    def sample(self, n, objects=2, seed=0, distinct=True):
        if objects != 2 or not distinct:
            return super().sample(n, objects, seed, distinct)
        more = n
        while True:
            more = 2 * more + 16
            scenes = super().sample(more, objects, seed)
            found = torch.where(~self.group(scenes)["held out"])[0][:n]
            if len(found) == n:
                break
        scenes = scenes[found]
        # A member that does not occur gives its place to the one that does: pairs stay as frequent as they were.
        if self.twins == "both":
            return scenes
        absent = self.group(scenes)["other"][:, None]
        return dataclasses.replace(scenes, color=torch.where(absent, scenes.color.flip(1), scenes.color))

    def group(self, scenes):
        """Where (N,) scenes of two objects stand: {"shown", "other", "held out"}, masks of which one holds.

        "shown": it was chosen over its twin. "other": its twin was chosen, so it occurs only where both do.
        "held out": neither occurs.
        """
        rank, chosen = self._coins(scenes)
        held = rank < self.held_out
        first = scenes.color.gather(1, scenes.shape.argsort(1))  # colours in the order of the shapes
        member = first[:, 0] < first[:, 1]
        return {"shown": ~held & (member == chosen), "other": ~held & (member != chosen), "held out": held}

    def _coins(self, scenes):
        """Each scene's pair: its rank in [0, 1) among all pairs; and whether its chosen member follows the rule."""
        c, s = len(self.colors), len(self.shapes)
        pairs = torch.arange(c * c * s * s).reshape(c, c, s, s)
        low, high = torch.triu_indices(c, c, 1), torch.triu_indices(s, s, 1)
        codes = pairs[low[0][:, None], low[1][:, None], high[0], high[1]].flatten()
        rng = np.random.default_rng(self.coin)
        rank, chosen = torch.ones(c * c * s * s), torch.zeros(c * c * s * s, dtype=torch.bool)
        rank[codes] = torch.from_numpy(rng.permutation(len(codes)) / len(codes)).float()
        tosses = torch.from_numpy(rng.random(len(codes)) < 0.5)
        chosen[codes] = torch.ones_like(tosses) if self.twins == "rule" else tosses
        (c0, c1), (s0, s1) = (labels.sort(1).values.cpu().T for labels in (scenes.color, scenes.shape))
        code = pairs[c0, c1, s0, s1]
        return rank[code].to(scenes.color.device), chosen[code].to(scenes.color.device)


def take_twins_away(out, device="auto", recipe=RECIPE, conditions=tuple(CONDITIONS), seeds=SEEDS, progress=True):
    """Train and measure one PocketCLIP a condition and seed; returns the path of support.json.

    Every caption binds. A seed decides the coin too: other trainings, other missing twins. A row of the table is
    {"condition", "seed", "step", metric: {"mean", "low", "high"}}; the rest as in `dial.train_series`.
    """
    runs = {}
    for name in conditions:
        twins, single = CONDITIONS[name]
        for seed in seeds:
            world = TwinWorld(recipe.world.colors, recipe.world.shapes, twins, coin=seed)
            this = dataclasses.replace(recipe, seed=seed, world=world, policy=CaptionPolicy(single, binding=1.0))
            runs[f"support-{twins}-{single:g}-{seed}"] = {"condition": name, "seed": seed}, this
    return train_series(Path(out) / "support.json", recipe, runs, measure, device, progress)


def load_support():
    """The kept table, a list of rows as `take_twins_away` makes them; `pretrain --twins` makes it again."""
    return json.loads((WEIGHTS / "support.json").read_text())["rows"]


def measure(backbone, world, seed=7):
    """{metric: {"mean", "low", "high"}} over all scenes of two objects, described in random order.

    Swap accuracy by the group the scenes stand in. The rest over the group "other": how far (1 - cosine) captions and
    images move when the colours are swapped and when one is replaced; replace accuracy; the same with UNSEEN in
    the place of a colour (a REPLACE by an unknown word) and before one (an ADD). And the probes, over all scenes.
    """
    scenes = world.compositions(seed=seed)
    cluster = pair_clusters(scenes.color, scenes.shape).numpy()
    group = {name: mask.numpy() for name, mask in world.group(scenes).items()}
    changed = {"swap": scenes.swapped(), "replace": scenes.replaced("color", seed)}
    said = {name: part.captions("random", seed) for name, part in ({"true": scenes} | changed).items()}
    said["unseen word replaced"] = [" ".join([UNSEEN, *caption.split()[1:]]) for caption in said["true"]]
    said["unseen word added"] = [f"{UNSEEN} {caption}" for caption in said["true"]]
    texts = embed_texts(backbone, [caption for captions in said.values() for caption in captions]).chunk(len(said))
    texts = dict(zip(said, texts, strict=True))
    images = embed_images(backbone, scenes)
    similarity = {name: (images * text).sum(1) for name, text in texts.items()}
    right = {name: pairwise_outcomes(similarity["true"], similarity[name]) for name in texts if name != "true"}
    per_scene = {f"{name} accuracy": values for name, values in right.items() if name != "swap"}
    for name, part in changed.items():
        per_scene[f"caption moves, {name}"] = _moved(texts["true"], texts[name])
        per_scene[f"image moves, {name}"] = _moved(images, embed_images(backbone, part))
    out = {f"swap accuracy, {name}": estimate(right["swap"][mask], cluster[mask]) for name, mask in group.items()} | {
        name: estimate(values[group["other"]], cluster[group["other"]]) for name, values in per_scene.items()
    }
    split = split_by_combination(scenes.color, scenes.shape).to(backbone.device)
    color, shape = scenes.color.to(backbone.device), scenes.shape.to(backbone.device)
    for name, embeddings in (("image probe", images), ("text probe", texts["true"])):
        result = probe_attributes(embeddings, color, shape, split)
        out[name] = estimate(result.right, result.cluster)
    return {name: value._asdict() for name, value in out.items()}


def _moved(first, second):
    return (1 - (first * second).sum(1)).cpu().double().numpy()
