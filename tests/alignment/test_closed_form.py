import math

import numpy as np
import pytest
import several as together
import torch
from bindable import bound, small, swap_accuracy, unit
from torch.nn.functional import normalize

from labclip_lib.alignment.closed_form import STRENGTHS, discriminant_map, fit_closed_form, ridged
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import Pairs, choice_outcomes


def by_hand(pairs, foils="negatives", image_ridge=1e-2, text_ridge=1e-3):
    """The formula, in numpy and float64, with the covariances."""
    images, texts = pairs.images.double().numpy(), pairs.texts.double().numpy()
    mean_i = images.mean(0)
    cov_i = (images - mean_i).T @ (images - mean_i) / len(images)
    if foils == "negatives":
        negatives = pairs.negatives.double().numpy()
        flat = negatives.reshape(-1, negatives.shape[-1])
        mean_t = (texts.mean(0) + flat.mean(0)) / 2
        cov_t = sum((rows - mean_t).T @ (rows - mean_t) / len(rows) for rows in (texts, flat)) / 2
        change = texts - negatives.mean(1)
    else:
        mean_t = texts.mean(0)
        cov_t = (texts - mean_t).T @ (texts - mean_t) / len(texts)
        change = texts - mean_t
    cross = (images - mean_i)[pairs.image.numpy()].T @ change / len(texts)
    cov_i = cov_i + image_ridge * np.trace(cov_i) / len(cov_i) * np.eye(len(cov_i))
    cov_t = cov_t + text_ridge * np.trace(cov_t) / len(cov_t) * np.eye(len(cov_t))
    w = np.linalg.inv(cov_i) @ cross @ np.linalg.inv(cov_t)
    return w, cov_i, cov_t, cross, mean_i


def finished(w, mean_i):
    common = mean_i / np.linalg.norm(mean_i)
    w = w - np.outer(common, common @ w)
    return w / np.linalg.norm(w) * math.sqrt(len(w))


WORLDS = {
    "one negative": small(captions=41),
    "three negatives": small(captions=41, negatives=3),
    "a caption an image": small(images=40, captions=40),
    "more rows than a block": small(images=8200, captions=16500, negatives=2),
    "images without captions": Pairs(unit(0, 50, 8), unit(1, 9, 8), unit(2, 9, 8), torch.arange(9) * 5),
}


@pytest.mark.parametrize("foils", ["negatives", "random"])
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_the_map_is_the_formula(world, foils, device):
    w, *_, mean_i = by_hand(world, foils)
    ours = discriminant_map(world.to(device), foils)
    assert ours.dtype == torch.float32 and ours.device.type == device
    assert np.allclose(ours.cpu().numpy(), finished(w, mean_i), atol=2e-4)
    w, *_, mean_i = by_hand(world, foils, 0.5, 0.2)
    other = discriminant_map(world, foils, image_inverse=ridged(0.5), text_inverse=ridged(0.2))
    assert np.allclose(other.numpy(), finished(w, mean_i), atol=2e-4)


def test_no_map_is_better_at_what_is_asked():
    w, cov_i, cov_t, cross, _ = by_hand(small())

    def asked(w):
        return np.sum(w * cross) / math.sqrt(np.trace(cov_i @ w @ cov_t @ w.T))

    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1, 1, 10):
        for _ in range(20):
            noise = rng.standard_normal(w.shape)
            assert asked(w + size * np.linalg.norm(w) / np.linalg.norm(noise) * noise) < asked(w)


def test_with_random_foils_all_canonical_directions_are_equally_loud():
    """Captions are a rotation of the images: the map turns them back, and scores each pair by the whitened cosine."""
    images = unit(0, 4000, 6)
    turn = torch.linalg.qr(unit(1, 6, 6)).Q
    bare = ridged(1e-6)
    found = discriminant_map(Pairs(images, images @ turn), "random", image_inverse=bare, text_inverse=bare)
    common = normalize(images.mean(0), dim=0)
    values = torch.linalg.svdvals((torch.eye(6) - torch.outer(common, common)) @ found @ turn.T)
    assert torch.allclose(values[:5] / values[0], torch.ones(5), atol=0.2) and values[5] < 1e-3


def test_the_factors_can_be_left_out_or_taken_by_halves():
    world = small()
    _, cov_i, cov_t, cross, mean_i = by_hand(world, image_ridge=0, text_ridge=0)
    left_out = discriminant_map(world, image_inverse=lambda c, x: x, text_inverse=lambda c, x: x)
    assert np.allclose(left_out.numpy(), finished(cross, mean_i), atol=2e-4)
    halves = {"image_inverse": ridged(0.5, -0.5), "text_inverse": ridged(0.2, -0.5)}
    bracket = ridged(0.2, -0.5)(torch.from_numpy(cov_t), ridged(0.5, -0.5)(*map(torch.from_numpy, (cov_i, cross))).T).T
    whole = discriminant_map(world, image_inverse=ridged(0.5), text_inverse=ridged(0.2))
    assert torch.allclose(discriminant_map(world, **halves, cross=bracket), whole, atol=2e-4)


@pytest.mark.parametrize("foils", ["negatives", "random"])
def test_the_map_is_blind_to_the_mean_image_and_of_the_length_of_the_identity(foils):
    w = discriminant_map(bound("train"), foils)
    mean = bound("train").images.mean(0)
    assert float((mean @ w).norm()) < 1e-4 and float(w.norm()) == pytest.approx(math.sqrt(len(w)), rel=1e-5)


def test_foils_that_there_are_not(raises_saying):
    with raises_saying(ValueError, "'negatives' or 'random'", "'hard'"):
        discriminant_map(small(), "hard")
    with raises_saying(ValueError, "no negatives", "foils='random'"):
        discriminant_map(Pairs(unit(0, 5, 4), unit(1, 5, 4)))


def test_tables_that_say_nothing(raises_saying):
    same = torch.tensor([[0.6, 0.8, 0]]).expand(9, 3)
    with raises_saying(ValueError, "All images are the same"):
        discriminant_map(Pairs(same, unit(1, 9, 3)), "random")
    with raises_saying(ValueError, "All captions are the same"):
        discriminant_map(Pairs(unit(1, 9, 3), same), "random")
    square = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    with raises_saying(ValueError, "nothing in common"):
        discriminant_map(Pairs(square.repeat_interleave(4, 0), square.repeat(4, 1)), "random")


def test_several_processes_find_the_same_map(several):
    alone = together.maps()
    for found in several:
        for foils in ("negatives", "random"):
            assert torch.allclose(found["maps"][foils], alone[foils], atol=1e-5)
            assert torch.equal(found["maps"][foils], several[0]["maps"][foils])
        assert found["maps"]["scores"] == pytest.approx(alone["scores"], abs=1e-12)


# The LABCLIP


@pytest.mark.parametrize("side", ["text", "image"])
@pytest.mark.parametrize("foils", ["negatives", "random"])
def test_it_binds_where_the_cosine_is_blind(side, foils, device):
    train, validation, test = (bound(part, device=device) for part in ("train", "validation", "test"))
    assert 0.3 < swap_accuracy(test) < 0.7
    labclip, scores = fit_closed_form(train, validation, foils=foils, rivals=train.texts, side=side)
    assert labclip.side == side and labclip.linear.weight.device.type == device and tuple(scores) == STRENGTHS
    assert swap_accuracy(test, labclip) > 0.95 and max(scores.values()) > scores[0] + 0.3


@pytest.mark.parametrize(("rank", "equals"), [(None, 4), (8, 3)])
def test_the_strength_is_the_best_on_validation_and_the_weaker_of_equals(rank, equals):
    train, validation = bound("train"), bound("validation")
    labclip, scores = fit_closed_form(train, validation, rank=rank)
    w, asked, identity = discriminant_map(train), {}, torch.eye(49)
    for strength in STRENGTHS:
        asked[strength] = LABCLIP(49, rank=rank)
        asked[strength].set_matrix(w if math.isinf(strength) else identity + strength * w)
        assert scores[strength] == float(choice_outcomes(validation, asked[strength]).mean())
    best = [strength for strength in STRENGTHS if scores[strength] == max(scores.values())]
    assert tuple(scores) == STRENGTHS and len(best) == equals and scores[math.inf] > scores[0]
    assert torch.equal(labclip.linear.weight, asked[best[0]].linear.weight)


def test_scores_are_shares_of_right_choices():
    train, validation = bound("train"), bound("validation")
    labclip, scores = fit_closed_form(train, validation, rivals=train.texts)
    assert max(scores.values()) == float(choice_outcomes(validation, labclip, train.texts).mean())
    assert scores[0] == float(choice_outcomes(validation, None, train.texts).mean())


def test_the_rivals_make_it_harder():
    train, validation = bound("train"), bound("validation")
    alone, harder = (fit_closed_form(train, validation, rivals=rivals)[1] for rivals in (None, train.texts))
    assert all(harder[s] <= alone[s] for s in STRENGTHS) and sum(harder.values()) < sum(alone.values())


def test_on_the_image_side_scores_differ_by_lengths_alone():
    train, validation = bound("train"), bound("validation")
    (text, by_text), (image, by_image) = (fit_closed_form(train, validation, side=side) for side in ("text", "image"))
    assert by_text == by_image and max(by_text.values()) > by_text[0]  # so both have taken the same strength
    first = train.images @ text.linear(train.texts).T
    second = image.linear(train.images) @ train.texts.T
    assert torch.allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("rank", [1, 8, 49])
def test_of_a_low_rank_it_is_the_nearest(rank):
    train = bound("train")
    labclip, scores = fit_closed_form(train, bound("validation"), rank=rank)
    strength, w = max(scores, key=scores.get), discriminant_map(train)
    assert strength > 0
    wanted = w - torch.eye(49) if math.isinf(strength) else strength * w
    u, s, v = torch.linalg.svd(wanted)
    change = labclip.linear.weight.detach() - torch.eye(49)
    assert torch.allclose(change, u[:, :rank] * s[:rank] @ v[:rank], atol=1e-3)


def test_it_does_not_change_the_pairs():
    train, before = bound("train"), bound("train")
    fit_closed_form(train, bound("validation"))
    assert all(torch.equal(a, b) for a, b in zip(vars(train).values(), vars(before).values(), strict=True))
