"""InfoNCE, the loss that CLIP is trained with, and its form with hard negatives."""

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from labclip_lib.base.devices import ALONE, gather_rows


def info_nce(images, texts, logit_scale, chunk=None, here=ALONE, batch=None):
    """Symmetric InfoNCE: each image must find its caption among the batch's, and each caption its image.

    images, texts: (B, D) unit-norm embeddings, row i of one belonging with row i of the other.
    logit_scale: float or scalar tensor, the factor on the cosines (1 / temperature).
    chunk: rows of the similarity matrix that are held at a time; left out, all B. Less memory, the same loss
        and gradients up to rounding, and each similarity of an image with a caption computed twice.
    here, batch: with several processes, this one and B; the rows given are then its share of the batch, and the
        value is its part of the loss: the parts, and the gradients that they leave, add up to the whole.
    Returns a scalar tensor in nats; ln B for embeddings that carry no information.
    Source: Radford et al. (2021), figure 3; van den Oord et al. (2018).
    Raises ValueError when the shapes differ or the batch is empty.
    """
    _agree("info_nce", images, texts, batch)
    return _symmetric(images, texts, None, logit_scale, chunk, here, batch or len(images))


def hard_negative_info_nce(images, texts, negatives, logit_scale, chunk=None, here=ALONE, batch=None):
    """InfoNCE with hard negatives: each image must find its caption among the batch's and all their negatives.

    negatives: (B, D), or (B, K, D) for K negatives a caption, unit-norm. Images choose among B + B K captions,
    captions among the B images; the mean of the two. The rest as in `info_nce`.
    Source: the hard-negative batch (HNB) of Koishigarina et al. (2025), after Yuksekgonul et al. (2023).
    Raises ValueError when the shapes do not fit or the batch is empty.
    """
    _agree("hard_negative_info_nce", images, texts, batch)
    if negatives.ndim not in (2, 3) or (len(negatives), negatives.shape[-1]) != tuple(texts.shape):
        raise ValueError(
            f"hard_negative_info_nce needs negatives of shape {tuple(texts.shape)} or (B, K, D), got "
            f"{tuple(negatives.shape)}."
        )
    return _symmetric(images, texts, negatives, logit_scale, chunk, here, batch or len(images))


def _agree(name, images, texts, batch):
    if images.shape != texts.shape or images.ndim != 2 or not (batch or len(images)):  # a share may be empty
        raise ValueError(
            f"{name} needs two (B, D) batches of one shape, got {tuple(images.shape)} and {tuple(texts.shape)}."
        )


def _symmetric(images, texts, negatives, logit_scale, chunk, here, batch):
    all_images, captions = gather_rows(images, batch, here), gather_rows(texts, batch, here)
    if negatives is not None:
        captions = torch.cat([captions, gather_rows(negatives, batch, here).flatten(0, -2)])
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be 1 or more rows, got {chunk}.")
    first, chunk = here.part(batch)[0], chunk or batch
    if here.world == 1 and chunk >= batch:  # both choices read the same products
        chosen = _Choices.apply(images, captions, logit_scale, 0, chunk, True)
    else:
        chosen = _Choices.apply(images, captions, logit_scale, first, chunk, False)
        chosen = chosen + _Choices.apply(texts, all_images, logit_scale, first, chunk, False)
    return chosen / (2 * batch)


class _Choices(torch.autograd.Function):
    """Cross-entropy of (N, D) queries that must choose their own among (M, D) keys: a scalar, the sum.

    Query i's own key is first + i. mutual: the first N keys choose among the queries as well.

    The gradient is taken at once, while a chunk's similarities are there, so the backward pass needs none of them.
    """

    @staticmethod
    def forward(ctx, queries, keys, scale, first, chunk, mutual):
        wanted = ctx.needs_input_grad
        total, to_queries, to_keys, to_scale = 0, [], 0, 0
        for rows in queries.split(chunk):
            cosine = rows @ keys.T
            cosine = cosine.to(torch.promote_types(cosine.dtype, torch.float32))  # autocast gives bfloat16
            logits = scale * cosine
            loss, slope = _choose(logits, first, dim=1)
            if mutual:
                back, its_slope = _choose(logits[:, : len(rows)], 0, dim=0)
                slope[:, : len(rows)] += its_slope
                total = total + back
            total, first = total + loss, first + len(rows)
            if wanted[2]:
                to_scale = to_scale + cosine.mul_(slope).sum()
            if wanted[0]:
                to_queries.append(slope @ (scale * keys))
            if wanted[1]:
                to_keys = to_keys + slope.T @ (scale * rows)
        ctx.save_for_backward(
            torch.cat(to_queries).to(queries.dtype) if wanted[0] else None,
            to_keys.to(keys.dtype) if wanted[1] else None,
            to_scale.to(scale.dtype) if wanted[2] else None,
        )
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return *(None if saved is None else gradient * saved for saved in ctx.saved_tensors), None, None, None


def _choose(logits, first, dim):
    """Cross-entropy along dim, where the right choices lie on diagonal `first`: the sum, and its gradient.

    The gradient of -ln p, p the softmax of the logits, is p less 1 at the right choice.
    """
    log_p = F.log_softmax(logits, dim)
    loss = -log_p.diagonal(first).sum()
    slope = log_p.exp_()
    slope.diagonal(first).sub_(1)
    return loss, slope
