import pytest
import torch

from labclip_lib.inside.looking import where_it_looks
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

SMALL = World(colors=World().colors[:5], shapes=World().shapes[:5])


@pytest.fixture(scope="module")
def tree():
    return where_it_looks(load_backbone("pocket", "cpu"), world=SMALL)


def means(rows):
    return torch.tensor([float(measure.values.mean()) for measure in rows.values()])


def test_every_pair_is_asked_once_of_every_head(tree):
    """Half of the 200 scenes are the others' twins."""
    heads = {"image": 8, "text": 32}
    rows = [tree["objects"]["on both"], *tree["changes"].values()]
    rows += [row for name, row in tree["choice"].items() if name.startswith("image")]
    assert all([*row] == [str(k + 1) for k in range(heads["image"])] for row in rows)
    rows = [*tree["words"].values(), *tree["untrained words"].values()]
    assert all(len(row) == heads["text"] for row in rows)
    for row in rows:
        assert all(len(measure.values) == len({*measure.clusters}) == 100 for measure in row.values())


def test_shares_and_variations_are_shares(tree):
    for row in (tree["objects"]["on both"], *tree["changes"].values(), *tree["words"].values()):
        assert ((means(row) > 0) & (means(row) < 1)).all()
    assert 0.1 < float(tree["objects"]["by area"].values.mean()) < 0.3


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
