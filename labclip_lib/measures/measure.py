"""Per-item outcomes with their chance level and bag-of-words ceiling."""

import math
from typing import NamedTuple

import numpy as np

from labclip_lib.measures.intervals import estimate


class Measure(NamedTuple):
    """One line of a table: per-item values with their clusters, the chance level and the bag-of-words ceiling.

    >>> tied = Measure(np.array([1.0, 0.0, 0.5, 0.5]), np.array([0, 0, 1, 1]), chance=0.5)
    >>> tied.estimate().mean
    0.5
    """

    values: np.ndarray
    clusters: np.ndarray
    chance: float = math.nan
    bag_of_words: float = math.nan

    def estimate(self):
        return estimate(self.values, self.clusters)
