"""The colours and shapes of the small world."""

import itertools

import pytest
import torch

from labclip_lib.world.shapes import COLORS, SHAPES


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_lies_within_its_disc(name):
    """The layout keeps discs apart, so a corner that stands out of its disc can touch a neighbour."""
    line = torch.linspace(-1.3, 1.3, 521, dtype=torch.float64)
    u, v = torch.meshgrid(line, line, indexing="xy")
    inside = SHAPES[name](u, v) <= 0
    assert torch.sqrt(u * u + v * v)[inside].max() <= 1 + 1e-9
    assert inside.double().mean() * 2.6**2 > 0.6  # and it is big enough to be seen


def test_shapes_differ_from_each_other():
    """No shape covers nearly the same ground as another, so a picture can tell them apart."""
    line = torch.linspace(-1, 1, 201)
    u, v = torch.meshgrid(line, line, indexing="xy")
    inside = {name: shape(u, v) <= 0 for name, shape in SHAPES.items()}
    for a, b in itertools.combinations(inside.values(), 2):
        assert (a & b).sum() / (a | b).sum() < 0.85


def test_colours_keep_their_distance():
    """A tint of up to .07 a channel must not turn one colour into another."""
    for a, b in itertools.combinations(COLORS.values(), 2):
        assert (torch.tensor(a) - torch.tensor(b)).abs().max() > 2 * 0.07
