"""How well images and captions are matched, and how sure we can be of the figure."""

import numpy as np
import torch


def pairwise_accuracy(positive, negative):
    """How often the true caption beats the foil; a tie counts one half.

    positive, negative: (N,) similarities of each image with its true caption and with its foil.
    Returns a float in [0, 1]; chance is 0.5, and so is an encoder that cannot tell the two apart.
    Raises ValueError when the shapes differ, there is no pair, or a value is not finite.
    """
    return float(pairwise_outcomes(positive, negative).mean())


def pairwise_outcomes(positive, negative):
    """Per-item outcomes behind `pairwise_accuracy`: (N,) float64, 1 won, 0.5 tied, 0 lost."""
    positive, negative = (np.asarray(torch.as_tensor(x).detach().cpu(), float) for x in (positive, negative))
    if positive.shape != negative.shape or positive.ndim != 1 or not len(positive):
        raise ValueError(
            f"pairwise_accuracy needs two equal (N,) arrays, N >= 1, got {positive.shape} and {negative.shape}."
        )
    if not (np.isfinite(positive).all() and np.isfinite(negative).all()):
        bad = int((~np.isfinite(positive) | ~np.isfinite(negative)).sum())
        raise ValueError(f"pairwise_accuracy got {bad} similarities that are NaN or infinite; check the embeddings.")
    return np.where(positive == negative, 0.5, positive > negative)


def recall_at_k(similarity, k):
    """Share of rows whose true column, the one on the diagonal, is among the k most similar.

    similarity: (N, M) with M >= N, row i belonging with column i. A tie counts by its expected rank's
    odds: among t tied columns with room for r, the true one is in with probability r / t.
    Returns a float in [0, 1]. Raises ValueError for other shapes, k outside 1..M or non-finite values.
    """
    similarity = torch.as_tensor(similarity)
    if similarity.ndim != 2 or not 1 <= len(similarity) <= similarity.shape[1]:
        raise ValueError(f"recall_at_k needs an (N, M) matrix with M >= N >= 1, got {tuple(similarity.shape)}.")
    if not 1 <= k <= similarity.shape[1]:
        raise ValueError(f"k must be between 1 and {similarity.shape[1]}, got {k}.")
    if not bool(torch.isfinite(similarity).all()):
        raise ValueError("recall_at_k got similarities that are NaN or infinite; check the embeddings.")
    true = similarity.diagonal()[:, None]
    above = (similarity > true).sum(1)
    tied = (similarity == true).sum(1)
    return float(((k - above) / tied).clamp(0, 1).double().mean())


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
