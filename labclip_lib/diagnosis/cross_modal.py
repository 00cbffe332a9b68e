"""How well images and captions are matched, with intervals: does CLIP use what it knows?"""

import math

import numpy as np
import torch

from labclip_lib.diagnosis.within_modality import diagnose_within
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.bags import pairwise_ceiling, recall_ceiling, same_words
from labclip_lib.measures.groups import (
    group_match_outcomes,
    group_score_outcomes,
    guessed_group_match,
    guessed_group_score,
)
from labclip_lib.measures.lengths import look_over
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes, recall_outcomes, similarities, tie_width
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.twins import number_scenes, pair_clusters, twin_rows


def twin_errors(similarity, target, twin):
    """For the rows whose first choice is wrong, whether it is exactly the twin: (E,) float64, and the (E,) rows.

    similarity: (N, M). target, twin: (N,) columns of each row's caption and of its twin with the colours exchanged.
    Where several captions tie for the first place, a row is wrong if its target is not among them.
    """
    similarity = torch.as_tensor(similarity)
    target, twin = (torch.as_tensor(column)[:, None].to(similarity.device) for column in (target, twin))
    best = similarity.amax(1, keepdim=True)
    first = similarity >= best - tie_width(best)
    wrong = torch.where(~first.gather(1, target)[:, 0])[0]
    errors = first.gather(1, twin)[wrong, 0].cpu().double() / first[wrong].sum(1).cpu()
    return errors.numpy(), wrong.cpu().numpy()


def twins(scenes):
    """The position of each scene's twin, its colours exchanged, among these scenes: (N,), for `World.compositions`."""
    return number_scenes(scenes.color, scenes.shape)[2]


def diagnose(backbone, world=None, layouts=3):
    """All tests of chapter 3 for a backbone, over all two-object scenes of a world: {name: Measure}.

    world: left out, the backbone's own. Intervals are clustered by twin pair: all questions about a scene, its twin
    and their layouts.

    >>> world = World(colors=("red", "blue", "pink"), shapes=("circle", "square", "star"))
    >>> measures = diagnose(load_backbone("pocket", "cpu"), world, layouts=1)
    >>> measures["swap accuracy, fixed order"].bag_of_words
    0.5
    """
    every = Layouts.draw(world or backbone.world, layouts)
    images = torch.cat([embed_images(backbone, part) for part in every.parts])
    cluster = pair_clusters(every.color, every.shape)
    changed = {
        "swap": every.swapped(),
        "replace colour": every.replaced("color"),
        "replace shape": every.replaced("shape"),
    }
    rows = twin_rows(every.color, every.shape)
    out, captions = {}, {}
    for order in ("fixed", "random"):
        texts = every.captions(order)
        captions[order] = embed_texts(backbone, texts)
        for name, foil in changed.items():
            foils = foil.captions(order)
            same, foils = same_words(texts, foils), embed_texts(backbone, foils)
            measures = diagnose_embeddings(images, captions[order], foils, cluster, same)
            out[f"{name} accuracy, {order} order"] = measures["accuracy"]
            if name == "swap":
                groups = _of_twins(images, captions[order], foils, rows, cluster)
                out |= {f"{which}, {order} order": measure for which, measure in groups.items()}
            if order == "random":
                out[f"{name}, margin of the cosine"] = measures["margin"]
    out |= _retrieval(images, captions["fixed"], every.color, every.shape)
    return out | diagnose_within(backbone, world)


def diagnose_embeddings(images, captions, foils, clusters, same=True):
    """Test whether each image is closer to its caption than to a foil: {"accuracy": Measure, "margin": Measure}.

    images, captions, foils: (N, D) embeddings of unit length, row i of each about one image. clusters: (N,).
    same: whether a foil holds the words of its caption, so that a bag of words cannot tell them apart; (N,), or one
    bool for all. Raises ValueError for rows without a direction.
    """
    for name, table in (("images", images), ("captions", captions), ("foils", foils)):
        look_over(table, name)
    true, foil = (images * captions).sum(1), (images * foils).sum(1)
    clusters = torch.as_tensor(clusters).cpu().numpy()
    margin = (true - foil).cpu().double().numpy()
    still = 0.0 if np.all(same) else math.nan  # with other words, the margin has no bag-of-words level
    return {
        "accuracy": Measure(pairwise_outcomes(true, foil), clusters, 0.5, pairwise_ceiling(same)),
        "margin": Measure(margin, clusters, 0.0, still),
    }


def diagnose_groups(images, captions, clusters):
    """Test groups of k images and their k captions, such as twins: {"group score": Measure, "group match": Measure}.

    images, captions: (G, k, D) embeddings of unit length; in each group image i belongs to caption i, and all captions
    hold the same words, so that a bag of words guesses. clusters: (G,). See `measures.groups` for the two measures.
    Raises ValueError for rows without a direction.

    >>> images = torch.eye(2)[None]
    >>> measures = diagnose_groups(images, images, clusters=[0])
    >>> [float(measure.values.mean()) for measure in measures.values()]
    [1.0, 1.0]
    """
    for name, table in (("images", images), ("captions", captions)):
        look_over(table, name)
    similarity = torch.einsum("gid,gjd->gij", images, captions)
    clusters, k = torch.as_tensor(clusters).cpu().numpy(), similarity.shape[1]
    score, match = guessed_group_score(k), guessed_group_match(k)
    return {
        "group score": Measure(group_score_outcomes(similarity), clusters, score, score),
        "group match": Measure(group_match_outcomes(similarity), clusters, match, match),
    }


def _of_twins(images, captions, foils, rows, clusters):
    """`diagnose_groups` of scenes with their twins: images of both, and of the first its caption and its foil."""
    first, second = rows
    pairs = images[torch.stack([first, second], 1)], torch.stack([captions[first], foils[first]], 1)
    return diagnose_groups(*pairs, clusters[first])


def diagnose_tables(tables):
    """Diagnose a reader's `tables.Tables`: {name: Measure} of the swap test, of groups and of retrieval."""
    images, captions, swapped = (tables.unit(name) for name in ("images", "captions", "swapped"))
    cluster = pair_clusters(tables.attribute, tables.object)
    measures = diagnose_embeddings(images, captions, swapped, cluster)
    out = {"swap accuracy": measures["accuracy"], "swap, margin of the cosine": measures["margin"]}
    rows = twin_rows(tables.attribute, tables.object)
    if len(rows[0]):
        out |= _of_twins(images, captions, swapped, rows, cluster)
    return out | _retrieval(images, captions, tables.attribute, tables.object)


def _retrieval(images, captions, attribute, object):
    """Retrieval from (N, D) images to the captions of the different scenes, each of which is a candidate once."""
    first, target, twin = number_scenes(attribute, object)
    cluster = pair_clusters(attribute, object).cpu().numpy()
    alike = np.bincount(cluster[first.cpu()])[cluster]  # captions with the words of a row's target
    similarity, n = similarities(images, captions[first.to(captions.device)]), len(first)
    out = {}
    for k in (1, 5, 10):
        if k < n:
            values = recall_outcomes(similarity, k, target)
            out[f"recall@{k} among {n:,} captions"] = Measure(values, cluster, k / n, recall_ceiling(alike, k))
    rows = torch.where((twin >= 0) & (twin != target))[0]
    errors, wrong = twin_errors(similarity[rows.to(similarity.device)], target[rows], twin[rows])
    if len(errors):
        rows = rows.cpu().numpy()[wrong]
        # A bag of words errs only among captions with the target's words, one of which is the twin.
        only_those = float((1 / (alike[rows] - 1)).mean())
        out["wrong first choices that are the twin"] = Measure(errors, cluster[rows], 1 / (n - 1), only_those)
    return out
