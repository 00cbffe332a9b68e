import json
import math
import operator

import pytest
import torch

from labclip_lib.world.geometry import LIMITS, MOST, geometry, plain, steps
from labclip_lib.world.scenes import World
from labclip_lib.world.shapes import COLORS, SHAPES

DOES = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg,
    "max": max, "min": min, "sqrt": math.sqrt, "abs": abs,
}  # fmt: skip


def distance(program, u, v):
    """What a program gives at a point, number by number."""
    known = {"u": u, "v": v}
    for k, (name, *operands) in enumerate(program):
        known[str(k)] = DOES[name](*(known.get(one, one) for one in operands))
    return known[str(len(program) - 1)]


@pytest.mark.parametrize("name", SHAPES)
def test_steps_compute_the_shape(name):
    program = json.loads(json.dumps(geometry()["shapes"][name], allow_nan=False))
    points = torch.rand(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2.4 - 1.2
    expected = SHAPES[name](*points.T)
    got = torch.tensor([distance(program, u, v) for u, v in points.tolist()], dtype=torch.float64)
    assert torch.allclose(got, expected, atol=1e-12)


def test_a_shape_that_a_page_cannot_draw_is_refused(raises_saying):
    with raises_saying(ValueError, "cannot draw with 'atan2'", "neg, sqrt, sub", "geometry.py and scene.js"):
        steps(lambda u, v: torch.atan2(u, v))


def test_names_are_in_the_order_of_the_labels():
    world, data = World(), geometry()
    assert (tuple(data["colors"]), tuple(data["shapes"])) == (world.colors, world.shapes)
    assert {name: tuple(rgb) for name, rgb in data["colors"].items()} == COLORS


@pytest.mark.parametrize("objects", range(1, MOST + 1))
def test_limits_are_what_the_world_draws_from(objects):
    """What is drawn fills each range, and leaves none."""
    scenes = World().sample(8000, objects, seed=3)
    radius, shrink = scenes.radius.double() / LIMITS["shrink"][objects - 1], LIMITS["radius"]
    room = torch.cat([scenes.center, 1 - scenes.center], -1).amin(-1) - scenes.radius
    gap = [
        (scenes.center[:, i] - scenes.center[:, j]).norm(dim=-1) - scenes.radius[:, i] - scenes.radius[:, j]
        for i in range(objects)
        for j in range(i)
    ]
    low, high = LIMITS["backdrop"]
    for seen, (least, most), near in (
        (radius, shrink, 1e-3), (scenes.angle, (-LIMITS["angle"], LIMITS["angle"]), 1e-3),
        (scenes.tint, (-LIMITS["tint"], LIMITS["tint"]), 1e-3), (scenes.backdrop, (low, high), 5e-3),
        (scenes.slope, (-LIMITS["slope"], LIMITS["slope"]), 1e-3),
    ):  # fmt: skip
        assert least - 1e-6 <= seen.min() <= least + near and most - near <= seen.max() <= most + 1e-6
    level = scenes.backdrop.double().mean(1)
    on = torch.stack([(low - 0.03 < level) & (level < high + 0.03) for low, high in LIMITS["levels"]])
    assert bool(on.any(0).all()) and on.double().mean(1).tolist() == pytest.approx([0.5, 0.5], abs=0.03)
    off = (scenes.backdrop.amax(1) - scenes.backdrop.amin(1)).max()
    assert 1.9 * LIMITS["cast"] < off <= 2 * LIMITS["cast"] + 1e-6
    for least in (room, *gap):
        assert LIMITS["margin"] - 1e-6 <= least.min() <= LIMITS["margin"] + 2e-3


def test_plain_scenes_hold_every_field():
    scenes = World().sample(3, objects=2, seed=4)
    for n, scene in enumerate(json.loads(json.dumps(plain(scenes)))):
        assert (scene["backdrop"], scene["slope"]) == (scenes.backdrop[n].tolist(), scenes.slope[n].tolist())
        for k, one in enumerate(scene["objects"]):
            assert one == {
                "color": scenes.world.colors[scenes.color[n, k]], "shape": scenes.world.shapes[scenes.shape[n, k]],
                "x": scenes.center[n, k, 0].item(), "y": scenes.center[n, k, 1].item(),
                "radius": scenes.radius[n, k].item(), "angle": scenes.angle[n, k].item(),
                "tint": scenes.tint[n, k].tolist(),
            }  # fmt: skip
