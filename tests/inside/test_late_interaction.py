import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from labclip_lib.inside import late_interaction
from labclip_lib.inside.late_interaction import part_scores


def drawn(seed, *shape):
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def reference(parts, phrases, present):
    """Caption by caption, in float64."""
    out = np.zeros((len(parts), len(phrases)))
    for i, picture in enumerate(parts.double().numpy()):
        for j, (caption, real) in enumerate(zip(phrases.double().numpy(), present.numpy(), strict=True)):
            out[i, j] = np.mean([max(picture @ phrase) for phrase in caption[real]])
    return out


@pytest.mark.parametrize("step", [2**24, 1])
def test_scores_are_those_of_a_slow_reference(monkeypatch, step):
    monkeypatch.setattr(late_interaction, "STEP", step)
    parts, phrases = drawn(0, 7, 4, 16), drawn(1, 5, 3, 16)
    present = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]]).bool()
    for mask in (present, torch.ones_like(present)):
        expected = reference(parts, phrases, mask)
        assert part_scores(parts, phrases, mask).numpy() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(part_scores(parts, phrases), part_scores(parts, phrases, torch.ones_like(present)))


def test_one_part_and_one_phrase_are_the_cosine():
    parts, phrases = drawn(2, 6, 1, 8), drawn(3, 4, 1, 8)
    assert part_scores(parts, phrases).numpy() == pytest.approx((parts[:, 0] @ phrases[:, 0].T).numpy(), abs=1e-6)


@pytest.mark.parametrize(
    ("parts", "phrases", "present", "said"),
    [
        (torch.ones(3, 8), torch.ones(2, 1, 8), None, "got (3, 8) and (2, 1, 8)"),
        (torch.ones(3, 2, 8), torch.ones(2, 1, 4), None, "got (3, 2, 8) and (2, 1, 4)"),
        (torch.ones(3, 0, 8), torch.ones(2, 1, 8), None, "got (3, 0, 8)"),
        (torch.ones(3, 2, 8), torch.ones(2, 1, 8), torch.tensor([[True], [False]]), "a phrase of each caption"),
        (torch.ones(3, 2, 8), torch.ones(2, 1, 8), torch.ones(2, 2, dtype=torch.bool), "must be (2, 1)"),
    ],
)
def test_what_does_not_fit_is_named(raises_saying, parts, phrases, present, said):
    with raises_saying(ValueError, said):
        part_scores(parts, phrases, present)
