"""Linear probes of scenes: what a frozen embedding holds. `protocols.py` has what to compare their scores with.

A probe answers one question, "which attribute (colour) does this object (shape) have?", with a linear function of the
embedding. As in the LABCLIP paper (Koishigarina et al., 2025) there is one probe per object, trained on the scenes that
hold that object.
"""

import dataclasses

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from labclip_lib.measures.bags import pairwise_ceiling
from labclip_lib.measures.lengths import even_lengths, look_over, unit
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.probing.linear_probe import DECAYS, Fit, Rows, fit_lbfgs, fit_sgd
from labclip_lib.probing.protocols import bag_of_words_ceiling, chance


@dataclasses.dataclass(frozen=True)
class ProbeResult:
    """Fitted probes and their answers to each test question; Q questions, P objects, C attributes.

    right: (Q,) 1.0 or 0.0. guess, truth: (Q,) predicted and true attributes. object, cluster: (Q,) the object asked
    about, and its scene's cluster.
    chance, bag_of_words: accuracy of guessing on the test scenes, and the best accuracy of a bag of words.
    weight (P, C, D), bias (P, C): the probes, for unstandardised embeddings. decay: P chosen weight decays.
    """

    right: np.ndarray
    guess: np.ndarray
    truth: np.ndarray
    object: np.ndarray
    cluster: np.ndarray
    chance: float
    bag_of_words: float
    weight: torch.Tensor
    bias: torch.Tensor
    decay: tuple

    @property
    def accuracy(self):
        return float(self.right.mean())

    @property
    def measure(self):
        return Measure(self.right, self.cluster, self.chance, self.bag_of_words)


def probe_attributes(features, attribute, object, split, *, solver="lbfgs", decays=DECAYS, tol=1e-2, seed=0):
    """Fit one probe per object, all at once, for the attribute that it has. Returns a ProbeResult.

    features: (N, D) embeddings. attribute, object: (N, K) label numbers, no object twice in a scene.
    solver, decays, tol: as in LinearProbe. seed: for the "sgd" solver.
    Raises ValueError for other shapes, non-finite features, a repeated object or an empty part of the split.
    """
    objects, target = _targets(features, attribute, object)
    features = even_lengths(features)
    if bool((object.sort(1).values.diff(dim=1) == 0).any()):
        raise ValueError("probe_attributes needs scenes that hold no object twice; use probe_attribute_sets.")
    fit, test = _fit_scenes(features, objects, target, split, attribute, object, "one", solver, decays, tol, seed)
    guess, truth = fit.logits(test.x).argmax(-1)[test.real], test.target.float().argmax(-1)[test.real]
    return ProbeResult(
        (guess == truth).cpu().double().numpy(), guess.cpu().numpy(), truth.cpu().numpy(),
        *_where(test, split), *_levels(target, attribute, object, split), fit.weight, fit.bias, tuple(fit.decay),
    )  # fmt: skip


def probe_attribute_sets(features, attribute, object, split, *, decays=DECAYS):
    """Fit one probe per object, for the *set* of attributes of all its instances. Objects may repeat.

    Returns {"size known": Measure, "size unknown": Measure} over Q questions. "size known" is the paper's score: the
    attributes with the k largest logits must be the set, with k its true size. "size unknown" takes all attributes with
    a probability above one half.
    """
    objects, target = _targets(features, attribute, object)
    features = even_lengths(features)
    fit, test = _fit_scenes(features, objects, target, split, attribute, object, "set", "lbfgs", decays, 1e-2, 0)
    logits, truth = fit.logits(test.x)[test.real], test.target[test.real]
    rank = logits.argsort(-1, descending=True).argsort(-1)
    scores = {"size known": rank < truth.sum(-1, keepdim=True), "size unknown": logits > 0}
    cluster = _where(test, split)[1]
    return {
        name: Measure(
            (predicted == truth).all(-1).cpu().double().numpy(),
            cluster,
            *_levels(target, attribute, object, split, size_known=name == "size known"),
        )
        for name, predicted in scores.items()
    }


def probe_swaps(result, features, attribute, object, split):
    """The swap test, asked of probes: which is right, a scene's own description or its twin's, attributes exchanged?

    A description is worth the sum of the logarithms of the probabilities that the probes give to what it says. An
    attribute that no training scene has is left out of both, since a probe has no answer that it never saw; then the
    question is which of the two objects has the other attribute.
    result: of `probe_attributes` with the other four arguments. Returns a Measure over the (T,) test scenes; a tie
    counts half. Raises ValueError unless each scene holds two objects.
    """
    if attribute.ndim != 2 or attribute.shape[1] != 2:
        raise ValueError(f"The swap test is about scenes of two objects, got attributes {tuple(attribute.shape)}.")
    known = torch.isin(attribute, attribute[split.train].unique())
    rows = even_lengths(features)[split.test].to(result.weight.dtype)
    heard = (torch.einsum("nd,pcd->npc", rows, result.weight) + result.bias).log_softmax(-1)

    def worth(order):
        told = attribute[split.test][:, order]
        each = heard[torch.arange(len(rows), device=rows.device)[:, None], object[split.test], told]
        return torch.where(known[split.test][:, order], each, 0).sum(1)

    outcomes = pairwise_outcomes(worth([0, 1]), worth([1, 0]))
    return Measure(outcomes, split.cluster[split.test].cpu().numpy(), 0.5, pairwise_ceiling(True))


def weight_cosine(first, second):
    """Cosines between the weights of two ProbeResults, for each object and attribute: (P, C).

    The mean over attributes is subtracted first: a vector added to all rows of a probe changes no answer.
    """
    a, b = (unit(result.weight - result.weight.mean(1, keepdim=True)) for result in (first, second))
    return (a * b).sum(-1)


def _targets(features, attribute, object):
    """The number of objects P, and the (N, P, C) mask of the attributes that each object has in each scene."""
    if features.ndim != 2 or attribute.shape != object.shape or len(features) != len(attribute):
        raise ValueError(
            "Probes need (N, D) features with (N, K) attributes and objects, got "
            f"{tuple(features.shape)}, {tuple(attribute.shape)} and {tuple(object.shape)}."
        )
    look_over(features, "features")
    objects = int(object.max()) + 1
    target = torch.zeros(len(features), objects, int(attribute.max()) + 1, dtype=torch.bool, device=features.device)
    target[torch.arange(len(features), device=features.device)[:, None], object, attribute] = True
    return objects, target


def _fit_scenes(features, objects, target, split, attribute, object, kind, solver, decays, tol, seed):
    rows = torch.arange(len(features), device=features.device)[:, None]
    asked = torch.zeros(len(features), objects, dtype=torch.bool, device=features.device)
    asked[rows.expand_as(object)[split.asked], object[split.asked]] = True
    parts = []
    for name, mask in (
        ("train", split.train[:, None] & target.any(2)),
        ("validation", split.validation[:, None] & target.any(2)),
        ("test", split.test[:, None] & asked),
    ):
        if not bool(mask.any()):
            raise ValueError(f"The {name} part of the split is empty; give more scenes or another split.")
        scene = pad_sequence([torch.where(mask[:, p])[0] for p in range(objects)], True, -1)
        columns = torch.arange(objects, device=features.device)[:, None]
        parts.append(Rows(features[scene], target[scene, columns], scene >= 0, scene))
    train, held, test = parts
    if solver == "sgd":
        fits = [fit_sgd(x[r], t[r].float().argmax(1), t.shape[1], seed) for x, t, r in
                zip(train.x, train.target, train.real, strict=True)]  # fmt: skip
        return Fit(*(torch.stack(part) for part in zip(*fits, strict=True)), [0.0] * objects, 100), test
    return fit_lbfgs(train, held, decays, kind, tol=tol), test


def _levels(target, attribute, object, split, size_known=True):
    """Chance and the bag-of-words ceiling on the test scenes."""
    tested = attribute[split.test], object[split.test]
    return chance(*tested, target.shape[2], size_known), bag_of_words_ceiling(*tested, size_known)


def _where(test, split):
    """The object and the cluster of each test question, two (Q,) arrays."""
    objects = torch.arange(len(test.x), device=test.x.device)[:, None].expand_as(test.real)
    return objects[test.real].cpu().numpy(), split.cluster[test.scene[test.real]].cpu().numpy()
