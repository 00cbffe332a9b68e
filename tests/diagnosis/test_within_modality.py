import numpy as np
import pytest
from synthetic import SMALL, BagOfWords, Binder

from labclip_lib.diagnosis.within_modality import diagnose_within
from labclip_lib.world.scenes import World

BINDING = (
    "image with image: its copy or its twin",
    "caption with caption, reworded",
    "caption with caption, objects in the other order",
)
MOVES = [f"caption moves (1 - cosine), {how}" for how in ("words shuffled", "colours swapped", "one colour replaced")]


@pytest.fixture(scope="module")
def diagnosed():
    """`diagnose_within` of each synthetic encoder."""
    return {encoder: diagnose_within(encoder(), SMALL) for encoder in (Binder, BagOfWords)}


@pytest.mark.parametrize("name", BINDING)
def test_a_binder_knows_itself_from_its_twin_and_a_bag_of_words_ties(diagnosed, name):
    assert (diagnosed[Binder][name].values == 1).all() and (diagnosed[BagOfWords][name].values == 0.5).all()
    assert diagnosed[Binder][name].chance == diagnosed[Binder][name].bag_of_words == 0.5


def test_captions_move_as_far_as_their_content_changes(diagnosed):
    for name, content, words in zip(MOVES, (None, 1, 1 / 2), (0, 0, 1 / 4), strict=True):
        assert diagnosed[BagOfWords][name].values == pytest.approx(np.full(200, words), abs=1e-6)
        if content is None:
            assert diagnosed[Binder][name].values.mean() > 0.3
        else:
            assert diagnosed[Binder][name].values == pytest.approx(np.full(200, content), abs=1e-6)


def test_a_pair_is_one_cluster(diagnosed):
    for name, measure in diagnosed[Binder].items():
        assert set(np.bincount(measure.clusters)) == {2} and len(set(measure.clusters)) == 100, name


def test_what_a_bag_of_words_cannot_move_by_is_told_from_the_words(diagnosed):
    levels = [diagnosed[BagOfWords][name].bag_of_words for name in MOVES]
    assert levels[:2] == [0.0, 0.0] and np.isnan(levels[2])


def test_a_real_backbone_can_be_diagnosed(tiny):
    small = World(colors=("red", "blue", "green"), shapes=("circle", "square", "star", "ring"))
    run = diagnose_within(tiny, small)
    assert list(run) == [*BINDING, *MOVES]
    for name, measure in run.items():
        assert np.isfinite(measure.values).all() and -1e-6 <= measure.estimate().mean <= 2, name
