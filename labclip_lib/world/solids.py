"""The solid shapes of the small world in three dimensions, and how a scene of them is painted.

Objects stand on a floor, as in CLEVR (Johnson et al., 2017): x to the right, y towards the viewer, z up, lengths in
shares of the image side. The camera looks down by TILT without perspective. One light from above throws soft shadows.

A solid is a signed distance: a function of the position (x, y, z) in its own frame, negative inside, that grows by at
most one for each step of one. It stands on z = 0, lies below z = 2, and within the disc of radius one around the z
axis, so two solids whose discs do not overlap cannot touch. Rays come to it by sphere tracing.
"""

import math

import torch

from labclip_lib.world.shapes import COLORS

TILT = math.radians(35)
SIN, COS = math.sin(TILT), math.cos(TILT)
MIDDLE = 0.71  # how far below the image's top the middle of the floor is seen
LIGHT = tuple(part / math.sqrt(0.5**2 + 0.35**2 + 0.9**2) for part in (-0.5, 0.35, 0.9))  # towards it
AMBIENT, SHINE, GLOSS = 0.42, 0.22, 24  # light from everywhere; strength and sharpness of the highlight
STEPS, SHADOW_STEPS = 28, 14
LAYERS = 2  # how much a pixel has to remember, in planes of an object
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

# Within which ball a solid lies: how high its middle is, its radius, and the slack. Outside of the ball the distance to
# it is at most so many times the solid's own. So a ball tells where a solid is not seen and does not keep light away.
BALLS = {"sphere": (0.85, 0.85, 1), "cube": (0.68, 1.18, 1), "cylinder": (0.72, 1.02, 1), "cone": (0.61, 1.09, 2.2)}


def distances(scenes, x, y, z):
    """Signed distance from points to each object of N scenes: x, y, z (N, K, ...) give (N, K, ...), in image sides."""
    order = scenes.shape.flatten().argsort()
    out = torch.empty_like(x).flatten(0, 1)
    out[order] = _distance(scenes, order, x.dim() - 2)(*(part.flatten(0, 1)[order] for part in (x, y, z)))
    return out.view_as(x)


def _distance(scenes, who, more=0):
    """The signed distance as a function of points x, y, z (P, ...), one row for each object of a list.

    who: (P,) numbers n * K + k of objects, in the order of their shapes. more: how many dimensions follow the first.
    """
    counts = torch.bincount(scenes.shape.flatten()[who], minlength=len(scenes.world.shapes)).tolist()
    radius, angle, center_x, center_y = (
        part.flatten()[who].view(-1, *(1,) * more) for part in (scenes.radius, scenes.angle, *scenes.center.unbind(2))
    )
    cos, sin = angle.cos() / radius, angle.sin() / radius

    def distance(x, y, z):
        u, v = x - center_x, y - center_y
        own = zip(*(part.split(counts) for part in (cos * u + sin * v, cos * v - sin * u, z / radius)), strict=True)
        return radius * torch.cat([SOLIDS[name](*part) for name, part in zip(scenes.world.shapes, own, strict=True)])

    return distance


def _listed(scenes, mask):
    """The pairs of an object and a pixel in a mask (N, K, size, size), in the order that `_distance` asks for.

    Returns two tensors (P,): the object's number n * K + k, and the pixel's, row * size + column.
    """
    order, pixels = scenes.shape.flatten().argsort(), mask[0, 0].numel()
    place = mask.reshape(-1, pixels)[order].flatten().nonzero()[:, 0]
    return order[place // pixels], place % pixels


def _balls(scenes):
    """The ball around each object: x, y, z and radius in image sides, and the slack; five tensors (N, K, 1, 1)."""
    height, reach, slack = torch.tensor([BALLS[name] for name in scenes.world.shapes], device=scenes.radius.device).T
    shape, radius = scenes.shape, scenes.radius
    balls = *scenes.center.unbind(2), height[shape] * radius, reach[shape] * radius, slack[shape]
    return [part[..., None, None] for part in balls]


def _pixels(scenes, size):
    """How far pixels are right of the image's left and below the floor's middle: two tensors (size, size)."""
    place = (torch.arange(size, device=scenes.center.device) + 0.5) / size
    return place.expand(size, size), (place - MIDDLE)[:, None].expand(size, size)


def _along(right, below, near):
    """The points x, y, z on the rays of pixels that are so near to the viewer."""
    return right, 0.5 + below * SIN + near * COS, -below * COS + near * SIN


def trace(scenes, size):
    """Where each pixel's ray meets each object, or comes nearest to it: two tensors (N, K, size, size).

    Returns the share of the pixel that the object covers, as if no other stood before it; and how near to the viewer
    the point is, in image sides, or minus infinity where nothing is covered.
    """
    right, below = _pixels(scenes, size)
    x, y, z, reach, slack = _balls(scenes)
    aside = (right - x) ** 2 + (below - (y - 0.5) * SIN + z * COS) ** 2
    who, pixel = _listed(scenes, aside < (reach + slack * 0.51 / size) ** 2)
    right, below = right.flatten()[pixel], below.flatten()[pixel]
    distance, near = _distance(scenes, who), torch.full_like(right, FIRST)
    best, best_near = torch.full_like(near, torch.inf), near
    for _ in range(STEPS):
        # To a surface half a pixel inside: so a pixel is half covered where the solid's edge runs through it.
        gap = distance(*_along(right, below, near)) + 0.5 / size
        best, best_near = torch.minimum(gap, best), torch.where(gap < best, near, best_near)
        near = near - gap
    covers, nears = (torch.full_like(aside, rest).view(-1, size * size) for rest in (0, -torch.inf))
    covers[who, pixel] = cover = (1 - best * size).clamp(0, 1)
    nears[who, pixel] = torch.where(cover > 0, best_near, -torch.inf)
    return covers.view_as(aside), nears.view_as(aside)


def normals(scenes, who, points, step=1e-3):
    """The direction in which the distance to each object of a list grows, at a point: three tensors like the points."""
    distance, rises = _distance(scenes, who), []
    for axis in range(3):
        up, down = ([part + (sign * step if k == axis else 0) for k, part in enumerate(points)] for sign in (1, -1))
        rises.append(distance(*up) - distance(*down))
    length = _length(*rises).clamp(min=1e-9)
    return [rise / length for rise in rises]


def _may_dim(scenes, points):
    """Whether an object's ball comes so near to the light's way to a point that it might dim it: (N, K, size, size)."""
    *ball, reach, slack = _balls(scenes)
    pairs = [(middle, part[:, None]) for middle, part in zip(ball, points, strict=True)]
    ahead = sum((middle - part) * toward for (middle, part), toward in zip(pairs, LIGHT, strict=True))
    aside = sum((middle - part) ** 2 for middle, part in pairs) - ahead**2
    # What dims is nearer to the way than a share of the way from the point: a cone around the way, which a ball enters.
    share = slack / SOFT
    limit = reach + share * ahead
    return (limit > 0) & (aside * (1 - share**2) < limit**2)


def lit(scenes, points, between):
    """How much of the light comes to a point of each pixel: (N, size, size) in [0, 1], and between at a shadow's edge.

    points: three (N, size, size). between: (N, K, size, size), true where it is asked how much an object keeps away.
    """
    who, pixel = _listed(scenes, between & _may_dim(scenes, points))
    at = who // between.shape[1] * between[0, 0].numel() + pixel
    start, distance = [part.flatten()[at] for part in points], _distance(scenes, who)
    t, light = torch.full_like(start[0], 0.01), torch.ones_like(start[0])
    for _ in range(SHADOW_STEPS):
        gap = distance(*(part + t * toward for part, toward in zip(start, LIGHT, strict=True)))
        light = torch.minimum(light, (0.5 + 0.5 * SOFT * gap / t).clamp(0, 1))
        t = t + gap.clamp(min=0.01)
    light = torch.ones_like(points[0]).flatten().scatter_reduce(0, at, light, "amin").view_as(points[0])
    return light * light * (3 - 2 * light)


def visible(scenes, size):
    """The share of each pixel in which each object is seen, behind those that stand before it: (N, K, size, size)."""
    return _behind(*trace(scenes, size))


def _behind(cover, near):
    """What is left of the covered shares behind what is nearer."""
    left = cover
    for k in range(cover.shape[1]):
        left = left * torch.where(near[:, k : k + 1] > near, 1 - cover[:, k : k + 1], 1)
    return left


def paint(scenes, size):
    """(N, 3, size, size) pictures of N scenes of solids, RGB in [0, 1]."""
    cover, near = trace(scenes, size)
    shares = _behind(cover, near)
    ground = _ground(scenes, size, (cover < 1).all(1, keepdim=True).expand_as(cover))
    who, pixel = _listed(scenes, cover > 0)
    colors = _colors(scenes, size, who, pixel, cover, near) * shares.flatten(2).flatten(0, 1)[who, pixel][:, None]
    layers = colors.new_zeros(*shares.shape, 3)
    layers.view(-1, size * size, 3)[who, pixel] = colors
    return (ground * (1 - shares.sum(1, keepdim=True)) + layers.sum(1).permute(0, 3, 1, 2)).clamp(0, 1)


def _ground(scenes, size, bare):
    """The floor with the shadows that fall on it, right where a pixel is bare of objects: (N, 3, size, size)."""
    right, below = _pixels(scenes, size)
    floor = [part.expand(len(scenes), size, size) for part in (right, 0.5 + below / SIN, 0 * right)]
    slopes = scenes.slope[..., None, None].unbind(1)
    rise = sum(slope * place - slope / 2 for slope, place in zip(slopes, (right, below + MIDDLE), strict=True))
    return (scenes.backdrop[..., None, None] + rise[:, None]) * (1 - FADE * (1 - lit(scenes, floor, bare)))[:, None]


def _colors(scenes, size, who, pixel, cover, near):
    """How each object of a list looks in a pixel: (P, 3) RGB."""
    right, below = _pixels(scenes, size)
    # What an object's own side turns from the light is dark already, so it feels the shadows of others alone.
    front = near.amax(1)
    others = (near < front[:, None]) & (front > -torch.inf)[:, None]
    light = lit(scenes, _along(right.expand_as(front), below, front), others)
    light = light.flatten(1)[who // scenes.color.shape[1], pixel]
    cover, near = (part.flatten(2).flatten(0, 1)[who, pixel] for part in (cover, near))
    normal = normals(scenes, who, _along(right.flatten()[pixel], below.flatten()[pixel], near))
    middle = torch.tensor(LIGHT) + torch.tensor((0.0, COS, SIN))  # between the light and the viewer
    facing, shining = (
        sum(part * toward for part, toward in zip(normal, direction, strict=True)).clamp(min=0) * light
        for direction in (LIGHT, (middle / middle.norm()).tolist())
    )
    palette = torch.tensor([COLORS[name] for name in scenes.world.colors], device=near.device)
    color = (palette[scenes.color] + scenes.tint).clamp(0, 1).flatten(0, 1)[who]
    solids = color * (AMBIENT + (1 - AMBIENT) * facing)[:, None] + SHINE * (shining**GLOSS)[:, None]
    seen = (cover > 0.99) & (normal[1] * COS + normal[2] * SIN > 0.05)
    return _filled(scenes, size, who, pixel, solids, seen)


def _filled(scenes, size, who, pixel, solids, inside):
    """What is painted inside of each object, and at its edge, where the nearest point looks away, what is beside it."""
    wide = size + 2
    place = (who * wide + pixel // size + 1) * wide + pixel % size + 1
    known = torch.cat([solids, torch.ones_like(solids[:, :1])], 1) * inside[:, None]
    table = known.new_zeros(scenes.color.numel() * wide * wide, 4).index_copy_(0, place, known)
    steps = torch.arange(-1, 2, device=who.device)
    edge = (~inside).nonzero()[:, 0]
    around = table[place[edge, None] + (steps[:, None] * wide + steps).flatten()].sum(1)
    beside = torch.where(around[:, 3:] > 0, around[:, :3] / around[:, 3:], solids[edge])
    return solids.index_copy(0, edge, beside)
