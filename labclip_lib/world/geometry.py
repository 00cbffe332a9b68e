"""The world's geometry as plain data, for a renderer that has no torch.

A page of the book draws scenes in its reader's browser. It takes the colours, the shapes and the rules of a layout from
here, so each of them is described once.
"""

import operator

import torch
from torch import fx

from labclip_lib.world.placement import MARGIN, SIZES, SMALLEST, shrink_of
from labclip_lib.world.scenes import ANGLE, CAST, DARK_AND_LIGHT, LEVELS, SLOPE, TINT
from labclip_lib.world.shapes import COLORS, SHAPES

MOST = 4  # objects in a scene on a page
# The ranges of scenes.py. radius: of one or two objects; shrink[k - 1] is times that for k of them.
LIMITS = {
    "radius": [SMALLEST, SMALLEST + SIZES], "margin": MARGIN, "shrink": [shrink_of(k) for k in range(1, MOST + 1)],
    "angle": ANGLE, "tint": TINT, "slope": SLOPE, "levels": [[low, low + LEVELS] for low in DARK_AND_LIGHT],
    "cast": CAST, "backdrop": [min(DARK_AND_LIGHT) - CAST, max(DARK_AND_LIGHT) + LEVELS + CAST],
}  # fmt: skip
STEPS = {
    operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.truediv: "div", operator.neg: "neg",
    torch.maximum: "max", torch.minimum: "min", torch.sqrt: "sqrt", torch.abs: "abs",
    "maximum": "max", "minimum": "min", "sqrt": "sqrt", "abs": "abs",
}  # fmt: skip


def geometry():
    """What a page needs to draw scenes and to move their objects, plain for JSON.

    colors: the RGB of each name, in [0, 1]. shapes: the `steps` of each name. limits: LIMITS. The order of the names
    is the order of the label numbers of `World()`.
    """
    return {
        "colors": {name: list(rgb) for name, rgb in COLORS.items()},
        "shapes": {name: steps(shape) for name, shape in SHAPES.items()},
        "limits": LIMITS,
    }


def steps(shape):
    """The arithmetic of a signed distance: a list of [operation, operand, ...], whose last one gives the distance.

    shape: a function of two tensors, as in `shapes.SHAPES`. An operand is a number, or the name of a tensor: "u", "v",
    or "0", "1", ... for what that step gave. Raises ValueError for an operation that a page does not know.
    """
    graph = fx.symbolic_trace(shape).graph
    graph.eliminate_dead_code()  # so that the last step is the one that counts
    known, out = {}, []
    for node in graph.nodes:
        operands = [known[one] if isinstance(one, fx.Node) else one for one in node.args]
        if node.op == "placeholder":
            known[node] = "uv"[len(known)]
        elif node.target is torch.full_like:
            known[node] = min(max(operands[1], -1e30), 1e30)  # JSON has no infinity
        elif node.op != "output":
            if node.target not in STEPS or node.kwargs:
                raise ValueError(
                    f"A page cannot draw with {node.name!r}; use {', '.join(sorted(set(STEPS.values())))}, or teach "
                    "geometry.py and scene.js this operation."
                )
            known[node] = str(len(out))
            out.append([STEPS[node.target], *operands])
    return out


def plain(scenes):
    """Scenes as a page has them, plain for JSON: a list of {"objects", "backdrop", "slope"}.

    Each object is {"color", "shape", "x", "y", "radius", "angle", "tint"}, the colour and the shape by name.
    """
    world = scenes.world
    fields = (scenes.color, scenes.shape, scenes.center, scenes.radius, scenes.angle, scenes.tint)
    return [
        {
            "objects": [
                {
                    "color": world.colors[color], "shape": world.shapes[shape], "x": x, "y": y,
                    "radius": radius, "angle": angle, "tint": tint,
                }
                for color, shape, (x, y), radius, angle, tint in zip(*objects, strict=True)
            ],
            "backdrop": backdrop, "slope": slope,
        }
        for *objects, backdrop, slope in zip(
            *(field.tolist() for field in fields), scenes.backdrop.tolist(), scenes.slope.tolist(), strict=True
        )
    ]  # fmt: skip
