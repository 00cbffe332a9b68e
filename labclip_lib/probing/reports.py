"""The measures that the command `labclip probe` reports, for the book's scenes or a reader's own embeddings."""

import math

import torch

from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.measure import Measure
from labclip_lib.probing.protocols import control_labels, split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes, weight_cosine
from labclip_lib.world.layouts import Layouts


def probe_backbone(backbone, untrained=None, world=None, layouts=4):
    """Probe both towers of a backbone on held-out combinations of two-object scenes: {name: Measure}.

    world: left out, the backbone's own. untrained: the same towers before training (`backbones.random_init_encoder`),
    probed as a control.
    """
    every = Layouts.draw(world or backbone.world, layouts)
    attribute, object = every.color.to(backbone.device), every.shape.to(backbone.device)
    split = split_by_combination(attribute, object)
    out, results = {}, {}
    for label, encoder in (("", backbone), ("untrained ", untrained)):
        if encoder is None:
            continue
        sides = {"image": torch.cat([embed_images(encoder, part) for part in every.parts])}
        for order in ("fixed", "random"):
            sides[f"caption, {order} order"] = embed_texts(encoder, every.captions(order))
        for side, features in sides.items():
            out |= _probe(f"{label}{side}", features, attribute, object, split, results, control=not label)
    return out | _cosines(results, "image", "caption, fixed order")


def probe_tables(tables):
    """Probe a reader's `tables.Tables`, one row per scene, on held-out combinations: {name: Measure}."""
    split = split_by_combination(tables.attribute, tables.object)
    out, results = {}, {}
    for name in ("images", "captions"):
        if name in tables.embeddings:
            out |= _probe(name, tables.embeddings[name], tables.attribute, tables.object, split, results)
    return out | _cosines(results, "images", "captions")


def _probe(name, features, attribute, object, split, results, control=True):
    """Measures of a probe and, as a control, of one with random labels; its ProbeResult goes into `results`."""
    result = results[name] = probe_attributes(features, attribute, object, split)
    out = {f"{name} probe": result.measure}
    if control:
        labels = control_labels(attribute, object, split.cluster)
        # Random labels have no bag-of-words ceiling.
        measure = probe_attributes(features, labels, object, split).measure
        out[f"{name} probe, random labels"] = measure._replace(chance=result.chance, bag_of_words=math.nan)
    return out


def _cosines(results, first, second):
    """Whether the probes of both modalities have the same directions. Chance: two directions drawn at random."""
    if first not in results or second not in results:
        return {}
    if results[first].weight.shape != results[second].weight.shape:
        return {}
    values = weight_cosine(results[first], results[second]).cpu().double()
    objects = torch.arange(len(values))[:, None].expand_as(values)
    return {"cosine of image and caption probes": Measure(values.flatten().numpy(), objects.flatten().numpy(), 0.0)}
