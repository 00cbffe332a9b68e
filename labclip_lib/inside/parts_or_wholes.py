"""Is it the one cosine of two wholes that loses who has what? Parts and phrases beside LABCLIP, on the same scenes.

Two things are cut, the picture and the caption, each or both. Nothing is fitted but LABCLIP.
"""

from functools import partial

import numpy as np
import torch

from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.alignment.scene_task import binding_task, fit_task
from labclip_lib.diagnosis.cross_modal import twins
from labclip_lib.inside.late_interaction import part_scores
from labclip_lib.inside.parts import crops_of, embed_parts, embed_phrases, windows_of
from labclip_lib.measures.bags import count_alike, pairwise_ceiling, recall_ceiling
from labclip_lib.measures.groups import group_match_outcomes, guessed_group_match
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes, recall_outcomes

MODES = {"LABCLIP-SB": "SB", "LABCLIP": "HNB"}
BOXES = {"tight boxes": 1.2, "loose boxes": 2.0}  # half a crop's side, in radii of its object


def wholes_and_parts(backbone, seed=0, layouts=5):
    """Measures on held-out combinations: {method: {measure: Measure}}.

    Methods are named by what is compared. Of the picture "whole", "windows", nine that know nothing of the objects, or
    BOXES, a crop around each object whose place is known; with the "caption" or its "phrases", as in `part_scores`. In
    loose boxes there is often a piece of the other object.
    "LABCLIP" and "LABCLIP-SB", without made negatives, compare wholes.
    Measures: "swap", a picture's caption against its twin's, "group match", a scene and its twin with both captions,
    both in random order; "another order", the true caption in the other order against the twin's in the usual one; and
    "recall@1", one of all scenes' captions. Hold-out: the combination, for all methods the same test scenes.
    """
    task = binding_task(backbone, layouts=layouts)
    rows, clusters = torch.where(task.split.test)[0], task.split.cluster
    ways = {name: ("whole", "caption", fit_task(task, "random", mode=mode, seed=seed)) for name, mode in MODES.items()}
    ways = {
        f"{picture}, {text}": (picture, text, Unaligned())
        for picture in ("whole", "windows", *BOXES)
        for text in ("caption", "phrases")
    } | ways
    pictures, phrases = _pictures(backbone, task, rows), {}
    for form in ("random order", "twin, random order", "fixed order", "twin, fixed order", "other order"):
        phrases[form] = embed_phrases(backbone, task.captions[form]).unflatten(0, (-1, task.images.shape[1]))
    of_scene = clusters[rows].repeat(layouts).cpu().numpy()
    place = {row: i for i, row in enumerate(rows.tolist())}
    twin = torch.tensor([place[one] for one in twins(task.layouts.scenes)[rows.cpu()].tolist()])
    first = torch.where(torch.arange(len(twin)) < twin)[0]
    recall_at = recall_ceiling(count_alike(task.captions["fixed order"])[rows.cpu()], 1)
    out = {}
    for name, (picture, text, labclip) in ways.items():

        def captions(form, layout, text=text, labclip=labclip):
            table = phrases[form] if text == "phrases" else labclip.align_texts(task.texts[form])[..., None, :]
            return table[layout if len(table) > 1 else 0]

        found = {"swap": [], "group match": [], "another order": [], "recall@1": []}
        for layout in range(layouts):
            parts = pictures[picture][layout]
            forms = {form: part_scores(parts, captions(form, layout)[rows]) for form in phrases}
            own, foil = forms["random order"], forms["twin, random order"]
            found["swap"].append(pairwise_outcomes(own.diagonal(), foil.diagonal()))
            # A scene and its twin, with the first one's caption and that of its twin, in one order.
            both = torch.stack([first, twin[first]], 1)
            group = torch.stack([own[both, first[:, None]], foil[both, first[:, None]]], 2)
            found["group match"].append(group_match_outcomes(group))
            true, wrong = forms["other order"], forms["twin, fixed order"]
            found["another order"].append(pairwise_outcomes(true.diagonal(), wrong.diagonal()))
            every = part_scores(parts, captions("fixed order", layout))
            found["recall@1"].append(recall_outcomes(every, 1, rows))
        levels = {
            "swap": (0.5, pairwise_ceiling(True)),
            "group match": (guessed_group_match(2),) * 2,
            "another order": (0.5, pairwise_ceiling(True)),
            "recall@1": (1 / task.images.shape[1], recall_at),
        }
        of_pair = clusters[rows[first]].repeat(layouts).cpu().numpy()
        out[name] = {
            what: Measure(np.concatenate(values), of_pair if what == "group match" else of_scene, *levels[what])
            for what, values in found.items()
        }
    return out


def _pictures(backbone, task, rows):
    """{how a picture is cut: embeddings of the test scenes' parts, one (N, P, D) a layout}."""
    parts = [part[rows.cpu()] for part in task.layouts.parts]
    cut = {"windows": windows_of} | {name: partial(crops_of, wide=wide) for name, wide in BOXES.items()}
    return {"whole": list(task.images[:, rows, None])} | {
        name: [embed_parts(backbone, how(part, backbone.image_size)) for part in parts] for name, how in cut.items()
    }
