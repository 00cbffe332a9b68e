"""The colours and shapes of the small world: what each looks like.

A shape is a signed distance: a function of the position (u, v), in the shape's own frame, that is negative
inside. u points right and v down; every shape lies within the disc of radius one, so two shapes whose discs
do not overlap cannot touch.
"""

import numpy as np
import torch

COLORS = {
    "red": (0.85, 0.13, 0.13),
    "orange": (0.97, 0.53, 0.08),
    "yellow": (0.96, 0.88, 0.18),
    "green": (0.16, 0.62, 0.22),
    "cyan": (0.25, 0.83, 0.87),
    "blue": (0.14, 0.28, 0.85),
    "purple": (0.50, 0.18, 0.66),
    "pink": (0.97, 0.56, 0.76),
}


def _norm(u, v):
    return torch.sqrt(u * u + v * v)


def _half_planes(u, v, sides, inset):
    """Signed distances to the lines through a regular polygon's sides, one tensor per side."""
    for k in range(sides):
        t = 2 * np.pi * k / sides + np.pi / 2  # the first normal points down: a flat base
        yield u * float(np.cos(t)) + v * float(np.sin(t)) - inset


def _circle(u, v):
    return _norm(u, v) - 0.88


def _square(u, v):
    return torch.maximum(u.abs(), v.abs()) - 0.70


def _triangle(u, v):
    first, second, third = _half_planes(u, v, 3, 0.5)
    return torch.maximum(torch.maximum(first, second), third)


def _star(u, v):
    # A pentagram's point lies outside at most one of five lines: take the second largest distance.
    lines = _half_planes(u, v, 5, 0.309)
    largest = next(lines)
    second = torch.full_like(largest, -torch.inf)
    for line in lines:
        second = torch.maximum(second, torch.minimum(largest, line))
        largest = torch.maximum(largest, line)
    return second


def _cross(u, v):
    u, v = u.abs(), v.abs()
    return torch.maximum(torch.maximum(u, v) - 0.95, torch.minimum(u, v) - 0.30)


def _ring(u, v):
    return (_norm(u, v) - 0.68).abs() - 0.22


def _heart(u, v):
    # A square on its corner and a disc on each of its two upper sides.
    u, v = u.abs(), 0.22 - v
    side = 0.52
    corner = side / 2**0.5
    return torch.minimum((u + (v).abs()) / 2**0.5 - side, _norm(u - corner, v - corner) - side)


def _moon(u, v):
    u = u + 0.10
    return torch.maximum(_norm(u, v) - 0.9, 0.72 - _norm(u - 0.48, v))


SHAPES = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "heart": _heart,
    "moon": _moon,
}
