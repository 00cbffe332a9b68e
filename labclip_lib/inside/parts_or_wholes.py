"""Is it the one cosine of two wholes that loses who has what? Parts and phrases beside LABCLIP, on the same scenes.

Two things are cut, the picture and the caption, each or both. Towers stay as they are; only LABCLIP and the
cross-scorer are fitted, both to the same scenes.
"""

import dataclasses
import math
import time
from functools import partial

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d, normalize

from labclip_lib.alignment.scene_task import binding_task, fit_task
from labclip_lib.diagnosis.cross_modal import twins
from labclip_lib.inside.cross_scorer import fit_cross_scorer
from labclip_lib.inside.late_interaction import part_scores
from labclip_lib.inside.parts import crops_of, embed_parts, embed_phrases, phrases_of, windows_of
from labclip_lib.inside.tokens import caption_tokens, patch_tokens
from labclip_lib.measures.bags import count_alike, pairwise_ceiling, recall_ceiling
from labclip_lib.measures.groups import group_match_outcomes, guessed_group_match
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes, recall_outcomes
from labclip_lib.probing.protocols import split_by_object

MODES = {"LABCLIP-SB": "SB", "LABCLIP": "HNB"}
BOXES = {"tight boxes": 1.2, "loose boxes": 2.0}  # half a crop's side, in radii of its object
PICTURES = ("whole", "mean of patch tokens", "patch tokens", "windows", *BOXES)
WEIGHTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # of patch tokens beside LABCLIP
FORMS = ("random order", "twin, random order", "fixed order", "twin, fixed order", "other order")


def wholes_and_parts(backbone, seed=0, layouts=3, most=78, steps=400, world=None):
    """Measures on what no fit has met: {"unseen scene" or "unseen pair": {method: {measure: Measure}}, "cost": ...}.

    Methods are named by what is compared. Of the picture "whole", "patch tokens" or their mean, nine "windows" that
    know nothing of the objects, or BOXES, a crop around each object whose place is known; with the "caption" or its
    "phrases", as in `part_scores`. In loose boxes there is often a piece of the other object. "CLIP and patch tokens"
    adds the cosine of the wholes to the score of patch tokens and phrases.
    "cross-scorer" reads the cosines of patch tokens with caption tokens, and "cross-scorer, whole" those of the
    picture's embedding. "LABCLIP" and "LABCLIP-SB", without made negatives, compare wholes. "LABCLIP and patch tokens"
    adds patch tokens and phrases by the one of WEIGHTS that has the highest recall@1 on the validation scenes. What is
    fitted is fitted in random order.
    Measures: "swap", a picture's caption against its twin's, "group match", a scene and its twin with both captions,
    both in random order; "another order", the true caption in the other order against the twin's in the usual one; and
    "recall@1", one of all scenes' captions. The test scenes are at most `most` pairs, the same for all methods.
    "pointing", {"phrase", "word"}: how often the place that a phrase takes, or the shape's word within the caption,
    shows more of its object than of the other; chance is a place at random.
    "cost": {what is kept of a picture: {"KiB", "passes", "seconds"}}, the float32 vectors that are stored, passes of
    the image tower that make them, and seconds for these passes on the device at hand.
    steps: of fitting the cross-scorer. world: the scenes', left out, the backbone's own.
    """
    task = binding_task(backbone, world, layouts)
    scenes = task.layouts.scenes
    pairs = split_by_object(scenes.color, scenes.shape, with_twins=True).to(task.images.device)
    splits = {"unseen scene": task.split, "unseen pair": pairs}
    rows = {name: _some(split, most, seed) for name, split in splits.items()}
    every = torch.cat([*rows.values()]).unique()
    parts, cost = _pictures(backbone, task, every)
    place = torch.full((len(scenes),), -1, device=every.device)
    place[every] = torch.arange(len(every), device=every.device)
    phrases, tokens = {}, {}
    for form in FORMS:
        table, present = caption_tokens(backbone, task.captions[form])
        tokens[form] = table.unflatten(0, (-1, len(scenes))), present[: len(scenes)]
        phrases[form] = embed_phrases(backbone, task.captions[form]).unflatten(0, (-1, len(scenes)))
    patches = torch.stack([patch_tokens(backbone, part) for part in task.layouts.parts])
    out = {}
    for name, split in splits.items():
        held = dataclasses.replace(task, split=split)
        mine = {kind: [table[place[rows[name]]] for table in tables] for kind, tables in parts.items()}
        ways = _unfitted(mine, task.texts, phrases) | _fitted(held, mine, patches, tokens, phrases, seed, steps)
        out[name] = {way: _measures(held, score, rows[name]) for way, score in ways.items()}
    shapes = _shape_tokens(backbone, task.captions["random order"], *tokens["random order"])
    pointing = {
        name: _pointing(task, parts["patch tokens"], table, every)
        for name, table in (("phrase", phrases["random order"]), ("word", shapes))
    }
    return out | {"pointing": pointing, "cost": cost}


def _some(split, most, seed):
    """Rows of test scenes, `most` twin pairs of them or all."""
    known = split.cluster[split.test].unique()
    chosen = known[torch.from_numpy(np.random.default_rng([seed, 14]).permutation(len(known))[:most]).to(known.device)]
    return torch.where(split.test & torch.isin(split.cluster, chosen))[0]


def _of(table, layout, rows):
    """The rows of a table (L or 1, S, ...) in a layout."""
    return table[layout if len(table) > 1 else 0][rows]


def _unfitted(parts, texts, phrases):
    """{method: a function of a layout, a form of the captions and their rows that scores all test pictures, (N, M)}."""

    def compare(kind, table, layout, form, rows):
        one = _of(table[form], layout, rows)
        return part_scores(parts[kind][layout], one if one.ndim == 3 else one[:, None])

    ways = {
        f"{kind}, {text}": partial(compare, kind, table)
        for kind in PICTURES
        for text, table in (("caption", texts), ("phrases", phrases))
    }

    def both(*asked):
        return ways["whole, caption"](*asked) + ways["patch tokens, phrases"](*asked)

    return ways | {"CLIP and patch tokens": both}


def _fitted(task, parts, patches, tokens, phrases, seed, steps):
    ways, train = {}, task.split.train
    for name, mode in MODES.items():
        labclip = fit_task(task, "random", mode=mode, seed=seed)
        texts = {form: labclip.align_texts(task.texts[form]) for form in FORMS}
        ways[name] = lambda layout, form, rows, texts=texts: part_scores(
            parts["whole"][layout], _of(texts[form], layout, rows)[:, None]
        )
    held = torch.where(task.split.validation)[0]
    fixed = phrases["fixed order"][0]
    wholes, places = task.images[0, held] @ texts["fixed order"][0].T, part_scores(patches[0, held], fixed)
    right = {weight: recall_outcomes(wholes + weight * places, 1, held).mean() for weight in WEIGHTS}
    weight = max(right, key=right.get)

    def both(layout, form, rows):
        places = part_scores(parts["patch tokens"][layout], _of(phrases[form], layout, rows))
        return ways["LABCLIP"](layout, form, rows) + weight * places

    ways["LABCLIP and patch tokens"] = both
    own, foils = (tokens[form][0][:, train].flatten(0, 1) for form in FORMS[:2])
    present = tokens[FORMS[0]][1][train].repeat(len(patches), 1)
    for name, kind, table in (
        ("cross-scorer", "patch tokens", patches),
        ("cross-scorer, whole", "whole", task.images[:, :, None]),
    ):
        scorer = fit_cross_scorer(table[:, train].flatten(0, 1), own, foils, present, seed, steps=steps)
        ways[name] = lambda layout, form, rows, scorer=scorer, kind=kind: scorer.scores(
            parts[kind][layout], _of(tokens[form][0], layout, rows), tokens[form][1][rows]
        )
    return ways


def _measures(task, score, rows):
    layouts, clusters = len(task.images), task.split.cluster
    position = {row: i for i, row in enumerate(rows.tolist())}
    twin = torch.tensor([position[one] for one in twins(task.layouts.scenes)[rows.cpu()].tolist()])
    first = torch.where(torch.arange(len(twin)) < twin)[0]
    found = {"swap": [], "group match": [], "another order": [], "recall@1": []}
    for layout in range(layouts):
        forms = {form: score(layout, form, rows) for form in FORMS}
        own, foil = forms["random order"], forms["twin, random order"]
        found["swap"].append(pairwise_outcomes(own.diagonal(), foil.diagonal()))
        # A scene and its twin, with the first one's caption and that of its twin, in one order.
        both = torch.stack([first, twin[first]], 1)
        group = torch.stack([own[both, first[:, None]], foil[both, first[:, None]]], 2)
        found["group match"].append(group_match_outcomes(group))
        true, wrong = forms["other order"], forms["twin, fixed order"]
        found["another order"].append(pairwise_outcomes(true.diagonal(), wrong.diagonal()))
        found["recall@1"].append(recall_outcomes(score(layout, "fixed order", slice(None)), 1, rows))
    recall_at = recall_ceiling(count_alike(task.captions["fixed order"])[rows.cpu()], 1)
    levels = {
        "swap": (0.5, pairwise_ceiling(True)),
        "group match": (guessed_group_match(2),) * 2,
        "another order": (0.5, pairwise_ceiling(True)),
        "recall@1": (1 / task.images.shape[1], recall_at),
    }
    of_pair, of_scene = (clusters[part].repeat(layouts).cpu().numpy() for part in (rows[first], rows))
    return {
        what: Measure(np.concatenate(values), of_pair if what == "group match" else of_scene, *levels[what])
        for what, values in found.items()
    }


def _shape_tokens(backbone, captions, table, present):
    """The tokens of the two shapes' words within captions: (L, S, 2, D). table: (L, S, T, D); present: (S, T)."""
    firsts = [phrases[0] for phrases in phrases_of(captions)]
    first = (backbone.tokenize(firsts)[0].argmax(1) - 2).view(table.shape[:2]).to(table.device)  # start and end of text
    last = (present.sum(1) - 2).expand(table.shape[:2])
    places = torch.stack([first, last], 2)[..., None].expand(-1, -1, -1, table.shape[3])
    return table.gather(2, places)


def _pointing(task, patches, phrases, rows):
    """Whether the place that is nearest to each of two vectors (L, S, 2, D) shows more of its object than of the other.

    The first vector is of the object that the caption in random order names first.
    """
    found, levels = [], []
    for layout, (scenes, places) in enumerate(zip(task.layouts.parts, patches, strict=True)):
        side = math.isqrt(places.shape[1])
        order = scenes.captions("random", [task.layouts.seed, layout])
        shown = adaptive_avg_pool2d(scenes[rows.cpu()].masks(8 * side), side).flatten(2).to(places.device)
        said = torch.tensor([_first_named(scenes, caption, row) for row, caption in enumerate(order)])[rows.cpu()]
        own = torch.stack([said, 1 - said], 1).to(places.device)  # the object of each phrase
        more = shown > shown.flip(1)
        best = torch.einsum("npd,nkd->nkp", places, phrases[layout][rows]).argmax(-1)
        named = more[torch.arange(len(rows), device=places.device)[:, None], own]
        found.append(named.gather(2, best[..., None])[..., 0].double())
        levels.append(named.double().mean())
    clusters = task.split.cluster[rows].repeat_interleave(2).repeat(len(found)).cpu().numpy()
    values = torch.cat([one.flatten() for one in found]).cpu().numpy()
    return Measure(values, clusters, float(torch.stack(levels).mean()))


def _first_named(scenes, caption, row):
    """Which of a scene's two objects its caption names first."""
    first = scenes.world.colors.index(caption.split()[0])
    return int(scenes.color[row, 1] == first)


def _pictures(backbone, task, rows):
    """{how a picture is cut: embeddings of the scenes' parts, one (N, P, D) a layout}, and what each costs."""
    layouts = [part[rows.cpu()] for part in task.layouts.parts]
    cut = {"windows": windows_of} | {name: partial(crops_of, wide=wide) for name, wide in BOXES.items()}
    out = {name: [embed_parts(backbone, how(part, backbone.image_size)) for part in layouts]
           for name, how in cut.items()}  # fmt: skip
    tokens = [patch_tokens(backbone, part) for part in layouts]
    out |= {
        "whole": list(task.images[:, rows, None]),
        "patch tokens": tokens,
        "mean of patch tokens": [normalize(table.mean(1, keepdim=True), dim=-1) for table in tokens],
    }
    some = layouts[0][:64].render(backbone.image_size)
    started = time.perf_counter()
    backbone.encode_images(some).sum().item()
    each, one = (time.perf_counter() - started) / len(some), np.zeros(1)
    cost = {}
    for name in PICTURES:
        vectors = out[name][0].shape[1]
        passes = vectors if name in cut else 1
        numbers = {"KiB": vectors * backbone.dim * 4 / 1024, "passes": passes, "seconds": passes * each}
        cost[name] = {what: Measure(np.array([float(value)]), one) for what, value in numbers.items()}
    return out, cost
