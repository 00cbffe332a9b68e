import numpy as np
import pytest
import torch

from labclip_lib.embeddings.embed import CAPTIONS_PER_BATCH, IMAGES_PER_BATCH, embed_images, embed_texts
from labclip_lib.world.scenes import World


class Spy:
    """A backbone that answers with numbers made of its input, and counts its calls."""

    name, dim, device = "spy", 4, torch.device("cpu")

    def __init__(self):
        self.calls = []

    def encode_texts(self, captions):
        self.calls.append(len(captions))
        return torch.tensor([[float(len(caption))] * 4 for caption in captions])


@pytest.fixture
def spy():
    return Spy()


@pytest.fixture(scope="module")
def scenes():
    return World().sample(10, seed=0)


def test_captions_go_in_batches(spy):
    captions = [str(n) for n in range(2 * CAPTIONS_PER_BATCH + 1)]
    out = embed_texts(spy, captions)
    assert out[:, 0].tolist() == [len(caption) for caption in captions]
    assert spy.calls == [CAPTIONS_PER_BATCH, CAPTIONS_PER_BATCH, 1]


@pytest.mark.parametrize("n", [1, IMAGES_PER_BATCH, 2 * IMAGES_PER_BATCH + 3])
def test_batches_do_not_change_the_numbers(tiny, n):
    scenes = World().sample(n, seed=0)
    images = scenes.render(32)
    for items in (images, scenes):
        assert torch.allclose(embed_images(tiny, items), tiny.encode_images(images), atol=1e-5)


def test_nothing_in_nothing_out(spy):
    assert embed_texts(spy, []).shape == (0, 4)


def test_repeated_captions_are_embedded_once_and_come_back_in_order(spy):
    captions = ["a star", "a red moon", "a star", "a star", "a ring"]
    assert embed_texts(spy, captions)[:, 0].tolist() == [len(caption) for caption in captions]
    assert spy.calls == [3]


def test_one_caption_is_not_a_list_of_letters(spy, raises_saying):
    with raises_saying(ValueError, "list of captions"):
        embed_texts(spy, "a star")
    assert spy.calls == []


def test_mistakes_are_the_backbone_s(tiny, raises_saying):
    with raises_saying(ValueError, "nowhere.png"):
        embed_images(tiny, ["nowhere.png"])
    with raises_saying(ValueError, "Caption 0"):
        embed_texts(tiny, [None])
    assert np.isfinite(embed_texts(tiny, ["a red circle"]).numpy()).all()
