"""Outcomes of comparing similarities (pairs and retrieval), what a tie is worth, and the chance level.

Every measure of the library follows one rule: an outcome is the expected value under random tie-breaking. So an encoder
that cannot tell two texts apart scores at chance.

Two similarities tie when their difference may be due to rounding alone. Equal embeddings give equal similarities in
theory, but the last bits of a sum depend on the shape of the computation; and a matrix, or a text tower, may make two
texts equal except for the last bits.
"""

import numpy as np
import torch
from scipy.special import comb

# Tie width for rows of unit length. Measured on rows made equal by a matrix, or added up in two orders, and multiplied
# by `similarities` or `(a * b).sum(-1)`: the largest gap, at 16 to 1,024 numbers per row, was 3 units.
UNIT_ROWS = 3 * torch.finfo(torch.float32).eps
# Tie width for rows of any length, in units in the last place of a typical similarity. No larger gap was measured over
# seven ways to multiply rows that have a common component, as CLIP's have.
LAST_PLACES = 16


def similarities(first, second):
    """(N, M) dot products of (N, D) and (M, D) rows, summed in float64 where the device has it, then rounded.

    So the same two rows give the same value, or a neighbouring float, in a matrix of any shape.
    """
    exact = first.dtype if first.device.type == "mps" else torch.float64
    return (first.to(exact) @ second.to(exact).T).to(first.dtype)


def tie_width(level):
    """How far another similarity may lie from each of (N, 1) and still tie with it, for rows of any length.

    Proportional to the similarity or, where that is larger, to the median: a similarity near zero is a sum of numbers
    that are no smaller. Integers tie when equal. bfloat16 and float16 are assumed to be summed in float32 and rounded
    once.
    """
    if not level.is_floating_point():
        return torch.zeros_like(level)
    eps = torch.finfo(level.dtype).eps
    summed = min(eps, torch.finfo(torch.float32).eps)
    size = level.abs()
    return (LAST_PLACES * summed + eps - summed) * torch.maximum(size, size.median())


def standing(values, level, width):
    """Count the (N, M) values above a level (N, 1), and those within `width` of it, which tie: two (N,) int64.

    Raises ValueError for a NaN, which would compare as false and so always lose.
    """
    if bad := int(values.isnan().sum() + level.isnan().sum()):
        raise ValueError(f"{bad} similarities are NaN; look for the embeddings, or the matrix, that are not finite.")
    above = (values > level + width).sum(1)
    return above, (values >= level - width).sum(1) - above


def first_choice(right, wrong, width=None):
    """Whether all right captions rank above all wrong ones: (N, C) and (N, K) similarities to (N,) float64.

    An outcome is the expected value under random tie-breaking. Pad missing entries with inf in `right` and -inf in
    `wrong`. width: of a tie; UNIT_ROWS for rows known to be of unit length. Where a right ones tie with b wrong ones at
    the level of the lowest right one, all a come first in one of C(a + b, a) orders.
    """
    lowest = right.amin(1, keepdim=True)
    width = tie_width(lowest) if width is None else width
    above, b = standing(wrong, lowest, width)
    a = (right <= lowest + width).sum(1)
    above, a, b = (number.cpu().numpy() for number in (above, a, b))
    return np.where(above > 0, 0.0, 1 / comb(a + b, a))


def among_first(above, tied, targets, k):
    """Probability that at least one target is among the first k under random tie-breaking: (N,) float64.

    above: (N,) int64, columns ahead of the best target. tied: columns that tie with it, itself included. targets: how
    many of the tied ones are targets. k - above of the tied ones are drawn, and all draws may miss the targets.
    """
    above, tied, targets = (value.cpu().numpy() for value in (above, tied, targets))
    room = np.clip(k - above, 0, None)
    missed = comb(tied - targets, room) / np.maximum(comb(tied, room), 1)
    return np.where(room == 0, 0.0, np.where(room >= tied, 1.0, 1 - missed))


def recall(similarity, right, ks, width=None):
    """Whether one of a row's right columns is among the k most similar: {k: (N,) float64}.

    An outcome is the expected value under random tie-breaking. similarity: (N, M). right: (N, C) different columns per
    row, padded with -1. width: as in `first_choice`.
    """
    right = right.to(similarity.device)
    target = similarity.gather(1, right.clamp(min=0)).masked_fill(right < 0, -torch.inf)
    best = target.amax(1, keepdim=True)
    width = tie_width(best) if width is None else width
    above, tied = standing(similarity, best, width)
    targets = (target >= best - width).sum(1)
    return {k: among_first(above, tied, targets, k) for k in ks}


def columns_of(rows, columns, n):
    """List the columns that belong to each of n rows: (n, C), without repeats, padded with -1.

    rows, columns: (P,) pairs of a row and a column that belong together.
    """
    wide = int(columns.max()) + 1
    both = (rows * wide + columns).unique()
    rows, columns = both // wide, both % wide
    count = torch.bincount(rows, minlength=n)
    out = torch.full((n, int(count.max())), -1, device=rows.device)
    out[rows, torch.arange(len(rows), device=rows.device) - (count.cumsum(0) - count)[rows]] = columns
    return out


# The chance level


def guessed_recall(right, n, k):
    """Chance of recall@k: one of the right columns is among the first k of n in random order. right: (N,) numbers."""
    return 1 - comb(n - np.asarray(right), k) / comb(n, k)


def guessed_first_choice(right, wrong, both=0):
    """Chance of `first_choice`: all right texts come first in a random order.

    right, wrong, both: (N,) numbers of texts. both: texts counted among the right *and* the wrong, by a mistake in the
        data. One such text has to come between the others, and then ties with itself; two such texts always fail.
    """
    right, wrong, both = np.broadcast_arrays(*(np.asarray(number) for number in (right, wrong, both)))
    once = 1 / comb(right + wrong, right)
    # (right - 1)! (wrong - 1)! / (right + wrong - 1)!, and a half for the tie
    twice = 0.5 / (comb(right + wrong - 2, right - 1) * np.maximum(right + wrong - 1, 1))
    return np.select([both == 0, both == 1], [once, twice], 0.0)


def pairwise_accuracy(positive, negative):
    """How often the true caption beats the foil; a tie counts one half.

    positive, negative: (N,) similarities of each image with its true caption and with its foil.
    Returns a float in [0, 1]; chance is 0.5, and so is an encoder that cannot tell the two apart.
    Raises ValueError when the shapes differ, there is no pair, or a value is not finite.

    >>> pairwise_accuracy(torch.tensor([0.3, 0.2, 0.2]), torch.tensor([0.1, 0.2, 0.2]))
    0.6666666666666666
    """
    return float(pairwise_outcomes(positive, negative).mean())


def pairwise_outcomes(positive, negative):
    """Per-item outcomes behind `pairwise_accuracy`: (N,) float64, 1 won, 0.5 tied, 0 lost.

    Similarities that differ by rounding alone tie (`outcomes.tie_width`).
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


def recall_at_k(similarity, k, target=None):
    """Share of rows whose target column is among the k most similar: the mean of `recall_outcomes`.

    >>> recall_at_k(torch.eye(4), 1)
    1.0
    """
    return float(recall_outcomes(similarity, k, target).mean())


def recall_outcomes(similarity, k, target=None):
    """Whether a row's target column is among the k most similar: (N,) float64 in [0, 1].

    similarity: (N, M). target: (N,) each row's column; by default column i for row i. An outcome is the expected value
    under random tie-breaking: among t tied columns with room for r, the target is in with probability r / t.
    Raises ValueError for other shapes, k outside 1..M or non-finite values.
    """
    similarity = torch.as_tensor(similarity)
    if similarity.ndim != 2 or not len(similarity) or (target is None and len(similarity) > similarity.shape[1]):
        raise ValueError(f"recall_at_k needs an (N, M) matrix with M >= N >= 1, got {tuple(similarity.shape)}.")
    if not 1 <= k <= similarity.shape[1]:
        raise ValueError(f"k must be between 1 and {similarity.shape[1]}, got {k}.")
    if not bool(torch.isfinite(similarity).all()):
        raise ValueError("recall_at_k got similarities that are NaN or infinite; check the embeddings.")
    target = torch.arange(len(similarity)) if target is None else torch.as_tensor(target)
    return recall(similarity, target[:, None], (k,))[k]
