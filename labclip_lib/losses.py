"""InfoNCE, the loss that CLIP is trained with."""

import torch
import torch.nn.functional as F


def info_nce(images, texts, logit_scale):
    """Symmetric InfoNCE: each image must find its caption among the batch's, and each caption its image.

    images, texts: (B, D) unit-norm embeddings, row i of one belonging with row i of the other.
    logit_scale: float or scalar tensor, the factor on the cosines (1 / temperature).
    Returns a scalar tensor in nats; ln B for embeddings that carry no information.
    Source: Radford et al. (2021), figure 3; van den Oord et al. (2018).
    Raises ValueError when the shapes differ or the batch is empty.
    """
    if images.shape != texts.shape or images.ndim != 2 or not len(images):
        raise ValueError(
            f"info_nce needs two (B, D) batches of one shape, got {tuple(images.shape)} and {tuple(texts.shape)}."
        )
    logits = logit_scale * images @ texts.T
    target = torch.arange(len(images), device=images.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
