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
from torch.nn.functional import normalize

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import choice_outcomes
from labclip_lib.base.devices import all_sum, part

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


def discriminant_map(pairs, foils="negatives", *, image_inverse=IMAGE_INVERSE, text_inverse=TEXT_INVERSE, cross=None):
    """The matrix W = C_u^-1 E[u' d] C_v^-1 of the closed form, (D, D) float32, its entries' squares summing to D.

    pairs: a `pairs.Pairs`. foils: "negatives", the pairs' own (their mean where a caption has several), or "random",
    other images' captions. image_inverse, text_inverse: functions of a covariance C (D, D) float64 and a matrix (D, D)
    that give C^-1 times the matrix, or whatever is to take its place. cross: (D, D), in place of E[u' d].
    The sums are taken in float64; with several processes, each adds up its share of the rows.
    Raises ValueError for unknown or missing foils, and for tables from which no map follows.
    """
    if foils not in ("negatives", "random"):
        raise ValueError(f"foils must be 'negatives' or 'random', got {foils!r}.")
    if foils == "negatives" and pairs.negatives is None:
        raise ValueError("These pairs have no negatives; pass foils='random'.")
    hard = foils == "negatives"
    captions = [pairs.texts, pairs.negatives.flatten(0, 1)] if hard else [pairs.texts]
    mean_i = _mean(pairs.images)
    weights = [1 / len(captions)] * len(captions)  # captions and negatives count alike, however many there are
    mean_t = sum(w * _mean(table) for w, table in zip(weights, captions, strict=True))
    cov_i = _product(pairs.images, pairs.images, mean_i, mean_i)
    cov_t = sum(w * _product(table, table, mean_t, mean_t) for w, table in zip(weights, captions, strict=True))
    for name, covariance in (("images", cov_i), ("captions", cov_t)):
        if not float(covariance.trace()) > 1e-10:  # of unit-length rows; all else is rounding
            raise ValueError(f"All {name} are the same here; a closed form needs some that differ.")
    cross = _cross(pairs, mean_i, mean_t, hard) if cross is None else cross.double().cpu()
    matrix = text_inverse(cov_t, image_inverse(cov_i, cross).T).T
    # The images' mean is no centre that a matrix could subtract. So the map is made blind to it: otherwise each
    # caption would get a bonus of its own, whatever the image.
    common = normalize(mean_i, dim=0)
    matrix = matrix - torch.outer(common, common @ matrix)
    if not float(matrix.norm()) > 0:
        raise ValueError("Images and captions have nothing in common here; check that they are in the same order.")
    return (matrix / matrix.norm() * math.sqrt(len(matrix))).float().to(pairs.texts.device)


def fit_closed_form(
    pairs,
    validation,
    *,
    foils="negatives",
    rivals=None,
    rival_ids=None,
    side="text",
    rank=None,
):
    """A LABCLIP with A = identity + strength W, the strength that is best on validation pairs.

    Rule: the strength with the most images that choose their caption among all of the validation's captions, their
    own hard negatives and the rivals (`pairs.choice_outcomes`); of equals, the weakest. Infinity stands for W alone.
    Returns (LABCLIP, {strength: accuracy}). For the image side the map is W', which gives the same scores but for
    the lengths.
    """
    w = discriminant_map(pairs, foils)
    w = w.T.contiguous() if side == "image" else w
    identity = torch.eye(len(w), device=w.device)
    scores, best = {}, None
    for strength in STRENGTHS:
        labclip = LABCLIP(len(w), side, rank).to(w.device)
        labclip.set_matrix(w if math.isinf(strength) else identity + strength * w)
        scores[strength] = float(choice_outcomes(validation, labclip, rivals, rival_ids=rival_ids).mean())
        if best is None or scores[strength] > scores[best[0]]:
            best = strength, labclip
    return best[1], scores


def _mean(table):
    first, end = part(len(table))
    total = sum((rows.sum(0, dtype=torch.float32).double().cpu() for rows in table[first:end].split(8192)), 0.0)
    total = torch.as_tensor(total, dtype=torch.float64).expand(table.shape[1]).clone()
    return all_sum(total) / len(table)


def _cross(pairs, mean_i, mean_t, hard):
    """E[u d'], u centred: (D, D)."""
    right = _product(pairs.images, pairs.texts, mean_i, mean_t, pairs.image)
    if not hard:
        return right
    wrong = pairs.negatives.mean(1) if pairs.negatives.shape[1] > 1 else pairs.negatives[:, 0]
    return right - _product(pairs.images, wrong, mean_i, mean_t, pairs.image)


def _product(left, right, mean_left, mean_right, rows=None):
    """E[(left - mean)(right - mean)'] over the rows of `right`, in blocks; float64 on the CPU."""
    first, end = part(len(right))
    a, b = mean_left.float().to(left.device), mean_right.float().to(left.device)
    total = torch.zeros(left.shape[1], right.shape[1], dtype=torch.float64)
    for start in range(first, end, 8192):
        stop = min(start + 8192, end)
        block = left[start:stop] if rows is None else left[rows[start:stop]]
        total += ((block - a).T @ (right[start:stop] - b)).double().cpu()
    return all_sum(total) / len(right)
