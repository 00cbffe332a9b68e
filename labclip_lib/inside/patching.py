"""Activation patching between a scene and its twin: exchange a piece of what a tower computes, and see what follows.

A batch holds N scenes (or captions), and then their N twins in the same order. So one forward pass, in which both
halves exchange a piece, patches scenes from twins and twins from scenes.
Source: Meng et al. 2022, "Locating and editing factual associations in GPT" (arXiv 2202.05262), who call it causal
tracing.
"""

import contextlib

import torch
from open_clip.modified_resnet import AttentionPool2d
from torch.nn import MultiheadAttention
from torch.nn.functional import linear

from labclip_lib.inside.attention import weights_of


@contextlib.contextmanager
def outputs_exchanged(module, where):
    """Within it the halves of each batch exchange a module's output in the places or tokens where a mask holds.

    where: bool, broadcast over a map (N, C, h, w) when of (N, 1, h, w), over tokens (N, T, D) when of (T, 1) or
    (N, T, 1).
    """

    def exchange(module, args, out):
        return torch.where(_twice(where, out), _other_half(out), out)

    handle = module.register_forward_hook(exchange)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def pattern_exchanged(module):
    """Within it an attention layer mixes its own values by the attention weights of the other half.

    module: a torch.nn.MultiheadAttention of self-attention, batch first, or an attention pool of open_clip. What is
    mixed anew by a layer's own weights equals its output but for rounding. Raises ValueError for another module.
    """
    if not isinstance(module, MultiheadAttention | AttentionPool2d):
        raise ValueError(f"Attention weights can be exchanged in attention layers, got a {type(module).__name__}.")

    def mix(module, args, kwargs, out):
        weights, values, project = _other_half(weights_of(module, *args, **kwargs)), *_values(module, args[0])
        values = values.unflatten(-1, (weights.shape[1], -1)).transpose(1, 2)
        mixed = project((weights @ values).transpose(1, 2).flatten(2))
        return mixed[:, 0] if isinstance(module, AttentionPool2d) else (mixed, *out[1:])

    handle = module.register_forward_hook(mix, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def share_of_twin(patched, own, twin):
    """How far patched embeddings have gone from their own towards the twin's, (N,): 0 where they stayed, 1 at the twin.

    patched, own, twin: (N, D). It is the length of the step in the direction of the twin, as a share of the way. A row
    whose own and twin's embeddings are equal has none, and gets NaN.
    """
    way = twin - own
    return ((patched - own) * way).sum(1) / (way * way).sum(1)


def _other_half(table):
    if len(table) % 2:
        raise ValueError(f"Patching needs a batch of N scenes and then their N twins, got {len(table)} rows.")
    return table.roll(len(table) // 2, 0)


def _twice(where, out):
    return torch.cat([where, where]) if where.ndim == out.ndim else where


def _values(module, x):
    """A layer's values (N, T, D), and the function that projects what is mixed of them."""
    if isinstance(module, AttentionPool2d):
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + module.positional_embedding.to(x.dtype)
        return module.v_proj(x), module.c_proj
    width = module.embed_dim
    return linear(x, module.in_proj_weight[2 * width :], module.in_proj_bias[2 * width :]), module.out_proj
