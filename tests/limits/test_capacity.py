import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.scene_task import TEMPLATES, binding_task, examine, examine_groups, fit_task
from labclip_lib.limits.capacity import HEADS, MLP, TOWERS, capacities
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.studies.comparison import finetune
from labclip_lib.world.scenes import World

WORLD = World(colors=("red", "yellow", "green", "blue"), shapes=("circle", "square", "star", "ring", "moon"))
QUICK = {"epochs": 1, "batch_size": 32}
FEW = {"CLIP": None, "LABCLIP": QUICK, "rank 8": QUICK | {"rank": 8}, "MLP": QUICK | {"hidden": 8}}


@pytest.fixture(scope="module")
def found(tiny):
    return capacities(tiny, 3, world=WORLD, layouts=2, steps=2, batch_size=32, heads=FEW)


@pytest.fixture(scope="module")
def task(tiny):
    return binding_task(tiny, WORLD, 2)


def same(first, second):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))


def test_every_method_is_asked_the_same(found):
    assert list(found) == [*FEW, *TOWERS] and len({tuple(row) for row in found.values()}) == 1
    for name, row in found.items():
        for what, measure in row.items():
            assert len(measure.values) == len(measure.clusters) and np.isfinite(measure.values).all()
            if what not in ("parameters", "seconds"):
                assert 0 < measure.chance <= measure.bag_of_words <= 1, (name, what)


def test_the_measures_are_those_of_the_task(found, task):
    for name, head in (("CLIP", None), ("LABCLIP", fit_task(task, "random", seed=3, **QUICK))):
        expected = examine(task, head, "random") | examine_groups(task, head, "random")
        assert all(same(found[name][what], measure) for what, measure in expected.items())


def test_a_tower_that_learns_is_examined_anew(found, tiny):
    tuned = finetune(tiny, "random", WORLD, 2, steps=2, batch_size=32, rate=TOWERS["all weights"][1], progress=False)
    expected = examine(binding_task(tuned, WORLD, 2), None, "random")
    assert all(same(found["all weights"][what], measure) for what, measure in expected.items())


def test_a_hard_positive_is_told_in_other_words_than_its_foil(found, task):
    rows = task.split.test
    for name in TEMPLATES:
        true, foil = ((task.images * task.texts[form])[:, rows].sum(-1).flatten() for form in
                      (name, "twin, random order"))  # fmt: skip
        measure = found["CLIP"][f"hard positive, {name}"]
        assert np.array_equal(measure.values, pairwise_outcomes(true, foil)) and measure.bag_of_words == 1


def test_parameters_are_counted_without_the_temperature(found, tiny):
    d, every = tiny.dim, sum(p.numel() for p in tiny.model.parameters())
    count = {name: float(row["parameters"].values[0]) for name, row in found.items()}
    assert count["CLIP"] == 0 and count["LABCLIP"] == d * d and count["rank 8"] == 2 * 8 * d
    assert count["MLP"] == d * d + 8 * (2 * d + 1) + d and count["all weights"] == every - 1
    assert 0 < count["LoRA, text tower"] < count["LoRA, both towers"]
    assert all(row["seconds"].values[0] > 0 for name, row in found.items() if name != "CLIP")


def test_an_mlp_is_at_first_the_matrix():
    rows, matrix = normalize(torch.randn(5, 6), dim=-1), torch.randn(6, 6)
    mlp, labclip = MLP(6, 24), LABCLIP(6)
    assert torch.equal(mlp(rows), labclip(rows))
    for head in (mlp, labclip):
        head.set_matrix(matrix)
    assert torch.equal(mlp(rows), labclip(rows))
    assert torch.equal(MLP(6, 4, seed=1).first.weight, MLP(6, 4, seed=1).first.weight)
    assert not torch.equal(MLP(6, 4, seed=1).first.weight, MLP(6, 4, seed=2).first.weight)


def test_an_mlp_learns_what_no_matrix_can():
    """Captions at four corners of a square, whose images are told by exclusive or."""
    corners = torch.tensor([[1.0, 1], [-1, -1], [1, -1], [-1, 1]])
    texts = normalize(torch.cat([corners, torch.ones(4, 1)], 1), dim=-1)
    want = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]])

    def best(head):
        adam = torch.optim.Adam(head.parameters(), lr=1e-2)
        for _ in range(300):
            loss = ((head(texts) - want) ** 2).sum(1).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
        return float(loss.detach())

    assert best(MLP(3, 16)) < 0.01 < 0.3 < best(LABCLIP(3))


def test_the_methods_are_all_there():
    assert set(HEADS) >= {"CLIP", "closed form", "LABCLIP", "LABCLIP, rank 32", "LABCLIP, rank 8", "MLP"}
    assert set(TOWERS) == {"LoRA, text tower", "LoRA, both towers", "all weights"}
