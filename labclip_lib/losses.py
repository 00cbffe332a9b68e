"""InfoNCE, the loss that CLIP is trained with, and its form with hard negatives."""

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from labclip_lib.distributed import ALONE, gather_rows


def info_nce(images, texts, logit_scale, chunk=None, here=ALONE, batch=None):
    """Symmetric InfoNCE: each image must find its caption among the batch's, and each caption its image.

    images, texts: (B, D) unit-norm embeddings, row i of one belonging with row i of the other.
    logit_scale: float or scalar tensor, the factor on the cosines (1 / temperature).
    chunk: rows of the similarity matrix that are held at a time; left out, all B. Less memory, the same loss
        and gradients up to rounding, and each similarity computed twice.
    here, batch: with several processes, this one and B; the rows given are then its share of the batch, and the
        value is its part of the loss: the parts, and the gradients that they leave, add up to the whole.
    Returns a scalar tensor in nats; ln B for embeddings that carry no information.
    Source: Radford et al. (2021), figure 3; van den Oord et al. (2018).
    Raises ValueError when the shapes differ or the batch is empty.
    """
    _agree("info_nce", images, texts)
    return _symmetric(images, texts, None, logit_scale, chunk, here, batch or len(images))


def hard_negative_info_nce(images, texts, negatives, logit_scale, chunk=None, here=ALONE, batch=None):
    """InfoNCE with hard negatives: each image must find its caption among the batch's and all their negatives.

    negatives: (B, D), or (B, K, D) for K negatives a caption, unit-norm. Images choose among B + B K captions,
    captions among the B images; the mean of the two. The rest as in `info_nce`.
    Source: the hard-negative batch (HNB) of Koishigarina et al. (2025), after Yuksekgonul et al. (2023).
    Raises ValueError when the shapes do not fit or the batch is empty.
    """
    _agree("hard_negative_info_nce", images, texts)
    if negatives.ndim not in (2, 3) or (len(negatives), negatives.shape[-1]) != tuple(texts.shape):
        raise ValueError(
            f"hard_negative_info_nce needs negatives of shape {tuple(texts.shape)} or (B, K, D), got "
            f"{tuple(negatives.shape)}."
        )
    return _symmetric(images, texts, negatives, logit_scale, chunk, here, batch or len(images))


def _agree(name, images, texts):
    if images.shape != texts.shape or images.ndim != 2 or not len(images):
        raise ValueError(
            f"{name} needs two (B, D) batches of one shape, got {tuple(images.shape)} and {tuple(texts.shape)}."
        )


def _symmetric(images, texts, negatives, logit_scale, chunk, here, batch):
    all_images, captions = gather_rows(images, batch, here), gather_rows(texts, batch, here)
    if negatives is not None:
        captions = torch.cat([captions, gather_rows(negatives, batch, here).flatten(0, -2)])
    own = torch.arange(*here.part(batch), device=images.device)
    if chunk is None and here.world == 1:  # both choices read the same products
        logits = logit_scale * images @ captions.T
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits[:, :batch].T, own)) / 2
    chosen = _choose(images, captions, logit_scale, own, chunk) + _choose(texts, all_images, logit_scale, own, chunk)
    return chosen / (2 * batch)


def _choose(queries, keys, logit_scale, own, chunk):
    """Cross-entropy of queries that must choose their own keys: a scalar, the sum."""
    if chunk is None or chunk >= len(queries):
        return _sum_of_choices(queries, keys, logit_scale, own)
    if chunk < 1:
        raise ValueError(f"chunk must be 1 or more rows, got {chunk}.")
    # Checkpointed: the backward pass computes a chunk's logits again, so no more than one chunk is ever held.
    parts = [
        checkpoint(_sum_of_choices, rows, keys, logit_scale, labels, use_reentrant=False)
        for rows, labels in zip(queries.split(chunk), own.split(chunk), strict=True)
    ]
    return torch.stack(parts).sum()


def _sum_of_choices(queries, keys, logit_scale, own):
    return F.cross_entropy(logit_scale * queries @ keys.T, own, reduction="sum")
