"""What a bag of words can score: a reader who knows which words a text holds, but not their order."""

from collections import Counter

import numpy as np


def same_words(texts, others):
    """Whether each of N texts holds the same words, equally often, as its partner in `others`: (N,) bool."""
    return np.array([_bag(a) == _bag(b) for a, b in zip(texts, others, strict=True)])


def pairwise_ceiling(same):
    """Best accuracy at telling a text from a foil: 1 for each pair, or a half where both hold the same words.

    same: (N,) bool, as from `same_words`; or one bool for all pairs.
    """
    return float(np.where(same, 0.5, 1.0).mean())


def recall_ceiling(alike, k):
    """Best recall@k when texts with the same words can only be chosen among at random.

    alike: (N,) number of texts with the words of the correct one, itself included.
    """
    return float(np.minimum(1, k / np.asarray(alike)).mean())


def count_alike(texts):
    """For each of N texts, how many of them hold the same words, itself included: (N,) int64."""
    bags = [_bag(text) for text in texts]
    times = Counter(bags)
    return np.array([times[bag] for bag in bags])


def _bag(text):
    return tuple(sorted(text.split()))
