"""A LABCLIP from a formula: the linear map that tells pairs which belong together from pairs which do not.

A map W scores an image and a caption by u W v', both rows. Ask two things of it. On pairs that belong together the
score should exceed a foil's, on average by as much as possible. On pairs put together at random it should stay small.
With u and v centred, C_u and C_v their covariances, and d = v - foil, that is

    maximise E[u W d']   subject to   E[(u W v')^2] = trace(C_u W C_v W') = 1   (u and v drawn independently),

and the answer, up to its length, is W = C_u^-1 E[u' d] C_v^-1: Fisher's (1936) idea of a discriminant. For foils
drawn at random it is that of canonical correlation analysis, each pair of directions weighted by its correlation.
"""

import math

import torch
import torch.distributed as dist
from torch.nn.functional import normalize

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import choice_outcomes
from labclip_lib.base.devices import ALONE

STRENGTHS = (0, 2.5, 5, 10, 20, 40, 80, 160, math.inf)


def ridged(ridge, power=-1):
    """A function of a covariance C (D, D) and a matrix x (D, n): (C + ridge mean(diag C) I)^power x, in their dtype."""

    def apply(covariance, x):
        scale = covariance.diagonal().mean()
        if power == -1:
            return torch.linalg.solve(covariance + ridge * scale * torch.eye(len(x), dtype=x.dtype), x)
        values, axes = torch.linalg.eigh(covariance)
        return (axes * (values.clamp(min=0) + ridge * scale) ** power) @ (axes.T @ x)

    return apply


IMAGE_INVERSE, TEXT_INVERSE = ridged(1e-2), ridged(1e-3)


def discriminant_map(
    pairs, foils="negatives", *, image_inverse=IMAGE_INVERSE, text_inverse=TEXT_INVERSE, cross=None, here=ALONE
):
    """The matrix W of this file's first lines, (D, D) float32, scaled so that its entries' squares sum to D.

    pairs: a `pairs.Pairs`. foils: "negatives", the pairs' own (their mean where a caption has several), or "random",
    other images' captions. image_inverse, text_inverse: functions of a covariance C (D, D) float64 and a matrix (D, D)
    that give C^-1 times the matrix, or what is asked about in its place. cross: (D, D), in place of E[u' d].
    here: with several processes, each sums over its share of the rows. The sums are taken in float64.
    Raises ValueError for foils that there are not, and for tables that say nothing.
    """
    if foils not in ("negatives", "random"):
        raise ValueError(f"foils must be 'negatives' or 'random', got {foils!r}.")
    if foils == "negatives" and pairs.negatives is None:
        raise ValueError("These pairs have no negatives; pass foils='random'.")
    hard = foils == "negatives"
    captions = [pairs.texts, pairs.negatives.flatten(0, 1)] if hard else [pairs.texts]
    mean_i = _mean(pairs.images, here)
    weights = [1 / len(captions)] * len(captions)  # captions and negatives count alike, however many there are
    mean_t = sum(w * _mean(table, here) for w, table in zip(weights, captions, strict=True))
    cov_i = _covariance(pairs.images, mean_i, here)
    cov_t = sum(w * _covariance(table, mean_t, here) for w, table in zip(weights, captions, strict=True))
    for name, covariance in (("images", cov_i), ("captions", cov_t)):
        if not float(covariance.trace()) > 1e-10:  # of unit-length rows; all else is rounding
            raise ValueError(f"All {name} are the same here; a closed form needs some that differ.")
    cross = _cross(pairs, mean_i, mean_t, hard, here) if cross is None else cross.double().cpu()
    found = text_inverse(cov_t, image_inverse(cov_i, cross).T).T
    # The images' mean is no centre that a matrix could subtract. So the map is made blind to it: otherwise each
    # caption would get a bonus of its own, whatever the image.
    common = normalize(mean_i, dim=0)
    found = found - torch.outer(common, common @ found)
    if not float(found.norm()) > 0:
        raise ValueError("Images and captions have nothing in common here; check that they are in the same order.")
    return (found / found.norm() * math.sqrt(len(found))).float().to(pairs.texts.device)


def fit_closed_form(
    pairs,
    validation,
    *,
    foils="negatives",
    rivals=None,
    rival_ids=None,
    side="text",
    rank=None,
    here=ALONE,
):
    """A LABCLIP with A = identity + strength W, the strength that serves best on validation pairs.

    Rule: the strength with the most images that choose their caption among all of the validation's captions, their
    own hard negatives and the rivals (`pairs.choice_outcomes`); the weaker of equals. Infinity stands for W alone.
    Returns (LABCLIP, {strength: accuracy}). For the image side the map is W', which gives the same scores but for
    the lengths.
    """
    w = discriminant_map(pairs, foils, here=here)
    w = w.T.contiguous() if side == "image" else w
    identity = torch.eye(len(w), device=w.device)
    scores, best = {}, None
    for strength in STRENGTHS:
        labclip = LABCLIP(len(w), side, rank).to(w.device)
        labclip.set_matrix(w if math.isinf(strength) else identity + strength * w)
        outcomes = choice_outcomes(validation, labclip, rivals, here=here, rival_ids=rival_ids)
        scores[strength] = mean_over_ranks(outcomes, here)
        if best is None or scores[strength] > scores[best[0]]:
            best = strength, labclip
    return best[1], scores


def mean_over_ranks(values, here):
    """Mean of (n,) float64 values of which each process holds a part."""
    total = torch.tensor([float(values.sum()), float(len(values))], dtype=torch.float64)
    return float(_summed(total, here)[0] / total[1])


def _mean(table, here):
    first, end = here.part(len(table))
    total = sum((part.sum(0, dtype=torch.float32).double().cpu() for part in table[first:end].split(8192)), 0.0)
    total = torch.as_tensor(total, dtype=torch.float64).expand(table.shape[1]).clone()
    return _summed(total, here) / len(table)


def _covariance(table, mean, here):
    return _product(table, table, mean, mean, here)


def _cross(pairs, mean_i, mean_t, hard, here):
    """E[i d'], i centred: (D, D)."""
    right = _product(pairs.images, pairs.texts, mean_i, mean_t, here, pairs.image)
    if not hard:
        return right
    wrong = pairs.negatives.mean(1) if pairs.negatives.shape[1] > 1 else pairs.negatives[:, 0]
    return right - _product(pairs.images, wrong, mean_i, mean_t, here, pairs.image)


def _product(left, right, mean_left, mean_right, here, rows=None):
    """E[(left - mean)(right - mean)'] over the rows of `right`, in blocks; float64 on the CPU."""
    first, end = here.part(len(right))
    a, b = mean_left.float().to(left.device), mean_right.float().to(left.device)
    total = torch.zeros(left.shape[1], right.shape[1], dtype=torch.float64)
    for start in range(first, end, 8192):
        stop = min(start + 8192, end)
        part = left[start:stop] if rows is None else left[rows[start:stop]]
        total += ((part - a).T @ (right[start:stop] - b)).double().cpu()
    return _summed(total, here) / len(right)


def _summed(total, here):
    if here.world > 1:
        moved = total.to("cuda") if dist.get_backend() == "nccl" else total
        dist.all_reduce(moved)
        total.copy_(moved)
    return total
