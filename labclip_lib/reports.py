"""What `probe`, `diagnose` and `train` report, on the book's scenes or on a reader's own embeddings."""

import math

import torch

from labclip_lib.binding_task import binding_task, examine, fit_task
from labclip_lib.diagnosis import Measure, diagnose_embeddings, recall_outcomes, twin_errors
from labclip_lib.embed import embed_images, embed_texts
from labclip_lib.outcomes import similarities
from labclip_lib.pairs import Pairs, examine_pairs
from labclip_lib.probes import probe_attributes, weight_cosine
from labclip_lib.protocols import bag_of_words_ceiling, chance, control_labels, pair_clusters, split_by_combination
from labclip_lib.scenes import World
from labclip_lib.training import fit_labclip, hold_out


def probe_backbone(backbone, untrained=None, world=None, layouts=4, seed=7):
    """Probes of both towers on held-out combinations of two-object scenes: {name: Measure}.

    untrained: the same towers before training (`backbones.random_init_encoder`), probed as a control.
    """
    world = world or World()
    parts = [world.compositions(seed=[seed, k]) for k in range(layouts)]
    scenes = torch.cat([p.color for p in parts]), torch.cat([p.shape for p in parts])
    attribute, object = (labels.to(backbone.device) for labels in scenes)
    split = split_by_combination(parts[0].color, parts[0].shape).repeated(layouts).to(backbone.device)
    out, kept = {}, {}
    for label, encoder in (("", backbone), ("untrained ", untrained)):
        if encoder is None:
            continue
        sides = {"image": torch.cat([embed_images(encoder, part) for part in parts])}
        for order in ("fixed", "random"):
            captions = [c for k, part in enumerate(parts) for c in part.captions(order, seed=[seed, k])]
            sides[f"caption, {order} order"] = embed_texts(encoder, captions)
        for side, features in sides.items():
            out |= _probe(f"{label}{side}", features, attribute, object, split, kept, control=not label)
    return out | _cosines(kept, "image", "caption, fixed order")


def probe_tables(tables, seed=42):
    """The same of a reader's `tables.Tables`: every scene a row, split by combination."""
    split = split_by_combination(tables.attribute, tables.object, seed)
    out, kept = {}, {}
    for name in ("images", "captions"):
        if name in tables.embeddings:
            out |= _probe(name, tables.embeddings[name], tables.attribute, tables.object, split, kept)
    return out | _cosines(kept, "images", "captions")


def diagnose_tables(tables):
    """{name: Measure} of a reader's `tables.Tables`: the swap test, and retrieval among its different captions."""
    images, captions, swapped = (tables.unit(name) for name in ("images", "captions", "swapped"))
    cluster = pair_clusters(tables.attribute, tables.object)
    found = diagnose_embeddings(images, captions, swapped, cluster)
    out = {"swap accuracy": found["accuracy"], "swap, margin of the cosine": found["margin"]}
    # A caption that many images share stands in the dictionary once.
    number = {}
    scenes = [
        list(zip(a, o, strict=True)) for a, o in zip(tables.attribute.tolist(), tables.object.tolist(), strict=True)
    ]
    for row, scene in enumerate(scenes):
        number.setdefault(_unordered(scene), (len(number), row))
    own = torch.tensor([number[_unordered(scene)][0] for scene in scenes])
    similarity = similarities(images, captions[[row for _, row in number.values()]])
    n, clusters = len(number), cluster.cpu().numpy()
    for k in (1, 5, 10):
        if k < n:
            values = recall_outcomes(similarity, k, own)
            out[f"recall@{k} among {n:,} captions"] = Measure(values, clusters, k / n)
    twin = [number.get(_unordered(_swapped(scene)), (None,))[0] for scene in scenes]
    rows = torch.tensor([i for i, t in enumerate(twin) if t is not None and t != int(own[i])], dtype=torch.long)
    if len(rows):
        twin = torch.tensor([twin[i] for i in rows.tolist()])
        errors, wrong = twin_errors(similarity[rows], own[rows], twin)
        if len(errors):
            clusters = clusters[rows[wrong].numpy()]
            out["wrong first choices that are the twin"] = Measure(errors, clusters, 1 / (n - 1), 1.0)
    return out


def _unordered(scene):
    return tuple(sorted(scene))  # not a set: an object may be there twice


def _swapped(scene):
    (a, x), (b, y), *rest = scene
    return [(b, x), (a, y), *rest]


def train_on_scenes(backbone, order="fixed", world=None, layouts=6, **how):
    """A LABCLIP for a backbone, on the book's scenes: (LABCLIP, {"CLIP" or "LABCLIP": measures}, a sentence)."""
    task = binding_task(backbone, world, layouts)
    labclip = fit_task(task, order, **how)
    tables = {"CLIP": examine(task, None, order), "LABCLIP": examine(task, labclip, order)}
    told = (
        f"{len(task.pairs('train', order)):,} captions in {order} order, of combinations that the test does not hold."
    )
    return labclip, tables, f"{told} {_told(labclip)}"


def train_on_tables(tables, seed=0, **how):
    """The same on embeddings that `shards.load_shards` read; a tenth of the images chooses, another tenth tests."""
    if tables.images is None or tables.captions is None:
        raise ValueError("LABCLIP needs images with captions; embed a .csv of pairs or WebDataset shards.")
    keep, told = torch.ones(len(tables.captions), dtype=torch.bool, device=tables.captions.device), ""
    if tables.negative_ids is not None:
        keep = (tables.negative_ids != tables.text_ids[:, None]).all(1)
        dropped = int((~keep).sum())
        told = f"{dropped:,} captions that have themselves among their negatives were left out. " if dropped else ""
    image = torch.arange(len(tables.images), device=keep.device) if tables.image is None else tables.image
    n = len(image[keep].unique())
    if n < 3:
        raise ValueError(f"LABCLIP needs 3 or more images with captions, to fit, to choose and to test, got {n}.")
    of_captions = (tables.captions, tables.negatives, image, tables.text_ids, tables.negative_ids)
    pairs = Pairs(tables.images, *(None if table is None else table[keep] for table in of_captions))
    rest, test = hold_out(pairs, seed=seed + 1)
    train, validation = hold_out(rest, seed)
    labclip = fit_labclip(**vars(train), validation=validation, seed=seed, **how)
    measures = {"CLIP": examine_pairs(test), "LABCLIP": examine_pairs(test, labclip)}
    told += f"{len(train):,} captions to train on, {len(validation):,} to choose by, {len(test):,} to test on."
    return labclip, measures, f"{told} {_told(labclip)}"


def _told(labclip):
    return f"Fitted in {labclip.history[-1]['seconds']:.1f} s, kept after epoch {labclip.epoch}."


def _probe(name, features, attribute, object, split, kept, control=True):
    result = kept[name] = probe_attributes(features, attribute, object, split)
    tested = attribute[split.test], object[split.test]
    levels = chance(*tested, int(attribute.max()) + 1), bag_of_words_ceiling(*tested)
    out = {f"{name} probe": Measure(result.right, result.cluster, *levels)}
    if control:
        labels = control_labels(attribute, object, split.cluster)
        result = probe_attributes(features, labels, object, split)
        out[f"{name} probe, random labels"] = Measure(result.right, result.cluster, levels[0], math.nan)
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
