import pytest
import torch

from labclip_lib.probing.protocols import bag_of_words_ceiling, chance, split_by_combination, split_by_object
from labclip_lib.world.scenes import World

WORLD = World()


@pytest.fixture(scope="module")
def scenes():
    """Colours and shapes of every two-object scene, four layouts each, and their split by combination."""
    one = WORLD.compositions(seed=0)
    split = split_by_combination(one.color, one.shape)
    return one.color.repeat(4, 1), one.shape.repeat(4, 1), split.repeated(4)


# Splits


def test_parts_are_disjoint_and_of_the_sizes_promised(scenes):
    _, _, split = scenes
    masks = torch.stack([split.train, split.validation, split.test])
    assert (masks.sum(0) == 1).all()
    assert (masks.float().mean(1) - torch.tensor([0.8, 0.1, 0.1])).abs().max() < 0.01
    assert len(split.cluster.unique()) == len(split.train) / 8  # a scene, its twin, four layouts


def test_twins_share_a_part():
    scenes = WORLD.compositions(seed=0)
    split, swapped = split_by_combination(scenes.color, scenes.shape), scenes.swapped()
    number = {
        frozenset(zip(c, s, strict=True)): i
        for i, (c, s) in enumerate(zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True))
    }
    pairs = zip(swapped.color.tolist(), swapped.shape.tolist(), strict=True)
    twin = torch.tensor([number[frozenset(zip(c, s, strict=True))] for c, s in pairs])
    assert (twin != torch.arange(len(twin))).all() and torch.equal(split.cluster[twin], split.cluster)
    for mask in (split.train, split.validation, split.test):
        assert torch.equal(mask[twin], mask)


def test_the_order_of_the_objects_does_not_matter_to_the_split():
    scenes = WORLD.compositions(seed=0)
    straight = split_by_combination(scenes.color, scenes.shape)
    turned = split_by_combination(scenes.color.flip(1), scenes.shape.flip(1))
    assert torch.equal(straight.test, turned.test)
    assert not torch.equal(straight.test, split_by_combination(scenes.color, scenes.shape, seed=1).test)


def objects(color, shape, mask):
    return set(zip(color[mask].flatten().tolist(), shape[mask].flatten().tolist(), strict=True))


def test_held_out_combinations_are_made_of_known_objects(scenes):
    color, shape, split = scenes
    assert objects(color, shape, split.test) <= objects(color, shape, split.train)


def test_held_out_objects_are_never_seen_before_the_test(scenes):
    color, shape, _ = scenes
    split = split_by_object(color, shape)
    hidden = objects(color, shape, split.asked & split.test[:, None])
    assert len(hidden) == 8 and len({s for _, s in hidden}) == len({c for c, _ in hidden}) == 8
    assert not hidden & objects(color, shape, split.train | split.validation)
    seen = objects(color, shape, split.train)
    assert {c for c, _ in seen} == {s for _, s in seen} == set(range(8))  # each colour and each shape was seen


@pytest.mark.parametrize("split", [split_by_combination, split_by_object])
def test_too_few_scenes_to_split(split, raises_saying):
    few = torch.tensor([[0, 1], [1, 0]])
    with raises_saying(ValueError, "got 1"):
        split(few, few)


# Baselines


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6])
def test_ceiling_of_unlike_objects_is_one_in_k(k):
    scenes = WORLD.sample(20, k, seed=0)
    assert bag_of_words_ceiling(scenes.color, scenes.shape) == pytest.approx(1 / k)
    assert chance(scenes.color, scenes.shape, 8) == pytest.approx(1 / 8)


def test_ceiling_of_independent_colours_is_the_one_of_the_papers_data():
    """Two different shapes, colours independent: 1/8 of the scenes are of one colour, the others a coin."""
    color = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    shape = torch.tensor([[0, 1]]).expand_as(color)
    assert bag_of_words_ceiling(color, shape) == 0.5625


def test_ceiling_agrees_with_the_best_guesser_on_many_scenes():
    """Answer each question by the most frequent answer among scenes with the same bag of words."""
    scenes = World(colors=("red", "blue", "green"), shapes=("circle", "square")).sample(60_000, 3, 0, distinct=False)
    asked = {True: {}, False: {}}
    for colors, shapes in zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True):
        for s in set(shapes):
            answer = frozenset(c for c, t in zip(colors, shapes, strict=True) if t == s)
            bag = tuple(sorted(colors)), tuple(sorted(shapes)), s
            for known, table in asked.items():
                counts = table.setdefault((*bag, len(answer) if known else 0), {})
                counts[answer] = counts.get(answer, 0) + 1
    for known, table in asked.items():
        best = sum(max(c.values()) for c in table.values()) / sum(sum(c.values()) for c in table.values())
        assert bag_of_words_ceiling(scenes.color, scenes.shape, known) == pytest.approx(best, abs=0.01)


def test_chance_of_sets():
    color, shape = torch.tensor([[0, 1, 1]]), torch.tensor([[0, 0, 1]])  # {0, 1} and {1}
    assert chance(color, shape, 4) == pytest.approx((1 / 6 + 1 / 4) / 2)
    assert chance(color, shape, 4, size_known=False) == pytest.approx(1 / 16)


def test_ceiling_is_not_typed_in():
    """It follows from the scenes: one object leaves nothing to guess."""
    assert bag_of_words_ceiling(torch.tensor([[3]]), torch.tensor([[1]])) == 1.0
    assert bag_of_words_ceiling(torch.tensor([[3, 3]]), torch.tensor([[1, 2]])) == 1.0
