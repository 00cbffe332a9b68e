from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from labclip_lib.limits.search import SEARCHES, _Asked, conjunctive_search, search_ceilings, search_scenes
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

PROMPTS = {"prompt", "LABCLIP", "prompt, pairs", "LABCLIP, pairs"}
SMALL = World(("red", "blue", "green", "yellow"), ("circle", "square", "star", "cross"))


def objects_of(scenes):
    """The (colour, shape) of each object, a list of tuples a scene."""
    pairs = zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True)
    return [list(zip(*one, strict=True)) for one in pairs]


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize("objects", [2, 9])
def test_the_first_half_has_one_target_and_the_rest_has_none(kind, objects):
    scenes = objects_of(search_scenes(kind, objects, 20, seed=1, colors=(3, 5), shapes=(2, 7)))
    assert [len(scene) for scene in scenes] == 40 * [objects]
    at_least = [scene.count((3, 2)) for scene in scenes]
    assert at_least == 20 * [1] + 20 * [0]
    allowed = {"conjunction": {(3, 7), (5, 2)}, "feature": {(5, 2)}}.get(kind, {(3, 7), (5, 2), (5, 7)})
    assert {pair for scene in scenes for pair in scene} <= allowed | {(3, 2)}


def test_distractors_come_in_about_equal_numbers():
    kinds = Counter(pair for scene in objects_of(search_scenes("conjunction", 12, 300)) for pair in scene)
    assert kinds[0, 1] / kinds[5, 0] == pytest.approx(1, abs=0.1)


def test_whoever_counts_colours_and_shapes_knows_the_conjunction_and_not_the_one_of_same_counts():
    scenes = search_scenes("conjunction", 12, 50)
    total = (scenes.color == 0).sum(1) + (scenes.shape == 0).sum(1)
    assert total.tolist() == 50 * [13] + 50 * [12]
    for objects in (2, 5, 35):
        assert search_ceilings("conjunction", objects)["counts"] == pytest.approx({"AUC": 1, "accuracy": 1})
        same = search_ceilings("conjunction, same counts", objects)
        assert same["counts"] == same["words"] == pytest.approx({"AUC": 0.5, "accuracy": 0.5})
        assert search_ceilings("feature", objects)["words"] == pytest.approx({"AUC": 1, "accuracy": 1})


def test_ceilings_by_words_alone_are_those_worked_out_by_hand():
    # Of four objects, all words occur in 6 of 8 pictures with the target and 14 of 16 without; all else gives it away.
    words = search_ceilings("conjunction", 4)["words"]
    assert words["accuracy"] == pytest.approx((1 + 2 / 8) / 2)
    assert words["AUC"] == pytest.approx(2 / 8 + 6 / 8 * (2 / 16 + 14 / 16 / 2))


def test_bad_searches_are_refused(raises_saying):
    with raises_saying(ValueError, "'colour'", "feature"):
        search_scenes("colour", 4, 1)
    with raises_saying(ValueError, "2 or more", "1"):
        search_ceilings("feature", 1)


def test_auc_and_accuracy_are_the_known_ones_and_a_tie_counts_half():
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.integers(-3, 4, (2, 2, 30)) + np.array([0.5, 0])[:, None]).float()
    quests = [((0, 5), (0, 1)), ((1, 5), (0, 1))]
    out = _Asked(None, World(), 0, quests, 60).judge(scores, {"AUC": 1.0, "accuracy": 1.0}, True)
    truth = np.repeat([1, 0], 30)
    assert out["AUC"].values.mean() == pytest.approx(np.mean([roc_auc_score(truth, one.flatten()) for one in scores]))
    assert np.unique(out["AUC"].clusters).size == 2
    right = [(scores[:, 0] > 0).float(), (scores[:, 1] < 0).float()]
    ties = (scores == 0).float().mean() / 2
    assert out["accuracy"].values.mean() == pytest.approx(float(torch.stack(right).mean() + ties))
    assert len(out["margin"].values) == 2


def test_a_tower_that_sees_no_difference_is_at_chance():
    asked = _Asked(None, World(), 0, [((0, 5), (0, 1))], 20)
    out = asked.judge(torch.zeros(1, 2, 10), {"AUC": 1.0, "accuracy": 1.0}, True)
    assert [out[what].estimate().mean for what in ("AUC", "accuracy", "margin")] == [0.5, 0.5, 0]


def test_two_objects_are_searched_well_and_every_row_is_there():
    sizes = {"objects": (2, 3), "some": (2, 3), "draws": 1, "train": 80, "test": 40, "examples": (40, 80), "layouts": 1}
    out = conjunctive_search(load_backbone("pocket", "cpu"), 0, SMALL, **sizes)
    assert set(out) == {*SEARCHES, "examples", "small objects", "few pixels"}
    two = out["conjunction"]["2"]
    assert set(two) == {"classifier", "classifier of two", "classifier, middle"} | PROMPTS
    for method in set(two) - {"LABCLIP", "LABCLIP, pairs"}:  # so few scenes do not make a good matrix
        assert two[method]["AUC"].values.mean() > 0.9 and two[method]["margin"].values.mean() > 1, method
    same = out["conjunction, same counts"]["2"]
    assert same["classifier"]["AUC"].values.mean() > 0.9 > same["prompt"]["AUC"].values.mean()
    assert same["classifier"]["AUC"].bag_of_words == 0.5 < two["classifier"]["AUC"].bag_of_words
    assert set(out["examples"]["3"]) == {"40", "80"} and set(out["small objects"]) == {"2"}
    small, usual = (out[how]["2"]["classifier"]["margin"].values for how in ("small objects", "few pixels"))
    assert "accuracy" not in two["prompt"] and small != usual
