"""Scenes that hold the same colours and the same shapes: their clusters, and each scene's twin."""

from collections import defaultdict

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


def twin_rows(attribute, object):
    """Rows of scenes beside rows of their twins: (P,) and (P,) int64, each row at most once.

    attribute, object: (N, K) labels. Of a scene with more rows than its twin the surplus is left out.
    """
    _, number, twin = number_scenes(attribute, object)
    rows = defaultdict(list)
    for row, scene in enumerate(number.tolist()):
        rows[scene].append(row)
    wanted = {scene: other for scene, other in zip(number.tolist(), twin.tolist(), strict=True) if scene < other}
    pairs = [pair for scene, other in wanted.items() for pair in zip(rows[scene], rows[other], strict=False)]
    return tuple(torch.tensor(pairs, dtype=torch.long, device=attribute.device).reshape(-1, 2).T)


def _unordered(attribute, object):
    """Each scene as its sorted (attribute, object) pairs; not as a set, because an object may occur twice."""
    rows = zip(attribute.tolist(), object.tolist(), strict=True)
    return [tuple(sorted(zip(attributes, objects, strict=True))) for attributes, objects in rows]
