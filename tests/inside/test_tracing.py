import copy

import pytest

from labclip_lib.inside.tracing import WORDS, where_it_lives
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

SMALL = World(colors=World().colors[:5], shapes=World().shapes[:5])


@pytest.fixture(scope="module")
def tree():
    return where_it_lives(load_backbone("pocket", "cpu"), pairs=64, layouts=2, world=SMALL)


def mean(measure):
    return float(measure.values.mean())


def test_the_words_are_where_a_caption_begins_and_its_end_where_it_ends(tree):
    layers = tree["patched"]["text"]
    assert [*layers] == ["words", "layer 1", "layer 2", "layer 3", "layer 4"]
    assert all([*layer] == [*WORDS] for layer in layers.values())
    first, last = ({word: mean(measure) for word, measure in layers[name].items()} for name in ("words", "layer 4"))
    assert first["first colour"] + first["second colour"] > 0.7
    assert all(first[word] == pytest.approx(0, abs=1e-5) for word in ("first shape", "and", "end of text"))
    assert last["end of text"] == pytest.approx(1, abs=1e-5)
    assert all(last[word] == pytest.approx(0, abs=1e-5) for word in WORDS[:-1])


def test_a_picture_begins_in_its_objects_and_spreads(tree):
    layers = tree["patched"]["image"]
    assert [*layers] == ["stem", "stage 1", "stage 2", "stage 3", "stage 4"]
    for layer in layers.values():
        assert 0 < mean(layer["one object"]) < mean(layer["both objects"]) < 1.1
    assert mean(layers["stem"]["both objects"]) > 0.9 and mean(layers["stem"]["the rest"]) < 0.1
    assert mean(tree["covered"]["stem"]) < mean(tree["covered"]["stage 4"]) <= 1


def test_attention_alone_carries_a_part(tree):
    rows = [*tree["attention"]["image"].values(), *tree["attention"]["text"].values()]
    assert len(rows) == 5 and all(-0.5 < mean(row) < 1 for row in rows)


def test_probes_stand_beside_chance_and_bag(tree):
    for tower in tree["probe"].values():
        rows = [tower.pop("embedding"), *(row for rows in tower.values() for row in rows.values())]
        assert len(rows) >= 5 and all(row.bag_of_words == 0.5 and row.chance == pytest.approx(0.2) for row in rows)
        assert mean(rows[0]) > 0.6
    assert {*tree["probe"]["image"]["stage 4"]} == {"mean of places", "all places"}


def test_another_kind_of_tower_is_named(raises_saying):
    backbone = copy.copy(load_backbone("pocket", "cpu"))
    backbone.model, backbone.name = copy.deepcopy(backbone.model), "a ViT"
    del backbone.model.visual.layer4
    with raises_saying(ValueError, "looks into ResNets", "'a ViT'"):
        where_it_lives(backbone)
