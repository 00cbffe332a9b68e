import numpy as np
import pytest
import torch
from made_of_sums import SMALL, draw, mean, side

from labclip_lib.limits.object_sums import ADDED, OWN
from labclip_lib.limits.object_vectors import exchange_objects, from_concepts, object_vectors, vector_tables
from labclip_lib.limits.unseen_pairs import ASKED, split_by_coverage
from labclip_lib.measures.measure import Measure
from labclip_lib.models.backbones import load_backbone


def told(one, share=0.75, **how):
    split, unseen = split_by_coverage(one.scenes, share, seed=1)
    return one, vector_tables(one, split.train | split.validation, **how), split, unseen


def test_colours_times_shapes_reach_unseen_pairs_where_that_is_how_they_are_made():
    color, shape = torch.tensor([1.0, -1, 2, -2])[:, None, None], torch.tensor([1, -1, 2, -2.0])[:, None]
    found = from_concepts(*told(side((color * shape * draw(24))[None]), rank=2, steps=300))
    for what in ASKED[1:]:
        assert mean(found[what]["colour x shape"]["group match"]) > 0.9 and OWN not in found[what]


def test_a_colour_plus_a_shape_guesses_who_has_what():
    found = from_concepts(*told(side(draw(1, 4, 4, 24)), steps=1))
    assert mean(found[ASKED[0]][OWN]["all objects right"]) == 1
    for one in found.values():
        added = one[ADDED]
        assert np.all(added["group match"].values == 0.5)
        assert added["all objects right"].bag_of_words == 0.5 and added["all objects right"].chance == 1 / 72
        assert mean(added["concepts right"]) > added["concepts right"].chance == pytest.approx(0.5)


def test_exchanging_objects_makes_the_new_scene_of_sums():
    found = exchange_objects(*told(side(draw(1, 4, 4, 24)), steps=1))
    own = found["seen pair"][OWN]
    assert mean(own["nearest"]) == 1 and mean(own["read by the probe"]) > 0.9
    assert OWN not in found["unseen pair"] and mean(found["unseen pair"][ADDED]["read by the probe"]) < 0.8


def test_the_experiment_is_a_tree_of_measures():
    tree = object_vectors(load_backbone("pocket", "cpu"), 1, SMALL, layouts=1, shares=(0.75,), rank=2, steps=2)
    assert list(tree) == ["sums", "arithmetic", "from concepts"]
    for side_of in ("images", "captions"):
        trained, untrained = (mean(tree["sums"][who][side_of][OWN]["R2"]) for who in ("trained", "untrained"))
        assert untrained < trained < 1
    leaves, nodes = [], [tree]
    while nodes:
        for node in nodes.pop().values():
            (leaves if isinstance(node, Measure) else nodes).append(node)
    assert len(leaves) > 60 and all(np.isfinite([*leaf.values, *leaf[2:]]).all() for leaf in leaves)
