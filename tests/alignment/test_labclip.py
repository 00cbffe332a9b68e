import os
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from labclip_lib.alignment.labclip import LABCLIP, Unaligned


def texts(n=5, dim=8):
    return normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(0)), dim=-1)


@pytest.fixture
def trained():
    out = LABCLIP(8)
    with torch.no_grad():
        out.linear.weight += torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
        out.t.fill_(2.5)
    return out


def test_at_first_it_changes_nothing():
    fresh = LABCLIP(8)
    assert torch.allclose(fresh(texts()), texts(), atol=1e-6) and fresh.logit_scale.item() == 1


def test_it_maps_rows_by_the_matrix_and_brings_them_to_length_one(trained, device):
    out = trained.to(device)(texts().to(device)).cpu()
    assert torch.allclose(out.norm(dim=1), torch.ones(5), atol=1e-6)
    assert torch.allclose(out, normalize(texts() @ trained.linear.weight.detach().cpu().T, dim=1), atol=1e-5)


def test_its_state_is_that_of_the_authors(trained):
    assert {name: tuple(value.shape) for name, value in trained.state_dict().items()} == {
        "linear.weight": (8, 8),
        "t": (),
    }


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_it_comes_back_as_it_was(trained, tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "pt":
        torch.save(trained.state_dict(), path)
    else:
        trained.save(path)
    back = LABCLIP.load(path)
    assert torch.equal(back(texts()), trained(texts())) and torch.equal(back.t, trained.t)


def test_half_precision_and_a_scale_with_an_axis_are_read(trained, tmp_path):
    state = {"linear.weight": trained.linear.weight.detach().half(), "t": torch.tensor([2.5])}
    save_file(state, tmp_path / "a.safetensors")
    back = LABCLIP.load(tmp_path / "a.safetensors")
    assert back.linear.weight.dtype == torch.float32 and back.t.shape == ()


def test_a_write_that_fails_leaves_what_was_there(trained, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    trained.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        LABCLIP(8).save(path)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


class Code:
    """What a harmful file would hold: something that acts when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('it was executed')",)


def test_code_in_a_file_is_not_executed(tmp_path, raises_saying):
    with (tmp_path / "a.pt").open("wb") as file:
        pickle.dump(Code(), file, protocol=2)
    torch.save({"linear.weight": torch.eye(4), "t": Code()}, tmp_path / "b.pt")
    for name in ("a.pt", "b.pt"):
        with raises_saying(ValueError, name, "pickled objects"):
            LABCLIP.load(tmp_path / name)


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_a_file_that_was_cut_off(trained, tmp_path, kind, raises_saying):
    path = tmp_path / f"a.{kind}"
    if kind == "pt":
        torch.save(trained.state_dict(), path)
    else:
        trained.save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with raises_saying(ValueError, path.name, "cut off"):
        LABCLIP.load(path)
    path.write_bytes(b"")
    with raises_saying(ValueError, path.name, "cut off"):
        LABCLIP.load(path)


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        ({"linear.weight": torch.eye(4)}, "the keys linear.weight"),
        ({"linear.weight": torch.eye(4), "t": torch.tensor(0.0), "bias": torch.ones(4)}, "bias"),
        ({"linear.weight": torch.ones(4, 3), "t": torch.tensor(0.0)}, "(4, 3)"),
        ({"linear.weight": torch.eye(4), "t": torch.ones(2)}, "(2,)"),
        ({"linear.weight": torch.eye(4) * torch.nan, "t": torch.tensor(0.0)}, "NaN"),
        ({"linear.weight": torch.eye(4), "t": 0.0}, "tensors"),
        ([1, 2], "a list"),
    ],
)
def test_what_is_no_labclip_is_refused(state, seen, tmp_path, raises_saying):
    torch.save(state, tmp_path / "a.pt")
    with raises_saying(ValueError, "a.pt", seen):
        LABCLIP.load(tmp_path / "a.pt")


def test_a_missing_file(tmp_path, raises_saying):
    with raises_saying(FileNotFoundError, "none.pt"):
        LABCLIP.load(tmp_path / "none.pt")


def test_what_is_saved_is_plain_weights(trained, tmp_path):
    trained.save(tmp_path / "a.safetensors")
    assert set(load_file(tmp_path / "a.safetensors")) == {"linear.weight", "t"}


# On the image side, and of a low rank


def test_the_side_says_what_is_mapped(trained):
    assert torch.equal(trained.align_texts(texts()), trained(texts()))
    assert torch.equal(trained.align_images(texts()), texts())
    images = LABCLIP(8, side="image")
    images.set_matrix(trained.linear.weight)
    assert torch.equal(images.align_images(texts()), trained(texts()))
    assert torch.equal(images.align_texts(texts()), texts())


def test_a_side_that_there_is_not(raises_saying):
    with raises_saying(ValueError, "'text' or 'image'", "'both'"):
        LABCLIP(8, side="both")


@pytest.mark.parametrize("rank", [0, -1, 9])
def test_a_rank_that_does_not_fit(rank, raises_saying):
    with raises_saying(ValueError, "between 1 and 8", str(rank)):
        LABCLIP(8, rank=rank)


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_of_a_low_rank_it_is_the_identity_at_first_and_learns_no_more(rank, device):
    labclip = LABCLIP(8, rank=rank).to(device)
    assert torch.equal(labclip.linear.weight.detach().cpu(), torch.eye(8))
    adam = torch.optim.Adam([p for p in labclip.parameters() if p.requires_grad], 0.1)
    for _ in range(5):
        adam.zero_grad()
        (labclip(texts().to(device)) * texts().roll(1, 0).to(device)).sum().neg().backward()
        adam.step()
    change = (labclip.linear.weight.detach().cpu() - torch.eye(8)).double()
    assert change.norm() > 0.1 and int((torch.linalg.svdvals(change) > 1e-5).sum()) <= rank


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_of_a_low_rank_it_comes_as_near_as_it_can(rank):
    matrix = texts(8)
    labclip = LABCLIP(8, rank=rank)
    labclip.set_matrix(matrix)
    rest = torch.linalg.svdvals(matrix - torch.eye(8))[rank:]
    assert float((labclip.linear.weight.detach() - matrix).norm()) == pytest.approx(float(rest.norm()), abs=1e-5)


def test_of_a_low_rank_it_can_be_made_the_identity_again_and_learn():
    labclip = LABCLIP(8, rank=2)
    labclip.set_matrix(texts(8))
    labclip.set_matrix(torch.eye(8))
    assert torch.equal(labclip.linear.weight.detach(), torch.eye(8))
    (labclip(texts()) * texts().roll(1, 0)).sum().backward()
    assert max(float(p.grad.abs().max()) for p in labclip.linear.parameters() if p.requires_grad) > 0


def test_the_matrix_that_is_set_is_a_copy():
    matrix, labclip = texts(8), LABCLIP(8)
    labclip.set_matrix(matrix)
    matrix.zero_()
    assert torch.equal(labclip.linear.weight.detach(), texts(8)) and labclip.linear.weight.requires_grad


@pytest.mark.parametrize("rank", [None, 2])
@pytest.mark.parametrize("side", ["text", "image"])
def test_side_and_merged_matrix_come_back(rank, side, tmp_path):
    labclip = LABCLIP(8, side, rank)
    labclip.set_matrix(texts(8))
    labclip.save(tmp_path / "a.safetensors")
    assert set(load_file(tmp_path / "a.safetensors")) == {"linear.weight", "t"}
    back = LABCLIP.load(tmp_path / "a.safetensors")
    assert back.side == side and torch.equal(back.linear.weight, labclip.linear.weight)
    assert torch.equal(back.align_images(texts()), labclip.align_images(texts()))


def test_a_file_that_says_nothing_of_a_side_is_of_the_text_side(trained, tmp_path):
    save_file({name: value.detach() for name, value in trained.state_dict().items()}, tmp_path / "a.safetensors")
    assert LABCLIP.load(tmp_path / "a.safetensors").side == "text"


def test_a_file_with_another_side_is_refused(trained, tmp_path, raises_saying):
    state = {name: value.detach() for name, value in trained.state_dict().items()}
    save_file(state, tmp_path / "a.safetensors", {"side": "both"})
    with raises_saying(ValueError, "'both'"):
        LABCLIP.load(tmp_path / "a.safetensors")


def test_what_is_not_aligned_stays_as_it_is():
    rows = torch.eye(3)
    assert Unaligned().align_images(rows) is rows and Unaligned().align_texts(rows) is rows
