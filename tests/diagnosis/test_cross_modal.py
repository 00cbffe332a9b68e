import numpy as np
import pytest
import torch
from synthetic import SMALL, BagOfWords, Binder

from labclip_lib.diagnosis.cross_modal import diagnose, diagnose_embeddings, twin_errors, twins
from labclip_lib.world.scenes import World

# Twin errors


def test_only_wrong_first_choices_are_looked_at():
    """Right; wrong with the twin; wrong with a third one."""
    similarity = torch.tensor([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.1, 0.2, 0.9]])
    errors, rows = twin_errors(similarity, torch.tensor([0, 1, 1]), torch.tensor([1, 0, 0]))
    assert errors.tolist() == [1.0, 0.0] and rows.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("row", "want"),
    [
        ([0.5, 0.5, 0.1, 0.1], []),  # own and twin tie for the first place: not wrong
        ([0.1, 0.5, 0.5, 0.2], [0.5]),  # the twin and a third one tie
        ([0.1, 0.5, 0.5, 0.5], [1 / 3]),
        ([0.1, 0.2, 0.5, 0.5], [0.0]),
    ],
)
def test_twin_errors_share_a_tie(row, want):
    errors, rows = twin_errors(torch.tensor([row]), torch.tensor([0]), torch.tensor([1]))
    assert errors.tolist() == want and len(rows) == len(want)


# A whole diagnosis


def test_twins_find_each_other():
    scenes = World().compositions(seed=0)
    twin = twins(scenes)
    assert torch.equal(twin[twin], torch.arange(1568)) and not (twin == torch.arange(1568)).any()
    assert scenes[twin.tolist()].captions() == scenes.swapped().captions()


def test_embeddings_of_ones_own_are_compared():
    images, captions, foils = torch.eye(3), torch.eye(3), torch.eye(3)[[1, 1, 0]]
    found = diagnose_embeddings(images, captions, foils, torch.tensor([4, 4, 5]))
    assert found["accuracy"].values.tolist() == [1, 0.5, 1] and found["margin"].values.tolist() == [1, 0, 1]
    assert found["accuracy"].clusters.tolist() == [4, 4, 5] and found["accuracy"].chance == 0.5


@pytest.fixture(scope="module")
def diagnosed():
    """`diagnose` of each synthetic encoder."""
    return {encoder: diagnose(encoder(), SMALL, layouts=2) for encoder in (Binder, BagOfWords)}


BINDING = (
    "swap accuracy, fixed order",
    "swap accuracy, random order",
    "image with image: its copy or its twin",
    "caption with caption, reworded",
    "caption with caption, objects in the other order",
)
REPLACING = [f"replace {what} accuracy, {order} order" for what in ("colour", "shape") for order in ("fixed", "random")]
MOVES = [f"caption moves (1 - cosine), {how}" for how in ("words shuffled", "colours swapped", "one colour replaced")]


@pytest.mark.parametrize("name", BINDING)
def test_a_binder_uses_binding_and_a_bag_of_words_ties(diagnosed, name):
    assert (diagnosed[Binder][name].values == 1).all() and (diagnosed[BagOfWords][name].values == 0.5).all()
    assert diagnosed[Binder][name].chance == diagnosed[Binder][name].bag_of_words == 0.5


@pytest.mark.parametrize("name", REPLACING)
def test_a_replacement_is_plain_to_both(diagnosed, name):
    assert (diagnosed[Binder][name].values == 1).all() and (diagnosed[BagOfWords][name].values == 1).all()
    assert diagnosed[Binder][name].chance == 0.5 and diagnosed[Binder][name].bag_of_words == 1


def test_margins_are_differences_of_cosines(diagnosed):
    binder, bag = diagnosed[Binder], diagnosed[BagOfWords]
    for what, content, words in (("swap", 1, 0), ("replace colour", 1 / 2, 1 / 4), ("replace shape", 1 / 2, 1 / 4)):
        name = f"{what}, margin of the cosine"
        assert binder[name].values == pytest.approx(np.full(400, content), abs=1e-6)
        assert bag[name].values == pytest.approx(np.full(400, words), abs=1e-6)
        # What is said of a bag of words agrees with one; of a replacement nothing can be said.
        assert bag[name].bag_of_words == 0 if what == "swap" else np.isnan(bag[name].bag_of_words)


def test_captions_move_as_far_as_their_content_changes(diagnosed):
    for name, content, words in zip(MOVES, (None, 1, 1 / 2), (0, 0, 1 / 4), strict=True):
        assert diagnosed[BagOfWords][name].values == pytest.approx(np.full(200, words), abs=1e-6)
        if content is None:
            assert diagnosed[Binder][name].values.mean() > 0.3
        else:
            assert diagnosed[Binder][name].values == pytest.approx(np.full(200, content), abs=1e-6)


def test_retrieval_among_all_captions(diagnosed):
    for k, chance in ((1, 1 / 200), (5, 1 / 40), (10, 1 / 20)):
        name = f"recall@{k} among 200 captions"
        assert (diagnosed[Binder][name].values == 1).all() and diagnosed[Binder][name].chance == chance
        bag = diagnosed[BagOfWords][name]
        assert bag.values.mean() == bag.bag_of_words == min(1, k / 2)
    assert "wrong first choices that are the twin" not in diagnosed[Binder] | diagnosed[BagOfWords]


class Exchanger(Binder):
    """It sees every scene with its colours exchanged."""

    def encode_images(self, scenes):
        return super().encode_images(scenes.swapped())


def test_a_reader_of_twins_makes_twin_errors():
    run = diagnose(Exchanger(), SMALL, layouts=2)
    errors = run["wrong first choices that are the twin"]
    assert (errors.values == 1).all() and len(errors.values) == 400 and errors.chance == 1 / 199
    assert (run["swap accuracy, fixed order"].values == 0).all()


def test_all_that_is_asked_of_a_pair_is_one_cluster(diagnosed):
    for name, measure in diagnosed[Binder].items():
        assert len(measure.values) == len(measure.clusters), name
        assert set(np.bincount(measure.clusters)) <= {2, 4} and len(set(measure.clusters)) == 100, name


def test_a_real_backbone_can_be_diagnosed(tiny):
    small = World(colors=("red", "blue", "green"), shapes=("circle", "square", "star", "ring"))
    run = diagnose(tiny, small, layouts=2)
    assert {*BINDING, *REPLACING, *MOVES, "recall@10 among 36 captions"} <= set(run)
    for name, measure in run.items():
        low = -1 if "margin" in name else -1e-6
        assert np.isfinite(measure.values).all() and low <= measure.estimate().mean <= 2, name
