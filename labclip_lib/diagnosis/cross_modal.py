"""Does CLIP use what it knows? How well images and captions are matched, and how sure we can be of it."""

import math

import torch

from labclip_lib.diagnosis.within import diagnose_within
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.directions import look_over
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import (
    pairwise_outcomes,
    recall_outcomes,
    similarities,
    tie_width,
)
from labclip_lib.world.scenes import World
from labclip_lib.world.twins import pair_clusters


def twin_errors(similarity, own, twin):
    """Of the rows whose first choice is wrong: is it exactly the twin? (E,) float64, and the (E,) rows.

    similarity: (N, M). own, twin: (N,) columns of each row's caption and of its twin with the colours exchanged.
    Where several captions tie for the first place, a row is wrong if its own is not among them.
    """
    similarity = torch.as_tensor(similarity)
    own, twin = (torch.as_tensor(column)[:, None].to(similarity.device) for column in (own, twin))
    best = similarity.amax(1, keepdim=True)
    first = similarity >= best - tie_width(best)
    wrong = torch.where(~first.gather(1, own)[:, 0])[0]
    errors = first.gather(1, twin)[wrong, 0].cpu().double() / first[wrong].sum(1).cpu()
    return errors.numpy(), wrong.cpu().numpy()


def diagnose(backbone, world=None, layouts=3, seed=7):
    """Everything chapter 3 asks of a backbone, over all two-object scenes of a world: {name: Measure}.

    Intervals are clustered by twin pair: all that is asked about a scene, its twin and their layouts.
    """
    world = world or World()
    parts = [world.compositions(seed=[seed, k]) for k in range(layouts)]
    scenes = parts[0]
    images = [embed_images(backbone, part) for part in parts]
    cluster = pair_clusters(scenes.color, scenes.shape)

    def texts(change=lambda part: part, order="fixed", **how):
        return [embed_texts(backbone, change(p).captions(order, seed=[seed, k], **how)) for k, p in enumerate(parts)]

    out = {}
    for order in ("fixed", "random"):
        true = texts(order=order)
        foils = {"swap": texts(lambda part: part.swapped(), order)}
        for what, name in (("color", "replace colour"), ("shape", "replace shape")):
            foils[name] = texts(lambda part, what=what: part.replaced(what, seed), order)
        for name, foil in foils.items():
            found = diagnose_embeddings(torch.cat(images), torch.cat(true), torch.cat(foil), cluster.repeat(layouts))
            sure = 0.5 if name == "swap" else 1.0
            out[f"{name} accuracy, {order} order"] = found["accuracy"]._replace(bag_of_words=sure)
            if order == "random":
                still = 0.0 if name == "swap" else math.nan  # how far a replacement moves it is its own affair
                out[f"{name}, margin of the cosine"] = found["margin"]._replace(bag_of_words=still)
    out |= _retrieval(images, texts()[0], scenes, cluster)
    return out | diagnose_within(backbone, world, seed)


def diagnose_embeddings(images, captions, foils, clusters):
    """Which of two captions is closer to each image? {"accuracy": Measure, "margin": Measure}.

    images, captions, foils: (N, D) embeddings of unit length, row i of each about one image. clusters: (N,).
    Raises ValueError for rows without a direction.
    """
    for name, table in (("images", images), ("captions", captions), ("foils", foils)):
        look_over(table, name)
    true, foil = (images * captions).sum(1), (images * foils).sum(1)
    clusters = torch.as_tensor(clusters).cpu().numpy()
    margin = (true - foil).cpu().double().numpy()
    return {
        "accuracy": Measure(pairwise_outcomes(true, foil), clusters, 0.5, 0.5),
        "margin": Measure(margin, clusters, 0.0, 0.0),
    }


def _retrieval(images, captions, scenes, cluster):
    """Image to text over the whole caption dictionary, one caption a composition."""
    n = len(captions)
    similarity = torch.cat([similarities(part, captions) for part in images])
    own = torch.arange(n, device=captions.device)
    twin = twins(scenes).to(captions.device)
    own, twin, clusters = (value.repeat(len(images)) for value in (own, twin, cluster))
    clusters = clusters.cpu().numpy()
    out = {}
    for k in (1, 5, 10):
        values = recall_outcomes(similarity, k, own)
        out[f"recall@{k} among {n:,} captions"] = Measure(values, clusters, k / n, min(1, k / 2))
    errors, rows = twin_errors(similarity, own, twin)
    if len(errors):
        out["wrong first choices that are the twin"] = Measure(errors, clusters[rows], 1 / (n - 1), 1.0)
    return out


def twins(scenes):
    """(N,) for each scene the number of the scene with its colours exchanged, among `World.compositions`."""
    key = {row: i for i, row in enumerate(_rows(scenes))}
    return torch.tensor([key[row] for row in _rows(scenes.swapped())])


def _rows(scenes):
    return [
        frozenset(zip(colors, shapes, strict=True))
        for colors, shapes in zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True)
    ]
