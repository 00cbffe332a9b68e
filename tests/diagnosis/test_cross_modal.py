import dataclasses

import numpy as np
import pytest
import torch
from synthetic import SMALL, BagOfWords, Binder, tables

from labclip_lib.diagnosis.cross_modal import (
    diagnose,
    diagnose_embeddings,
    diagnose_groups,
    diagnose_tables,
    twin_errors,
    twins,
)
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


def test_a_group_may_hold_more_than_two():
    """Three scenes, three captions; in the second group two captions have changed places."""
    images = torch.eye(3).expand(2, 3, 3)
    captions = torch.stack([torch.eye(3), torch.eye(3)[[0, 2, 1]]])
    measures = diagnose_groups(images, captions, torch.tensor([5, 6]))
    assert measures["group match"].values.tolist() == measures["group score"].values.tolist() == [1, 0]
    assert measures["group match"].chance == 1 / 6 and measures["group score"].chance == 1 / 60
    assert measures["group match"].clusters.tolist() == [5, 6]


def test_a_group_with_a_row_of_zeros_is_refused(raises_saying):
    images = torch.eye(2)[None]
    with raises_saying(ValueError, "1 of 2 rows of captions are zero"):
        diagnose_groups(images, images * torch.tensor([[[1.0], [0.0]]]), [0])


@pytest.fixture(scope="module")
def diagnosed():
    """`diagnose` of each synthetic encoder."""
    return {encoder: diagnose(encoder(), SMALL, layouts=2) for encoder in (Binder, BagOfWords)}


SWAPPING = [f"swap accuracy, {order} order" for order in ("fixed", "random")]
REPLACING = [f"replace {what} accuracy, {order} order" for what in ("colour", "shape") for order in ("fixed", "random")]


@pytest.mark.parametrize("name", SWAPPING)
def test_a_binder_uses_binding_and_a_bag_of_words_ties(diagnosed, name):
    assert (diagnosed[Binder][name].values == 1).all() and (diagnosed[BagOfWords][name].values == 0.5).all()
    assert diagnosed[Binder][name].chance == diagnosed[Binder][name].bag_of_words == 0.5


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_groups_of_twins_are_matched_by_a_binder_alone(diagnosed, order):
    for which, chance in (("score", 1 / 6), ("match", 1 / 2)):
        name = f"group {which}, {order} order"
        binder, bag = diagnosed[Binder][name], diagnosed[BagOfWords][name]
        assert (binder.values == 1).all() and bag.values == pytest.approx(np.full(200, chance))
        assert binder.chance == binder.bag_of_words == chance


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
    assert {*SWAPPING, *REPLACING, "recall@10 among 36 captions"} <= set(run)
    for name, measure in run.items():
        low = -1 if "margin" in name else -1e-6
        assert np.isfinite(measure.values).all() and low <= measure.estimate().mean <= 2, name


# A reader's own embeddings


def test_tables_of_a_binder_are_matched_without_a_mistake():
    run = diagnose_tables(tables(Binder(), Binder()))
    assert (run["swap accuracy"].values == 1).all() and (run["recall@1 among 200 captions"].values == 1).all()
    assert run["swap, margin of the cosine"].values.mean() == pytest.approx(1)
    assert run["swap accuracy"].chance == run["swap accuracy"].bag_of_words == 0.5
    assert len(run["group match"].values) == 100 and (run["group match"].values == run["group score"].values).all()
    assert run["group match"].values.mean() == 1 and run["group match"].chance == 1 / 2
    assert [run[f"recall@{k} among 200 captions"].chance for k in (1, 5, 10)] == [1 / 200, 5 / 200, 10 / 200]
    assert "wrong first choices that are the twin" not in run  # there are none


def test_tables_of_a_bag_of_words_tie():
    run = diagnose_tables(tables(BagOfWords(), BagOfWords()))
    assert (run["swap accuracy"].values == 0.5).all() and (run["recall@1 among 200 captions"].values == 0.5).all()
    assert (run["recall@5 among 200 captions"].values == 1).all()
    assert (run["group match"].values == 0.5).all() and run["group score"].values == pytest.approx(np.full(100, 1 / 6))
    assert "wrong first choices that are the twin" not in run  # a tie for the first place is not wrong


def test_an_encoder_that_prefers_the_twin_makes_twin_errors():
    straight = tables(Binder(), Binder())
    turned = straight.embeddings | {"images": straight.embeddings["swapped"]}
    run = diagnose_tables(dataclasses.replace(straight, embeddings=turned))
    assert (run["swap accuracy"].values == 0).all() and (run["recall@1 among 200 captions"].values == 0).all()
    errors = run["wrong first choices that are the twin"]
    assert (errors.values == 1).all() and len(errors.values) == len(errors.clusters) == 200
    assert errors.chance == 1 / 199


def test_lengths_of_embeddings_do_not_matter():
    made = tables(Binder(), Binder())
    noise = torch.rand(200, 1, generator=torch.Generator().manual_seed(0)) + 0.1
    scaled = dataclasses.replace(made, embeddings={name: 9 * noise * x for name, x in made.embeddings.items()})
    assert diagnose_tables(scaled)["swap, margin of the cosine"].values == pytest.approx(np.ones(200))


def test_a_caption_that_several_images_share_stands_in_the_dictionary_once():
    scenes = SMALL.compositions(seed=0)
    twice = scenes[[*range(200), *range(200)]]
    run = diagnose_tables(tables(Binder(), Binder(), twice))
    assert (run["recall@1 among 200 captions"].values == 1).all()
    assert np.bincount(run["recall@1 among 200 captions"].clusters).tolist() == [4] * 100  # a pair, each image twice


def test_objects_that_repeat_are_other_scenes():
    """Two red circles and a red square are not one red circle and two red squares."""
    scenes = SMALL.sample(300, 3, seed=0, distinct=False)
    kinds = {
        tuple(sorted(zip(c, s, strict=True))) for c, s in zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True)
    }
    assert f"recall@1 among {len(kinds)} captions" in diagnose_tables(tables(Binder(), Binder(), scenes))


def test_twins_that_are_not_in_the_tables_are_no_errors():
    """A table need not hold every scene; where no twin is there, none can be chosen."""
    scenes = SMALL.compositions(seed=0)
    first = [i for i, row in enumerate(scenes.color.tolist()) if row[0] < row[1]]
    made = tables(Binder(), Binder(), scenes[first])
    mixed = made.embeddings | {"images": made.embeddings["images"].flip(0)}
    run = diagnose_tables(dataclasses.replace(made, embeddings=mixed))
    assert run["recall@1 among 100 captions"].values.mean() < 0.1
    assert "wrong first choices that are the twin" not in run and "group match" not in run


def test_a_scene_and_its_twin_of_any_rows_are_one_group():
    """Three images of one scene and two of its twin make two groups, wherever they stand."""
    scenes = SMALL.compositions(seed=0)
    other = int(twins(scenes)[0])
    made = tables(Binder(), Binder(), scenes[[other, 0, 0, other, 0]])
    assert diagnose_tables(made)["group match"].values.tolist() == [1, 1]


def test_ceilings_follow_from_the_scenes():
    """Three colours on three shapes: six scenes of the same words, of which five are wrong and one is the twin."""
    scenes = SMALL.compositions(3, seed=0)
    turned = tables(Binder(), Binder(), scenes)
    turned = dataclasses.replace(turned, embeddings=turned.embeddings | {"images": turned.embeddings["swapped"]})
    run = diagnose_tables(turned)
    for k, ceiling in ((1, 1 / 6), (5, 5 / 6), (10, 1)):
        assert run[f"recall@{k} among {len(scenes):,} captions"].bag_of_words == pytest.approx(ceiling)
    assert run["wrong first choices that are the twin"].bag_of_words == pytest.approx(1 / 5)


def test_a_backbone_is_diagnosed_in_its_own_world(tiny_3d):
    run = diagnose(tiny_3d, layouts=1)
    assert len(run["swap accuracy, fixed order"].values) == len(tiny_3d.world.compositions())
