"""Who wins a comparison of similarities, what a tie is worth, and what guessing would get.

One rule serves every measure of the library. Ties are broken at random, and an outcome is the expected value: the share
of the random orders in which all goes well. So an encoder that cannot tell two texts apart gets what guessing gets.

Two similarities tie when rounding alone may have parted them. Equal embeddings give equal similarities in theory, but
in the last bits their sum depends on the shape of the computation that it was part of; and a matrix, or a text tower,
may make two texts equal but for the last bits.
"""

import numpy as np
import torch
from scipy.special import comb

# Of rows of unit length, made equal by a matrix or added up in two orders, and multiplied by `similarities` or `(a * b)
# .sum(-1)`: the largest gap seen, at 16 to 1,024 numbers a row, was 3 units.
UNIT_ROWS = 3 * torch.finfo(torch.float32).eps
# Of rows of any length, multiplied in seven ways, in units in the last place of a typical similarity: where rows have
# something in common, as CLIP's have, no gap was larger.
LAST_PLACES = 16


def similarities(first, second):
    """(N, D) and (M, D) rows to their (N, M) dot products, each summed in float64 where the device has it, and rounded.

    So the same two rows give the same, or its neighbour, in a matrix of any shape.
    """
    exact = first.dtype if first.device.type == "mps" else torch.float64
    return (first.to(exact) @ second.to(exact).T).to(first.dtype)


def tie_width(level):
    """How far from each of (N, 1) similarities another may lie and still tie with it, where rows may have any length.

    In units of the similarity or, where that is larger, of the median: a similarity near zero is a sum of numbers that
    are no smaller. Integers tie when equal. bfloat16 and float16 are taken to be summed in float32 and rounded once.
    """
    if not level.is_floating_point():
        return torch.zeros_like(level)
    eps = torch.finfo(level.dtype).eps
    summed = min(eps, torch.finfo(torch.float32).eps)
    size = level.abs()
    return (LAST_PLACES * summed + eps - summed) * torch.maximum(size, size.median())


def standing(values, level, width):
    """How many of (N, M) values are above a level (N, 1), and how many within its width, which tie: (N,) int64.

    Raises ValueError for a NaN, which would be above nothing and so lose against everything.
    """
    if bad := int(values.isnan().sum() + level.isnan().sum()):
        raise ValueError(f"{bad} similarities are NaN; look for the embeddings, or the matrix, that are not finite.")
    above = (values > level + width).sum(1)
    return above, (values >= level - width).sum(1) - above


def first_choice(right, wrong, width=None):
    """Is everything right above everything wrong? (N, C) and (N, K) to (N,) float64, ties broken at random.

    Rows are padded with inf among the right and -inf among the wrong. width: of a tie, UNIT_ROWS where rows are known
    to be of unit length. Where a right ones tie with b wrong ones at the level of the lowest right one, all a come
    first in one of C(a + b, a) orders.
    """
    lowest = right.amin(1, keepdim=True)
    width = tie_width(lowest) if width is None else width
    above, b = standing(wrong, lowest, width)
    a = (right <= lowest + width).sum(1)
    above, a, b = (number.cpu().numpy() for number in (above, a, b))
    return np.where(above > 0, 0.0, 1 / comb(a + b, a))


def among_first(above, tied, ours, k):
    """Is one of ours among the first k, when `above` others are ahead, and ours are some of the tied ones? float64.

    above, tied, ours: (N,) int64. Of the tied ones k - above are drawn, and all draws may miss ours.
    """
    above, tied, ours = (value.cpu().numpy() for value in (above, tied, ours))
    room = np.clip(k - above, 0, None)
    missed = comb(tied - ours, room) / np.maximum(comb(tied, room), 1)
    return np.where(room == 0, 0.0, np.where(room >= tied, 1.0, 1 - missed))


def recall(similarity, right, ks, width=None):
    """Is one of a row's right columns among the k most similar? {k: (N,) float64}, ties broken at random.

    similarity: (N, M). right: (N, C) columns, none twice in a row, -1 for none. width: as in `first_choice`.
    """
    right = right.to(similarity.device)
    own = similarity.gather(1, right.clamp(min=0)).masked_fill(right < 0, -torch.inf)
    best = own.amax(1, keepdim=True)
    width = tie_width(best) if width is None else width
    above, tied = standing(similarity, best, width)
    ours = (own >= best - width).sum(1)
    return {k: among_first(above, tied, ours, k) for k in ks}


def columns_of(rows, columns, n):
    """Which columns belong to each of n rows: (n, C), none twice, -1 for none. rows, columns: (P,), what belongs."""
    wide = int(columns.max()) + 1
    both = (rows * wide + columns).unique()
    rows, columns = both // wide, both % wide
    count = torch.bincount(rows, minlength=n)
    out = torch.full((n, int(count.max())), -1, device=rows.device)
    out[rows, torch.arange(len(rows), device=rows.device) - (count.cumsum(0) - count)[rows]] = columns
    return out


# What guessing gets


def guessed_recall(right, n, k):
    """Of n columns in random order, is one of the right ones among the first k? right: (N,) how many there are."""
    return 1 - comb(n - np.asarray(right), k) / comb(n, k)


def guessed_first_choice(right, wrong, both=0):
    """Of texts in random order, do all the right ones come first? Numbers (N,) of the right, the wrong, and `both`.

    both: how many are counted among the right *and* the wrong, by a mistake in the data. One such text has to come
    between the others, and then ties with itself; two can never.
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
    """Share of rows whose own column is among the k most similar: the mean of `recall_outcomes`.

    >>> recall_at_k(torch.eye(4), 1)
    1.0
    """
    return float(recall_outcomes(similarity, k, own).mean())


def recall_outcomes(similarity, k, own=None):
    """Is a row's own column among the k most similar? (N,) float64 in [0, 1].

    similarity: (N, M). own: (N,) each row's column; left out, row i belongs with column i. Ties are
    broken at random: among t tied columns with room for r, the own one is in with probability r / t.
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
