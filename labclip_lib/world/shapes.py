"""The colours and flat shapes of the small world: what each looks like, and how a scene of them is painted.

A shape is a signed distance: a function of the position (u, v), in the shape's own frame, that is negative
inside. u points right and v down; every shape lies within the disc of radius one, so two shapes whose discs
do not overlap cannot touch.
"""

import numpy as np
import torch

LAYERS = 1  # how much a pixel has to remember, in planes of an object

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


def visible(scenes, size):
    """The share of each pixel that each object covers: (N, K, size, size)."""
    n, k = scenes.color.shape
    place = (torch.arange(size, device=scenes.color.device) + 0.5) / size
    cos, sin = scenes.angle.cos() / scenes.radius, scenes.angle.sin() / scenes.radius
    x, y = place - scenes.center[..., :1], place - scenes.center[..., 1:]
    out = torch.empty(n, k, size, size, device=scenes.color.device)
    for label, name in enumerate(scenes.world.shapes):
        rows, slots = torch.where(scenes.shape == label)
        if not len(rows):
            continue
        # Rotation is linear, so u and v are a column term plus a row term: one addition per pixel.
        c, s = cos[rows, slots, None], sin[rows, slots, None]
        xs, ys = x[rows, slots], y[rows, slots]
        u = (c * xs)[:, None, :] + (s * ys)[:, :, None]
        v = (c * ys)[:, :, None] - (s * xs)[:, None, :]
        distance = SHAPES[name](u, v) * (scenes.radius[rows, slots] * size)[:, None, None]
        out[rows, slots] = (0.5 - distance).clamp_(0, 1)
    return out


def paint(scenes, size):
    """(N, 3, size, size) pictures of N scenes of flat shapes, RGB in [0, 1]."""
    n, device = len(scenes), scenes.color.device
    cover = visible(scenes, size).flatten(2)
    place = (torch.arange(size, device=device) + 0.5) / size - 0.5
    bare = 1 - cover.sum(1, keepdim=True)
    slope_x = (bare.unflatten(2, (size, size)) * place).flatten(2)
    slope_y = (bare.unflatten(2, (size, size)) * place[:, None]).flatten(2)
    palette = torch.tensor([COLORS[c] for c in scenes.world.colors], device=device)
    colors = (palette[scenes.color] + scenes.tint).clamp(0, 1)
    slope = scenes.slope[:, :, None].expand(n, 2, 3)
    layers = torch.cat([cover, bare, slope_x, slope_y], 1)
    weights = torch.cat([colors, scenes.backdrop[:, None], slope], 1)
    image = torch.bmm(weights.transpose(1, 2), layers).clamp_(0, 1)
    return image.unflatten(2, (size, size))
