"""Ranks: where each of many models stands on a score, and whether two scores put them in the same order."""

import numpy as np
from scipy.stats import rankdata


def percentile_ranks(scores):
    """The share of the other models that each model beats, a tie counting one half: (N, K) float64 in [0, 1].

    scores: (N, K) of N models, two or more, on K scores, higher is better. Raises ValueError for other shapes, and for
    scores that are not finite.

    >>> percentile_ranks([[0.2], [0.9], [0.5], [0.9]])[:, 0].round(3).tolist()
    [0.0, 0.833, 0.333, 0.833]
    """
    scores = _look_over(scores)
    return (rankdata(scores, axis=0) - 1) / (len(scores) - 1)


def rank_correlations(scores, families, seed=0, draws=2000):
    """Spearman's rank correlation of each score with each other: (K, K, 3), the value and its 95 % interval.

    scores: as of `percentile_ranks`. families: (N,) labels. Models of one family are not independent, so the bootstrap
    draws families whole, and ranks anew in each draw. A draw in which a score is the same for all models says nothing
    and is left out. Raises ValueError as `percentile_ranks`, and for fewer than two families.

    >>> rank_correlations([[1, 1], [2, 4], [3, 9], [4, 2]], ["a", "a", "b", "b"])[0, 1, 0].round(2).item()
    0.4
    """
    scores, families = _look_over(scores), np.unique(families, return_inverse=True)[1]
    if len(families) != len(scores) or families.max() == 0:
        raise ValueError(
            f"rank_correlations needs a family for each of {len(scores)} models, and two families or more; it got "
            f"{len(families)} labels of {families.max(initial=-1) + 1}."
        )
    members = [np.flatnonzero(families == family) for family in range(families.max() + 1)]
    rng = np.random.default_rng(seed)
    drawn = [
        _spearman(scores[np.concatenate([members[family] for family in rng.integers(0, len(members), len(members))])])
        for _ in range(draws)
    ]
    return np.stack([_spearman(scores), *np.nanpercentile(drawn, [2.5, 97.5], axis=0)], -1)


def _spearman(scores):
    with np.errstate(invalid="ignore", divide="ignore"):  # a constant column has no correlation: NaN
        return np.corrcoef(rankdata(scores, axis=0).T)


def _look_over(scores):
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or len(scores) < 2 or not scores.shape[1] or not np.isfinite(scores).all():
        raise ValueError(f"ranks need finite (N, K) scores of two models or more, got {scores.shape}.")
    return scores
