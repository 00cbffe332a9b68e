"""LABCLIP: one matrix on the caption embeddings of a frozen CLIP (Koishigarina et al., 2025)."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from labclip_lib.base.files import write_atomically

SIDES = ("text", "image")


class LABCLIP(nn.Module):
    """A linear map of caption embeddings, at first the identity: (N, dim) in, (N, dim) of unit length out.

    Images stay as they are. State dict, as in the authors' release: `linear.weight` (dim, dim), and `t` (), the
    logarithm of the logit scale that it was trained with.

    Two departures, for comparison. side: "image" says that the map is for images, and captions stay as they are. rank:
    the map is the identity plus a matrix of that rank.

    >>> labclip, texts = LABCLIP(3), torch.eye(3)
    >>> torch.equal(labclip(texts), texts)
    True
    """

    def __init__(self, dim, side="text", rank=None):
        super().__init__()
        if side not in SIDES:
            raise ValueError(f"side must be 'text' or 'image', got {side!r}.")
        if rank is not None and not 1 <= rank <= dim:
            raise ValueError(f"rank must be between 1 and {dim}, got {rank}.")
        self.side = side
        self.linear = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.linear.weight)
        self.t = nn.Parameter(torch.zeros(()))
        if rank is not None:
            parametrize.register_parametrization(self.linear, "weight", LowRank(dim, dim, rank))
            self.linear.parametrizations.weight.original.requires_grad_(False)

    @property
    def logit_scale(self):
        """exp(t), a scalar tensor; 1 at the start."""
        return self.t.exp()

    def forward(self, embeddings):
        return normalize(self.linear(embeddings), dim=-1)

    def align_images(self, images):
        """Image embeddings (N, dim): mapped if side is "image", else unchanged."""
        return self(images) if self.side == "image" else images

    def align_texts(self, texts):
        """Caption embeddings (N, dim): mapped if side is "text", else unchanged."""
        return self(texts) if self.side == "text" else texts

    @torch.no_grad()
    def set_matrix(self, matrix):
        """Set the weights to this matrix (dim, dim), or to its best approximation of the given rank."""
        if parametrize.is_parametrized(self.linear):
            self.linear.parametrizations.weight[0].set_to_nearest(matrix)
        else:
            self.linear.weight.copy_(matrix)

    def save(self, path):
        """Write it as safetensors, whole or not at all."""
        state = {"linear.weight": self.linear.weight, "t": self.t}
        state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
        write_atomically(Path(path), lambda part: save_file(state, part, {"side": self.side}))

    @classmethod
    def load(cls, path):
        """Read a LABCLIP, ours (.safetensors) or one that the authors released (.pt).

        Nothing in the file is executed: a .pt is read for its weights only. Raises FileNotFoundError when there is
        no such file, ValueError when it holds something else.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}; give the path of a .safetensors or .pt file.")
        side = "text"
        try:
            if path.suffix == ".safetensors":
                state = load_file(path)
                with safe_open(path, "pt") as file:
                    side = (file.metadata() or {}).get("side", side)
            else:
                state = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:
            raise ValueError(
                f"{path} contains pickled objects, not only tensors; save the state_dict of the model instead."
            ) from None
        except (SafetensorError, RuntimeError, EOFError, ValueError, KeyError):
            raise ValueError(f"{path} cannot be read as weights; it may be cut off, so fetch it again.") from None
        weight, t = _parts(path, state)
        out = cls(len(weight), side)
        out.load_state_dict({"linear.weight": weight.float(), "t": t.float().reshape(())})
        return out


class Unaligned(nn.Identity):
    """CLIP as it is, with the methods of a LABCLIP: images and captions stay unchanged."""

    align_images = align_texts = nn.Identity.forward


class LowRank(nn.Module):
    """A weight (rows, ...) plus left @ right of a rank: LoRA (Hu et al., 2022), as a parametrisation.

    Left starts at zero, so at first the weight is what it was. A weight of more axes than two is taken as a matrix of
    rows x columns.
    """

    def __init__(self, rows, columns, rank, seed=0):
        super().__init__()
        self.left = nn.Parameter(torch.zeros(rows, rank))
        drawn = torch.randn(rank, columns, generator=torch.Generator().manual_seed(seed))
        self.right = nn.Parameter(drawn / columns**0.5)

    def forward(self, weight):
        return weight + (self.left @ self.right).view_as(weight)

    def set_to_nearest(self, matrix):
        change = (matrix - torch.eye(len(matrix), device=matrix.device)).double().cpu()
        u, s, v = torch.linalg.svd(change)
        rank, root = self.left.shape[1], s.sqrt()
        if float(s[0]) == 0:
            self.left.zero_()  # right stays as it is, so that left can still learn
            return
        self.left.copy_(u[:, :rank] * root[:rank])
        self.right.copy_(root[:rank, None] * v[:rank])


def _parts(path, state):
    """The matrix and `t` of a LABCLIP's state dict; ValueError for anything else."""
    keys = sorted(map(str, state)) if isinstance(state, dict) else []
    if keys != ["linear.weight", "t"] or not all(isinstance(value, torch.Tensor) for value in state.values()):
        seen = f"the keys {', '.join(keys[:5])}" if keys else f"a {type(state).__name__}"
        raise ValueError(f"{path} is no LABCLIP: it must hold tensors linear.weight and t, and holds {seen}.")
    weight, t = state["linear.weight"], state["t"]
    if weight.ndim != 2 or len(weight) != weight.shape[1] or not len(weight) or t.numel() != 1:
        raise ValueError(
            f"{path} is no LABCLIP: linear.weight must be square and t one number, got {tuple(weight.shape)} and "
            f"{tuple(t.shape)}."
        )
    if not bool(weight.isfinite().all() and t.isfinite().all()):
        raise ValueError(f"{path} holds values that are NaN or infinite; train or fetch it again.")
    return weight, t
