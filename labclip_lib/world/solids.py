"""The solid shapes of the small world in three dimensions, and how a scene of them is painted.

Objects stand on a floor, as in CLEVR (Johnson et al., 2017): x to the right, y towards the viewer, z up, lengths in
shares of the image side. The camera looks down by TILT without perspective. One light from above throws soft shadows.

A solid is a signed distance: a function of the position (x, y, z) in its own frame, negative inside, that grows by at
most one for each step of one. It stands on z = 0, lies below z = 2, and within the disc of radius one around the z
axis, so two solids whose discs do not overlap cannot touch. Rays come to it by sphere tracing.
"""

import math

import torch
from torch.nn.functional import avg_pool2d

from labclip_lib.world.shapes import COLORS

TILT = math.radians(35)
SIN, COS = math.sin(TILT), math.cos(TILT)
MIDDLE = 0.71  # how far below the image's top the middle of the floor is seen
LIGHT = tuple(part / math.sqrt(0.5**2 + 0.35**2 + 0.9**2) for part in (-0.5, 0.35, 0.9))  # towards it
AMBIENT, SHINE, GLOSS = 0.42, 0.22, 24  # light from everywhere; strength and sharpness of the highlight
STEPS, SHADOW_STEPS = 28, 14
LAYERS = 4  # how much a pixel has to remember, in planes of an object
FIRST = 1.0  # where a ray begins: so near to the viewer that it is above all objects
SOFT = 5.0  # the larger, the sharper the shadow's edge
FADE = 0.55  # the share of the light that a shadow takes


def _length(*parts):
    return torch.sqrt(sum(part * part for part in parts))


def _outside(*parts):
    """The distance to a product of sets, from the signed distances to each."""
    return torch.stack(parts).amax(0).clamp(max=0) + _length(*(part.clamp(min=0) for part in parts))


def _sphere(x, y, z):
    return _length(x, y, z - 0.85) - 0.85


def _cube(x, y, z):
    return _outside(x.abs() - 0.68, y.abs() - 0.68, (z - 0.68).abs() - 0.68)


def _cylinder(x, y, z):
    return _outside(_length(x, y) - 0.72, (z - 0.72).abs() - 0.72)


def _cone(x, y, z):
    # The slanted side and the floor: of a convex thing, the largest distance to what bounds it is never too long.
    out = _length(x, y)
    return torch.maximum((out * 1.7 + (z - 1.7) * 0.9) / math.hypot(1.7, 0.9), -z)


SOLIDS = {"sphere": _sphere, "cube": _cube, "cylinder": _cylinder, "cone": _cone}


def distances(scenes, x, y, z):
    """Signed distance from points to each object of N scenes: x, y, z (N, K, ...) give (N, K, ...), in image sides."""
    out = torch.empty_like(x)
    ones = (1,) * (x.dim() - 2)
    for label, name in enumerate(scenes.world.shapes):
        rows, slots = torch.where(scenes.shape == label)
        if not len(rows):
            continue
        radius, angle = (part[rows, slots].view(-1, *ones) for part in (scenes.radius, scenes.angle))
        u, v = (part[rows, slots] - scenes.center[rows, slots, k].view(-1, *ones) for k, part in enumerate((x, y)))
        cos, sin = angle.cos() / radius, angle.sin() / radius
        out[rows, slots] = radius * SOLIDS[name](cos * u + sin * v, cos * v - sin * u, z[rows, slots] / radius)
    return out


def trace(scenes, size):
    """Where each pixel's ray meets each object, or comes nearest to it.

    Returns points, three tensors (N, K, size, size) for x, y and z; the share of the pixel that the object covers, as
    if no other stood before it; and how near to the viewer the point is, in image sides.
    """
    n, k = scenes.color.shape
    place = (torch.arange(size, device=scenes.center.device) + 0.5) / size
    x, down = place.expand(n, k, size, size), (place - MIDDLE)[:, None].expand(n, k, size, size)
    along = lambda s: (x, 0.5 + down * SIN + s * COS, -down * COS + s * SIN)  # noqa: E731
    near = torch.full_like(down, FIRST)
    best, best_near = torch.full_like(down, torch.inf), near
    for _ in range(STEPS):
        # To a surface half a pixel inside: so a pixel is half covered where the solid's edge runs through it.
        gap = distances(scenes, *along(near)) + 0.5 / size
        nearer = gap < best
        best, best_near = torch.where(nearer, gap, best), torch.where(nearer, near, best_near)
        near = near - gap
    return along(best_near), (1 - best * size).clamp(0, 1), best_near


def normals(scenes, points, step=1e-3):
    """The direction in which the distance grows, at a point for each object: three tensors like the points."""
    rises = []
    for axis in range(3):
        up, down = ([part + (sign * step if k == axis else 0) for k, part in enumerate(points)] for sign in (1, -1))
        rises.append(distances(scenes, *up) - distances(scenes, *down))
    length = _length(*rises).clamp(min=1e-9)
    return [rise / length for rise in rises]


def lit(scenes, points, own=None):
    """How much of the light comes to a point of each pixel: (N, size, size) in [0, 1], and between at a shadow's edge.

    points: three (N, size, size). own: (N, size, size), the object that the point lies on; its own shadow it does not
    feel here, since what looks away from the light is dark already.
    """
    k = scenes.color.shape[1]
    points = [part[:, None].expand(-1, k, -1, -1) for part in points]
    t, light = torch.full_like(points[0], 0.01), torch.ones_like(points[0])
    for _ in range(SHADOW_STEPS):
        gap = distances(scenes, *(part + t * toward for part, toward in zip(points, LIGHT, strict=True)))
        light = torch.minimum(light, (0.5 + 0.5 * SOFT * gap / t).clamp(0, 1))
        t = t + gap.clamp(min=0.01)
    if own is not None:
        light = light.scatter(1, own[:, None], 1.0)
    light = light.amin(1)
    return light * light * (3 - 2 * light)


def visible(scenes, size):
    """The share of each pixel in which each object is seen, behind those that stand before it: (N, K, size, size)."""
    _, cover, near = trace(scenes, size)
    return _behind(cover, near)


def _behind(cover, near):
    """What is left of the covered shares behind what is nearer."""
    order = near.argsort(1, descending=True)
    front_first = cover.gather(1, order)
    free = torch.cumprod(torch.cat([torch.ones_like(cover[:, :1]), 1 - front_first[:, :-1]], 1), 1)
    return torch.zeros_like(cover).scatter(1, order, front_first * free)


def paint(scenes, size):
    """(N, 3, size, size) pictures of N scenes of solids, RGB in [0, 1]."""
    points, cover, near = trace(scenes, size)
    shares = _behind(cover, near)
    front = torch.where(cover > 0, near, -torch.inf).argmax(1)
    on_front = lit(scenes, [part.gather(1, front[:, None])[:, 0] for part in points], front)[:, None]
    normal = normals(scenes, points)
    middle = torch.tensor(LIGHT) + torch.tensor((0.0, COS, SIN))  # between the light and the viewer
    facing, shining = (
        sum(part * toward for part, toward in zip(normal, direction, strict=True)).clamp(min=0) * on_front
        for direction in (LIGHT, (middle / middle.norm()).tolist())
    )
    palette = torch.tensor([COLORS[name] for name in scenes.world.colors], device=near.device)
    color = (palette[scenes.color] + scenes.tint).clamp(0, 1)[..., None, None]
    solids = color * (AMBIENT + (1 - AMBIENT) * facing)[:, :, None] + SHINE * (shining**GLOSS)[:, :, None]
    place = (torch.arange(size, device=near.device) + 0.5) / size
    slope = scenes.slope[..., None, None] * torch.stack([place.expand(size, size), place[:, None].expand(size, size)])
    ground = scenes.backdrop[:, :, None, None] + (slope - scenes.slope[..., None, None] / 2).sum(1, keepdim=True)
    down = (place - MIDDLE)[:, None].expand(len(scenes), size, size)
    floor = place.expand_as(down), 0.5 + down / SIN, torch.zeros_like(down)
    ground = ground * (1 - FADE * (1 - lit(scenes, floor)))[:, None]
    shares = shares[:, :, None]
    seen = (cover > 0.99) & (normal[1] * COS + normal[2] * SIN > 0.05)
    image = (shares * _filled(solids, seen)).sum(1) + (1 - shares.sum(1)) * ground
    return image.clamp(0, 1)


def _filled(solids, inside):
    """What is painted inside of each object, and at its edge, where the nearest point looks away, what is beside it."""
    known = inside[:, :, None].to(solids.dtype)
    around, count = (avg_pool2d(part.flatten(0, 1), 3, 1, 1).unflatten(0, solids.shape[:2])
                     for part in (solids * known, known))  # fmt: skip
    return torch.where((known == 0) & (count > 0), around / count.clamp(min=1e-6), solids)
