import itertools

import numpy as np
import pytest
import torch

from labclip_lib.measures.groups import (
    MOST,
    group_match_bounds,
    group_match_outcomes,
    group_score_outcomes,
    guessed_group_match,
    guessed_group_score,
)
from labclip_lib.measures.outcomes import pairwise_accuracy


def score(similarity):
    """The definition, for groups without ties."""
    k = similarity.shape[1]
    rows, columns = similarity.argmax(2), similarity.argmax(1)
    return ((rows == torch.arange(k)) & (columns == torch.arange(k))).all(1).double().numpy()


def match(similarity):
    k = similarity.shape[1]
    orders = [list(order) for order in itertools.permutations(range(k))]
    sums = torch.stack([similarity[:, range(k), order].sum(1) for order in orders], 1)
    return (sums.argmax(1) == 0).double().numpy()


@pytest.fixture(params=(2, 3, 4))
def guesses(request):
    return torch.rand(20_000, request.param, request.param, generator=torch.Generator().manual_seed(request.param))


def test_the_outcomes_are_those_of_the_definitions(guesses):
    assert (group_score_outcomes(guesses) == score(guesses)).all()
    assert (group_match_outcomes(guesses) == match(guesses)).all()


def test_the_chance_levels_are_those_of_guessing(guesses):
    k = guesses.shape[1]
    for outcomes, chance in (
        (group_score_outcomes, guessed_group_score(k)),
        (group_match_outcomes, guessed_group_match(k)),
    ):
        error = np.sqrt(chance * (1 - chance) / len(guesses))
        assert abs(outcomes(guesses).mean() - chance) < 4 * error
        assert outcomes(torch.ones(2, k, k)) == pytest.approx([chance, chance])  # who cannot tell anything apart


@pytest.mark.parametrize("k", [2, 3])
def test_a_tie_counts_its_expected_value_under_random_tie_breaking(k):
    rng = np.random.default_rng(k)
    levels = rng.integers(0, 3, (150, k, k)).astype(float)
    levels[:, range(k), range(k)] += 1
    broken = torch.tensor(levels + 1e-3 * rng.random((2000, *levels.shape))).flatten(0, 1)
    for outcomes, slow in ((group_score_outcomes, score), (group_match_outcomes, match)):
        if outcomes is group_match_outcomes:  # orders tie when their sums do, and each is then as likely
            sums = [levels[:, range(k), order].sum(1) for order in itertools.permutations(range(k))]
            best = np.max(sums, 0)
            want = np.where(sums[0] == best, 1 / (np.array(sums) == best).sum(0), 0)
            assert outcomes(torch.tensor(levels)) == pytest.approx(want)
        else:
            want = slow(broken).reshape(2000, -1).mean(0)
            assert ((want > 0) & (want < 1)).any()
            assert outcomes(torch.tensor(levels)) == pytest.approx(want, abs=0.05)


def test_rounding_alone_is_a_tie():
    """A text tower that ignores order, its columns equal but for the last bits."""
    rows = torch.nn.functional.normalize(torch.randn(500, 2, 64, generator=torch.Generator().manual_seed(0)), dim=-1)
    text = torch.nn.functional.normalize(torch.randn(500, 1, 64, generator=torch.Generator().manual_seed(1)), dim=-1)
    similarity = rows @ torch.cat([text, text * (1 + 1e-7)], 1).mT
    assert (group_match_outcomes(similarity) == 0.5).all()
    assert (group_score_outcomes(similarity) == 0).all()  # one image likes this caption more than the other image does


def test_a_preference_cancels_in_the_match_and_tears_swap_accuracy_apart():
    """Both images prefer the second caption: the match stays, and each caption's half of swap accuracy goes its way."""
    rng = torch.Generator().manual_seed(0)
    similarity = torch.randn(4000, 2, 2, generator=rng) + torch.eye(2)
    before = group_match_outcomes(similarity)
    halves, scores = {}, {}
    for preference in (0.0, 1.0, 5.0):
        shifted = similarity + torch.tensor([0.0, preference])
        assert (group_match_outcomes(shifted) == before).all()
        assert (group_match_outcomes(similarity + torch.tensor([[0.0], [preference]])) == before).all()  # of an image
        first = pairwise_accuracy(shifted[:, 0, 0], shifted[:, 0, 1])
        second = pairwise_accuracy(shifted[:, 1, 1], shifted[:, 1, 0])
        halves[preference], scores[preference] = (first, second), group_score_outcomes(shifted).mean()
    assert abs(halves[0.0][0] - halves[0.0][1]) < 0.03
    assert halves[5.0][0] < 0.01 and halves[5.0][1] > 0.99
    assert scores[0.0] > scores[1.0] > scores[5.0] and scores[5.0] < 0.01 < 0.7 < before.mean()


@pytest.mark.parametrize("outcomes", [group_score_outcomes, group_match_outcomes])
@pytest.mark.parametrize(
    ("similarity", "said"),
    [
        (torch.ones(3, 2), "(3, 2)"),
        (torch.ones(3, 2, 3), "(3, 2, 3)"),
        (torch.ones(0, 2, 2), "(0, 2, 2)"),
        (torch.ones(3, 1, 1), "(3, 1, 1)"),
        (torch.ones(1, MOST + 1, MOST + 1), "2 to 6"),
        (torch.full((1, 2, 2), torch.nan), "NaN"),
    ],
)
def test_what_is_no_group_is_refused(outcomes, similarity, said, raises_saying):
    with raises_saying(ValueError, "groups", said):
        outcomes(similarity)


# What single choices say of the match


def choices(similarity):
    """Whether each of two images prefers its caption, and each caption its image."""
    right = similarity.diagonal(dim1=1, dim2=2)
    other_caption, other_image = similarity[:, (0, 1), (1, 0)], similarity[:, (1, 0), (0, 1)]
    return (right > other_caption).numpy(), (right > other_image).numpy()


def test_the_match_lies_between_its_bounds():
    similarity = torch.rand(20_000, 2, 2, generator=torch.Generator().manual_seed(0))
    certain, possible = group_match_bounds(*choices(similarity))
    matched = match(similarity).astype(bool)
    assert (certain <= matched).all() and (matched <= possible).all()
    assert certain.mean() == pytest.approx(1 / 3, abs=0.01) and possible.mean() == pytest.approx(2 / 3, abs=0.01)
    open_ones = possible & ~certain
    assert 0.3 < matched[open_ones].mean() < 0.7  # the choices alone do not tell


def test_a_preference_for_one_caption_or_image_leaves_the_match_open():
    similarity = torch.tensor([[[0.9, 0.5], [0.8, 0.45]], [[0.9, 0.5], [0.8, 0.35]]])
    certain, possible = group_match_bounds(*choices(similarity))
    assert not certain.any() and possible.all()
    assert match(similarity).tolist() == [1, 0]


def test_choices_that_no_similarities_give_are_refused(raises_saying):
    with raises_saying(ValueError, "group 1"):
        group_match_bounds([[True, False], [True, True]], [[True, False], [False, False]])
    with raises_saying(ValueError, "group 0"):
        group_match_bounds([[False, False]], [[True, True]])


@pytest.mark.parametrize(("images", "captions"), [([True], [True]), ([[True] * 3], [[True] * 3]), ([[True] * 2], [])])
def test_bounds_are_of_groups_of_two(images, captions, raises_saying):
    with raises_saying(ValueError, "(G, 2)", str(np.shape(images))):
        group_match_bounds(images, captions)
