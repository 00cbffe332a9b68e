import dataclasses
import math

import numpy as np
import pytest
import torch

from labclip_lib.world.scenes import World
from labclip_lib.world.solids import BALLS, COS, MIDDLE, SIN, SOLIDS, distances

WORLD = World(shapes=tuple(SOLIDS))


def reference(scenes, size, finer=4, steps=700):
    """In which share of each pixel each object is seen, in float64: each ray in small steps from above all objects."""
    place = (torch.arange(size * finer, dtype=torch.float64) + 0.5) / (size * finer)
    x = place.expand(len(place), -1)
    down = (place - MIDDLE)[:, None].expand_as(x)
    nearest = torch.full((*scenes.color.shape, *x.shape), -torch.inf, dtype=torch.float64)
    double = scenes._map(lambda part: part.double() if part.is_floating_point() else part)
    for near in np.linspace(1, -0.6, steps):
        points = [part.expand(nearest.shape) for part in (x, 0.5 + down * SIN + near * COS, -down * COS + near * SIN)]
        hit = (distances(double, *points) < 0) & nearest.isinf()
        nearest = torch.where(hit, torch.tensor(near), nearest)
    seen = (nearest == nearest.amax(1, keepdim=True)) & ~nearest.isinf()
    return torch.nn.functional.avg_pool2d(seen.double(), finer)


@pytest.mark.parametrize("name", SOLIDS)
def test_a_solid_stands_on_the_floor_within_its_disc_and_its_distance_is_never_too_long(name):
    dice = torch.Generator().manual_seed(0)
    one, other = (4 * torch.rand(2, 3, 20_000, dtype=torch.float64, generator=dice) - 2).unbind()
    gap, gap_there = SOLIDS[name](*one), SOLIDS[name](*other)
    x, y, z = one
    assert ((z > 0) & (z < 2) & (torch.hypot(x, y) < 1))[gap < 0].all() and (gap < 0).any()
    assert ((gap - gap_there).abs() <= (one - other).norm(dim=0) + 1e-9).all()


@pytest.mark.parametrize("objects", [1, 2, 4])
def test_objects_are_seen_where_rays_meet_them_first(objects, device):
    scenes = WORLD.sample(6, objects, seed=2)
    masks, want = scenes.masks(32, device).cpu(), reference(scenes, 32)
    assert (masks - want).abs().mean() < 4e-3
    assert (masks.sum((2, 3)) / want.sum((2, 3)) - 1).abs().max() < 0.08
    assert masks.sum(1).max() < 1 + 1e-6


def test_resolutions_show_the_same_scene():
    scenes = WORLD.sample(16, 2, seed=3)
    halved = torch.nn.functional.avg_pool2d(scenes.render(128), 2)
    assert (halved - scenes.render(64)).abs().mean() < 4e-3


def test_a_scene_is_painted_alike_in_any_company_and_in_range(device):
    scenes = WORLD.sample(40, 2, seed=1)
    together = scenes.render(33, device)
    assert together.shape == (40, 3, 33, 33) and together.dtype == torch.float32 and together.device.type == device
    assert together.min() >= 0 and together.max() <= 1
    for i in (0, 17, 39):
        assert torch.allclose(scenes[i].render(33, device)[0], together[i], atol=1e-5)


def test_twins_differ_in_their_colours_alone():
    scenes = WORLD.sample(8, 2, seed=4)
    assert torch.equal(scenes.masks(32), scenes.swapped().masks(32))
    assert (scenes.render(32) - scenes.swapped().render(32)).abs().amax((1, 2, 3)).min() > 0.1
    assert sorted(scenes.captions()[0].split()) == sorted(scenes.swapped().captions()[0].split())


def test_the_light_comes_from_the_left_so_shadows_lie_on_the_right():
    scenes = World(("red",), ("sphere",)).sample(30, 1, seed=5)
    scenes = scenes[(scenes.backdrop.mean(1) > 0.6) & (scenes.center[:, 0, 0] - 0.5).abs().lt(0.15)]
    scenes = dataclasses.replace(scenes, slope=0 * scenes.slope)
    images, masks = scenes.render(64), scenes.masks(64)[:, 0]
    bare = (images - scenes.backdrop[:, :, None, None]).mean(1) * (masks == 0)
    across = torch.arange(64) / 64 - scenes.center[:, 0, :1]
    darker = (bare.clamp(max=0) * across[:, None]).sum((1, 2))
    assert len(scenes) > 3 and (darker < 0).all()


def test_flat_shapes_and_solids_do_not_mix(raises_saying):
    with raises_saying(ValueError, "'circle'", "cube", "leave out"):
        World(shapes=("circle", "cube"))


def test_the_camera_sees_the_whole_floor():
    corners = [MIDDLE + (y - 0.5) * SIN - z * COS for y, z in ((0.17, 0.52), (0.83, 0))]
    assert 0 < corners[0] < corners[1] < 1 and math.isclose(SIN**2 + COS**2, 1)


@pytest.mark.parametrize("name", SOLIDS)
def test_a_solid_lies_in_its_ball_and_its_distance_is_hardly_shorter_than_the_ball_s(name):
    x, y, z = 6 * torch.rand(3, 50_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 3
    height, reach, slack = BALLS[name]
    to_ball = (x**2 + y**2 + (z - height) ** 2).sqrt() - reach
    assert (to_ball <= slack * SOLIDS[name](x, y, z).clamp(min=0)).all()


@pytest.mark.parametrize("objects", [1, 2, 4])
def test_what_balls_leave_out_would_change_nothing(objects, monkeypatch):
    scenes = WORLD.sample(20, objects, seed=6)
    image = scenes.render(48)
    monkeypatch.setattr("labclip_lib.world.solids.BALLS", dict.fromkeys(SOLIDS, (1, 20, 1)))
    assert torch.allclose(scenes.render(48), image, atol=1e-5)
