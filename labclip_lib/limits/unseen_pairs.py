"""Does a matrix reach pairs of a colour and a shape that its fit never met?

New means new to the matrix. The towers may have met every pair in their own training. Scenes have two objects, and each
is asked the swap test and the group match with its twin. The group match alone is blind to a preference for captions
of familiar pairs, whatever the picture: such a preference cancels in it.
"""

import dataclasses
from functools import partial

import numpy as np
import torch

from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.alignment.scene_task import binding_task
from labclip_lib.diagnosis.cross_modal import diagnose_embeddings, diagnose_groups, twins
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.probing.protocols import (
    Split,
    split_by_combination,
    split_by_image,
    split_by_object,
    split_by_value,
)
from labclip_lib.studies.acceptance import ORDERS
from labclip_lib.world.scenes import World
from labclip_lib.world.twins import twin_rows

# Name -> the arguments of `fit_pairs`. The closed form has random negatives, so no foil of its fit names a new pair.
METHODS = {"closed form": {"mode": "SB", "epochs": 0}, "HNB": {}}
HOLD_OUTS = {
    "new image": split_by_image,
    "unseen scene": split_by_combination,
    "unseen pair": partial(split_by_object, with_twins=True),
    "unseen value": split_by_value,
}
SHARES = (0.125, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ASKED = ("two seen pairs", "one unseen pair", "two unseen pairs")
TWIN_TOO = "two unseen pairs, and the twin's"
FAMILIARITY = "familiarity alone"


def unseen_pairs(backbone, seed=0, world=World(), layouts=4, draws=2, thin=370, shares=SHARES, equal=70, orders=ORDERS):
    """How LABCLIP does on what its fit never met: {"hold-outs" or "coverage": {order: a tree of Measures}}.

    order: of mention, in the fit and in the test. layouts: of each scene. draws: how often it is drawn what is held
    out, anew for each seed. The rest as in `hold_outs` and `coverage`. Intervals resample twin pairs: they speak of
    other scenes, not of other things to hold out.
    """
    task = binding_task(backbone, world, layouts)
    seeds = [draws * seed + draw for draw in range(draws)]
    return {
        "hold-outs": {order: hold_outs(task, order, seeds, thin) for order in orders},
        "coverage": {order: coverage(task, order, seeds, shares, equal) for order in orders},
    }


def hold_outs(task, order="fixed", seeds=(0, 1), thin=370):
    """CLIP and LABCLIP on the four hold-outs: {hold-out: {method: {"swap" or "group match": Measure}}}.

    task: a `BindingTask` of three layouts or more. seeds: of what is held out. thin: the number of twin pairs in each
    fit, the same for all four, since more would help.
    """
    tables, labels = _all_pairs(task, order), (task.layouts.color, task.layouts.shape)
    out = {}
    for name, split_by in HOLD_OUTS.items():
        found = []
        for seed in seeds:
            split = split_by(*labels, seed=seed).thinned(thin).to(task.images.device)
            rows = torch.where(split.test)[0]
            first, second = (rows[part] for part in twin_rows(*(part[rows] for part in labels)))
            asked = torch.cat([first, second]), torch.cat([second, first]), split.cluster
            found.append({"CLIP": _ask(Unaligned(), tables, *asked)})
            found[-1] |= {method: _ask(_fit(tables, split, how), tables, *asked) for method, how in METHODS.items()}
        out[name] = _joined(found)
    return out


def coverage(task, order="fixed", seeds=(0, 1), shares=SHARES, equal=70):
    """LABCLIP fitted on scenes of a share of the pairs: {amount: {share: {what is asked: {method: {name: Measure}}}}}.

    A quarter of the twin pairs is for the test. Of the other scenes, those of two seen pairs are for the fit.
    amount: "all of them", or "{equal} scenes" of them, drawn at random, where there are so many: the same amount,
    whatever the share. What is asked: test scenes of two, one or no seen pairs; and, where there are such, those of no
    seen pairs whose twins have none either, so that no seen pair helps to choose. "familiarity alone" is a control: it
    prefers the caption with fewer unseen pairs, and never looks. Beside what is asked stands "scenes in the fit".
    Raises ValueError where no test scene is of a kind.
    """
    tables, out = _all_pairs(task, order), {}
    for share in shares:
        found = {}
        for seed in seeds:
            split, unseen = split_by_coverage(task.layouts.scenes, share, seed)
            amounts = {"all of them": split}
            if int(split.train.sum()) >= equal:
                amounts[f"{equal} scenes"] = _only(split, equal, seed)
            for amount, this in amounts.items():
                found.setdefault(amount, []).append(_cover(task, tables, this, unseen))
        for amount, each in found.items():
            if len(each) == len(seeds):
                out.setdefault(amount, {})[f"{share:.3g}"] = _joined(each)
    return out


def draw_pairs(colors, shapes, share, seed=0):
    """Draw a share of the pairs of a colour and a shape at random: (colors, shapes) bool.

    Each colour and each shape is in one of them, so that an unseen pair is never an unseen value: the least there can
    be is as many pairs as there are colours, or shapes if there are more. Raises ValueError for a smaller share.
    """
    least, count = max(colors, shapes), round(share * colors * shapes)
    if not least <= count <= colors * shapes:
        raise ValueError(
            f"A share of {share} is {count} of {colors * shapes} pairs; it takes {least} to show every colour and "
            "shape, so choose a share between that and 1."
        )
    rng = np.random.default_rng(seed)
    seen = np.zeros((colors, shapes), bool)
    seen[np.resize(rng.permutation(colors), least), np.resize(rng.permutation(shapes), least)] = True
    rest = rng.permutation(np.flatnonzero(~seen))
    seen.flat[rest[: count - least]] = True
    return torch.from_numpy(seen)


def split_by_coverage(scenes, share, seed=0):
    """A Split of scenes by the pairs that are seen, and how many of each scene's objects are of unseen pairs, (N,).

    A quarter of the twin pairs is the test, whatever its pairs. The rest trains, but for a tenth that validates, where
    both pairs are of those that `draw_pairs` gives; other scenes are in no part. Nothing of the fit is in the test,
    but a twin of a training scene may have unseen pairs.
    """
    labels = scenes.color, scenes.shape
    seen = draw_pairs(len(scenes.world.colors), len(scenes.world.shapes), share, seed)
    unseen = (~seen[labels]).sum(1)
    whole = split_by_combination(*labels, seed)
    n = int(whole.cluster.max()) + 1
    place = torch.from_numpy(np.random.default_rng([seed, 1]).permutation(n))[whole.cluster]
    test = place < n // 4
    known = ~test & (unseen == 0)
    validation = known & (place > place[known].double().quantile(0.9))
    return Split(known & ~validation, validation, test, whole.cluster, whole.asked), unseen


def _all_pairs(task, order):
    """Pairs of all images of a task: one caption each, to fit and to ask; and all right ones, to choose by."""
    whole = torch.ones_like(task.split.train)
    task = dataclasses.replace(task, split=dataclasses.replace(task.split, train=whole, validation=whole))
    return task.pairs("train", order), task.pairs("validation", order)


def _fit(tables, split, how):
    pairs, choices = tables
    return fit_pairs(pairs[split.train], choices[split.validation.repeat(len(choices) // len(pairs))], **how)


def _ask(labclip, tables, rows, twin, cluster):
    """The swap test and the group match of images (N,), each with an image (N,) of its twin: {name: Measure}."""
    pairs = tables[0]
    with torch.no_grad():
        images, texts = labclip.align_images(pairs.images), labclip.align_texts(pairs.texts[rows])
        foils, clusters = labclip.align_texts(pairs.negatives[rows, 0]), cluster[rows]
    groups = torch.stack([images[rows], images[twin]], 1), torch.stack([texts, foils], 1)
    return {
        "swap": diagnose_embeddings(images[rows], texts, foils, clusters)["accuracy"],
        "group match": diagnose_groups(*groups, clusters)["group match"],
    }


def _cover(task, tables, split, unseen):
    layouts, twin = len(task.images), twins(task.layouts.scenes)
    device, n = task.images.device, len(twin)
    fits = {name: _fit(tables, split.repeated(layouts).to(device), how) for name, how in METHODS.items()}
    cluster = split.cluster.repeat(layouts).to(device)
    out = {"scenes in the fit": Measure(split.train.sum()[None].double().numpy(), np.zeros(1))}
    asked = {what: unseen == kind for kind, what in enumerate(ASKED)}
    for what, which in (asked | {TWIN_TOO: (unseen == 2) & (unseen[twin] == 2)}).items():
        scene = torch.where(split.test & which)[0]
        if not len(scene):
            if what == TWIN_TOO:
                continue
            raise ValueError(f"No scene of the test has {what}; draw another seed, or choose another share.")
        rows, other = ((at + n * torch.arange(layouts)[:, None]).flatten().to(device) for at in (scene, twin[scene]))
        out[what] = {name: _ask(fit, tables, rows, other, cluster) for name, fit in fits.items()}
        known = pairwise_outcomes(-unseen[scene].double(), -unseen[twin[scene]].double())
        out[what][FAMILIARITY] = {"swap": Measure(known, split.cluster[scene].numpy(), 0.5, 0.5)}
    return out


def _only(split, scenes, seed):
    """The split with so many scenes in training."""
    rows = torch.where(split.train)[0]
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:scenes]]
    train = torch.zeros_like(split.train)
    train[rows] = True
    return dataclasses.replace(split, train=train)


def _joined(trees):
    """Trees as one, with the items of each leaf one after another; of what all of them have."""
    first = trees[0]
    if isinstance(first, Measure):
        values, clusters = (np.concatenate([getattr(one, name) for one in trees]) for name in ("values", "clusters"))
        return Measure(values, clusters, first.chance, first.bag_of_words)
    return {key: _joined([tree[key] for tree in trees]) for key in first if all(key in tree for tree in trees)}
