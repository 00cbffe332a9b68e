import copy

import pytest

from labclip_lib.inside.tracing import WORDS, where_it_lives
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

SMALL = World(colors=World().colors[:5], shapes=World().shapes[:5])

FEW = World(colors=("red", "orange", "yellow", "green", "blue"), shapes=SMALL.shapes)  # "cyan" is two tokens to CLIP


@pytest.fixture(scope="module")
def tree():
    return where_it_lives(load_backbone("pocket", "cpu"), pairs=64, layouts=2, world=SMALL)


@pytest.fixture(scope="module")
def of_vit(tiny_clip):
    """Of a ViT that learned nothing, loaded as a reader's own is."""
    return where_it_lives(load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu"), pairs=40, layouts=1, world=FEW)


def mean(measure):
    return float(measure.values.mean())


def carried(layer):
    return {piece: mean(found["carried"]) for piece, found in layer.items()}


def test_the_words_are_where_a_caption_begins_and_its_end_where_it_ends(tree):
    layers = tree["patched"]["text"]
    assert [*layers] == ["words", "layer 1", "layer 2", "layer 3", "layer 4"]
    assert all([*layer] == [*WORDS] for layer in layers.values())
    first, last = (carried(layers[name]) for name in ("words", "layer 4"))
    assert first["first colour"] + first["second colour"] > 0.7
    assert all(first[word] == pytest.approx(0, abs=1e-5) for word in ("first shape", "and", "end of text"))
    assert last["end of text"] == pytest.approx(1, abs=1e-5)
    assert all(last[word] == pytest.approx(0, abs=1e-5) for word in WORDS[:-1])


def test_a_picture_begins_in_its_objects_and_spreads(tree):
    layers = tree["patched"]["image"]
    assert [*layers] == ["stem", "stage 1", "stage 2", "stage 3", "stage 4"]
    for layer in layers.values():
        assert 0 < mean(layer["one object"]["carried"]) < mean(layer["both objects"]["carried"]) < 1.1
    stem = carried(layers["stem"])
    assert stem["both objects"] > 0.9 and stem["the rest"] < 0.1
    assert mean(tree["covered"]["stem"]) < mean(tree["covered"]["stage 4"]) <= 1


def test_what_carries_the_embedding_to_the_twin_is_read_as_the_twin(tree):
    for whole in tree["whole"].values():
        assert mean(whole["own"]) < 0.4 and mean(whole["twin"]) > 0.6
        assert mean(whole["own"]) + mean(whole["twin"]) <= 1
    assert mean(tree["patched"]["image"]["stem"]["both objects"]["read"]) == pytest.approx(
        mean(tree["whole"]["image"]["twin"]), abs=0.05
    )
    assert mean(tree["patched"]["image"]["stem"]["the rest"]["read"]) == pytest.approx(
        mean(tree["whole"]["image"]["own"]), abs=0.05
    )
    assert mean(tree["patched"]["text"]["layer 4"]["end of text"]["read"]) == mean(tree["whole"]["text"]["twin"])


def test_only_scenes_that_the_probe_was_not_fitted_to_are_read(tree):
    carried, read = (tree["patched"]["image"]["stem"]["both objects"][what] for what in ("carried", "read"))
    assert len(carried.values) == 128 and 0 < len(read.values) < 2 * 128
    assert len({*read.clusters}) < len({*carried.clusters})


def test_attention_alone_carries_a_part(tree):
    rows = [*tree["attention"]["image"].values(), *tree["attention"]["text"].values()]
    assert len(rows) == 5 and all(-0.5 < mean(row["carried"]) < 1 for row in rows)


def test_weights_from_other_colours_are_of_scenes_alone(tree):
    (control,) = tree["other colours"].values()
    assert len(control["carried"].values) == 64
    assert mean(control["carried"]) < mean(tree["attention"]["image"]["pool"]["carried"])
    assert -0.5 < mean(control["to these"]) < 1


def test_probes_stand_beside_chance_and_bag(tree):
    for tower in tree["probe"].values():
        rows = [
            tower["embedding"],
            *(row for name, rows in tower.items() if name != "embedding" for row in rows.values()),
        ]
        assert len(rows) >= 5 and all(row.bag_of_words == 0.5 and row.chance == pytest.approx(0.2) for row in rows)
        assert mean(rows[0]) > 0.6
    assert {*tree["probe"]["image"]["stage 4"]} == {"mean of places", "all places"}


def test_a_vits_layers_and_its_class_token(of_vit):
    """Its one layer mixes its places into the class token, from which alone its embedding is made."""
    (layer,) = of_vit["patched"]["image"].values()
    assert mean(layer["class token"]["carried"]) == pytest.approx(1, abs=1e-4)
    assert all(mean(layer[region]["carried"]) == pytest.approx(0, abs=1e-4) for region in ("both objects", "the rest"))
    assert mean(of_vit["patched"]["text"]["layer 1"]["end of text"]["carried"]) == pytest.approx(1, abs=1e-4)
    assert {*of_vit["attention"]["image"]} == {*of_vit["other colours"]} == {"layer 1"}
    assert {*of_vit["probe"]["image"]["layer 1"]} == {"mean of places", "class token", "all places"}


def test_another_kind_of_tower_is_named(raises_saying):
    backbone = copy.copy(load_backbone("pocket", "cpu"))
    backbone.model, backbone.name = copy.deepcopy(backbone.model), "a tower of its own"
    del backbone.model.visual.layer4
    with raises_saying(ValueError, "looks into ResNets and ViTs", "'a tower of its own'"):
        where_it_lives(backbone)
