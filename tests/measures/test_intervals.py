import numpy as np
import pytest

from labclip_lib.measures.intervals import bootstrap_ci, estimate, paired_difference

# Intervals


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        low, high = bootstrap_ci(rng.random(80) < 0.7, seed=trial, draws=300)
        hits += low <= 0.7 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_interval_has_the_width_of_theory():
    values = np.random.default_rng(1).normal(size=2000)
    low, high = bootstrap_ci(values)
    assert low < values.mean() < high
    assert (high - low) / 2 == pytest.approx(1.96 / 2000**0.5, rel=0.1)
    narrow = bootstrap_ci(values, level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_items_of_a_cluster_are_not_independent():
    """Each value nine times over is no more knowledge; as clusters it gives the interval of the values."""
    values = np.random.default_rng(2).random(50)
    clusters = [np.full(9, value) for value in values]
    assert bootstrap_ci(clusters) == pytest.approx(bootstrap_ci(values))
    low, high = bootstrap_ci(np.concatenate(clusters))
    wide = bootstrap_ci(clusters)
    assert high - low < 0.5 * (wide[1] - wide[0])


def test_uneven_clusters_are_weighed_by_their_items():
    low, high = bootstrap_ci([[1.0] * 99, [0.0]], draws=500)
    assert low == 0.0 and high == 1.0
    assert bootstrap_ci([[1.0, 0.0, 0.5]]) == (0.5, 0.5)


def test_same_seed_same_interval():
    values = np.random.default_rng(3).random(30)
    assert bootstrap_ci(values, 1) == bootstrap_ci(values, 1) != bootstrap_ci(values, 2)


@pytest.mark.parametrize("values", [[], [np.nan, 1.0], [[1.0], []], [np.inf]])
def test_interval_of_nothing_is_refused(values, raises_saying):
    with raises_saying(ValueError, "finite", f"{len(values)} clusters"):
        bootstrap_ci(values)


def test_estimate_is_the_mean_with_the_interval_of_its_clusters():
    rng = np.random.default_rng(4)
    clusters = rng.integers(0, 20, 200)
    values = rng.random(20)[clusters] + 0.1 * rng.random(200)
    groups = [values[clusters == c] for c in range(20) if (clusters == c).any()]
    found = estimate(values, clusters, seed=5)
    assert found == pytest.approx((values.mean(), *bootstrap_ci(groups, 5)))
    assert found.high - found.low > 2 * (estimate(values).high - estimate(values).low)
    assert estimate(values, seed=5) == (pytest.approx(values.mean()), *bootstrap_ci(values, 5))


def test_order_of_the_items_does_not_matter_to_clusters():
    rng = np.random.default_rng(4)
    clusters, values, order = rng.integers(0, 20, 200), rng.random(200), rng.permutation(200)
    assert estimate(values[order], clusters[order]) == pytest.approx(estimate(values, clusters))


def test_estimate_reads_as_a_sentence_would():
    assert str(estimate([1.0, 1.0])) == "1.000 (1.000 to 1.000)"


@pytest.mark.parametrize("labels", [2, 4])
def test_estimate_needs_a_cluster_for_each_value(labels, raises_saying):
    with raises_saying(ValueError, f"got {labels} for 3"):
        estimate(np.zeros(3), np.zeros(labels))


def test_pairing_takes_out_what_makes_an_item_hard_for_both():
    rng = np.random.default_rng(6)
    hardness, noise = rng.normal(size=300), 0.1 * rng.normal(size=300)
    first, second = hardness + 0.2 + noise, hardness
    paired = paired_difference(first, second)
    assert paired.low < 0.2 < paired.high and paired.low > 0
    apart = [estimate(values, seed=i) for i, values in enumerate((first, second))]
    unpaired = sum((side.high - side.low) ** 2 for side in apart) ** 0.5
    assert paired.high - paired.low < 0.2 * unpaired
    assert paired_difference(second, first) == pytest.approx((-paired.mean, -paired.high, -paired.low))


def test_paired_difference_takes_clusters():
    first = np.repeat(np.random.default_rng(7).random(40), 5)
    alone, together = (paired_difference(first, np.zeros(200), c) for c in (None, np.arange(200) // 5))
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


@pytest.mark.parametrize("shape", [(2,), (3, 1), ()])
def test_paired_difference_needs_the_same_items(shape, raises_saying):
    with raises_saying(ValueError, "(3,)", str(shape)):
        paired_difference(np.zeros(3), np.zeros(shape))
