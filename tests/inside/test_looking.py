import pytest
import torch

from labclip_lib.inside.looking import check_words, where_it_looks, world_of_tokens
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

SMALL = World(colors=World().colors[:5], shapes=World().shapes[:5])

FEW = World(colors=("red", "orange", "yellow", "green", "blue"), shapes=SMALL.shapes)  # "cyan" is two tokens to CLIP


@pytest.fixture(scope="module")
def tree():
    return where_it_looks(load_backbone("pocket", "cpu"), world=SMALL)


def means(rows):
    return torch.tensor([float(measure.values.mean()) for measure in rows.values()])


def without_area(tree):
    return [row for name, row in tree["objects"].items() if name != "by area"]


def test_every_pair_is_asked_once_of_every_head(tree):
    """Half of the 200 scenes are the others' twins."""
    heads = {"image": 8, "text": 32}
    rows = [*without_area(tree), *tree["changes"].values()]
    rows += [row for name, row in tree["choice"].items() if name.startswith("image")]
    assert all([*row] == [str(k + 1) for k in range(heads["image"])] for row in rows)
    rows = [*tree["words"].values(), *tree["untrained words"].values()]
    assert all(len(row) == heads["text"] for row in rows)
    for row in rows:
        assert all(len(measure.values) == len({*measure.clusters}) == 100 for measure in row.values())


def test_shares_and_variations_are_shares(tree):
    for row in (*without_area(tree), *tree["changes"].values(), *tree["words"].values()):
        assert ((means(row) > 0) & (means(row) < 1)).all()
    assert 0.1 < float(tree["objects"]["by area"].values.mean()) < 0.3


def test_paired_differences_are_those_of_the_means(tree):
    paired = {name: float(measure.values.mean()) for name, measure in tree["paired"].items()}
    twin, others = (means(tree["changes"][name]).mean() for name in ("as the twin", "in two other colours"))
    assert paired["twin less other colours"] == pytest.approx(float(twin - others), abs=1e-6)
    own, other = (means(tree["untrained words"][name]).mean() for name in ("own colour", "other colour"))
    assert paired["own less other colour, untrained"] == pytest.approx(float(own - other), abs=1e-6)
    area = float(tree["objects"]["by area"].values.mean())
    assert paired["objects less area"] == pytest.approx(
        float(means(tree["objects"]["on both"]).mean()) - area, abs=1e-6
    )


def test_another_layout_is_looked_at_otherwise(tree):
    """Of a tower that sees, the layout changes where it looks more than nothing does."""
    assert (means(tree["changes"]["in another layout"]) > 0.02).all()


def test_correlations_stand_beside_the_largest_by_luck(tree):
    rows = torch.cat([means(row) for name, row in tree["choice"].items() if name != "largest of these"])
    seen, luck = (float(tree["choice"]["largest of these"][name].values[0]) for name in ("seen", "by luck"))
    assert float(rows.abs().max()) == pytest.approx(seen)
    assert 0.05 < luck < 0.5  # 80 correlations over 100 pairs


def test_captions_heads_read_who_has_what_trained_or_not(tree):
    """A head's weight for a shape's own colour depends on both words: a probe of untrained heads sees it, too."""
    read = tree["read"]["text"]
    assert all(float(measure.values.mean()) > 0.9 for measure in read.values())
    assert all(measure.bag_of_words == 0.5 for tower in tree["read"].values() for measure in tower.values())


def test_a_vit_of_open_clip_is_asked_alike(tiny_clip):
    """One layer of two heads in each tower, with random weights, loaded as a reader's own."""
    found = where_it_looks(load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu"), world=FEW)
    assert [*found["objects"]["on both"]] == [*found["words"]["own colour"]] == ["1", "2"]
    assert 0 < float(found["objects"]["on both"]["1"].values.mean()) < 1
    assert {*found["read"]["image"]} == {"attention", "attention, untrained", "embedding"}


def test_a_word_of_several_tokens_is_named(tiny_clip, raises_saying):
    backbone = load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")
    check_words(backbone, ["red circle and blue square"])
    with raises_saying(ValueError, "turquoisey", "one token each"):
        check_words(backbone, ["red circle and turquoisey square"])
    assert "cyan" not in world_of_tokens(backbone).colors and "red" in world_of_tokens(backbone).colors
    assert world_of_tokens(load_backbone("pocket", "cpu")) == World()
