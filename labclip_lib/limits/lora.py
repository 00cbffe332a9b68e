"""LoRA (Hu et al., 2022) on the towers of a PocketCLIP: each weight matrix W of their blocks becomes W + left @ right.

Of the text tower these are the matrices of attention and MLP; of the image tower the convolutions, as matrices of
(channels out) x (channels in times the kernel's area), and the projections of the attention pool.
"""

from torch import nn
from torch.nn.utils import parametrize

from labclip_lib.alignment.labclip import LowRank

TOWERS = ("text", "image")


def add_lora(model, towers=TOWERS, rank=8, seed=0):
    """Let an open_clip PocketCLIP learn LoRA and the loss's temperature alone; returns the same model, changed.

    The model stays in evaluation mode, so batch norm keeps its statistics, and at first embeds as before.
    towers: out of TOWERS. seed: of the right factors; the left ones start at zero.
    Raises ValueError for another tower.
    """
    if unknown := [tower for tower in towers if tower not in TOWERS]:
        raise ValueError(f"A tower is 'text' or 'image', got {unknown[0]!r}.")
    model.requires_grad_(False).eval()
    model.logit_scale.requires_grad_(True)
    blocks = {"text": model.text.transformer, "image": model.visual}
    found = [place for tower in towers for module in blocks[tower].modules() for place in _matrices(module)]
    for number, (module, name) in enumerate(found):
        weight = getattr(module, name)
        low_rank = LowRank(len(weight), weight[0].numel(), rank, seed=1000 * seed + number)
        parametrize.register_parametrization(module, name, low_rank.to(weight.device))
    return model


def merge_lora(model):
    """Replace each W and its factors by the sum, so that the model is an ordinary one again; returns it."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name)
    return model


def _matrices(module):
    if isinstance(module, nn.MultiheadAttention):
        yield module, "in_proj_weight"
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        yield module, "weight"
