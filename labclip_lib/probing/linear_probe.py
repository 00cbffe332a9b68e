"""The linear probe: multinomial logistic regression as a scikit-learn estimator, on any device."""

import dataclasses

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from labclip_lib.base.devices import pick_device

DECAYS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)


class LinearProbe(ClassifierMixin, BaseEstimator):
    """Multinomial logistic regression on any device, a scikit-learn estimator.

    solver: "lbfgs", full-batch L-BFGS on standardised features, or "sgd", the LABCLIP authors' recipe: plain
        SGD, learning rate 0.1, batches of 32, 100 epochs, no weight decay, features as they are.
    decays: weight decays to try ("lbfgs" only). The loss is mean log loss + decay / 2 * |w|^2, w the weights of
        the standardised features. The decay with the smallest log loss on validation data is chosen.
    max_iter: L-BFGS iterations, or epochs of SGD. tol: L-BFGS stops when max|gradient| < tol, in coordinates
        whose curvature is at most 1; smaller values gained nothing on held-out data.
    device: as in `load_backbone`. random_state: an int.
    Sets classes_, coef_ (C, D), intercept_ (C,), decay_ and n_iter_.

    >>> scenes = World().sample(1000, objects=1)
    >>> X, y = embed_images(load_backbone("pocket", "cpu"), scenes), scenes.color[:, 0]
    >>> LinearProbe(device="cpu").fit(X[:800], y[:800]).score(X[800:], y[800:]) > 0.95
    True
    """

    def __init__(self, solver="lbfgs", decays=DECAYS, max_iter=100, tol=1e-2, device="auto", random_state=0):
        self.solver = solver
        self.decays = decays
        self.max_iter = max_iter
        self.tol = tol
        self.device = device
        self.random_state = random_state

    def fit(self, X, y, validation=None):
        """Fit the probe. X: (N, D) array or tensor; y: (N,) labels. validation: (X, y) held out to choose the decay.

        Without validation, a random tenth of the rows is held out to choose the decay; the probe is then fitted to all.
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
            weight, bias = fit_sgd(x, target.float().argmax(1), target.shape[1], self.random_state, self.max_iter)
            self.decay_, self.n_iter_ = 0.0, self.max_iter
        else:
            if validation is None:
                order = np.random.default_rng(self.random_state).permutation(len(x))
                held, train = order[: max(1, len(x) // 10)], order[max(1, len(x) // 10) :]
                _, _, best, _ = self._solve(x[train], target[train], x[held], target[held], self.decays)
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
        train, held = Rows(x[None], target[None]), Rows(xv[None], tv[None])
        fit = fit_lbfgs(train, held, decays, "one", self.max_iter, self.tol)
        return fit.weight[0], fit.bias[0], fit.decay[0], fit.n_iter

    def decision_function(self, X):
        """(N, C) logits; with two classes (N,), the second's minus the first's, as in scikit-learn."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X):
        """The most probable class of each row, (N,)."""
        logits = self._logits(X)  # before classes_ is read, because it raises when the probe is not fitted
        return self.classes_[logits.argmax(1)]

    def predict_proba(self, X):
        """(N, C) probabilities, in the order of classes_."""
        return torch.as_tensor(self._logits(X)).softmax(1).numpy()

    def _logits(self, X):
        check_is_fitted(self)
        X = validate_data(self, _host(X), reset=False, dtype=(np.float32, np.float64))
        return X @ self.coef_.T + self.intercept_


# Fitting


@dataclasses.dataclass
class Rows:
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
        """(P, M) weights: equal over each probe's real rows, zero on padding, and summing to one."""
        return self.real / self.real.sum(1, keepdim=True).clamp(min=1)


@dataclasses.dataclass
class Fit:
    weight: torch.Tensor  # (P, C, D)
    bias: torch.Tensor  # (P, C)
    decay: list
    n_iter: int

    def logits(self, x):
        return x @ self.weight.mT + self.bias[:, None]


def fit_lbfgs(train, held, decays, kind, max_iter=100, tol=1e-2):
    """Fit P probes at K decays in one convex problem; each probe keeps the decay with the least validation loss.

    Plain L-BFGS converges slowly on correlated features, such as embeddings. So we rotate the features to their
    principal axes, and write the weights on axis d as w_d = v_d / sqrt(curvature_d / 2 + decay), curvature_d the
    variance along it. By Boehning's bound (1992) the Hessian of the log loss is at most half the covariance of the
    features, so the loss has a curvature of at most 1 in every direction of v, and few iterations suffice.
    """
    # Squares of very large or small features overflow or underflow float32.
    size = float(train.x.abs().max())
    shrink = 1.0 if 1e-12 < size < 1e12 or not size else 1 / size
    train, held = (dataclasses.replace(part, x=part.x * shrink) for part in (train, held))
    weight = train.weight[..., None]
    mean = (train.x * weight).sum(1, keepdim=True)
    spread = ((train.x - mean).square() * weight).sum(1, keepdim=True).sqrt()
    spread = torch.where(
        spread > 1e-6 * spread.amax().clamp(min=1e-30), spread, torch.inf
    )  # constant features are ignored
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
    return Fit(
        w[probe, :, best].mT.contiguous() * shrink, bias[probe, best], [decays[i] for i in best.tolist()], n_iter
    )


def _loss(logits, target, kind):
    """(P, M, K) loss of (P, M, K, C) logits against a (P, M, C) target."""
    target = target[:, :, None].expand_as(logits)
    if kind == "one":
        return -(target * logits.log_softmax(-1)).sum(-1)
    return binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)


def fit_sgd(x, y, classes, seed, epochs=100):
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
