"""Where objects stand: places and sizes that never touch.

Lengths are shares of the image side. A radius is between SMALLEST and SMALLEST + SIZES, times `shrink_of` the number of
objects. MARGIN is the least distance of an object's disc from another's and from the frame.
"""

import math

import numpy as np

SMALLEST, SIZES, MARGIN = 0.17, 0.09, 0.015
CROWD = 8  # with more objects, drawing a whole scene until none touch would take minutes


def shrink_of(objects):
    """How much smaller the objects of a scene of so many are: 1 for one or two of them."""
    return (2 / max(objects, 2)) ** 0.6


def draw_places(n, objects, rng):
    """Centres (n, objects, 2) and radii (n, objects) of objects that do not touch each other or the frame.

    Up to CROWD objects stand anywhere. More stand in the cells of a grid, one in a cell, anywhere in it: their cells
    are drawn at random, and their sizes are shares of a cell.
    """
    if objects > CROWD:
        return _on_a_grid(n, objects, rng)
    shrink = shrink_of(objects)
    center, radius = np.empty((n, objects, 2)), np.empty((n, objects))
    waiting = np.arange(n)
    while len(waiting):  # redraw only the scenes in which two objects touch
        r = (SMALLEST + SIZES * rng.random((len(waiting), objects))) * shrink
        room = r[..., None] + MARGIN
        c = room + (1 - 2 * room) * rng.random((len(waiting), objects, 2))
        center[waiting], radius[waiting] = c, r
        waiting = waiting[(_gaps(c, r) < MARGIN).any((1, 2))]
    return center, radius


def _gaps(center, radius):
    gap = np.linalg.norm(center[:, :, None] - center[:, None], axis=-1) - radius[:, :, None] - radius[:, None]
    each = np.arange(center.shape[1])
    gap[:, each, each] = 1
    return gap


def _on_a_grid(n, objects, rng):
    side = math.ceil(math.sqrt(objects))
    pitch = (1 - MARGIN) / side
    cell = rng.random((n, side * side)).argsort(1)[:, :objects]
    # No larger than objects that stand anywhere, and so that the largest still has some room in its cell.
    largest = min((SMALLEST + SIZES) * shrink_of(CROWD + 1), (pitch - MARGIN) / 2 * 0.9)
    radius = largest * (SMALLEST + SIZES * rng.random((n, objects))) / (SMALLEST + SIZES)
    corner = np.stack([cell % side, cell // side], -1) * pitch + MARGIN
    free = (pitch - MARGIN - 2 * radius)[..., None]
    return corner + radius[..., None] + free * rng.random((n, objects, 2)), radius
