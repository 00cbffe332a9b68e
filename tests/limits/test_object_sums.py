import pytest
import torch
from made_of_sums import SMALL, draw, mean, side

from labclip_lib.limits.object_sums import ADDED, OWN, embed_sides, explained, make_side, means_of_words, sums
from labclip_lib.models.backbones import load_backbone


def test_sums_of_object_vectors_are_found_and_bind():
    found = sums({"images": side(draw(1, 4, 4, 24))})["images"]
    assert mean(found[OWN]["R2"]) == pytest.approx(1, abs=1e-3) and mean(found[OWN]["read by the probe"]) > 0.9
    assert mean(found[ADDED]["R2"]) < found[ADDED]["R2"].bag_of_words < 0.9
    assert mean(found[ADDED]["read by the probe"]) <= 0.5


def test_a_bag_of_words_is_all_explained_and_binds_nothing():
    vectors = draw(1, 4, 1, 24) + draw(1, 1, 4, 24)
    found = sums({"images": side(vectors)})["images"]
    assert mean(found[ADDED]["R2"]) == pytest.approx(1, abs=1e-3)
    assert found[ADDED]["R2"].bag_of_words == pytest.approx(1)
    assert mean(found["the embedding itself"]["read by the probe"]) <= 0.6


def test_what_is_named_first_has_other_vectors():
    found = sums({"captions": side(draw(2, 4, 4, 24), placed=True)})["captions"]
    assert mean(found[f"{OWN}, by position"]["R2"]) == pytest.approx(1, abs=1e-3)
    assert mean(found[OWN]["R2"]) < 0.8


def test_noise_is_not_explained():
    one = side(draw(1, 4, 4, 24))
    rows = draw(*one.rows.shape)
    found = sums({"images": make_side(one.scenes, rows, one.color, one.shape, False)})["images"]
    assert mean(found[OWN]["R2"]) < 0.1


def test_guessing_the_middle_explains_nothing_and_the_truth_all():
    rows, cluster = draw(4, 3), torch.tensor([0, 0, 3, 3])
    words = means_of_words(rows, cluster)
    assert torch.allclose(words[0], (rows[0] + rows[1]) / 2) and torch.equal(words[2], words[3])
    nothing, all_of_it = (explained(rows, told, rows.mean(0), cluster, words) for told in (rows.mean(0), rows))
    assert mean(nothing) == pytest.approx(0) and mean(all_of_it) == 1
    assert 0 < nothing.bag_of_words < 1 and nothing.chance == 0


def test_captions_are_laid_out_in_their_order_of_mention():
    found = embed_sides(load_backbone("pocket", "cpu"), SMALL, 2)
    images, captions = found["images"], found["captions"]
    assert images.rows.shape == captions.rows.shape == (2, 72, 256)
    assert torch.equal(captions.shape[0], captions.shape[1].flip(1)) and captions.placed and not images.placed
    assert (captions.shape[0].diff(dim=1) > 0).all()
