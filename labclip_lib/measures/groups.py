"""Outcomes on groups of k images and their k captions, such as a scene with its twin, and the chance levels.

The group score asks each image and each caption by itself. The group match asks only whether the k images go with the k
captions better in the right order than in any other: whatever is added to all similarities of one image, or of one
caption, cancels. Both follow the tie rule of `outcomes`.

Source of the group match: Zhu, Zhang and Tang 2025, "Test-time matching" (arXiv 2510.07632); of the group score for two
images: Thrush et al. 2022, "Winoground" (arXiv 2204.03162).
"""

from itertools import permutations
from math import factorial

import numpy as np
import torch

from labclip_lib.measures.outcomes import first_choice, tie_width

MOST = 6  # images in a group: all k! orders are tried


def group_score_outcomes(similarity):
    """Whether each image prefers its caption, and each caption its image, within its group: (G,) float64.

    similarity: (G, k, k), images in rows; image i belongs to caption i. An outcome is the expected value under random
    tie-breaking. Raises ValueError for other shapes, k above 6 or non-finite values.

    >>> group_score_outcomes(torch.tensor([[[0.3, 0.2], [0.1, 0.3]], [[0.3, 0.2], [0.3, 0.3]]]))
    array([1. , 0.33333333])
    """
    similarity = _look_over(similarity)
    k = similarity.shape[1]
    right = similarity.diagonal(dim1=1, dim2=2)
    lowest = torch.minimum(right[:, :, None], right[:, None, :])  # what a wrong similarity must stay below
    width = tie_width(lowest.flatten(1)).reshape(lowest.shape)
    wrong = ~torch.eye(k, dtype=bool, device=similarity.device)
    lost = (wrong & (similarity > lowest + width)).flatten(1).any(1).cpu().numpy()
    tied = wrong & (similarity >= lowest - width)
    out = np.where(lost, 0.0, 1.0)
    for row in np.flatnonzero(~lost & tied.flatten(1).any(1).cpu().numpy()):
        out[row] = _by_luck(right[row].tolist(), tied[row].nonzero().tolist(), float(width[row].max()))
    return out


def group_match_outcomes(similarity):
    """Whether the right order of a group's captions fits its images better than every other order: (G,) float64.

    An order fits as well as the sum of its k similarities; for k = 2 this asks whether S11 + S22 > S12 + S21. With
    S_ij = u_i . v_j the difference is (u_1 - u_2) . (v_1 - v_2), so a preference for one image, or for one caption,
    whatever stands on the other side, changes nothing.
    similarity, ties and errors: as in `group_score_outcomes`.

    >>> preferred = torch.tensor([[[0.3, 0.9], [0.1, 0.8]]])  # both images prefer the second caption
    >>> group_match_outcomes(preferred), group_score_outcomes(preferred)
    (array([1.]), array([0.]))
    """
    similarity = _look_over(similarity)
    k = similarity.shape[1]
    orders = torch.tensor(list(permutations(range(k))), device=similarity.device)  # the first one is the right one
    sums = similarity[:, torch.arange(k, device=similarity.device), orders].sum(-1)
    width = k * tie_width(similarity.abs().amax((1, 2))[:, None])
    return first_choice(sums[:, :1], sums[:, 1:], width)


def group_match_bounds(images, captions):
    """What the single choices of groups of two say of their group match: (certain, possible), each (G,) bool.

    images, captions: (G, 2) bool, whether each image prefers its caption, and each caption its image. Where both images
    are right, S11 > S12 and S22 > S21 add up to a match, and so do two right captions; two wrong images, or two wrong
    captions, add up to none. Where one image and one caption are right, the choices do not tell. Without ties the group
    match lies between the means of the two. Chance of the first is 1/3, of the second 2/3. Raises ValueError for other
    shapes, and for a group in which the images are both right and the captions both wrong, or the other way round.

    >>> group_match_bounds([[True, True], [True, False]], [[True, False], [False, True]])
    (array([ True, False]), array([ True,  True]))
    """
    images, captions = np.asarray(images, bool), np.asarray(captions, bool)
    if images.ndim != 2 or images.shape[1] != 2 or images.shape != captions.shape:
        raise ValueError(f"group_match_bounds needs two (G, 2) arrays, got {images.shape} and {captions.shape}.")
    certain = images.all(1) | captions.all(1)
    possible = images.any(1) & captions.any(1)
    if (certain & ~possible).any():
        group = int(np.argmax(certain & ~possible))
        raise ValueError(f"The choices of group {group} contradict each other: no four similarities give them.")
    return certain, possible


def guessed_group_score(k):
    """Chance of the group score: k * k similarities in random order."""
    return factorial(k - 1) / factorial(2 * k - 1)


def guessed_group_match(k):
    """Chance of the group match: one of k! orders."""
    return 1 / factorial(k)


def _look_over(similarity):
    similarity = torch.as_tensor(similarity)
    if similarity.ndim != 3 or not len(similarity) or not 2 <= similarity.shape[1] == similarity.shape[2] <= MOST:
        raise ValueError(f"groups need (G, k, k) similarities with k from 2 to {MOST}, got {tuple(similarity.shape)}.")
    if not bool(similarity.isfinite().all()):
        raise ValueError("groups got similarities that are NaN or infinite; check the embeddings.")
    return similarity


def _by_luck(right, tied, width):
    """Probability that no tie of a group falls the wrong way.

    right: k similarities. tied: (image, caption) pairs of which each ties with the lower of its two right ones.
    In each possible order of the right ones, from low to high, every tied wrong one must fall below the lower of its
    two. Of numbers drawn at random, the i-th right one of a tie, with m wrong ones below it or its predecessors, is the
    largest of them with probability 1 / (i + m).
    """
    total, k = 0.0, len(right)
    for order in permutations(range(k)):
        place = {which: rank for rank, which in enumerate(order)}
        below = [sum(min(place[a], place[b]) == rank for a, b in tied) for rank in range(k)]
        share, seen, first = 1.0, 0, 0
        for rank, which in enumerate(order):
            step = right[which] - right[order[rank - 1]] if rank else 0.0
            if step < -width:
                share = 0.0  # not an order that ties can have
                break
            if step > width:
                seen, first = 0, rank
            seen += below[rank]
            share /= rank - first + 1 + seen
        total += share
    return total
