"""Scenes that hold the same colours and the same shapes: twins, and what belongs together."""

import torch


def pair_clusters(attribute, object):
    """(N,) numbers: one for all scenes that hold the same attributes and the same objects, twins among them."""
    both = torch.cat([attribute.sort(1).values, object.sort(1).values], 1)
    return both.unique(dim=0, return_inverse=True)[1]


def number_scenes(attribute, object):
    """Number the different scenes among N, and find the twin of each, its first two attributes exchanged.

    attribute, object: (N, K) labels; the order of the objects does not matter. Returns (first, own, twin): the (M,)
    rows in which the different scenes are first met; the number of each row's scene, (N,); and of its twin, (N,), which
    is -1 where the twin is not among the scenes.
    """
    swapped = attribute[:, [1, 0, *range(2, attribute.shape[1])]]
    number, first = {}, []
    for row, scene in enumerate(_unordered(attribute, object)):
        if scene not in number:
            number[scene] = len(first)
            first.append(row)
    own, twin = ([number.get(scene, -1) for scene in _unordered(labels, object)] for labels in (attribute, swapped))
    return tuple(torch.tensor(rows, device=attribute.device) for rows in (first, own, twin))


def _unordered(attribute, object):
    """Each scene as its sorted (attribute, object) pairs; no set, because an object may be there twice."""
    rows = zip(attribute.tolist(), object.tolist(), strict=True)
    return [tuple(sorted(zip(attributes, objects, strict=True))) for attributes, objects in rows]
