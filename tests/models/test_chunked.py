import pytest
import several as together
import torch
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode

from labclip_lib.models.chunked import chunked_info_nce
from labclip_lib.models.losses import hard_negative_info_nce, info_nce


def unit(seed, *shape):
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


@pytest.mark.parametrize("chunk", [None, 1, 3, 10, 11, 50])
@pytest.mark.parametrize("extra", [None, (11, 8), (11, 2, 8)])
def test_chunks_change_neither_loss_nor_gradients(chunk, extra, device):
    shapes = [(11, 8), (11, 8)] if extra is None else [(11, 8), (11, 8), extra]
    inputs = [unit(seed, *shape).to(device).requires_grad_() for seed, shape in enumerate(shapes)]
    scale = torch.tensor(8.0, dtype=torch.float64, device=device, requires_grad=True)

    def with_gradients(loss):
        return [loss, *torch.autograd.grad(loss, [*inputs, scale])]

    plain = (info_nce if extra is None else hard_negative_info_nce)(*inputs, scale)
    in_chunks = chunked_info_nce(*inputs, *[None] * (extra is None), scale, 11, chunk)
    for whole, parts in zip(with_gradients(plain), with_gradients(in_chunks), strict=True):
        assert torch.allclose(whole, parts, rtol=0, atol=1e-12)


class Shapes(TorchDispatchMode):
    """Notes the shape of each tensor that torch computes, and those of log-softmaxes in a list of their own."""

    def __init__(self):
        super().__init__()
        self.every, self.log_softmaxes = set(), []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.every.add(tuple(out.shape))
        if "log_softmax" in str(function):
            self.log_softmaxes.append(tuple(out.shape))
        return out


def test_no_more_than_a_chunk_of_similarities_is_held():
    texts = unit(1, 20, 4).requires_grad_()
    with Shapes() as seen:
        chunked_info_nce(unit(0, 20, 4), texts, unit(2, 20, 2, 4), 5.0, 20, chunk=6).backward()
    wide = [shape for shape in seen.every if len(shape) == 2 and shape[1] >= 20]
    assert max(rows for rows, _ in wide) == 6 and {columns for _, columns in wide} == {20, 60}
    assert len(seen.log_softmaxes) == 2 * 4  # four chunks, two directions; the backward pass computes nothing again


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("wanted", [[True, False, False], [False, True, False], [False, False, True]])
def test_gradients_with_hard_negatives_are_right_whatever_else_is_frozen(chunk, wanted):
    tables = [
        unit(seed, *shape).requires_grad_(on)
        for seed, shape, on in zip((0, 1, 2), ((3, 4), (3, 4), (3, 2, 4)), wanted, strict=True)
    ]
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=wanted[2])
    assert torch.autograd.gradcheck(lambda *inputs: chunked_info_nce(*inputs, 3, chunk), (*tables, scale))


@pytest.mark.parametrize("chunk", [None, 5])
def test_similarities_in_bfloat16_leave_gradients_in_the_precision_of_the_embeddings(chunk, device):
    def run(precision):
        inputs = [unit(seed, 24, 32).float().to(device).requires_grad_() for seed in range(3)]
        with torch.autocast(device, torch.bfloat16, enabled=precision == torch.bfloat16):
            loss = chunked_info_nce(*inputs, 10.0, 24, chunk)
        return [loss.detach(), *torch.autograd.grad(loss, inputs)]

    for exact, rounded in zip(run(torch.float32), run(torch.bfloat16), strict=True):
        assert rounded.dtype == torch.float32
        assert float((rounded - exact).norm() / exact.norm()) < 0.02


def test_a_chunk_of_nothing_is_refused(raises_saying):
    with raises_saying(ValueError, "chunk", "0"):
        chunked_info_nce(unit(0, 4, 8), unit(1, 4, 8), None, 1.0, 4, chunk=0)


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
