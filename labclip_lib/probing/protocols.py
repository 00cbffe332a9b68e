"""How to judge a probe's score: fair splits, a control task, chance and the bag-of-words ceiling."""

import dataclasses
import functools
import itertools
import math
from collections import Counter

import numpy as np
import torch

from labclip_lib.world.twins import number_scenes, pair_clusters


@dataclasses.dataclass(frozen=True)
class Split:
    """Training, validation and test scenes of a probe, each an (N,) mask.

    cluster: (N,) number of each scene's twin pair, the unit that intervals resample.
    asked: (N, K) mask of the objects that the test asks about.
    """

    train: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor
    cluster: torch.Tensor
    asked: torch.Tensor

    def repeated(self, times):
        """The split for the same scenes in `times` layouts, one layout after another."""
        return Split(*(torch.cat([value] * times) for value in vars(self).values()))

    def to(self, device):
        return Split(*(value.to(device) for value in vars(self).values()))

    def thinned(self, clusters, seed=0):
        """The split with only so many clusters in training, drawn at random; those left out are in no part.

        Raises ValueError for a number that the training part does not have.
        """
        known = self.cluster[self.train].unique()
        if not 1 <= clusters <= len(known):
            raise ValueError(f"clusters must be between 1 and the {len(known)} of the training part, got {clusters}.")
        order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed)).to(known.device)
        stays = ~torch.isin(self.cluster, known[order[clusters:]])
        train, validation, test = (part & stays for part in (self.train, self.validation, self.test))
        return Split(train, validation, test, self.cluster, self.asked)


# Four hold-outs, from easy to hard: a new image, an unseen scene, an unseen pair of attribute and object, an unseen
# value. Unseen by whatever is fitted to the training part, not by the model whose embeddings these are.


def split_by_image(attribute, object, seed=42):
    """New images of seen scenes: of each scene's images one is for the test, one for validation, the rest for training.

    attribute, object: (N, K) labels of the images, several of each scene. What this does not hold out: anything that a
    caption says. Raises ValueError when a scene has fewer than three images.
    """
    number = number_scenes(attribute, object)[1].long().cpu().numpy()
    images = np.bincount(number)
    fewest = min(images, default=0)
    if fewest < 3:
        raise ValueError(f"A split by image needs 3 or more images of each scene, got {fewest}; draw more layouts.")
    order = np.lexsort((np.random.default_rng(seed).permutation(len(number)), number))
    place = np.empty(len(number), int)
    place[order] = np.arange(len(number)) - (images.cumsum() - images)[number[order]]
    place = torch.from_numpy(place).to(attribute.device)
    asked = torch.ones_like(attribute, dtype=torch.bool)
    return Split(place > 1, place == 1, place == 0, pair_clusters(attribute, object), asked)


def split_by_combination(attribute, object, seed=42):
    """Held-out combinations: 80 / 10 / 10 % of the unordered scenes, a scene always with its swapped twin.

    attribute, object: (N, K) labels. Scenes that hold the same attributes and the same objects, however they
    are paired, share a part. Every single object may still occur in training. The seed is the paper's.
    Raises ValueError when there are too few different scenes to fill all three parts.
    """
    cluster = pair_clusters(attribute, object)
    n = int(cluster.max()) + 1 if len(cluster) else 0
    if n < 10:
        raise ValueError(f"A split by combination needs 10 or more different combinations, got {n}; add scenes.")
    rank = torch.from_numpy(np.random.default_rng(seed).permutation(n)).to(cluster.device)[cluster] / n
    asked = torch.ones_like(attribute, dtype=torch.bool)
    return Split(rank < 0.8, (rank >= 0.8) & (rank < 0.9), rank >= 0.9, cluster, asked)


def split_by_object(attribute, object, seed=42, with_twins=False):
    """Held-out objects: each object has one attribute that it never has in training, and the test asks for it.

    Scenes without such a held-out combination are for training (90 %) and validation (10 %), again by twin pair; scenes
    with one are the test, which asks only about that object. with_twins: the twin of a test scene is in the test, too.
    Then no hard negative of the training, its twin's caption, says what is held out.
    Raises ValueError when a part is empty.
    """
    parts = split_by_combination(attribute, object, seed)
    n_attributes, n_objects = int(attribute.max()) + 1, int(object.max()) + 1
    order = np.random.default_rng(seed).permutation(max(n_attributes, n_objects))
    hidden = torch.from_numpy(order % n_attributes).to(attribute.device)  # object -> its held-out attribute
    asked = attribute == hidden[object]
    test = asked.any(1)
    if with_twins:
        test = torch.isin(parts.cluster, parts.cluster[test])
    return _the_rest_trains(parts, test, test, asked, "object")


def split_by_value(attribute, object, hidden=2, seed=42):
    """Held-out values: training has never seen `hidden` of the attributes. The test scenes hold one of them.

    It is among other objects: only about these does the test ask, since a probe has no answer that it never saw. Scenes
    of nothing but hidden attributes are in no part. Of the rest, 90 % train and 10 % validate, by twin pair.
    Raises ValueError when there are not so many attributes, or a part is empty.
    """
    parts, n = split_by_combination(attribute, object, seed), int(attribute.max()) + 1
    if not 1 <= hidden < n:
        raise ValueError(f"hidden must be between 1 and {n - 1}, one attribute less than there are, got {hidden}.")
    values = torch.from_numpy(np.random.default_rng(seed).permutation(n)[:hidden]).to(attribute.device)
    new = torch.isin(attribute, values)
    return _the_rest_trains(parts, new.any(1), new.any(1) & ~new.all(1), ~new, "value")


def _the_rest_trains(parts, kept_out, test, asked, what):
    validation = ~kept_out & parts.validation
    out = Split(~kept_out & ~validation, validation, test, parts.cluster, asked)
    for name in ("train", "validation", "test"):
        if not bool(getattr(out, name).any()):
            raise ValueError(f"The {name} part of the split by {what} is empty; add scenes.")
    return out


def control_labels(attribute, object, cluster):
    """Labels for a control task (Hewitt and Liang, 2019): (N, K), a random attribute for each pair and object.

    They are the same for a scene, its twin and all their layouts, so a probe can only memorise them: an accuracy above
    chance on a clean split reveals a leak. Where the test repeats training scenes, task accuracy minus control accuracy
    is a probe's selectivity.
    """
    rng = np.random.default_rng(0)
    table = rng.integers(0, int(attribute.max()) + 1, (int(cluster.max()) + 1, int(object.max()) + 1))
    return torch.from_numpy(table).to(attribute.device)[cluster[:, None], object]


# Baselines


def chance(attribute, object, attributes, size_known=True):
    """Accuracy of a uniform guess at the set of an object's attributes, out of `attributes` possible ones.

    With size_known the guess is among sets of the right size, otherwise among all sets.
    """
    sizes = [len(set(colors)) for _, colors in _per_object(attribute, object)]
    return float(np.mean([1 / (math.comb(attributes, k) if size_known else 2**attributes) for k in sizes]))


def bag_of_words_ceiling(attribute, object, size_known=True):
    """Best accuracy when a scene's attributes and objects are known, but not which object has which attribute.

    attribute, object: (N, K) labels. Every assignment of a scene's attributes to its objects is equally likely, and the
    most frequent answer is given. Answers are sets where an object repeats; with size_known the size of the set is
    known. Returns a float; 0.5 for two objects that differ in both.
    """
    best = []
    for scene, shapes in zip(attribute.tolist(), object.tolist(), strict=True):
        pattern = tuple(sorted(Counter(scene).values()))
        best += [_best_answer(pattern, m, size_known) for m in Counter(shapes).values()]
    return float(np.mean(best))


@functools.lru_cache
def _best_answer(pattern, instances, size_known):
    """Probability that the best guess is right about the attribute set of `instances` of a scene's objects.

    pattern: how often each attribute occurs in the scene.
    """
    owned = [kind for kind, times in enumerate(pattern) for _ in range(times)]
    answers = Counter(frozenset(pick) for pick in itertools.combinations(owned, instances))
    if not size_known:
        return max(answers.values()) / answers.total()
    largest = Counter()
    for answer, times in answers.items():
        largest[len(answer)] = max(largest[len(answer)], times)
    return largest.total() / answers.total()


def _per_object(attribute, object):
    for scene, shapes in zip(attribute.tolist(), object.tolist(), strict=True):
        for shape in dict.fromkeys(shapes):
            yield shape, [c for c, s in zip(scene, shapes, strict=True) if s == shape]
