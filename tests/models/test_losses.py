import math

import open_clip
import pytest
import torch
from torch.nn.functional import normalize

from labclip_lib.models.losses import hard_negative_info_nce, info_nce


def unit(seed, *shape):
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def by_hand(images, texts, scale):
    """InfoNCE one logarithm at a time."""
    total = 0.0
    for anchors, others in ((images, texts), (texts, images)):
        for i, anchor in enumerate(anchors):
            weights = [math.exp(scale * float(anchor @ other)) for other in others]
            total -= math.log(weights[i] / sum(weights)) / (2 * len(images))
    return total


@pytest.mark.parametrize("scale", [1.0, 14.3, 100.0])
@pytest.mark.parametrize("size", [1, 2, 17])
def test_info_nce_agrees_with_open_clip_and_with_a_loop(scale, size):
    images, texts = unit(0, size, 8), unit(1, size, 8)
    ours = float(info_nce(images, texts, scale))
    assert ours == pytest.approx(by_hand(images, texts, scale), abs=1e-10)
    assert ours == pytest.approx(float(open_clip.loss.ClipLoss()(images, texts, scale)), abs=1e-10)


@pytest.mark.parametrize("size", [2, 192])
def test_no_information_costs_ln_b(size):
    same = unit(2, 1, 8).expand(size, 8)
    assert float(info_nce(same, same, 20.0)) == pytest.approx(math.log(size), abs=1e-9)


def test_perfect_pairs_cost_nothing():
    assert float(info_nce(torch.eye(6), torch.eye(6), 100.0)) < 1e-6


def test_images_and_texts_may_change_places():
    images, texts = unit(0, 5, 8), unit(1, 5, 8)
    assert float(info_nce(images, texts, 10.0)) == pytest.approx(float(info_nce(texts, images, 10.0)), abs=1e-12)


def test_gradients_are_right_for_the_scale_too():
    inputs = unit(0, 4, 5).requires_grad_(), unit(1, 4, 5).requires_grad_()
    scale = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(info_nce, (*inputs, scale))


@pytest.mark.parametrize(
    ("a", "b", "seen"), [((3, 4), (2, 4), "(2, 4)"), ((4,), (4,), "(4,)"), ((0, 4), (0, 4), "(0, 4)")]
)
def test_other_shapes_are_refused(a, b, seen, raises_saying):
    with raises_saying(ValueError, seen):
        info_nce(torch.ones(a), torch.ones(b), 1.0)


# Hard negatives


def with_negatives_by_hand(images, texts, negatives, scale):
    captions = [*texts, *negatives.flatten(0, -2)]
    total = 0.0
    for anchors, others in ((images, captions), (texts, images)):
        for i, anchor in enumerate(anchors):
            weights = [math.exp(scale * float(anchor @ other)) for other in others]
            total -= math.log(weights[i] / sum(weights)) / (2 * len(images))
    return total


@pytest.mark.parametrize("shape", [(6, 8), (6, 1, 8), (6, 3, 8)])
def test_images_choose_among_the_negatives_too_and_captions_do_not(shape):
    images, texts, negatives = unit(0, 6, 8), unit(1, 6, 8), unit(2, *shape)
    ours = float(hard_negative_info_nce(images, texts, negatives, 9.0))
    assert ours == pytest.approx(with_negatives_by_hand(images, texts, negatives, 9.0), abs=1e-10)


def test_one_negative_may_come_with_or_without_its_axis():
    images, texts, negatives = unit(0, 6, 8), unit(1, 6, 8), unit(2, 6, 8)
    both = [float(hard_negative_info_nce(images, texts, n, 9.0)) for n in (negatives, negatives[:, None])]
    assert both[0] == both[1]


def test_twins_that_tie_cost_half_a_bit_more():
    """If the negatives are the captions themselves, each image has two equal choices: ln 2, in one direction of two."""
    plain = float(info_nce(torch.eye(6).double(), torch.eye(6).double(), 100.0))
    tied = float(hard_negative_info_nce(*[torch.eye(6).double()] * 3, 100.0))
    assert tied - plain == pytest.approx(math.log(2) / 2, abs=1e-9)


@pytest.mark.parametrize("shape", [(5, 8), (6, 7), (6,), (6, 1, 1, 8), (5, 2, 8)])
def test_negatives_of_another_shape_are_refused(shape, raises_saying):
    with raises_saying(ValueError, "(6, 8)", str(shape)):
        hard_negative_info_nce(unit(0, 6, 8), unit(1, 6, 8), torch.ones(shape), 1.0)
