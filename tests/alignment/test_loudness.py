import pytest
import torch
from synthetic import Binder
from torch.nn.functional import normalize

from labclip_lib.alignment.closed_form import discriminant_map
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.loudness import directions_or_loudness, moves
from labclip_lib.alignment.scene_task import binding_task, examine, examine_groups
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.world.scenes import World

WORLD = World(colors=("red", "green", "blue", "yellow", "cyan"), shapes=("circle", "square", "triangle", "star"))
ORDERS = ("fixed", "random")


class Turned(Binder):
    """Captions say who wears what as images do, but in directions of their own."""

    def encode_images(self, scenes):
        return normalize(super().encode_texts(scenes.captions()), dim=-1)

    def encode_texts(self, captions):
        turn = torch.linalg.qr(torch.randn(self.dim, self.dim, generator=torch.Generator().manual_seed(0)))[0]
        return super().encode_texts(captions) @ turn


@pytest.fixture(scope="module")
def task(tiny):
    return binding_task(tiny, WORLD, 2, seed=3)


def fitted(pair):
    labclip = LABCLIP(len(pair[0]))
    labclip.set_matrix(pair[0] @ pair[1])
    return labclip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("part", ["train", "test"])
def test_a_move_goes_from_twin_to_scene(task, tiny, part, order):
    images, captions = moves(task, part, order)
    rows, want = getattr(task.split, part), ([], [])
    for k in range(2):
        scenes = WORLD.compositions(seed=[3, k])
        twins = scenes.swapped()
        lines = [drawn.captions(order, seed=[3, k]) for drawn in (scenes, twins)]
        want[1].append((embed_texts(tiny, lines[0]) - embed_texts(tiny, lines[1]))[rows])
        names = [frozenset(c.split(" and ")) for c in scenes.captions()]
        other = [names.index(frozenset(c.split(" and "))) for c in twins.captions()]
        table = embed_images(tiny, scenes)
        want[0].append((table - table[other])[rows])
    assert torch.allclose(images, torch.cat(want[0]), atol=1e-5)
    assert torch.allclose(captions, torch.cat(want[1]), atol=1e-5)


def test_a_rotation_finds_what_lies_in_other_directions():
    """On combinations that it was not fitted to; evening does not find it."""
    task = binding_task(Turned(WORLD), WORLD, 1)
    found = directions_or_loudness(task)
    swap = {name: examine(task, fitted(pair))["swap"].values.mean() for name, pair in found.items()}
    assert max(swap["CLIP"], swap["evened"]) < 0.8
    assert swap["turned"] == swap["evened and turned"] == 1
    images, captions = moves(task, "test")
    for name in ("turned", "evened and turned"):
        first, second = found[name]
        assert torch.cosine_similarity(images @ first, captions @ second.T).min() > 0.99
        assert examine_groups(task, fitted(found[name]))["group match"].values.min() == 1


@pytest.mark.parametrize("order", ORDERS)
def test_what_each_pair_of_matrices_does(task, order):
    found, pairs = directions_or_loudness(task, order), task.pairs("train", order)
    one = torch.eye(16)
    assert all(torch.equal(side, one) for side in found["CLIP"])
    for name in ("turned", "the formula's middle alone"):
        assert torch.equal(found[name][0], one)
    rotation = found["turned"][1]
    assert torch.allclose(rotation @ rotation.T, one, atol=1e-4)
    for side, table, ridge in ((0, pairs.images, 1e-2), (1, pairs.texts, 1e-3)):
        covariance = table.T.double().cov(correction=0)
        covariance += ridge * covariance.diagonal().mean() * one
        even = found["evened"][side].double()
        assert torch.allclose(even @ covariance @ even, one.double(), atol=1e-3)
    assert torch.equal(found["evened and turned"][0], found["evened"][0])
    turn = torch.linalg.solve(found["evened"][1].double(), found["evened and turned"][1].double(), left=False)
    assert torch.allclose(turn @ turn.T, one.double(), atol=1e-3)
    first, second = found["the formula"]
    formula = discriminant_map(pairs, "random")
    assert torch.allclose(first @ second, formula, atol=1e-3 * float(formula.abs().max()))


@pytest.mark.parametrize("name", ["turned", "evened and turned"])
def test_no_rotation_brings_the_training_moves_closer(task, name):
    images, captions = moves(task)
    first, second = directions_or_loudness(task)[name]
    images, captions = images @ first, captions @ second.T
    images, captions = images.double(), captions.double()
    best = (captions - images).square().sum()
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        some = torch.randn(16, 16, generator=generator).double()
        small = torch.matrix_exp(1e-3 * (some - some.T))
        assert (captions @ small.T - images).square().sum() > best
