"""Which tower forgot who wears what? Repair one tower, or both, and see whether that was enough.

A tower is repaired by an ideal code: which of the world's (colour, shape) pairs a scene holds, or a caption names. Code
and other tower are brought together in two ways, each fitted to training scenes alone. By "vectors": the other tower
stays as it is, and each pair gets one vector in its space, so that a code is the sum of its vectors. By "read-out": the
code stays as it is, and a linear map reads it out of the other tower. The second asks whether a tower holds who wears
what, the first whether its cosine hears it, too.
"""

import dataclasses
import itertools

import torch

from labclip_lib.alignment.closed_form import TEXT_INVERSE
from labclip_lib.alignment.scene_task import binding_task, examine, examine_groups, fit_task
from labclip_lib.diagnosis.cross_modal import twins
from labclip_lib.limits.object_sums import least_squares
from labclip_lib.measures.lengths import unit
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.probing.scene_probes import probe_attributes, probe_swaps
from labclip_lib.world.captions import parse
from labclip_lib.world.scenes import World

STATES = ("as it is", "repaired")


def which_tower(backbone, seed=0, world=World(), layouts=2, orders=("fixed", "random")):
    """Swap, group match and recall@1 with repaired towers, and which side's failures go with CLIP's.

    Hold-out: an unseen scene; a twin pair is never split. layouts: pictures of each scene, two or more. orders: of
    mention. Returns a tree of Measures on the test scenes, for each order:

    "vectors" and "read-out": {"text as it is" or "text repaired": {"image as it is" or "image repaired": {measure:
    Measure}}}. With both repaired, codes face codes, which is right by construction.
    "matrices": {"text side", "image side" or "both sides": {measure: Measure}}, LABCLIPs by the default recipe. For
    "both sides" one for images is fitted to captions that one for texts has aligned.
    "failures": {"probe" or "cosine": {"text right" or "text wrong": {"image right" or "image wrong": {"share": Measure,
    "CLIP wrong": Measure}}}}. "share": of the pictures, those for which each side alone tells the scene from its twin,
    or does not. "CLIP wrong": those of them, still as a share of all, where CLIP takes the twin's caption; its chance
    level is half of "share". By linear probes (`probe_swaps`); or by cosines within a side: is a picture closer to
    another one of its scene than to one of its twin, and a caption closer to itself in the other order than to the
    twin's caption in that order?
    """
    task = binding_task(backbone, world, layouts, seed)
    told, seen = codes(task), _probed(task, task.images)
    return {
        f"{order} order": {
            **{
                by: {
                    f"text {text}": {
                        f"image {image}": _measured(repaired(task, told, text, image, order, by), None, order)
                        for image in STATES
                    }
                    for text in STATES
                }
                for by in MAPS
            },
            "matrices": _matrices(task, order, seed),
            "failures": _failures(task, order, seen),
        }
        for order in orders
    }


def repaired(task, told, text="as it is", image="as it is", order="random", by="vectors"):
    """A `BindingTask` in which a side's embeddings are ideal codes, brought together with the other side.

    told: of `codes`. text, image: out of STATES. by: out of MAPS, how the two sides are brought together; it does not
    matter where both are codes. order: the mention order of the captions that the map is fitted to.
    """
    if text == image == "as it is":
        return task
    scenes, (pictures, labels, classes) = told["fixed order"][0], task.singles
    single, train = torch.eye(scenes.shape[1]).to(scenes), task.split.train
    keep, write = unit, unit
    if text != image:
        orders = ["fixed order"] if order == "fixed" else ["fixed order", "other order"]
        kept = task.images if text == "repaired" else torch.cat([task.texts[name] for name in orders])
        keep, write = MAPS[by](scenes[train], kept[:, train])
    if text == "repaired":
        texts, classes = {name: write(code) for name, code in told.items()}, write(single)
    else:
        texts, classes = {name: keep(table) for name, table in task.texts.items()}, keep(classes)
    if image == "repaired":
        images, pictures = write(scenes).expand(len(task.images), -1, -1), write(single)[labels]
    else:
        images, pictures = keep(task.images), keep(pictures)
    return dataclasses.replace(task, images=images, texts=texts, singles=(pictures, labels, classes))


def codes(task):
    """How often the captions of a task name each (colour, shape): {form: (L or 1, S, pairs) float32}."""
    world = task.layouts.scenes.world
    number = {pair: i for i, pair in enumerate(itertools.product(world.colors, world.shapes))}
    out = {}
    for name, captions in task.captions.items():
        columns = torch.tensor([[number[pair] for pair in parse(caption, world)] for caption in captions])
        code = torch.zeros(len(captions), len(number)).scatter_add_(1, columns, torch.ones(columns.shape))
        out[name] = code.unflatten(0, (-1, task.images.shape[1])).to(task.images.device)
    return out


def _by_vectors(codes, tables):
    """The kept side as it is; (S, pairs) codes as sums of vectors, fitted to embeddings (L, S, D) of what they say."""
    least = least_squares(codes.cpu(), tables.mean(0).cpu()).to(codes.device)
    return unit, lambda code: unit(code @ least)


def _by_read_out(codes, tables):
    """The kept side read out: the ridge regression from embeddings to codes; codes as they are, but for their mean."""
    rows, target = tables.flatten(0, 1).double().cpu(), codes.expand(len(tables), -1, -1).flatten(0, 1).double().cpu()
    middle, level = rows.mean(0), target.mean(0)
    read = TEXT_INVERSE(rows.T.cov(correction=0), (rows - middle).T @ (target - level) / len(rows))
    middle, level, read = (table.float().to(codes.device) for table in (middle, level, read))
    return lambda table: unit((table - middle) @ read), lambda code: unit(code - level)


MAPS = {"vectors": _by_vectors, "read-out": _by_read_out}


def _measured(task, labclip, order):
    found = examine(task, labclip, order)
    found = {name: measure for name, measure in found.items() if name == "swap" or "recall" in name}
    return found | {"group match": examine_groups(task, labclip, order)["group match"]}


def _matrices(task, order, seed):
    text, image = (fit_task(task, order, side=side, seed=seed) for side in ("text", "image"))
    pictures, labels, classes = task.singles
    aligned = dataclasses.replace(
        task, texts={name: text(table) for name, table in task.texts.items()}, singles=(pictures, labels, text(classes))
    )
    second = fit_task(aligned, order, side="image", seed=seed)
    fits = {"text side": (task, text), "image side": (task, image), "both sides": (aligned, second)}
    return {name: _measured(*fit, order) for name, fit in fits.items()}


def _probed(task, table):
    """Whether probes of embeddings (L, S, D) take a test scene's own colours or its twin's: (L * test scenes,)."""
    split, features = task.split.repeated(len(table)), table.flatten(0, 1)
    labels = task.layouts.color.to(table.device), task.layouts.shape.to(table.device)
    return probe_swaps(probe_attributes(features, *labels, split), features, *labels, split).values


def _failures(task, order, seen):
    rows, twin = task.split.test, twins(task.layouts.scenes).to(task.images.device)
    texts = {name: table.expand(len(task.images), -1, -1) for name, table in task.texts.items()}
    others = task.images.roll(1, 0)

    def chosen(anchor, right, wrong):
        return pairwise_outcomes(*((anchor * table).sum(-1).flatten() for table in (right, wrong)))

    ways = {
        "probe": (_probed(task, texts[f"{order} order"]), seen),
        "cosine": (
            chosen(*(texts[name][:, rows] for name in ("fixed order", "other order", "twin, other order"))),
            chosen(task.images[:, rows], others[:, rows], others[:, twin[rows]]),
        ),
    }
    wrong = 1 - chosen(task.images[:, rows], *(texts[f"{prefix}{order} order"][:, rows] for prefix in ("", "twin, ")))
    clusters = task.split.cluster[rows].repeat(len(task.images)).cpu().numpy()
    out = {}
    for way, (by_text, by_image) in ways.items():
        for text, tells in (("text right", by_text), ("text wrong", 1 - by_text)):
            for image, sees in (("image right", by_image), ("image wrong", 1 - by_image)):
                share = tells * sees
                half = float(share.mean() / 2)
                cell = {
                    "share": Measure(share, clusters, 0.25, 0.25),
                    "CLIP wrong": Measure(share * wrong, clusters, half, half),
                }
                out.setdefault(way, {}).setdefault(text, {})[image] = cell
    return out
