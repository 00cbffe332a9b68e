"""LABCLIP: one matrix on the caption embeddings of a frozen CLIP (Koishigarina et al., 2025)."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import normalize

from labclip_lib.embed import write_atomically


class LABCLIP(nn.Module):
    """A linear map of caption embeddings, at first the identity: (N, dim) in, (N, dim) of unit length out.

    Images stay as they are. State dict, as in the authors' release: `linear.weight` (dim, dim), and `t` (), the
    logarithm of the logit scale that it was trained with.
    """

    def __init__(self, dim):
        super().__init__()
        self.linear = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.linear.weight)
        self.t = nn.Parameter(torch.zeros(()))

    @property
    def logit_scale(self):
        """exp(t), a scalar tensor; 1 at the start."""
        return self.t.exp()

    def forward(self, texts):
        return normalize(self.linear(texts), dim=-1)

    def save(self, path):
        """Write it as safetensors, whole or not at all."""
        state = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        write_atomically(path, lambda part: save_file(state, part))

    @classmethod
    def load(cls, path):
        """Read a LABCLIP, ours (.safetensors) or one that the authors released (.pt).

        Nothing in the file is executed: a .pt is read for its weights only. Raises FileNotFoundError when there is
        no such file, ValueError when it holds something else.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}; give the path of a .safetensors or .pt file.")
        try:
            state = (
                load_file(path)
                if path.suffix == ".safetensors"
                else torch.load(path, map_location="cpu", weights_only=True)
            )
        except pickle.UnpicklingError:
            raise ValueError(f"{path} holds more than weights, and is not opened; ask for a file of weights.") from None
        except (SafetensorError, RuntimeError, EOFError, ValueError, KeyError):
            raise ValueError(f"{path} cannot be read as weights; it may be cut off, so fetch it again.") from None
        weight, t = _parts(path, state)
        out = cls(len(weight))
        out.load_state_dict({"linear.weight": weight.float(), "t": t.float().reshape(())})
        return out


def _parts(path, state):
    """The matrix and the scale in a state dict, if that is what it is."""
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
