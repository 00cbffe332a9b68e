import dataclasses

import numpy as np
import pytest
import torch
from bindable import unit
from synthetic import SMALL, BagOfWords, Binder

from labclip_lib.diagnosis.reports import diagnose_tables
from labclip_lib.embeddings.tables import Tables


def tables(images, captions, scenes=None):
    """A reader's tables of every scene of the small world, its images and its captions each by their own encoder."""
    scenes = scenes or SMALL.compositions(seed=0)
    embeddings = {
        "images": images.encode_texts(scenes.captions()),
        "captions": captions.encode_texts(scenes.captions()),
        "swapped": captions.encode_texts(scenes.swapped().captions()),
    }
    return Tables(scenes.world.colors, scenes.world.shapes, scenes.color, scenes.shape, embeddings)


def test_tables_of_a_binder_are_matched_without_a_mistake():
    run = diagnose_tables(tables(Binder(), Binder()))
    assert (run["swap accuracy"].values == 1).all() and (run["recall@1 among 200 captions"].values == 1).all()
    assert run["swap, margin of the cosine"].values.mean() == pytest.approx(1)
    assert run["swap accuracy"].chance == run["swap accuracy"].bag_of_words == 0.5
    assert [run[f"recall@{k} among 200 captions"].chance for k in (1, 5, 10)] == [1 / 200, 5 / 200, 10 / 200]
    assert "wrong first choices that are the twin" not in run  # there are none


def test_tables_of_a_bag_of_words_tie():
    run = diagnose_tables(tables(BagOfWords(), BagOfWords()))
    assert (run["swap accuracy"].values == 0.5).all() and (run["recall@1 among 200 captions"].values == 0.5).all()
    assert (run["recall@5 among 200 captions"].values == 1).all()
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
    assert "wrong first choices that are the twin" not in run


# A LABCLIP on the book's scenes


class Turned(Binder):
    """Binds perfectly, but speaks of it in directions of its own: captions turned against images."""

    def __init__(self):
        super().__init__()
        self.turn = torch.linalg.qr(unit(5, 25, 25)).Q

    def encode_images(self, scenes):
        return super().encode_texts(scenes.captions())

    def encode_texts(self, captions):
        return super().encode_texts(captions) @ self.turn


@pytest.fixture
def turned():
    return Turned()
