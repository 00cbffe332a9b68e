import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from labclip_lib.inside.cross_scorer import CrossScorer, fit_cross_scorer
from labclip_lib.measures.outcomes import pairwise_outcomes

TOKENS = 5


def drawn(seed=0, n=96):
    """Pictures whose two parts hold a pair of words each, their captions, and the same with the first words exchanged.

    Colours and shapes have directions of their own; a part is their sum.
    """
    rng = np.random.default_rng(seed)
    color, shape = (torch.from_numpy(rng.random((n, 4)).argsort(1)[:, :2]) for _ in range(2))
    axes = torch.eye(16)
    parts = normalize(axes[color] + axes[4 + shape], dim=-1)

    def caption(color):
        words = [
            axes[color[:, 0]],
            axes[4 + shape[:, 0]],
            axes[8].expand(n, -1),
            axes[color[:, 1]],
            axes[4 + shape[:, 1]],
        ]
        return torch.stack(words, 1)

    return parts, caption(color), caption(color.flip(1)), torch.ones(n, TOKENS, dtype=torch.bool)


@pytest.fixture(scope="module")
def fitted():
    return fit_cross_scorer(*drawn(), steps=150, batch=32)


def swap(scorer, parts, own, foils, present):
    own, foils = (scorer.scores(parts, tokens, present).diagonal() for tokens in (own, foils))
    return float(pairwise_outcomes(own, foils).mean())


def test_it_learns_which_words_are_of_one_part(fitted):
    assert swap(fitted, *drawn(seed=1)) > 0.95


def test_of_wholes_it_learns_nothing_where_the_whole_is_a_bag(fitted):
    parts, *rest = drawn()
    bag = normalize(parts.sum(1, keepdim=True), dim=-1)
    scorer = fit_cross_scorer(bag, *rest, steps=100, batch=32)
    parts, *rest = drawn(seed=1)
    assert 0.3 < swap(scorer, normalize(parts.sum(1, keepdim=True), dim=-1), *rest) < 0.7


def test_the_same_seed_gives_the_same_scorer():
    first, second, third = (fit_cross_scorer(*drawn(), seed=seed, steps=3) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.last.weight, third.last.weight)


def test_scores_are_those_of_a_loop(fitted):
    """In float64, picture by picture, caption by caption, part by part."""
    parts, own, _, present = drawn(seed=2, n=3)
    present = present.clone()
    present[1, 3:] = False
    found, scorer = fitted.scores(parts, own, present), CrossScorer().double()
    scorer.load_state_dict({name: value.double() for name, value in fitted.state_dict().items()})
    for i in range(3):
        for j in range(3):
            cosines = parts[i].double() @ own[j, present[j]].double().T
            seen = torch.stack([scorer.second(scorer.first(10 * one[None, None]).relu()).relu()[0] for one in cosines])
            worth = scorer.last(seen.amax(0).T).mean().item()
            assert found[i, j].item() == pytest.approx(worth, abs=1e-4)


def test_absent_tokens_change_nothing(fitted):
    parts, own, _, present = drawn(seed=2, n=3)
    longer = torch.cat([own, torch.ones(3, 2, own.shape[2])], 1)
    there = torch.cat([present, torch.zeros(3, 2, dtype=torch.bool)], 1)
    assert torch.allclose(fitted.scores(parts, longer, there), fitted.scores(parts, own, present), atol=1e-5)


def test_it_has_few_weights_whatever_the_towers():
    assert sum(weights.numel() for weights in CrossScorer().parameters()) < 2_000


def test_one_picture_alone_has_no_other_caption(raises_saying):
    parts, own, foils, present = drawn(n=1)
    with raises_saying(ValueError, "two or more pictures", "got 1"):
        fit_cross_scorer(parts, own, foils, present)
