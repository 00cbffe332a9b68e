import math

import open_clip
import pytest
import several as together
import torch
from torch.nn.functional import normalize

from labclip_lib.models import losses
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


# In chunks


@pytest.mark.parametrize("chunk", [1, 3, 10, 11, 50])
@pytest.mark.parametrize("extra", [None, (11, 8), (11, 2, 8)])
def test_chunks_change_neither_loss_nor_gradients(chunk, extra, device):
    def run(chunk):
        inputs = [unit(seed, 11, 8).to(device).requires_grad_() for seed in (0, 1)]
        scale = torch.tensor(8.0, dtype=torch.float64, device=device, requires_grad=True)
        if extra is None:
            loss = info_nce(*inputs, scale, chunk)
        else:
            inputs.append(unit(2, *extra).to(device).requires_grad_())
            loss = hard_negative_info_nce(*inputs, scale, chunk)
        return [loss, *torch.autograd.grad(loss, [*inputs, scale])]

    for whole, parts in zip(run(None), run(chunk), strict=True):
        assert torch.allclose(whole, parts, rtol=0, atol=1e-12)


def test_no_more_than_a_chunk_of_similarities_is_held(monkeypatch):
    seen = []
    real = losses.F.log_softmax
    monkeypatch.setattr(losses.F, "log_softmax", lambda logits, dim: seen.append(logits.shape) or real(logits, dim))
    texts = unit(1, 20, 8).requires_grad_()
    hard_negative_info_nce(unit(0, 20, 8), texts, unit(2, 20, 2, 8), 5.0, chunk=6).backward()
    assert max(rows for rows, _ in seen) == 6 and {columns for _, columns in seen} == {20, 60}
    assert len(seen) == 2 * 4  # four chunks, two directions; nothing is computed again in the backward pass


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("wanted", [[True, False, False], [False, True, False], [False, False, True]])
def test_gradients_with_hard_negatives_are_right_whatever_else_is_frozen(chunk, wanted):
    tables = [
        unit(seed, *shape).requires_grad_(on)
        for seed, shape, on in zip((0, 1, 2), ((3, 4), (3, 4), (3, 2, 4)), wanted, strict=True)
    ]
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=wanted[2])
    assert torch.autograd.gradcheck(lambda *inputs: hard_negative_info_nce(*inputs, chunk), (*tables, scale))


@pytest.mark.parametrize("chunk", [None, 5])
def test_similarities_in_bfloat16_leave_gradients_in_the_precision_of_the_embeddings(chunk, device):
    def run(precision):
        inputs = [unit(seed, 24, 32).float().to(device).requires_grad_() for seed in range(3)]
        with torch.autocast(device, torch.bfloat16, enabled=precision == torch.bfloat16):
            loss = hard_negative_info_nce(*inputs, 10.0, chunk)
        return [loss.detach(), *torch.autograd.grad(loss, inputs)]

    for exact, rounded in zip(run(torch.float32), run(torch.bfloat16), strict=True):
        assert rounded.dtype == torch.float32
        assert float((rounded - exact).norm() / exact.norm()) < 0.02


def test_a_chunk_of_nothing_is_refused(raises_saying):
    with raises_saying(ValueError, "chunk", "0"):
        info_nce(unit(0, 4, 8), unit(1, 4, 8), 1.0, chunk=0)


# In several processes


def test_the_parts_of_several_processes_add_up(several):
    alone = together.losses()
    assert len(alone) == 18
    for what, (loss, rows, scale) in alone.items():
        parts = [found["losses"][what] for found in several]
        assert float(sum(part[0] for part in parts)) == pytest.approx(float(loss), abs=1e-12)
        assert float(sum(part[2] for part in parts)) == pytest.approx(float(scale), abs=1e-12)
        for k, whole in enumerate(rows):
            assert torch.allclose(torch.cat([part[1][k] for part in parts]), whole, rtol=0, atol=1e-12)
