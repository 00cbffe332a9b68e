import pytest
import torch

from labclip_lib.world.layouts import Layouts
from labclip_lib.world.scenes import World

WORLD = World(colors=("red", "green", "blue"), shapes=("circle", "square", "star"))
SCENES = len(WORLD.compositions())


@pytest.fixture
def every():
    return Layouts.draw(WORLD, 3, seed=5)


def test_layouts_hold_the_same_scenes_in_other_places(every):
    assert len(every.parts) == 3 and every.scenes is every.parts[0]
    for k, part in enumerate(every.parts):
        assert torch.equal(part.center, WORLD.compositions(seed=[5, k]).center)
        assert part.captions() == every.scenes.captions()
    assert not torch.equal(every.parts[0].center, every.parts[1].center)
    assert torch.equal(every.color, every.scenes.color.repeat(3, 1))
    assert torch.equal(every.shape, every.scenes.shape.repeat(3, 1))


def test_captions_come_one_layout_after_another(every):
    assert every.captions() == every.scenes.captions() * 3
    said = every.captions("random")
    for k, part in enumerate(every.parts):
        assert said[k * SCENES : (k + 1) * SCENES] == part.captions("random", seed=[5, k])
    assert said[:SCENES] != said[SCENES : 2 * SCENES]


@pytest.mark.parametrize("order", ["fixed", "random", "reversed"])
def test_twins_are_told_in_the_order_of_their_scenes(every, order):
    for caption, twin in zip(every.captions(order), every.swapped().captions(order), strict=True):
        (c1, s1), (c2, s2) = (part.split() for part in caption.split(" and "))
        assert twin == f"{c2} {s1} and {c1} {s2}"


def test_changes_leave_the_layout(every):
    for changed in (every.swapped(), every.replaced("color")):
        assert all(torch.equal(a.center, b.center) for a, b in zip(changed.parts, every.parts, strict=True))
    for what in ("color", "shape"):
        changed = (getattr(every.replaced(what), what) != getattr(every, what)).sum(1)
        assert (changed == 1).all()
    assert every.replaced("shape").captions() == every.scenes.replaced("shape", 5).captions() * 3
