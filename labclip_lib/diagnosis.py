"""Does CLIP use what it knows? How well images and captions are matched, and how sure we can be of it."""

import math
from typing import NamedTuple

import numpy as np
import torch

from labclip_lib.directions import look_over
from labclip_lib.embed import embed_images, embed_texts
from labclip_lib.outcomes import first_choice, recall, similarities, tie_width
from labclip_lib.protocols import pair_clusters
from labclip_lib.scenes import World


def pairwise_accuracy(positive, negative):
    """How often the true caption beats the foil; a tie counts one half.

    positive, negative: (N,) similarities of each image with its true caption and with its foil.
    Returns a float in [0, 1]; chance is 0.5, and so is an encoder that cannot tell the two apart.
    Raises ValueError when the shapes differ, there is no pair, or a value is not finite.
    """
    return float(pairwise_outcomes(positive, negative).mean())


def pairwise_outcomes(positive, negative):
    """Per-item outcomes behind `pairwise_accuracy`: (N,) float64, 1 won, 0.5 tied, 0 lost.

    What differs by rounding alone ties (`outcomes.tie_width`).
    """
    positive, negative = (torch.as_tensor(x).detach().cpu() for x in (positive, negative))
    if positive.shape != negative.shape or positive.ndim != 1 or not len(positive):
        raise ValueError(
            f"pairwise_accuracy needs two equal (N,) arrays, N >= 1, got {tuple(positive.shape)} and "
            f"{tuple(negative.shape)}."
        )
    bad = int((~positive.isfinite() | ~negative.isfinite()).sum())
    if bad:
        raise ValueError(f"pairwise_accuracy got {bad} similarities that are NaN or infinite; check the embeddings.")
    coarser = max((x.dtype for x in (positive, negative) if x.is_floating_point()), default=torch.float64, key=_eps)
    return first_choice(positive.to(coarser)[:, None], negative.to(coarser)[:, None])


def _eps(dtype):
    return torch.finfo(dtype).eps


def recall_at_k(similarity, k, own=None):
    """Share of rows whose own column is among the k most similar: the mean of `recall_outcomes`."""
    return float(recall_outcomes(similarity, k, own).mean())


def recall_outcomes(similarity, k, own=None):
    """Is a row's own column among the k most similar? (N,) float64 in [0, 1].

    similarity: (N, M). own: (N,) each row's column; left out, row i belongs with column i. A tie counts by the
    luck of the draw: among t tied columns with room for r, the own one is in with probability r / t.
    Raises ValueError for other shapes, k outside 1..M or non-finite values.
    """
    similarity = torch.as_tensor(similarity)
    if similarity.ndim != 2 or not len(similarity) or (own is None and len(similarity) > similarity.shape[1]):
        raise ValueError(f"recall_at_k needs an (N, M) matrix with M >= N >= 1, got {tuple(similarity.shape)}.")
    if not 1 <= k <= similarity.shape[1]:
        raise ValueError(f"k must be between 1 and {similarity.shape[1]}, got {k}.")
    if not bool(torch.isfinite(similarity).all()):
        raise ValueError("recall_at_k got similarities that are NaN or infinite; check the embeddings.")
    own = torch.arange(len(similarity)) if own is None else torch.as_tensor(own)
    return recall(similarity, own[:, None], (k,))[k]


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


class Estimate(NamedTuple):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self):
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def estimate(values, clusters=None, seed=0):
    """Mean and 95 % bootstrap interval of (N,) per-item values; items of one cluster are drawn together.

    clusters: (N,) labels, such as the number of each item's scene. Returns an Estimate.
    """
    values = np.asarray(values, float)
    if clusters is not None and len(clusters) != len(values):
        raise ValueError(f"estimate needs one cluster label a value, got {len(clusters)} for {len(values)} values.")
    if clusters is None:
        groups = values
    else:
        clusters = np.unique(clusters, return_inverse=True)[1]
        order = np.argsort(clusters, kind="stable")
        groups = np.split(values[order], np.flatnonzero(np.diff(clusters[order])) + 1)
    return Estimate(float(values.mean()), *bootstrap_ci(groups, seed))


def paired_difference(first, second, clusters=None, seed=0):
    """Estimate of mean(first - second) for two sets of (N,) values of the *same* items, item by item.

    Narrower than comparing two intervals, because what makes an item hard for both cancels out.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape:
        raise ValueError(f"paired_difference needs values of the same items, got {first.shape} and {second.shape}.")
    return estimate(first - second, clusters, seed)


def bootstrap_ci(values, seed=0, level=0.95, draws=2000):
    """Percentile bootstrap interval of a mean.

    values: (N,) per-item values, or a sequence of (n_g,) arrays, one a cluster: clusters are then drawn
    whole, so that items which belong together (two captions of one scene) do not count as independent.
    Returns (low, high) floats. Raises ValueError for no values or non-finite ones.
    """
    groups = [np.atleast_1d(np.asarray(group, float)) for group in values]
    if not groups or not all(len(group) and np.isfinite(group).all() for group in groups):
        raise ValueError(f"bootstrap_ci needs finite values and no empty cluster, got {len(groups)} clusters.")
    total = np.array([group.sum() for group in groups])
    count = np.array([len(group) for group in groups])
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(draws):  # one draw at a time: N x draws indices need not fit in memory
        pick = rng.integers(0, len(groups), len(groups))
        means.append(total[pick].sum() / count[pick].sum())
    tail = 50 * (1 - level)
    return tuple(float(q) for q in np.percentile(means, [tail, 100 - tail]))


# A whole diagnosis


class Measure(NamedTuple):
    """One line of a table: per-item values with their clusters, and what chance and a bag of words would get."""

    values: np.ndarray
    clusters: np.ndarray
    chance: float = math.nan
    bag_of_words: float = math.nan

    def estimate(self, seed=0):
        return estimate(self.values, self.clusters, seed)


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


def diagnose_within(backbone, world=None, seed=7):
    """The swap test inside each side, by the same cosine, and how far a caption moves when it is changed.

    Is an image closer to a new layout of its scene than to the twin in that layout? Is a caption closer to
    another wording of itself, or to itself with the objects in the other order, than to the twin's caption in the
    same form? Returns {name: Measure} over all two-object scenes.
    """
    world = world or World()
    scenes, other = (world.compositions(seed=[seed, k]) for k in range(2))
    swapped, cluster = scenes.swapped(), pair_clusters(scenes.color, scenes.shape).numpy()
    anchor, copy, twin = (embed_images(backbone, part) for part in (scenes, other, other.swapped()))
    values = pairwise_outcomes((anchor * copy).sum(1), (anchor * twin).sum(1))
    out = {"image with image: its copy or its twin": Measure(values, cluster, 0.5, 0.5)}
    turn, rng = scenes.mention_order().flip(1), np.random.default_rng(seed)
    longer = "a photo of a {attr1} {obj1} and a {attr2} {obj2}"
    said = {
        "anchor": scenes.captions(),
        "reworded": scenes.captions(template=longer),
        "twin, reworded": swapped.captions(template=longer),
        "objects in the other order": captions_in(scenes, turn),
        "twin, objects in the other order": captions_in(swapped, turn),
        "words shuffled": [" ".join(rng.permutation(caption.split())) for caption in scenes.captions()],
        "colours swapped": swapped.captions(),
        "one colour replaced": scenes.replaced("color", seed).captions(),
    }
    # In one call, because many of them are the same captions.
    texts = embed_texts(backbone, [caption for captions in said.values() for caption in captions]).chunk(len(said))
    cosine = {name: (texts[0] * part).sum(1) for name, part in zip(said, texts, strict=True)}
    for name in ("reworded", "objects in the other order"):
        values = pairwise_outcomes(cosine[name], cosine[f"twin, {name}"])
        out[f"caption with caption, {name}"] = Measure(values, cluster, 0.5, 0.5)
    for name, still in (("words shuffled", 0.0), ("colours swapped", 0.0), ("one colour replaced", math.nan)):
        moved = 1 - cosine[name].cpu().double().numpy()
        out[f"caption moves (1 - cosine), {name}"] = Measure(moved, cluster, bag_of_words=still)
    return out


def captions_in(scenes, mention):
    """Captions that name the objects in a given (N, K) order."""
    names = scenes.world
    color, shape = scenes.color.gather(1, mention).tolist(), scenes.shape.gather(1, mention).tolist()
    return [
        " and ".join(f"{names.colors[c]} {names.shapes[s]}" for c, s in zip(cs, ss, strict=True))
        for cs, ss in zip(color, shape, strict=True)
    ]


def as_table(measures, seed=0):
    """Measures as a Markdown table, one line each."""
    lines = ["| | measured | 95 % interval | chance | bag of words |", "|---|---|---|---|---|"]
    for name, measure in measures.items():
        mean, low, high = measure.estimate(seed)
        known = ("" if math.isnan(value) else f"{value:.3f}" for value in measure[2:])
        lines.append(f"| {name} | {mean:.3f} | {low:.3f} to {high:.3f} | {' | '.join(known)} |")
    return "\n".join(lines)


def as_columns(tables, seed=0):
    """Several {name: Measure} of the same names as one Markdown table, a column each, with chance and bag of words."""
    first = next(iter(tables.values()))
    lines = [f"| | {' | '.join(tables)} | chance | bag of words |", "|" + "---|" * (len(tables) + 3)]
    for name, measure in first.items():
        cells = [str(measures[name].estimate(seed)) for measures in tables.values()]
        cells += ["" if math.isnan(value) else f"{value:.3f}" for value in measure[2:]]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def as_rows(measures, seed=0):
    """Measures as plain data for JSON: {name: {"mean", "low", "high", "items", "chance", "bag of words"}}."""
    levels = ("chance", "bag of words")
    return {
        name: measure.estimate(seed)._asdict()
        | {"items": len(measure.values)}
        | {level: None if math.isnan(v) else v for level, v in zip(levels, measure[2:], strict=True)}  # no NaN in JSON
        for name, measure in measures.items()
    }
