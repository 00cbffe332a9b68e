import pytest
import torch

from labclip_lib.operators.on_captions import add, replace, shuffle_words, swap
from labclip_lib.world.scenes import World

WORLD = World()
FIELDS = ("color", "shape", "center", "radius", "angle", "tint", "backdrop", "slope")


@pytest.fixture
def pairs():
    return WORLD.sample(40, 2, seed=1)


def same(first, second):
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in FIELDS)


@pytest.mark.parametrize(
    ("what", "fields"),
    [("attributes", {"color"}), ("objects", {"shape"}), ("phrases", {"center", "radius", "angle"}),
     ("arguments", {"center", "radius", "angle"})],
)  # fmt: skip
@pytest.mark.parametrize("objects", [2, 3])
def test_swap_of_scenes_exchanges_these_fields_and_undoes_itself(what, fields, objects):
    scenes = WORLD.sample(20, objects, seed=2)
    negative = swap(scenes, what)
    assert negative.operator == f"swap {what}" and not same(negative.value, scenes)
    for name in FIELDS:
        old, new = getattr(scenes, name), getattr(negative.value, name)
        order = [1, 0, 2][:objects] if name in fields else slice(None)
        assert torch.equal(new, old[:, order] if name in fields else old)
    back = swap(negative.value, what).value
    assert same(back, scenes) and back.captions() == scenes.captions()


def test_swap_of_scenes_that_do_not_allow_it():
    assert "one object" in swap(WORLD.sample(2, 1)).reason
    assert "verbs" in swap(WORLD.sample(2), "relations").reason
    alike = World(colors=("red",)).sample(3, 2, distinct=False)
    assert "3 of 3" in swap(alike).reason and "color" in swap(alike).reason
    assert swap(alike, "phrases").value is not None


@pytest.mark.parametrize(("what", "field"), [("object", "shape"), ("attribute", "color")])
def test_replace_in_scenes(what, field, pairs):
    negative = replace(pairs, what, seed=4)
    assert negative.operator == f"replace {what}" and same(negative.value, pairs.replaced(field, 4))
    changed = getattr(negative.value, field) != getattr(pairs, field)
    assert (changed.sum(1) == 1).all()
    assert not same(negative.value, replace(pairs, what, seed=5).value)


def test_replace_in_scenes_that_do_not_allow_it(pairs):
    assert "no relation" in replace(pairs, "relation").reason
    full = World(colors=("red", "blue")).sample(2)
    assert "has 2" in replace(full, "attribute").reason and replace(full, "object").value is not None


def test_add_to_scenes(pairs):
    negative = add(pairs, seed=4)
    assert negative.operator == "add object" and same(negative.value, pairs.added(4))
    assert "attribute" in add(pairs, "attribute").reason and "negation" in add(pairs, "negation").reason
    assert "has 2" in add(World(shapes=("star", "moon")).sample(2)).reason


@pytest.mark.parametrize(("what", "field"), [("attributes", "color"), ("objects", "shape")])
@pytest.mark.parametrize("objects", [2, 3])
def test_shuffles_of_scenes(what, field, objects):
    scenes = WORLD.sample(200, objects, seed=2)
    value = shuffle_words(scenes, what, seed=1).value
    old, new = getattr(scenes, field), getattr(value, field)
    assert (old != new).any(1).all() and torch.equal(old.sort(1)[0], new.sort(1)[0])
    assert all(torch.equal(getattr(scenes, name), getattr(value, name)) for name in FIELDS if name != field)
    assert same(value, shuffle_words(scenes, what, seed=1).value)
    assert objects == 2 or not same(value, shuffle_words(scenes, what, seed=2).value)


def test_shuffles_of_scenes_that_do_not_allow_it(pairs):
    assert "no words" in shuffle_words(pairs).reason
    assert "no words" in shuffle_words(pairs, "nouns and adjectives").reason
    assert "one color" in shuffle_words(WORLD.sample(2, 1), "attributes").reason
    assert "one shape" in shuffle_words(World(shapes=("star",)).sample(2, distinct=False), "objects").reason
