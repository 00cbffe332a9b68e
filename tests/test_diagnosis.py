import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score

from labclip_lib.diagnosis import bootstrap_ci, pairwise_accuracy, pairwise_outcomes, recall_at_k


def test_wins_ties_and_losses():
    positive, negative = torch.tensor([0.9, 0.5, 0.1]), torch.tensor([0.1, 0.5, 0.9])
    assert pairwise_outcomes(positive, negative).tolist() == [1.0, 0.5, 0.0]
    assert pairwise_accuracy(positive, negative) == 0.5
    assert pairwise_accuracy([0.9, 0.5], [0.1, 0.5]) == 0.75


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_an_order_blind_encoder_is_at_chance_exactly(n):
    """It gives both captions one embedding, so every pair ties; counted as wins it would look perfect."""
    similarity = torch.randn(n, generator=torch.Generator().manual_seed(0))
    assert pairwise_accuracy(similarity, similarity.clone()) == 0.5


@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=1))
def test_turning_the_pairs_round_turns_the_accuracy_round(pairs):
    positive, negative = (np.array(side, float) for side in zip(*pairs, strict=True))
    assert pairwise_accuracy(positive, negative) == pytest.approx(1 - pairwise_accuracy(negative, positive))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_similarities_that_are_no_numbers_are_refused(bad, side, raises_saying):
    pair = [np.zeros(3), np.zeros(3)]
    pair[side][1] = bad
    with raises_saying(ValueError, "1 similarities", "NaN"):
        pairwise_accuracy(*pair)


@pytest.mark.parametrize(("a", "b"), [((3,), (2,)), ((2, 2), (2, 2)), ((0,), (0,))])
def test_pairs_that_do_not_match_are_refused(a, b, raises_saying):
    with raises_saying(ValueError, str(a), str(b)):
        pairwise_accuracy(np.zeros(a), np.zeros(b))


@pytest.mark.parametrize("k", [1, 3, 9, 12])
def test_recall_agrees_with_scikit_learn(k):
    similarity = np.random.default_rng(0).normal(size=(12, 12)) + np.eye(12)
    want = top_k_accuracy_score(np.arange(12), similarity, k=k, labels=np.arange(12)) if k < 12 else 1.0
    assert recall_at_k(similarity, k) == pytest.approx(want)


@pytest.mark.parametrize(("k", "want"), [(1, 0.25), (2, 0.5), (4, 1.0)])
def test_recall_of_ties_is_the_luck_of_the_draw(k, want):
    assert recall_at_k(torch.zeros(4, 4), k) == pytest.approx(want)


def test_recall_of_partial_ties():
    # One column is better than the true one, which ties with one other: in the top two it has half a place.
    assert recall_at_k(torch.tensor([[0.5, 0.9, 0.5, 0.1]]), 2) == pytest.approx(0.5)


def test_recall_over_more_captions_than_images():
    assert recall_at_k(torch.eye(3, 5), 1) == 1.0


@pytest.mark.parametrize(
    ("similarity", "k", "seen"),
    [
        (torch.zeros(3, 2), 1, "(3, 2)"),
        (torch.zeros(3), 1, "(3,)"),
        (torch.zeros(3, 3), 0, "got 0"),
        (torch.zeros(3, 3), 4, "got 4"),
        (torch.full((2, 2), torch.nan), 1, "NaN"),
    ],
)
def test_recall_refuses_what_it_cannot_rank(similarity, k, seen, raises_saying):
    with raises_saying(ValueError, seen):
        recall_at_k(similarity, k)


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
