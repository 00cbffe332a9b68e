import numpy as np
import pytest
from scipy.stats import spearmanr

from labclip_lib.measures.ranks import percentile_ranks, rank_correlations


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    return rng.integers(0, 12, (60, 3)) + np.linspace(0, 10, 60)[:, None] * [1, -1, 0]


def test_a_rank_is_the_share_of_the_others_that_are_worse_and_half_of_those_that_tie(scores):
    ranks = percentile_ranks(scores)
    for column, rank in zip(scores.T, ranks.T, strict=True):
        for value, found in zip(column, rank, strict=True):
            worse, tied = (column < value).sum(), (column == value).sum() - 1
            assert found == pytest.approx((worse + tied / 2) / 59)


def test_the_best_of_all_beats_all(scores):
    scores[7] = 99
    assert (percentile_ranks(scores)[7] == 1).all()


def test_the_correlation_is_spearman_s(scores):
    found = rank_correlations(scores, np.arange(60), draws=50)
    assert found.shape == (3, 3, 3)
    assert found[..., 0] == pytest.approx(spearmanr(scores).statistic)
    assert found[0, 1, 0] < -0.2


def test_it_is_the_same_for_ranks_and_for_scores(scores):
    families = np.arange(60) // 4
    assert rank_correlations(percentile_ranks(scores), families) == pytest.approx(rank_correlations(scores, families))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    truth = 6 / np.pi * np.arcsin(0.5 / 2)  # of two normal variables that correlate by 0.5
    rng, hits = np.random.default_rng(1), 0
    for trial in range(100):
        drawn = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 80)
        _, low, high = rank_correlations(drawn, np.arange(80), trial, draws=200)[0, 1]
        hits += low <= truth <= high
    assert 88 <= hits <= 99


def test_copies_of_a_model_are_no_more_knowledge():
    """Each model nine times over, as a family, gives about the interval of the models."""
    rng = np.random.default_rng(2)
    models = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 40)
    copies = np.repeat(models, 9, 0)
    once = rank_correlations(models, np.arange(40))[0, 1]
    families = rank_correlations(copies, np.repeat(np.arange(40), 9))[0, 1]
    wrong = rank_correlations(copies, np.arange(360))[0, 1]
    assert families == pytest.approx(once, abs=0.03)
    assert wrong[2] - wrong[1] < 0.5 * (families[2] - families[1])


def test_a_draw_in_which_all_models_tie_is_left_out():
    """Half of the draws hold one family alone, all of whose models tie."""
    found = rank_correlations([[1, 1], [1, 2], [2, 3], [2, 4]], [0, 0, 1, 1], draws=200)
    assert np.isfinite(found).all()


def test_the_same_seed_gives_the_same(scores):
    families = np.arange(60) // 6
    same = [rank_correlations(scores, families, seed, draws=30) for seed in (1, 1, 2)]
    assert (same[0] == same[1]).all() and (same[0] != same[2]).any()


@pytest.mark.parametrize("scores", [[[1.0, 2.0]], [1.0, 2.0], [[1.0], [np.nan]], np.ones((3, 0))])
def test_what_cannot_be_ranked_is_refused(scores, raises_saying):
    with raises_saying(ValueError, str(np.shape(scores))):
        percentile_ranks(scores)


@pytest.mark.parametrize(("families", "said"), [([0, 0], "2 labels of 1"), ([0, 1, 2], "3 labels of 3")])
def test_families_must_fit(families, said, raises_saying):
    with raises_saying(ValueError, "each of 2 models", said):
        rank_correlations([[1.0], [2.0]], families)
