import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.nn.functional import one_hot

from labclip_lib.probes import LinearProbe, probe_attribute_sets, probe_attributes, weight_cosine
from labclip_lib.protocols import bag_of_words_ceiling, control_labels, split_by_combination, split_by_object
from labclip_lib.scenes import World

WORLD = World()
SMALL = World(colors=("red", "yellow", "green", "blue", "pink"), shapes=("circle", "square", "star", "ring"))


def binding(color, shape, colors=8, shapes=8, noise=0.3, seed=0):
    """An embedding that holds which colour each shape has, turned about at random and blurred a little."""
    pairs = torch.zeros(len(color), shapes, colors)
    pairs[torch.arange(len(color))[:, None], shape, color] = 1
    return _blurred(pairs.flatten(1), noise, seed)


def bag_of_words(color, shape, colors=8, shapes=8, noise=0.1, seed=0):
    """An embedding that holds which colours and which shapes there are, and not which go together."""
    return _blurred(torch.cat([one_hot(color, colors).sum(1), one_hot(shape, shapes).sum(1)], 1).float(), noise, seed)


def _blurred(content, noise, seed):
    generator = torch.Generator().manual_seed(seed)
    turned = content @ torch.randn(content.shape[1], 96, generator=generator)
    return turned + noise * torch.randn(turned.shape, generator=generator)


@pytest.fixture(scope="module")
def scenes():
    """Colours and shapes of every two-object scene, four layouts each, and their split by combination."""
    one = WORLD.compositions(seed=0)
    split = split_by_combination(one.color, one.shape)
    return one.color.repeat(4, 1), one.shape.repeat(4, 1), split.repeated(4)


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


# Probes of scenes


def test_binding_is_found_and_a_bag_of_words_stays_at_its_ceiling(scenes):
    color, shape, split = scenes
    assert probe_attributes(binding(color, shape), color, shape, split).accuracy > 0.99
    assert 0.4 < probe_attributes(bag_of_words(color, shape), color, shape, split).accuracy < 0.56


def test_only_held_out_scenes_are_scored_each_object_once(scenes):
    color, shape, split = scenes
    result = probe_attributes(binding(color, shape), color, shape, split)
    assert len(result.right) == 2 * int(split.test.sum()) and set(result.right) <= {0.0, 1.0}
    assert set(result.cluster) == set(split.cluster[split.test].tolist())
    assert not set(result.cluster) & set(split.cluster[~split.test].tolist())
    assert np.array_equal(result.right == 1, result.guess == result.truth)


def test_one_batched_fit_equals_one_estimator_an_object():
    scenes = SMALL.compositions(seed=0)
    color, shape = scenes.color.repeat(6, 1), scenes.shape.repeat(6, 1)
    split = split_by_combination(scenes.color, scenes.shape).repeated(6)
    features = binding(color, shape, 5, 4, noise=1.5).double()
    decays = (1e-3, 1e-2)  # at which both have converged
    together = probe_attributes(features, color, shape, split, decays=decays, tol=1e-6)
    for s in range(4):
        rows = {
            name: torch.where((shape == s).any(1) & getattr(split, name))[0] for name in ("train", "validation", "test")
        }
        label = {name: color[r][shape[r] == s] for name, r in rows.items()}
        alone = LinearProbe(decays=decays, tol=1e-6, device="cpu").fit(
            features[rows["train"]], label["train"], (features[rows["validation"]], label["validation"])
        )
        assert alone.decay_ == together.decay[s]
        assert np.abs(alone.coef_ - together.weight[s].numpy()).max() < 1e-3 * np.abs(alone.coef_).max()
        guess = together.guess[together.object == s]
        assert (alone.predict(features[rows["test"]]) == guess).mean() > 0.99


def test_the_authors_recipe_gets_there_too(scenes):
    color, shape, split = scenes
    once = dataclasses.replace(split, **{k: v[:1568] for k, v in vars(split).items()})
    features = binding(color[:1568], shape[:1568])
    ours, theirs = (
        probe_attributes(features, color[:1568], shape[:1568], once, solver=solver).accuracy
        for solver in ("lbfgs", "sgd")
    )
    assert theirs > 0.9 and ours >= theirs - 0.02


def test_held_out_objects_ask_for_an_answer_that_no_probe_was_trained_to_give(scenes):
    """However well an embedding binds: the circle's probe has never been told "red"."""
    color, shape, _ = scenes
    split = split_by_object(color, shape)
    result = probe_attributes(binding(color, shape), color, shape, split)
    assert len(result.right) == int(split.asked[split.test].sum()) and result.accuracy < 0.05


def test_permuted_labels_teach_nothing(scenes):
    color, shape, split = scenes
    mixed = color[torch.randperm(len(color), generator=torch.Generator().manual_seed(0))]
    features = binding(color, shape)
    assert probe_attributes(features, mixed, shape, split).accuracy < 0.2


def test_control_labels_can_be_memorised_but_not_generalised(scenes):
    color, shape, split = scenes
    control = control_labels(color, shape, split.cluster)
    known = {}
    for cluster, row, label in zip(split.cluster.tolist(), shape.tolist(), control.tolist(), strict=True):
        for s, value in zip(row, label, strict=True):
            assert known.setdefault((cluster, s), value) == value  # one label a pair and object, twin or not
    assert abs(np.bincount(list(known.values())) / len(known) - 1 / 8).max() < 0.03
    assert probe_attributes(binding(color, shape), control, shape, split).accuracy < 0.2


def test_sets_of_attributes_where_objects_repeat():
    scenes = World(shapes=("circle", "square", "star")).sample(3000, 4, seed=0, distinct=False)
    color, shape = scenes.color, scenes.shape
    split = split_by_combination(color, shape)
    for encoder, low, high in ((binding, 0.95, 1.0), (bag_of_words, 0.0, 0.5)):
        right, cluster = probe_attribute_sets(encoder(color, shape, 8, 3), color, shape, split)
        asked = sum(len(set(row)) for row in shape[split.test].tolist())
        assert len(right["size known"]) == len(right["size unknown"]) == len(cluster) == asked
        assert low <= right["size unknown"].mean() <= right["size known"].mean() + 0.02 <= high + 0.02
        ceiling = bag_of_words_ceiling(color[split.test], shape[split.test])
        assert (right["size known"].mean() > ceiling + 0.1) == (encoder is binding)


def test_probe_refuses_what_it_cannot_use(scenes, raises_saying):
    color, shape, split = scenes
    features = binding(color, shape)
    with raises_saying(ValueError, "(5, 96)"):
        probe_attributes(features[:5], color, shape, split)
    with raises_saying(ValueError, f"2 of {len(features)}"):
        probe_attributes(features.index_fill(0, torch.tensor([1, 7]), torch.nan), color, shape, split)
    with raises_saying(ValueError, "twice"):
        probe_attributes(features, color, torch.zeros_like(shape), split)
    with raises_saying(ValueError, "validation part", "empty"):
        nothing = torch.zeros_like(split.test)
        probe_attributes(features, color, shape, dataclasses.replace(split, validation=nothing))


def test_cosine_of_probe_weights(scenes):
    color, shape, split = scenes
    first = probe_attributes(binding(color, shape), color, shape, split)
    assert weight_cosine(first, first).shape == (8, 8) and weight_cosine(first, first).min() > 0.999
    shifted = dataclasses.replace(first, weight=first.weight + torch.randn(8, 1, 96))
    assert weight_cosine(first, shifted).min() > 0.999  # the same answers
    again = probe_attributes(binding(color, shape), color, shape, split_by_combination(color, shape, seed=3))
    other = probe_attributes(binding(color, shape, seed=1), color, shape, split)
    assert weight_cosine(first, again).mean() > 0.9 > 0.2 > weight_cosine(first, other).abs().mean()


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_large_and_small_features_are_probed_like_others(scale):
    """Their squares are beyond float32; the weights are for the features as they came."""
    y = np.arange(300) % 3
    x = (np.eye(3)[y] + 0.5 * np.random.default_rng(0).normal(size=(300, 3))).astype(np.float32)
    want, found = LinearProbe(device="cpu").fit(x, y), LinearProbe(device="cpu").fit(x * np.float32(scale), y)
    assert found.score(x * np.float32(scale), y) == pytest.approx(want.score(x, y), abs=0.01)
    assert found.coef_ * scale == pytest.approx(want.coef_, rel=0.01, abs=0.01)


def test_features_without_a_direction_are_named(scenes, raises_saying):
    color, shape, split = scenes
    features = binding(color, shape)
    features[[3, 9]] = 0
    with raises_saying(ValueError, f"2 of {len(features)} rows of features", "row 3", "direction"):
        probe_attributes(features, color, shape, split)
