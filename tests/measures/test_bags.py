import numpy as np
import pytest

from labclip_lib.measures.bags import count_alike, pairwise_ceiling, recall_ceiling, same_words

TEXTS = ["red circle and blue square", "blue circle and red square", "red circle and red square", "red circle"]


def test_order_makes_no_other_words_and_number_does():
    assert same_words(TEXTS[:1] * 4, TEXTS).tolist() == [True, True, False, False]
    assert count_alike([*TEXTS, TEXTS[0]]).tolist() == [3, 3, 1, 1, 3]
    with pytest.raises(ValueError, match="shorter"):
        same_words(TEXTS, TEXTS[:2])


def test_a_coin_decides_between_texts_of_the_same_words():
    assert pairwise_ceiling(np.array([True, True])) == pairwise_ceiling(True) == 0.5
    assert pairwise_ceiling(np.array([False, False])) == 1.0
    assert pairwise_ceiling(np.array([True, False, False, False])) == 0.875


def test_recall_is_drawn_among_those_alike():
    alike = np.array([1, 2, 6])
    assert recall_ceiling(alike, 1) == pytest.approx((1 + 1 / 2 + 1 / 6) / 3)
    assert recall_ceiling(alike, 5) == pytest.approx((1 + 1 + 5 / 6) / 3) and recall_ceiling(alike, 6) == 1.0
