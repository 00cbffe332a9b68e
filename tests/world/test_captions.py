import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labclip_lib.world.captions import TEMPLATES, CaptionPolicy, one_object, parse
from labclip_lib.world.scenes import World

WORLD = World()
SEEDS = st.integers(0, 2**32 - 1)


def objects_of(scenes):
    """Each scene as a set of (colour, shape) names."""
    return [
        {(WORLD.colors[c], WORLD.shapes[s]) for c, s in zip(cs, ss, strict=True)}
        for cs, ss in zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True)
    ]


def draw(binding, n=1500, seed=0, single=0.34):
    """Two-object scenes of a policy with what their captions say: [(objects, mentions)]."""
    ones, twos, captions = CaptionPolicy(single=single, binding=binding).sample(WORLD, n, seed)
    assert len(captions) == n == len(ones) + len(twos)
    return [(o, parse(c, WORLD)) for o, c in zip(objects_of(twos), captions[len(ones) :], strict=True)]


def bound(mentions):
    return [color is not None and shape is not None for color, shape in mentions]


def test_paper_captions_name_shapes_in_a_fixed_order():
    scenes = World(colors=("red", "blue"), shapes=("square", "circle")).compositions()
    assert sorted(scenes.captions()) == ["blue square and red circle", "red square and blue circle"]


@given(seed=SEEDS, objects=st.integers(1, 4), order=st.sampled_from(["fixed", "random"]))
def test_captions_are_read_back(seed, objects, order):
    scenes = WORLD.sample(12, objects, seed)
    for caption, true in zip(scenes.captions(order, seed=seed), objects_of(scenes), strict=True):
        mentions = parse(caption, WORLD)
        assert len(mentions) == objects and set(mentions) == true


@pytest.mark.parametrize("template", TEMPLATES.values())
def test_every_template_is_read_back(template):
    scenes = WORLD.sample(40, 2, seed=0)
    for caption, true in zip(scenes.captions("random", template=template), objects_of(scenes), strict=True):
        assert set(parse(caption, WORLD)) == true


def test_random_order_names_either_object_first_and_hangs_on_the_seed():
    scenes = WORLD.sample(400, 2, seed=0)
    first, again, other = (scenes.mention_order("random", seed)[:, 0] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert 140 < int(first.sum()) < 260


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_a_twin_is_described_in_the_same_order(order):
    scenes = WORLD.sample(60, 2, seed=5)
    for caption, twin in zip(scenes.captions(order, 3), scenes.swapped().captions(order, 3), strict=True):
        (color1, shape1), (color2, shape2) = parse(caption, WORLD)
        assert parse(twin, WORLD) == [(color2, shape1), (color1, shape2)]


def test_unknown_order_is_refused(raises_saying):
    with raises_saying(ValueError, "'sorted'", "'random'"):
        WORLD.sample(1).captions("sorted")


def test_an_orange():
    world = World(colors=("orange",), shapes=("star",))
    template = one_object(TEMPLATES["photo"])
    assert world.sample(1, 1).captions(template=template) == ["a photo of an orange star"]


def test_parse_reads_partial_captions():
    assert parse("A red circle and a blue thing", WORLD) == [("red", "circle"), ("blue", None)]
    assert parse("a photo of a square, an orange star", WORLD) == [(None, "square"), ("orange", "star")]


@pytest.mark.parametrize(("caption", "seen"), [("a mauve circle", "mauve"), ("a thing", "a thing"), ("", "''")])
def test_parse_names_what_it_cannot_read(caption, seen, raises_saying):
    with raises_saying(ValueError, seen):
        parse(caption, WORLD)


def test_binding_share_zero_never_binds():
    assert not any(any(bound(mentions)) for _, mentions in draw(binding=0.0))


def test_binding_share_one_always_binds():
    drawn = draw(binding=1.0)
    assert all(set(mentions) == true for true, mentions in drawn)


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_binding_share_is_kept(share):
    outcomes = [bound(mentions) for _, mentions in draw(binding=share, n=4000, single=0.0)]
    assert all(len(set(pair)) == 1 for pair in outcomes)  # both objects or neither
    seen = sum(pair[0] for pair in outcomes) / len(outcomes)
    assert abs(seen - share) < 4 * math.sqrt(share * (1 - share) / len(outcomes))


@given(seed=SEEDS)
def test_unbound_captions_say_nothing_a_bag_of_words_could_use(seed):
    """Every word in them is as true of the scene as of its twin, which has the same colours and shapes."""
    for true, mentions in draw(binding=0.0, n=60, seed=seed):
        colors, shapes = {c for c, _ in true}, {s for _, s in true}
        assert len(mentions) == 2
        assert all((color in colors) if shape is None else (shape in shapes) for color, shape in mentions)


def test_objects_are_named_by_either_word_equally_often():
    by_color = [shape is None for _, mentions in draw(binding=0.0, n=3000, single=0.0) for _, shape in mentions]
    assert abs(sum(by_color) / len(by_color) - 0.5) < 4 * 0.5 / math.sqrt(len(by_color))


def test_single_objects_are_captioned_in_full():
    ones, twos, captions = CaptionPolicy(single=1.0).sample(WORLD, 200, seed=1)
    assert len(ones) == 200 and len(twos) == 0
    assert all(set(parse(c, WORLD)) == true for c, true in zip(captions, objects_of(ones), strict=True))


def test_single_share_is_kept():
    ones, _, _ = CaptionPolicy().sample(WORLD, 4000, seed=2)
    assert abs(len(ones) / 4000 - 0.34) < 4 * math.sqrt(0.34 * 0.66 / 4000)


def test_policy_repeats_itself_for_a_seed():
    first, again, other = (CaptionPolicy().sample(WORLD, 50, seed=seed) for seed in ([3, 0], [3, 0], [3, 1]))
    assert first[2] == again[2] != other[2]
    assert torch.equal(first[1].center, again[1].center)


@pytest.mark.parametrize("shares", [{"binding": 1.5}, {"single": -0.1}, {"binding": float("nan")}])
def test_policy_refuses_a_share_that_is_none(shares, raises_saying):
    ((name, value),) = shares.items()
    with raises_saying(ValueError, name, str(value)):
        CaptionPolicy(**shares)
