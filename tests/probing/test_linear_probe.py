import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from labclip_lib.probing.linear_probe import LinearProbe

# The estimator


@parametrize_with_checks([LinearProbe(device="cpu"), LinearProbe(solver="sgd", max_iter=20, device="cpu")])
def test_it_is_a_scikit_learn_estimator(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it scikit-learn skips what it asks with tensors
    check(estimator)


@pytest.fixture(scope="module")
def table():
    """Correlated features of unlike sizes with three classes that overlap."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    x = rng.normal(size=(400, 12)) + np.eye(12)[y] * 1.5
    return (x @ rng.normal(size=(12, 12))) * np.logspace(-2, 2, 12) + 5, y


@pytest.mark.parametrize(("dtype", "tol"), [(np.float64, 1e-4), (np.float32, 2e-3)])
@pytest.mark.parametrize("decay", [1e-4, 1e-2, 1.0])
def test_it_agrees_with_scikit_learn_in_float64(table, decay, dtype, tol):
    x, y = table
    probe = LinearProbe(decays=(decay,), max_iter=500, tol=1e-9, device="cpu").fit(x.astype(dtype), y)
    z = (x - x.mean(0)) / x.std(0)
    reference = LogisticRegression(C=1 / (len(x) * decay), tol=1e-10, max_iter=10_000).fit(z, y)
    assert np.abs(probe.predict_proba(x.astype(dtype)) - reference.predict_proba(z)).max() < tol


def test_it_runs_on_the_device(table, device):
    x, y = (torch.as_tensor(part, device=device) for part in table)
    here = LinearProbe(device=device).fit(x.float(), y)
    there = LinearProbe(device="cpu").fit(*table)
    assert here.score(*table) == pytest.approx(there.score(*table), abs=0.01)


def test_validation_data_choose_the_decay():
    """Few rows and many features that say nothing: only a strong decay carries over to new rows."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(600, 60)), rng.integers(0, 2, 600)
    x[:, 0] += 2 * y
    probe = LinearProbe(decays=(1e-6, 1.0), device="cpu").fit(x[:80], y[:80], validation=(x[80:300], y[80:300]))
    assert probe.decay_ == 1.0
    loose = LinearProbe(decays=(1e-6,), device="cpu").fit(x[:80], y[:80])
    true = y[300:, None] == probe.classes_
    assert probe.predict_proba(x[300:])[true].min() > 100 * loose.predict_proba(x[300:])[true].min()


def test_class_names_come_back(table):
    x, y = table
    names = np.array(["red", "green", "blue"])[y]
    probe = LinearProbe(device="cpu").fit(x, names, validation=(x[:50], names[:50]))
    assert list(probe.classes_) == ["blue", "green", "red"]
    assert probe.score(x, names) == pytest.approx(LinearProbe(device="cpu").fit(x, y).score(x, y), abs=0.03)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda x, y: (x, np.zeros(len(y))), "one class"),
        (lambda x, y: (np.where(x > 5, np.nan, x), y), "NaN"),
    ],
)
def test_tables_it_cannot_learn_from(table, change, seen):
    with pytest.raises(ValueError, match=seen):
        LinearProbe(device="cpu").fit(*change(*table))


def test_mistakes_of_the_caller(table, raises_saying):
    x, y = table
    with raises_saying(ValueError, "'newton'"):
        LinearProbe(solver="newton").fit(x, y)
    with raises_saying(ValueError, "7"):
        LinearProbe(device="cpu").fit(x, y, validation=(x[:2], np.array([0, 7])))


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_large_and_small_features_are_probed_like_others(scale):
    """Their squares are beyond float32; the weights are for the features as they came."""
    y = np.arange(300) % 3
    x = (np.eye(3)[y] + 0.5 * np.random.default_rng(0).normal(size=(300, 3))).astype(np.float32)
    want, found = LinearProbe(device="cpu").fit(x, y), LinearProbe(device="cpu").fit(x * np.float32(scale), y)
    assert found.score(x * np.float32(scale), y) == pytest.approx(want.score(x, y), abs=0.01)
    assert found.coef_ * scale == pytest.approx(want.coef_, rel=0.01, abs=0.01)
