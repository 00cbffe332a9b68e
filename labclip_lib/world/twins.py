"""Scenes that hold the same colours and the same shapes: their clusters, and each scene's twin."""

import torch


def pair_clusters(attribute, object):
    """Cluster numbers, (N,): equal for scenes that hold the same attributes and the same objects, such as twins."""
    both = torch.cat([attribute.sort(1).values, object.sort(1).values], 1)
    return both.unique(dim=0, return_inverse=True)[1]


def number_scenes(attribute, object):
    """Number the different scenes among N, and find each scene's twin, its first two attributes exchanged.

    attribute, object: (N, K) labels; the order of the objects does not matter. Returns (first, number, twin): the (M,)
    rows where each different scene occurs first; (N,) the number of each row's scene; and (N,) the number of its twin,
    -1 where the twin is not among the scenes.
    """
    swapped = attribute[:, [1, 0, *range(2, attribute.shape[1])]]
    number, first = {}, []
    for row, scene in enumerate(_unordered(attribute, object)):
        if scene not in number:
            number[scene] = len(first)
            first.append(row)
    numbers, twins = (
        [number.get(scene, -1) for scene in _unordered(labels, object)] for labels in (attribute, swapped)
    )
    return tuple(torch.tensor(rows, device=attribute.device) for rows in (first, numbers, twins))


def _unordered(attribute, object):
    """Each scene as its sorted (attribute, object) pairs; not as a set, because an object may occur twice."""
    rows = zip(attribute.tolist(), object.tolist(), strict=True)
    return [tuple(sorted(zip(attributes, objects, strict=True))) for attributes, objects in rows]
