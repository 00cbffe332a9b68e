"""Linear probes: what a frozen embedding holds. What their scores are worth, `protocols.py` says.

A probe asks one question of an embedding, "which attribute (colour) does this object (shape) have?", and
may answer with a linear function of it and nothing else. As in the LABCLIP paper (Koishigarina et al.,
2025) there is one probe an object, trained on the scenes that hold that object.
"""

import dataclasses

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot
from torch.nn.utils.rnn import pad_sequence

from labclip_lib.backbones import pick_device
from labclip_lib.directions import even_lengths, look_over, unit

DECAYS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)


class LinearProbe(ClassifierMixin, BaseEstimator):
    """Multinomial logistic regression on any device, a scikit-learn estimator.

    solver: "lbfgs", full-batch L-BFGS on standardised features, or "sgd", the LABCLIP authors' recipe: plain
        SGD, learning rate 0.1, batches of 32, 100 epochs, no weight decay, features as they are.
    decays: weight decays to try, each a factor of half the squared weights of standardised features, beside
        the mean log loss. The one with the smallest log loss on validation data is kept ("lbfgs" alone).
    max_iter: L-BFGS iterations, or epochs of SGD. tol: L-BFGS stops when no entry of the gradient, along axes on
        which the loss bends at most by one, exceeds it; smaller values gained nothing on held-out data.
    device: as in `load_backbone`. random_state: an int.
    Sets classes_, coef_ (C, D), intercept_ (C,), decay_ and n_iter_.
    """

    def __init__(self, solver="lbfgs", decays=DECAYS, max_iter=100, tol=1e-2, device="auto", random_state=0):
        self.solver = solver
        self.decays = decays
        self.max_iter = max_iter
        self.tol = tol
        self.device = device
        self.random_state = random_state

    def fit(self, X, y, validation=None):
        """X: (N, D) array or tensor; y: (N,) labels. validation: (X, y) held out to choose the decay.

        Left out, a random tenth of the rows is held out, and all rows are used once the decay is known.
        """
        if self.solver not in ("lbfgs", "sgd"):
            raise ValueError(f"LinearProbe knows the solvers 'lbfgs' and 'sgd', got {self.solver!r}.")
        device = pick_device(self.device)
        X, y = validate_data(self, _host(X), _host(y), dtype=(np.float32, np.float64), force_writeable=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"LinearProbe needs two or more classes, got one class: {self.classes_[0]!r}.")
        x, target = torch.as_tensor(X, device=device), self._one_hot(labels, device)
        if self.solver == "sgd":
            weight, bias = _sgd(x, target.float().argmax(1), target.shape[1], self.random_state, self.max_iter)
            self.decay_, self.n_iter_ = 0.0, self.max_iter
        else:
            if validation is None:
                order = np.random.default_rng(self.random_state).permutation(len(x))
                held, kept = order[: max(1, len(x) // 10)], order[max(1, len(x) // 10) :]
                _, _, best, _ = self._solve(x[kept], target[kept], x[held], target[held], self.decays)
                weight, bias, best, self.n_iter_ = self._solve(x, target, x, target, (best,))
            else:
                xv = validate_data(self, _host(validation[0]), reset=False, dtype=X.dtype)
                yv = _host(validation[1])
                unknown = sorted(set(np.unique(yv).tolist()) - set(self.classes_.tolist()))
                if unknown:
                    raise ValueError(
                        f"The validation labels hold {unknown[0]!r}, which is not among the training labels."
                    )
                tv = self._one_hot(np.searchsorted(self.classes_, yv), device)
                xv = torch.as_tensor(xv, device=device)
                weight, bias, best, self.n_iter_ = self._solve(x, target, xv, tv, self.decays)
            self.decay_ = best
        self.coef_, self.intercept_ = weight.cpu().numpy(), bias.cpu().numpy()
        return self

    def _one_hot(self, labels, device):
        return one_hot(torch.as_tensor(labels, device=device), len(self.classes_)).bool()

    def _solve(self, x, target, xv, tv, decays):
        train, held = _Rows(x[None], target[None]), _Rows(xv[None], tv[None])
        fit = _fit_lbfgs(train, held, decays, "one", self.max_iter, self.tol)
        return fit.weight[0], fit.bias[0], fit.decay[0], fit.n_iter

    def decision_function(self, X):
        """(N, C) logits; with two classes (N,), the second's minus the first's, as scikit-learn has it."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X):
        """(N,) the most probable class of each row."""
        logits = self._logits(X)  # first of all: it says so when there has been no fit
        return self.classes_[logits.argmax(1)]

    def predict_proba(self, X):
        """(N, C) probabilities, in the order of classes_."""
        return torch.as_tensor(self._logits(X)).softmax(1).numpy()

    def _logits(self, X):
        check_is_fitted(self)
        X = validate_data(self, _host(X), reset=False, dtype=(np.float32, np.float64))
        return X @ self.coef_.T + self.intercept_


# Probes of scenes


@dataclasses.dataclass(frozen=True)
class ProbeResult:
    """Fitted probes and how each test question went; Q questions, P objects, C attributes.

    right: (Q,) 1.0 or 0.0. guess, truth: (Q,) attributes. object, cluster: (Q,) what was asked about, and where.
    weight (P, C, D), bias (P, C): the probes, for embeddings as they came. decay: P chosen weight decays.
    """

    right: np.ndarray
    guess: np.ndarray
    truth: np.ndarray
    object: np.ndarray
    cluster: np.ndarray
    weight: torch.Tensor
    bias: torch.Tensor
    decay: tuple

    @property
    def accuracy(self):
        return float(self.right.mean())


def probe_attributes(features, attribute, object, split, *, solver="lbfgs", decays=DECAYS, tol=1e-2, seed=0):
    """One probe an object, all fitted at once: which attribute does it have? Returns a ProbeResult.

    features: (N, D) embeddings. attribute, object: (N, K) label numbers, no object twice in a scene.
    solver, decays, tol: as in LinearProbe. seed: of the "sgd" solver.
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
        *_where(test, split), fit.weight, fit.bias, tuple(fit.decay),
    )  # fmt: skip


def probe_attribute_sets(features, attribute, object, split, *, decays=DECAYS):
    """One probe an object: the *set* of attributes of all its instances. Objects may repeat.

    Returns ({"size known": (Q,), "size unknown": (Q,)}, (Q,) clusters). "size known" is the paper's score: the k
    largest logits must be the set, with the true k given away. "size unknown" takes what is above one half.
    """
    objects, target = _targets(features, attribute, object)
    features = even_lengths(features)
    fit, test = _fit_scenes(features, objects, target, split, attribute, object, "set", "lbfgs", decays, 1e-2, 0)
    logits, truth = fit.logits(test.x)[test.real], test.target[test.real]
    rank = logits.argsort(-1, descending=True).argsort(-1)
    scores = {"size known": rank < truth.sum(-1, keepdim=True), "size unknown": logits > 0}
    right = {name: (said == truth).all(-1).cpu().double().numpy() for name, said in scores.items()}
    return right, _where(test, split)[1]


def weight_cosine(first, second):
    """(P, C) cosines of two ProbeResults' weights, object by object and attribute by attribute.

    The mean over attributes is taken off first: added to all of a probe's rows, it changes no answer.
    """
    a, b = (unit(result.weight - result.weight.mean(1, keepdim=True)) for result in (first, second))
    return (a * b).sum(-1)


# How they are fitted


@dataclasses.dataclass
class _Rows:
    """Training or test rows of P probes, padded to one length: x (P, M, D), target (P, M, C), real (P, M)."""

    x: torch.Tensor
    target: torch.Tensor
    real: torch.Tensor = None
    scene: torch.Tensor = None

    def __post_init__(self):
        if self.real is None:
            self.real = torch.ones(self.x.shape[:2], dtype=torch.bool, device=self.x.device)

    @property
    def weight(self):
        """(P, M): each probe's real rows count alike and sum to one."""
        return self.real / self.real.sum(1, keepdim=True).clamp(min=1)


@dataclasses.dataclass
class _Fit:
    weight: torch.Tensor  # (P, C, D)
    bias: torch.Tensor  # (P, C)
    decay: list
    n_iter: int

    def logits(self, x):
        return x @ self.weight.mT + self.bias[:, None]


def _targets(features, attribute, object):
    """The number of objects and the (N, P, C) mask of the attributes that each object wears in each scene."""
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
        parts.append(_Rows(features[scene], target[scene, columns], scene >= 0, scene))
    train, held, test = parts
    if solver == "sgd":
        fits = [_sgd(x[r], t[r].float().argmax(1), t.shape[1], seed) for x, t, r in
                zip(train.x, train.target, train.real, strict=True)]  # fmt: skip
        return _Fit(*(torch.stack(part) for part in zip(*fits, strict=True)), [0.0] * objects, 100), test
    return _fit_lbfgs(train, held, decays, kind, tol=tol), test


def _where(test, split):
    """(Q,) object and cluster of each test question."""
    objects = torch.arange(len(test.x), device=test.x.device)[:, None].expand_as(test.real)
    return objects[test.real].cpu().numpy(), split.cluster[test.scene[test.real]].cpu().numpy()


def _fit_lbfgs(train, held, decays, kind, max_iter=100, tol=1e-2):
    """P probes at K decays in one convex problem; each probe keeps the decay with the least validation loss.

    Plain L-BFGS crawls where features are correlated, as embeddings are. So we turn them to their principal
    axes and stretch each axis by Boehning's bound: the Hessian of the log loss is at most half the covariance
    of the features (Boehning, 1992). No direction is then steeper than one, and few iterations suffice.
    """
    # Squares of very large or small features leave float32.
    size = float(train.x.abs().max())
    shrink = 1.0 if 1e-12 < size < 1e12 or not size else 1 / size
    train, held = (dataclasses.replace(part, x=part.x * shrink) for part in (train, held))
    weight = train.weight[..., None]
    mean = (train.x * weight).sum(1, keepdim=True)
    spread = ((train.x - mean).square() * weight).sum(1, keepdim=True).sqrt()
    spread = torch.where(spread > 1e-6 * spread.amax().clamp(min=1e-30), spread, torch.inf)  # a constant says nothing
    x = (train.x - mean) / spread
    axes_device = "cpu" if x.device.type == "mps" else x.device  # MPS has no eigh
    curvature, axes = torch.linalg.eigh((x.mT @ (x * weight)).to(axes_device))
    curvature, axes = curvature.to(x.device), axes.to(x.device)
    decay = torch.as_tensor(decays, dtype=x.dtype, device=x.device)
    scale = (curvature.clamp(min=0)[..., None] / 2 + decay).rsqrt()[..., None]  # (P, D, K, 1)
    z, target = x @ axes, train.target.to(x.dtype)
    v = torch.zeros(*z.shape[::2], len(decay), target.shape[2], dtype=x.dtype, device=x.device, requires_grad=True)
    b = torch.zeros(len(z), 1, *v.shape[2:], dtype=x.dtype, device=x.device, requires_grad=True)
    solver = torch.optim.LBFGS(
        [v, b],
        max_iter=max_iter,
        tolerance_grad=tol,
        tolerance_change=0.0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def objective():
        solver.zero_grad()
        w = v * scale
        logits = (z @ w.flatten(2)).unflatten(2, w.shape[2:]) + b
        value = (_loss(logits, target, kind) * weight).sum() + (decay[:, None] * w.square()).sum() / 2
        value.backward()
        return value

    solver.step(objective)
    with torch.no_grad():
        w = (axes @ (v * scale).flatten(2)).unflatten(2, v.shape[2:]) / spread.mT[..., None]
        bias = b[:, 0] - torch.einsum("pd,pdkc->pkc", mean[:, 0], w)
        logits = torch.einsum("pmd,pdkc->pmkc", held.x, w) + bias[:, None]
        loss = (_loss(logits, held.target.to(x.dtype), kind) * held.weight[..., None]).sum(1)
        best = loss.argmin(1)
    probe = torch.arange(len(best), device=best.device)
    n_iter = solver.state[v]["n_iter"]
    return _Fit(
        w[probe, :, best].mT.contiguous() * shrink, bias[probe, best], [decays[i] for i in best.tolist()], n_iter
    )


def _loss(logits, target, kind):
    """(P, M, K) loss of (P, M, K, C) logits against a (P, M, C) target."""
    target = target[:, :, None].expand_as(logits)
    if kind == "one":
        return -(target * logits.log_softmax(-1)).sum(-1)
    return binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)


def _sgd(x, y, classes, seed, epochs=100):
    """The LABCLIP authors' recipe: (C, D) weights and (C,) biases."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = torch.nn.Linear(x.shape[1], classes, dtype=x.dtype).to(x.device)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).to(x.device).split(32):
            optimizer.zero_grad()
            cross_entropy(layer(x[rows]), y[rows]).backward()
            optimizer.step()
    return layer.weight.detach(), layer.bias.detach()


def _host(values):
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
