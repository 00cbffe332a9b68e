"""Late interaction: parts of a picture against phrases of a caption, instead of one cosine of two wholes."""

import torch

STEP = 2**24  # cosines that are held at once


def part_scores(parts, phrases, present=None):
    """How well each picture's parts have each caption's phrases: (N, M).

    A phrase is worth its largest cosine with a part of the picture, and a caption the mean of its phrases.
    parts (N, P, D), phrases (M, K, D): embeddings of unit length, of one type and on one device. present: (M, K) mask
    of the phrases that there are, where captions have different numbers of them.
    Source: the MaxSim of Khattab and Zaharia 2020, "ColBERT" (arXiv 2004.12832), which adds where this takes the mean.
    Raises ValueError for other shapes, and for a caption of no phrase.

    >>> red, blue = torch.eye(2)[:, None]
    >>> part_scores(torch.stack([red, blue]), torch.stack([red, blue]))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if present is None:
        present = torch.ones(phrases.shape[:2], dtype=torch.bool, device=phrases.device)
    if parts.ndim != 3 or phrases.ndim != 3 or parts.shape[2] != phrases.shape[2] or 0 in parts.shape:
        raise ValueError(
            f"part_scores needs parts (N, P, D) and phrases (M, K, D), got {tuple(parts.shape)} and "
            f"{tuple(phrases.shape)}."
        )
    if present.shape != phrases.shape[:2] or not bool(present.any(1).all()):
        raise ValueError(f"present must be {tuple(phrases.shape[:2])} and hold a phrase of each caption.")
    flat, number = phrases.flatten(0, 1), present.sum(1)
    step = max(1, STEP // (parts.shape[1] * max(1, len(flat))))
    out = [(block @ flat.T).amax(1).unflatten(1, present.shape) for block in parts.split(step)]
    return torch.cat([(best * present).sum(2) / number for best in out])
