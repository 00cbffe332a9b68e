"""What a bag of words gets: a reader who knows which words a text holds, and not in which order."""

from collections import Counter

import numpy as np


def same_words(texts, others):
    """Does each of N texts hold the same words as its other, each as often? (N,) bool."""
    return np.array([_bag(a) == _bag(b) for a, b in zip(texts, others, strict=True)])


def pairwise_ceiling(same):
    """Best accuracy at telling a text from a foil: always right, but for a half where they hold the same words.

    same: (N,) bool, as of `same_words`; or one for all.
    """
    return float(np.where(same, 0.5, 1.0).mean())


def recall_ceiling(alike, k):
    """Best recall@k among texts of which some hold the same words, and are chosen at random.

    alike: (N,) how many hold the words of the right one, itself among them.
    """
    return float(np.minimum(1, k / np.asarray(alike)).mean())


def count_alike(texts):
    """How many of N texts hold the words of each, itself among them: (N,) int64."""
    bags = [_bag(text) for text in texts]
    times = Counter(bags)
    return np.array([times[bag] for bag in bags])


def _bag(text):
    return tuple(sorted(text.split()))
