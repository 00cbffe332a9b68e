import dataclasses
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labclip_lib.models.pretraining import pretrain
from labclip_lib.world.captions import CaptionPolicy
from labclip_lib.world.pair_world import PairWorld
from labclip_lib.world.scenes import World

worlds = st.builds(
    PairWorld,
    st.integers(3, 8).map(lambda k: World().colors[:k]),
    st.integers(3, 8).map(lambda k: World().shapes[-k:]),
    st.integers(0, 2),
    st.integers(0, 9),
)


def grid(world):
    """Whether each pair is of the block: (colours, shapes)."""
    c, s = len(world.colors), len(world.shapes)
    return world.in_block(torch.arange(c)[:, None].expand(c, s), torch.arange(s).expand(c, s))


@given(worlds)
def test_the_block_is_every_pair_of_some_colours_and_as_many_shapes(world):
    inside = grid(world)
    assert sorted(inside.sum(1).tolist()) == [0] * (len(world.colors) - world.block) + [world.block] * world.block
    assert sorted(inside.sum(0).tolist()) == [0] * (len(world.shapes) - world.block) + [world.block] * world.block


@given(worlds, st.integers(1, 2), st.integers(0, 200), st.integers(0, 10**6))
def test_no_scene_holds_a_pair_of_the_block(world, objects, n, seed):
    scenes = world.sample(n, objects, seed)
    assert scenes.color.shape == (n, objects) and scenes.world == world
    assert not bool(world.in_block(scenes.color, scenes.shape).any())
    assert torch.equal(scenes.center, world.sample(n, objects, seed).center)


@given(worlds)
def test_a_pair_is_of_the_block_if_both_its_words_are(world):
    scenes = world.sample(50, seed=1)
    for part in (scenes, World(world.colors, world.shapes).sample(50, seed=1)):
        color, shape = world.words_of_block(part.color, part.shape)
        assert torch.equal(color & shape, world.in_block(part.color, part.shape))
    colors, _ = world.words_of_block(torch.arange(len(world.colors)), torch.arange(len(world.shapes)))
    assert int(colors.sum()) == world.block


def test_everything_else_occurs_and_so_does_every_colour_and_shape():
    world = PairWorld()
    for objects in (1, 2, 4):
        scenes = world.sample(4000, objects, seed=1)
        met = torch.zeros(8, 8, dtype=torch.bool)
        met[scenes.color.flatten(), scenes.shape.flatten()] = True
        assert torch.equal(met, ~grid(world)) and met.any(0).all() and met.any(1).all()


def test_a_block_that_is_met_leaves_the_world_as_it_is():
    world, plain = PairWorld(met=True), World()
    for objects, distinct in ((1, True), (2, True), (9, False)):
        first, second = (one.sample(60, objects, 3, distinct) for one in (world, plain))
        assert torch.equal(first.color, second.color) and torch.equal(first.center, second.center)
    assert torch.equal(grid(world), grid(PairWorld()))


def test_another_coin_draws_another_block():
    blocks = [grid(PairWorld(coin=coin)) for coin in range(4)]
    assert not any(torch.equal(blocks[0], other) for other in blocks[1:])


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ({"block": 8}, "got 8"),
        ({"block": -1}, "got -1"),
        ({"colors": ("red", "blue"), "block": 2}, "from 0 to 1"),
        ({"colors": ("red", "rde")}, "'rde'"),
    ],
)
def test_mistakes(how, seen, raises_saying):
    with raises_saying(ValueError, seen):
        PairWorld(**how)


def test_objects_that_repeat_are_refused(raises_saying):
    with raises_saying(ValueError, "distinct=True"):
        PairWorld().sample(3, distinct=False)


def test_it_is_a_world_to_train_in(tiny_recipe, tmp_path):
    recipe = dataclasses.replace(tiny_recipe, world=PairWorld(coin=3), policy=CaptionPolicy(binding=1.0))
    pretrain(recipe, tmp_path, device="cpu", progress=False)
    assert json.loads((tmp_path / "pocket-card.json").read_text())["recipe"]["world"]["block"] == 4
    for part in recipe.policy.sample(recipe.world, 60, seed=0)[:2]:
        assert len(part) and not bool(recipe.world.in_block(part.color, part.shape).any())
