"""InfoNCE, the loss that CLIP is trained with, and its form with hard negatives."""

import torch
from torch.nn.functional import cross_entropy


def info_nce(images, texts, logit_scale):
    """Symmetric InfoNCE: each image must find its caption in the batch, and each caption its image.

    images, texts: (B, D) unit-norm embeddings; row i of one matches row i of the other.
    logit_scale: float or scalar tensor, the factor on the cosines (1 / temperature).
    Returns a scalar tensor in nats; ln B for embeddings that carry no information.
    Source: Radford et al. (2021), figure 3; van den Oord et al. (2018).
    Raises ValueError when the shapes differ or the batch is empty.
    """
    _check_batch(images, texts)
    logits = logit_scale * images @ texts.T
    target = torch.arange(len(images), device=images.device)
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


def hard_negative_info_nce(images, texts, negatives, logit_scale):
    """InfoNCE with hard negatives: each image must find its caption among those of the batch and all their negatives.

    negatives: (B, D), or (B, K, D) for K negatives per caption, unit-norm. Images choose among B + B K captions,
    captions among the B images; the loss is the mean of both. The rest as in `info_nce`.
    Source: the hard-negative batch (HNB) of Koishigarina et al. (2025), after Yuksekgonul et al. (2023).
    Raises ValueError when the shapes do not fit or the batch is empty.
    """
    _check_batch(images, texts, negatives)
    logits = logit_scale * images @ torch.cat([texts, negatives.flatten(0, -2)]).T
    target = torch.arange(len(images), device=images.device)
    return (cross_entropy(logits, target) + cross_entropy(logits[:, : len(images)].T, target)) / 2


def _check_batch(images, texts, negatives=None):
    """Raise ValueError unless images and texts are (B, D) with B > 0, and negatives (B, D), (B, K, D) or None."""
    if images.shape != texts.shape or images.ndim != 2 or not len(images):
        raise ValueError(
            f"InfoNCE needs two (B, D) batches of one shape, got {tuple(images.shape)} and {tuple(texts.shape)}."
        )
    if negatives is not None and (
        negatives.ndim not in (2, 3) or (len(negatives), negatives.shape[-1]) != tuple(texts.shape)
    ):
        raise ValueError(
            f"InfoNCE needs negatives of shape {tuple(texts.shape)} or (B, K, D), got {tuple(negatives.shape)}."
        )
