"""Worlds in which only one scene of a twin pair ever occurs, and PocketCLIPs that were trained in them.

A loss constrains an encoder where the training data has mass: on its *support*. Take one twin of each pair off
the support, and the loss no longer asks which colour goes with which shape. What does gradient descent do then?
"""

import dataclasses
import json
from pathlib import Path

from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.intervals import estimate
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.models.pocket import WEIGHTS
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.studies.binding_share import RECIPE, train_series
from labclip_lib.world.captions import CaptionPolicy
from labclip_lib.world.twin_world import TwinWorld
from labclip_lib.world.twins import pair_clusters

# Name -> (which twins occur, share of images with one object only).
CONDITIONS = {
    "both twins": ("both", 0.34),
    "one twin": ("coin", 0.34),
    "one twin, no single objects": ("coin", 0.0),
    "one twin, by a rule, no single objects": ("rule", 0.0),
}
SEEDS = (0, 1, 2, 3, 4)
UNSEEN = "the"  # a word PocketCLIP has a number for, and that no caption of its training holds


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
