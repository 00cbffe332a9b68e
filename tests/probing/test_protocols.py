import pytest
import torch

from labclip_lib.probing.protocols import (
    bag_of_words_ceiling,
    chance,
    split_by_combination,
    split_by_image,
    split_by_object,
    split_by_value,
)
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


def test_with_their_twins_held_out_objects_are_in_no_hard_negative_of_the_training(scenes):
    color, shape, _ = scenes
    alone, split = (split_by_object(color, shape, with_twins=twins) for twins in (False, True))
    hidden = objects(color, shape, split.asked & split.test[:, None])
    assert hidden == objects(color, shape, alone.asked & alone.test[:, None])
    before = split.train | split.validation
    assert hidden & objects(color.flip(1), shape, alone.train) and not hidden & objects(color.flip(1), shape, before)
    assert not hidden & objects(color, shape, before) and (split.test | ~alone.test).all()
    assert not set(split.cluster[split.test].tolist()) & set(split.cluster[before].tolist())


def test_new_images_are_of_scenes_that_were_seen(scenes):
    color, shape, by_combination = scenes
    split = split_by_image(color, shape)
    parts = torch.stack([split.train, split.validation, split.test])
    assert (parts.sum(0) == 1).all() and split.asked.all()
    assert (parts.view(3, 4, -1).sum(1) == torch.tensor([2, 1, 1])[:, None]).all()  # of each scene's four layouts
    assert len(set(split.test.view(4, -1).int().argmax(0).tolist())) == 4  # not always the same layout
    assert torch.equal(split.cluster, by_combination.cluster)
    assert not torch.equal(split.test, split_by_image(color, shape, seed=1).test)


def test_a_held_out_value_is_never_seen_and_the_test_asks_about_the_object_beside_it(scenes):
    color, shape, _ = scenes
    for hidden in (1, 3):
        split = split_by_value(color, shape, hidden)
        seen = set(color[split.train | split.validation].flatten().tolist())
        asked = color[split.asked & split.test[:, None]]
        assert len(seen) == 8 - hidden and set(asked.tolist()) == seen
        assert (split.asked[split.test].sum(1) == 1).all()
        outside = ~(split.train | split.validation | split.test)
        assert int(outside.sum()) == 4 * 56 * hidden * (hidden - 1) / 2 and not split.asked[outside].any()
        clusters = [set(split.cluster[part].tolist()) for part in (split.train, split.validation, split.test)]
        assert not (clusters[0] & clusters[1] or clusters[0] & clusters[2] or clusters[1] & clusters[2])
    other = split_by_value(color, shape, 3, seed=1)
    assert set(color[other.train].flatten().tolist()) != seen


@pytest.mark.parametrize("hold_out", [split_by_image, split_by_combination])
def test_a_thinned_split_is_the_same_with_fewer_scenes_to_train_on(scenes, hold_out):
    color, shape, _ = scenes
    split = hold_out(color, shape)
    thin = split.thinned(40)
    clusters = thin.cluster[thin.train].unique()
    gone = split.train & ~thin.train
    assert len(clusters) == 40 and not torch.isin(clusters, split.cluster[gone]).any()
    for name in ("validation", "test"):
        part, before = getattr(thin, name), getattr(split, name)
        assert torch.equal(part, before & ~torch.isin(split.cluster, split.cluster[gone]))
    assert hold_out is split_by_combination or set(thin.cluster[thin.test].tolist()) == set(clusters.tolist())
    assert not torch.equal(thin.train, split.thinned(40, seed=1).train)
    everything = split.thinned(len(split.cluster[split.train].unique()))
    assert all(torch.equal(mask, getattr(split, name)) for name, mask in vars(everything).items())


def test_more_clusters_than_there_are(scenes, raises_saying):
    for clusters in (0, 1000):
        with raises_saying(ValueError, "between 1 and the 628", f"got {clusters}"):
            scenes[2].thinned(clusters)


@pytest.mark.parametrize("split", [split_by_image, split_by_combination, split_by_object, split_by_value])
def test_too_few_scenes_to_split(split, raises_saying):
    few = torch.tensor([[0, 1]])
    with raises_saying(ValueError, "got 1"):
        split(few, few)
    with raises_saying(ValueError, "got 0"):
        split(few[:0], few[:0])


def test_hidden_values_that_are_all_or_none(scenes, raises_saying):
    for hidden in (0, 8):
        with raises_saying(ValueError, "between 1 and 7", f"got {hidden}"):
            split_by_value(*scenes[:2], hidden)


def test_a_value_that_leaves_no_scene_to_train_on(raises_saying):
    scenes = World(colors=("red", "blue", "green"), shapes=("circle", "square", "star", "ring")).compositions(seed=0)
    with raises_saying(ValueError, "split by value is empty"):
        split_by_value(scenes.color, scenes.shape, 2)


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
