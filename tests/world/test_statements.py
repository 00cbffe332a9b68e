import pytest
import torch

from labclip_lib.measures.bags import same_words
from labclip_lib.world.scenes import World
from labclip_lib.world.statements import KINDS, RELATIONS, Statements, one_reading, stand

WORLD = World()


@pytest.mark.parametrize("order", ["fixed", "random"])
@pytest.mark.parametrize("kind", KINDS)
def test_twins_share_their_words_and_never_their_captions(kind, order):
    told = Statements.draw(WORLD, kind, 50, seed=1)
    captions, foils = told.captions(order, seed=2), told.swapped().captions(order, seed=2)
    assert same_words(captions, foils).all()
    assert all(a != b for a, b in zip(captions, foils, strict=True))
    assert told.swapped().swapped().captions(order, seed=2) == captions


@pytest.mark.parametrize("kind", KINDS)
def test_twins_have_one_layout(kind):
    told = Statements.draw(WORLD, kind, 20, seed=1)
    first, second = told.scenes(), told.swapped().scenes()
    assert torch.equal(first.center, second.center) and torch.equal(first.radius, second.radius)
    assert not torch.equal(first.color, second.color)


def test_pictures_show_what_is_told():
    across, down = (Statements.draw(WORLD, kind, 200, seed=1).scenes().center for kind in RELATIONS)
    assert (across[:, 0, 0] < across[:, 1, 0]).all() and (down[:, 0, 1] < down[:, 1, 1]).all()
    apart = (across[:, 0] - across[:, 1]).abs()
    assert (apart[:, 0] > apart[:, 1]).all()
    radius = Statements.draw(WORLD, "large or small", 200, seed=1).scenes().radius
    assert radius[:, 0].min() > radius[:, 1].max()
    counted = Statements.draw(WORLD, "two or three", 20, seed=1)
    scenes = counted.scenes()
    assert ((scenes.shape == counted.shape[:, :1]).sum(1) == 2).all()
    assert ((scenes.color == counted.color[:, 1:]).sum(1) == 3).all()
    negated = Statements.draw(WORLD, "there or not", 200, seed=1)
    scenes = negated.scenes()
    assert (scenes.shape[:, 0] == negated.shape[:, 0]).all()
    assert not (scenes.shape == negated.shape[:, 1:]).any() and not (scenes.color == negated.color[:, 1:]).any()


def test_captions_read_as_english():
    said = {kind: Statements.draw(WORLD, kind, 1, seed=3).captions()[0] for kind in KINDS}
    assert said == {
        "left or right": "red square left of cyan triangle",
        "above or below": "red square above cyan triangle",
        "large or small": "large red square and small cyan triangle",
        "two or three": "two red squares and three cyan triangles",
        "there or not": "red square and no cyan triangle",
    }


def test_a_relation_told_the_other_way_round_means_the_same():
    told = Statements.draw(WORLD, "left or right", 200, seed=1)
    for fixed, random in zip(told.captions(), told.captions("random"), strict=True):
        a, b = fixed.split(" left of ")
        assert random in (fixed, f"{b} right of {a}")
    assert 50 < sum(" right of " in caption for caption in told.captions("random")) < 150


@pytest.mark.parametrize("kind", KINDS)
def test_where_there_is_one_reading_a_bag_of_words_knows_the_foil(kind):
    parts = one_reading(WORLD, kind, 41, seed=1)
    assert sum(len(scenes) for scenes, _, _ in parts) == 41
    for scenes, captions, foils in parts:
        assert len(scenes) == len(captions) == len(foils)
        assert not same_words(captions, foils).any()


def test_unknown_statements_are_refused(raises_saying):
    with raises_saying(ValueError, "'texture'", "left or right"):
        Statements.draw(WORLD, "texture", 3)
    with raises_saying(ValueError, "'sorted'", "'fixed' or 'random'"):
        Statements.draw(WORLD, "two or three", 3).captions("sorted")


def test_what_stood_clearly_apart_stays_where_it_is():
    scenes = stand(WORLD.sample(100, 2, seed=1), True)
    assert torch.equal(stand(scenes, True).center, scenes.center)
