"""How much each token of a tower looks at each other token, layer by layer and head by head.

open_clip's layers do not keep their attention weights. So a hook asks each layer for them, beside the forward pass:
what passes through the tower is not touched, and its outputs stay the same to the last bit.
"""

import contextlib
from functools import partial

import torch
from open_clip.modified_resnet import AttentionPool2d
from torch.nn import MultiheadAttention
from torch.nn.functional import multi_head_attention_forward


def image_attention(backbone, images):
    """Attention weights of the image tower: {layer: (N, heads, T, T)}, from the first layer to the last.

    images: as for `Backbone.encode_images`. Row t of a head sums to 1: it says how much token t takes from each token.
    Token 0 is the class token (in a ResNet's pool the mean of all places), the others are places, row by row.
    Raises ValueError for a tower without such layers, and as `encode_images`.

    >>> clip, scenes = load_backbone("pocket", device="cpu"), World().sample(2, seed=0)
    >>> {layer: tuple(weights.shape) for layer, weights in image_attention(clip, scenes).items()}
    {'attnpool': (2, 8, 5, 5)}
    """
    return _asked(backbone.model.visual, partial(backbone.encode_images, images), backbone.name)


def text_attention(backbone, captions):
    """Attention weights of the text tower: {layer: (N, heads, T, T)}, from the first layer to the last.

    captions: N str. Token t takes from itself and from those before it; PocketCLIP's T is that of the longest caption,
    an open_clip tower's its whole context. Raises ValueError for a tower without such layers, and as `encode_texts`.
    """
    tower = getattr(backbone.model, "text", None) or backbone.model.transformer
    return _asked(tower, lambda: backbone.encode_tokens(backbone.tokenize(captions)[0]), backbone.name)


def rollout(weights):
    """Attention rollout: how much each token of the last layer stems from each token at the input, (N, T, T).

    weights: {layer: (N, heads, T, T)}. Heads are averaged, half of each token passes a layer by, and the layers are
    multiplied; rows sum to 1. It knows nothing of what a layer does with the values, so it is a picture, not a measure.
    Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers" (arXiv 2005.00928).
    """
    out = None
    for layer in weights.values():
        mixed = (layer.mean(1) + torch.eye(layer.shape[-1], device=layer.device)) / 2
        out = mixed if out is None else mixed @ out
    return out


@contextlib.contextmanager
def listening(tower):
    """Within it each forward pass of a tower adds its weights to what is yielded, {layer: list of (N, heads, T, T)}."""
    found, handles = {}, []
    for name, module in tower.named_modules():
        if isinstance(module, MultiheadAttention | AttentionPool2d):
            hook = partial(_add, found.setdefault(name, []))
            handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _asked(tower, run, name):
    with listening(tower) as found:
        run()
    weights = {layer: torch.cat(parts) for layer, parts in found.items() if parts}
    if not weights:
        raise ValueError(
            f"No layer of this tower of {name!r} is a torch.nn.MultiheadAttention or an attention pool of open_clip, "
            "so its attention weights cannot be had; take a ViT or a ResNet that open_clip builds itself."
        )
    return weights


@torch.no_grad()
def weights_of(module, *args, **kwargs):
    """The weights (N, heads, T, T) of one attention layer, for what is passed to it."""
    if isinstance(module, AttentionPool2d):
        return _of_pool(module, *args)
    # Past the module's own call, so that no hook hears of it.
    how = kwargs | {"need_weights": True, "average_attn_weights": False}
    return type(module).forward(module, *args, **how)[1]


def _add(seen, module, args, kwargs):
    seen.append(weights_of(module, *args, **kwargs))


def _of_pool(module, places):
    """What `AttentionPool2d.forward` does with places (N, C, H, W), but for asking for the weights."""
    x = places.flatten(2).permute(2, 0, 1)
    x = torch.cat([x.mean(0, keepdim=True), x]) + module.positional_embedding[:, None].to(x.dtype)
    projections = (module.q_proj, module.k_proj, module.v_proj)
    names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
    return multi_head_attention_forward(
        x, x, x, x.shape[-1], module.num_heads, None, torch.cat([one.bias for one in projections]), None, None, False,
        0.0, module.c_proj.weight, module.c_proj.bias, training=False, use_separate_proj_weight=True,
        average_attn_weights=False, **{name: one.weight for name, one in zip(names, projections, strict=True)},
    )[1]  # fmt: skip
