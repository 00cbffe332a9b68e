"""What the verb `probe` reports, on the book's scenes or on a reader's own embeddings."""

import math

import torch

from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.measure import Measure
from labclip_lib.probing.protocols import control_labels, split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes, weight_cosine
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.scenes import World


def probe_backbone(backbone, untrained=None, world=World(), layouts=4):
    """Probes of both towers on held-out combinations of two-object scenes: {name: Measure}.

    untrained: the same towers before training (`backbones.random_init_encoder`), probed as a control.
    """
    every = Layouts.draw(world, layouts)
    attribute, object = every.color.to(backbone.device), every.shape.to(backbone.device)
    split = split_by_combination(attribute, object)
    out, kept = {}, {}
    for label, encoder in (("", backbone), ("untrained ", untrained)):
        if encoder is None:
            continue
        sides = {"image": torch.cat([embed_images(encoder, part) for part in every.parts])}
        for order in ("fixed", "random"):
            sides[f"caption, {order} order"] = embed_texts(encoder, every.captions(order))
        for side, features in sides.items():
            out |= _probe(f"{label}{side}", features, attribute, object, split, kept, control=not label)
    return out | _cosines(kept, "image", "caption, fixed order")


def probe_tables(tables):
    """The same of a reader's `tables.Tables`: every scene a row, split by combination."""
    split = split_by_combination(tables.attribute, tables.object)
    out, kept = {}, {}
    for name in ("images", "captions"):
        if name in tables.embeddings:
            out |= _probe(name, tables.embeddings[name], tables.attribute, tables.object, split, kept)
    return out | _cosines(kept, "images", "captions")


def _probe(name, features, attribute, object, split, kept, control=True):
    result = kept[name] = probe_attributes(features, attribute, object, split)
    out = {f"{name} probe": result.measure}
    if control:
        labels = control_labels(attribute, object, split.cluster)
        # Random labels are no matter of words.
        measure = probe_attributes(features, labels, object, split).measure
        out[f"{name} probe, random labels"] = measure._replace(chance=result.chance, bag_of_words=math.nan)
    return out


def _cosines(kept, first, second):
    """Do the two sides' probes look in the same direction? Chance: two directions drawn at random."""
    if first not in kept or second not in kept:
        return {}
    if kept[first].weight.shape != kept[second].weight.shape:
        return {}
    values = weight_cosine(kept[first], kept[second]).cpu().double()
    objects = torch.arange(len(values))[:, None].expand_as(values)
    return {"cosine of image and caption probes": Measure(values.flatten().numpy(), objects.flatten().numpy(), 0.0)}
