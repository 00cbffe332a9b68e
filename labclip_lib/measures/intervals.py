"""Means with bootstrap intervals, which resample dependent items together."""

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean with its 95 % interval.

    >>> print(Estimate(0.49, 0.45, 0.53))
    0.490 (0.450 to 0.530)
    """

    mean: float
    low: float
    high: float

    def __str__(self):
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def estimate(values, clusters=None, seed=0):
    """Mean and 95 % bootstrap interval of (N,) per-item values; items of one cluster are resampled together.

    clusters: (N,) labels, such as the number of each item's scene. Returns an Estimate.

    >>> estimate([1, 0, 1, 1], clusters=[0, 0, 1, 1])
    Estimate(mean=0.75, low=0.5, high=1.0)
    """
    values = np.asarray(values, float)
    if clusters is not None and len(clusters) != len(values):
        raise ValueError(f"estimate needs one cluster label per value, got {len(clusters)} for {len(values)} values.")
    if clusters is None:
        groups = values
    else:
        clusters = np.unique(clusters, return_inverse=True)[1]
        order = np.argsort(clusters, kind="stable")
        groups = np.split(values[order], np.flatnonzero(np.diff(clusters[order])) + 1)
    return Estimate(float(values.mean()), *bootstrap_ci(groups, seed))


def paired_difference(first, second, clusters=None, seed=0):
    """Estimate of mean(first - second) for two sets of (N,) values of the *same* items, paired item by item.

    Narrower than comparing two intervals, because the difficulty that an item has for both cancels out.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape:
        raise ValueError(f"paired_difference needs values of the same items, got {first.shape} and {second.shape}.")
    return estimate(first - second, clusters, seed)


def bootstrap_ci(values, seed=0, level=0.95, draws=2000):
    """Percentile bootstrap interval of a mean.

    values: (N,) per-item values, or a sequence of (n_g,) arrays, one per cluster: clusters are then drawn
    whole, so that dependent items (two captions of one scene) do not count as independent.
    Returns (low, high) floats. Raises ValueError for no values or non-finite ones.

    >>> bootstrap_ci([1, 0, 1, 1, 0, 1], seed=0)
    (0.3333333333333333, 1.0)
    """
    groups = [np.atleast_1d(np.asarray(group, float)) for group in values]
    if not groups or not all(len(group) and np.isfinite(group).all() for group in groups):
        raise ValueError(f"bootstrap_ci needs finite values and no empty cluster, got {len(groups)} clusters.")
    total = np.array([group.sum() for group in groups])
    count = np.array([len(group) for group in groups])
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(draws):  # one draw at a time, because N x draws indices may not fit in memory
        pick = rng.integers(0, len(groups), len(groups))
        means.append(total[pick].sum() / count[pick].sum())
    tail = 50 * (1 - level)
    return tuple(float(q) for q in np.percentile(means, [tail, 100 - tail]))
