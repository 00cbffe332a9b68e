import numpy as np
import torch

from labclip_lib.world.scenes import World
from labclip_lib.world.twins import number_scenes, pair_clusters, twin_rows

WORLD = World()


def test_a_cluster_holds_a_scene_its_twin_and_their_layouts():
    scenes = WORLD.compositions(seed=0)
    cluster = pair_clusters(scenes.color.repeat(3, 1), scenes.shape.repeat(3, 1))
    assert np.bincount(cluster).tolist() == [6] * 784
    assert torch.equal(cluster[:1568], pair_clusters(scenes.swapped().color, scenes.shape))
    assert torch.equal(cluster[:1568], pair_clusters(scenes.color.flip(1), scenes.shape.flip(1)))


def test_objects_that_repeat_are_another_cluster():
    color, shape = torch.tensor([[0, 0, 1], [0, 1, 1], [1, 0, 0]]), torch.tensor([[2, 2, 2]] * 3)
    assert pair_clusters(color, shape).tolist() == [0, 1, 0]


def test_every_scene_of_the_world_finds_its_twin():
    scenes = WORLD.compositions(seed=0)
    first, own, twin = number_scenes(scenes.color, scenes.shape)
    assert torch.equal(first, torch.arange(1568)) and torch.equal(own, first)
    assert torch.equal(twin[twin], own) and not (twin == own).any()
    assert scenes[twin].captions() == scenes.swapped().captions()


def test_a_scene_has_one_number_in_all_its_rows():
    color = torch.tensor([[0, 1], [2, 3], [1, 0], [3, 2], [1, 0]])
    shape = torch.tensor([[4, 5], [4, 5], [5, 4], [4, 5], [4, 5]])
    first, own, twin = number_scenes(color, shape)
    assert first.tolist() == [0, 1, 3, 4] and own.tolist() == [0, 1, 0, 2, 3]
    assert twin.tolist() == [3, 2, 3, 1, 0]


def test_a_twin_that_is_not_there_has_no_number():
    first, own, twin = number_scenes(torch.tensor([[0, 1], [2, 2]]), torch.tensor([[0, 1], [0, 1]]))
    assert first.tolist() == own.tolist() == [0, 1]
    assert twin.tolist() == [-1, 1]  # objects of one colour are their own twin


def test_rows_stand_beside_rows_of_their_twins():
    """A scene, its twin twice, one without a twin, and one that is its own."""
    color, shape = torch.tensor([[0, 1], [1, 0], [0, 1], [0, 2], [3, 3]]), torch.tensor([[0, 1]] * 5)
    color[2], shape[2] = torch.tensor([0, 1]), torch.tensor([1, 0])  # the twin, told the other way round
    first, second = twin_rows(color, shape)
    assert [first.tolist(), second.tolist()] == [[0], [1]]
    assert [len(rows) for rows in twin_rows(color[3:], shape[3:])] == [0, 0]
