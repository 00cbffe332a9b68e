"""Parts and phrases, or one matrix, where a scene holds more objects."""

from functools import partial

import numpy as np
import torch

from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.inside.late_interaction import part_scores
from labclip_lib.inside.parts import crops_of, embed_parts, embed_phrases, windows_of
from labclip_lib.inside.parts_or_wholes import BOXES
from labclip_lib.inside.tokens import patch_tokens
from labclip_lib.limits.more_objects import Crowd
from labclip_lib.measures.bags import count_alike, pairwise_ceiling, recall_ceiling
from labclip_lib.measures.groups import group_match_outcomes, guessed_group_match
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import guessed_recall, pairwise_outcomes, recall_outcomes
from labclip_lib.world.twins import pair_clusters

WINDOWS = {"windows": (3, 1 / 4), "small windows": (5, 1 / 6)}  # a side of the grid, and half a window's side
MODES = {"LABCLIP": "HNB", "LABCLIP-SB": "SB"}
ON_TWO = "LABCLIP, fitted on two objects"
APART = 10**6  # so that the bags of one seed are not taken for those of another


def parts_of_more(backbone, seed=0, numbers=(2, 3, 4, 6), objects=9_600, bags=24, choices=24, **how):
    """Scenes of several objects, all different: {measure: {method: {"2": Measure, ...}}}.

    Methods: "CLIP", and "LABCLIP" and "LABCLIP-SB" fitted on scenes of as many objects, or LABCLIP on those of two, all
    with wholes. With a caption's phrases: "patch tokens", WINDOWS that know nothing of the objects, and BOXES around
    all of them. "CLIP and patch tokens" adds CLIP's cosine and the score of patch tokens.
    Measures, all with captions in random order: "swap", a caption against the same with the colours of two objects
    exchanged, "group match", a scene and such a twin with both captions, and "recall@1", a caption among the
    re-pairings of its colours and shapes. Hold-out: the unseen combination. objects, bags and choices: as in
    `limits.more_objects`; how: as in `fit_pairs`.
    """
    out, on_two = {}, None
    for n in numbers:
        crowd = Crowd.draw(backbone.world, n, objects // n, bags, choices, seed)
        images, texts = crowd.embed(backbone), crowd.embed(backbone, "random")
        methods = {"CLIP": Unaligned()} | {
            name: crowd.fit(images, texts, "random", mode=mode, seed=seed, **how) for name, mode in MODES.items()
        }
        methods[ON_TWO] = on_two = on_two or methods["LABCLIP"]
        scores = {
            name: torch.einsum("gid,gjd->gij", labclip.align_images(images[1]), labclip.align_texts(texts[1]))
            for name, labclip in methods.items()
        }
        captions = crowd.captions("random")[1]
        phrases = embed_phrases(backbone, captions).unflatten(0, (-1, len(crowd.tested)))
        for name, embed in _cuts(backbone).items():
            parts = torch.stack([embed(part) for part in crowd.tested], 1)
            pairs = zip(parts, phrases, strict=True)
            scores[f"{name}, phrases"] = torch.stack([part_scores(*pair) for pair in pairs])
        scores["CLIP and patch tokens"] = scores["CLIP"] + scores["patch tokens, phrases"]
        for name, table in scores.items():
            for what, measure in _asked(table, crowd, captions).items():
                apart = measure.clusters + APART * seed
                out.setdefault(what, {}).setdefault(name, {})[str(n)] = measure._replace(clusters=apart)
    return out


def _cuts(backbone):
    """{how pictures are cut: a function of scenes that embeds their parts}."""
    cuts = {name: partial(windows_of, side=side, half=half) for name, (side, half) in WINDOWS.items()}
    cuts |= {name: partial(crops_of, wide=wide) for name, wide in BOXES.items()}
    return {"patch tokens": partial(patch_tokens, backbone)} | {
        name: lambda part, cut=cut: embed_parts(backbone, cut(part, backbone.image_size)) for name, cut in cuts.items()
    }


def _asked(scores, crowd, captions):
    """scores (H, M, M): of the pictures of H groups with the captions of their group; every second is a twin."""
    m, twin = scores.shape[1], torch.arange(scores.shape[1]) ^ 1
    groups = pair_clusters(crowd.tested[0].color, crowd.tested[0].shape)
    of_scene = groups.repeat_interleave(m).numpy()
    own = scores.diagonal(dim1=1, dim2=2).flatten()
    swap = pairwise_outcomes(own, scores[:, torch.arange(m), twin].flatten())
    two = torch.arange(m).view(-1, 2)
    match = group_match_outcomes(scores[:, two[:, :, None], two[:, None]].flatten(0, 1))
    right = recall_outcomes(scores.flatten(0, 1), 1, torch.arange(m).repeat(len(scores)))
    ceiling = recall_ceiling(count_alike(captions[: len(groups.unique()) * m]), 1)
    return {
        "swap": Measure(swap, of_scene, 0.5, pairwise_ceiling(True)),
        "group match": Measure(match, groups.repeat_interleave(m // 2).numpy(), *(guessed_group_match(2),) * 2),
        "recall@1": Measure(right, np.asarray(of_scene), float(guessed_recall(1, m, 1)), ceiling),
    }
