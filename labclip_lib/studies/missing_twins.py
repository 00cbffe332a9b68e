"""Worlds in which only one scene of a twin pair ever occurs, and PocketCLIPs that were trained in them.

A loss constrains an encoder where the training data has mass: on its *support*. Take one twin of each pair off
the support, and the loss no longer asks which colour goes with which shape. What does gradient descent do then?
"""

import dataclasses
from pathlib import Path

from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.intervals import estimate
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.studies.binding_share import RECIPE, train_series
from labclip_lib.world.captions import CaptionPolicy
from labclip_lib.world.layouts import Layouts
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


def train_without_twins(out, device="auto", recipe=RECIPE, conditions=tuple(CONDITIONS), seeds=SEEDS, progress=True):
    """Train and measure one PocketCLIP per condition and seed; returns the path of support.json.

    Every caption binds. Each seed also draws which twins are missing. A row of the table is
    {"condition", "seed", "step", metric: {"mean", "low", "high"}}; the rest as in `binding_share.train_series`.
    """
    runs = {}
    for name in conditions:
        twins, single = CONDITIONS[name]
        for seed in seeds:
            world = TwinWorld(recipe.world.colors, recipe.world.shapes, twins, coin=seed)
            this = dataclasses.replace(recipe, seed=seed, world=world, policy=CaptionPolicy(single, binding=1.0))
            runs[f"support-{twins}-{single:g}-{seed}"] = {"condition": name, "seed": seed}, this
    return train_series(Path(out) / "support.json", recipe, runs, measure, device, progress)


def measure(backbone, world):
    """{metric: {"mean", "low", "high"}} over all scenes of two objects, described in random order.

    Swap accuracy by the group the scenes stand in. The rest over the group "other": how far (1 - cosine) captions and
    images move when the colours are swapped and when one is replaced; replace accuracy; the same with UNSEEN in
    the place of a colour (a REPLACE by an unknown word) and before one (an ADD). And the probes, over all scenes.
    """
    every = Layouts.draw(world, 1)
    scenes, cluster = every.scenes, pair_clusters(every.color, every.shape).numpy()
    group = {name: mask.numpy() for name, mask in world.group(scenes).items()}
    changed = {"swap": every.swapped(), "replace": every.replaced("color")}
    captions = {name: drawn.captions("random") for name, drawn in ({"true": every} | changed).items()}
    captions["unseen word replaced"] = [" ".join([UNSEEN, *caption.split()[1:]]) for caption in captions["true"]]
    captions["unseen word added"] = [f"{UNSEEN} {caption}" for caption in captions["true"]]
    texts = embed_texts(backbone, [caption for form in captions.values() for caption in form]).chunk(len(captions))
    texts = dict(zip(captions, texts, strict=True))
    images = embed_images(backbone, scenes)
    similarity = {name: (images * text).sum(1) for name, text in texts.items()}
    right = {name: pairwise_outcomes(similarity["true"], similarity[name]) for name in texts if name != "true"}
    per_scene = {f"{name} accuracy": values for name, values in right.items() if name != "swap"}
    for name, part in changed.items():
        per_scene[f"caption moves, {name}"] = _moved(texts["true"], texts[name])
        per_scene[f"image moves, {name}"] = _moved(images, embed_images(backbone, part.scenes))
    out = {f"swap accuracy, {name}": estimate(right["swap"][mask], cluster[mask]) for name, mask in group.items()} | {
        name: estimate(values[group["other"]], cluster[group["other"]]) for name, values in per_scene.items()
    }
    labels = every.color.to(backbone.device), every.shape.to(backbone.device)
    split = split_by_combination(*labels)
    for name, embeddings in (("image probe", images), ("text probe", texts["true"])):
        out[name] = probe_attributes(embeddings, *labels, split).measure.estimate()
    return {name: value._asdict() for name, value in out.items()}


def _moved(first, second):
    return (1 - (first * second).sum(1)).cpu().double().numpy()
