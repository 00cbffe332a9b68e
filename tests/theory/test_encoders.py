import math

import numpy as np
import pytest
import torch
from finite import blind, loss, make, swap, swap_outcomes
from hypothesis import given
from hypothesis import strategies as st

from labclip_lib.theory.encoders import ideal_encoders, lookup, modality_gap, orbits, pseudo_optimal, sensitivity


def say_green(caption):
    """REPLACE: red becomes green, where that is a scene."""
    return caption.replace("red", "green") if "red" in caption and "green" not in caption else None


def negate(caption):
    """ADD."""
    return f"no {caption}"


def test_one_pair_of_encoders_is_ideal_in_all_worlds_of_one_margin(full, half):
    for world in (half, make(without=("green",)), make(twins="one", without=("circle",))):
        for ours, theirs in zip(ideal_encoders(world), ideal_encoders(full), strict=True):
            assert torch.equal(ours, theirs)


# Pseudo-optimal encoders: captions


@pytest.mark.parametrize("coin", range(3))
def test_blind_to_the_swap_at_the_same_loss(coin):
    world = make(twins="one", coin=coin)
    images, texts = ideal_encoders(world)
    order_blind = blind(world, swap)
    assert torch.equal(order_blind[world.caption_support], texts[world.caption_support])
    assert loss(world, images, order_blind) == loss(world, images, texts)
    values, index = sensitivity(lookup(world.captions, order_blind), world.captions, swap)
    assert (values == 0).all() and index.tolist() == list(range(36))
    assert (sensitivity(lookup(world.captions, texts), world.captions, swap)[0] > 0.99).all()
    assert (swap_outcomes(world, images, order_blind) == 0.5).all()
    assert (swap_outcomes(world, images, texts) == 1).all()


def test_the_loss_may_even_be_least_for_binding_the_wrong_way_round(half):
    images, texts = ideal_encoders(half)
    wrong = texts.clone()
    wrong[~half.caption_support] *= -1
    assert loss(half, images, wrong) == loss(half, images, texts)
    right = swap_outcomes(half, images, wrong)
    assert (right[half.scene_support] == 1).all() and (right[~half.scene_support] == 0).all()


def test_a_word_that_never_occurs_can_be_taken_for_another():
    world = make(without=("green",))
    images, texts = ideal_encoders(world)
    merged = blind(world, say_green)
    assert loss(world, images, merged) == loss(world, images, texts)
    values, index = sensitivity(lookup(world.captions, merged), world.captions, say_green)
    assert (values == 0).all() and len(values) == 12
    assert all("red" in world.captions[i] for i in index)
    assert (sensitivity(lookup(world.captions, texts), world.captions, say_green)[0] > 0.99).all()


def test_a_negation_that_never_occurs_can_be_overheard():
    captions = make().captions
    world = make(extra=[negate(c) for c in captions])
    images, texts = ideal_encoders(world)
    deaf = blind(world, lambda caption: None if caption.startswith("no ") else negate(caption))
    assert loss(world, images, deaf) == loss(world, images, texts)
    assert (sensitivity(lookup(world.captions, deaf), captions, negate)[0] == 0).all()
    assert (sensitivity(lookup(world.captions, texts), captions, negate)[0] > 0.99).all()
    assert torch.equal(deaf[36:], texts[:36])


def test_orbits_without_a_member_that_occurs_become_constant():
    world = make(twins="one", without=("green",))
    orbit, merged = orbits(world.captions, swap), blind(world, swap)
    absent = [label for label in orbit.unique() if not world.caption_support[orbit == label].any()]
    assert len(absent) == 12
    for label in absent:
        first, second = merged[orbit == label]
        assert torch.equal(first, second) and torch.equal(first, ideal_encoders(world)[1][orbit == label][0])


def test_the_support_stays_as_it_is_even_in_the_sign_of_a_zero():
    merged = pseudo_optimal(torch.tensor([[0.0], [-0.0], [1.0]]), torch.tensor([True, True, False]), torch.zeros(3))
    assert merged.flatten().signbit().tolist() == [False, True, False] and (merged == 0).all()


def test_what_is_in_no_orbit_stays(half):
    texts = ideal_encoders(half)[1]
    assert torch.equal(blind(half, lambda caption: None), texts)
    before = texts.clone()
    blind(half, swap)
    assert torch.equal(texts, before)


def test_what_only_images_hold_costs_nothing(full):
    images, texts = ideal_encoders(full)
    private = torch.randn(18, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    more = torch.cat([images, private], 1), torch.cat([texts, texts.new_zeros(36, 3)], 1)
    assert loss(full, *more) == loss(full, images, texts)


def test_the_gap_between_the_modalities_costs_nothing(full):
    """All images move along a direction in which all captions are alike: that adds a constant to the logits."""
    images, texts = ideal_encoders(full)
    least = pytest.approx(loss(full, images, texts), abs=1e-11)
    assert modality_gap(images, texts) == pytest.approx(0, abs=1e-12)
    gaps = []
    for shift in (0.5, 2.0, 20.0):
        assert loss(full, images + shift, texts) == least  # every caption has the same sum of coordinates
        far = torch.cat([images, images.new_full((18, 1), shift)], 1)
        away = torch.cat([texts, texts.new_full((36, 1), -shift)], 1)
        assert loss(full, far, away) == least
        gaps.append(modality_gap(far, away))
    assert gaps == sorted(gaps) and gaps[-1] > 1.9
    askew = texts.clone()
    askew[0, 3] += 1
    assert abs(loss(full, images + 2.0, askew) - loss(full, images, askew)) > 1e-3


def test_modality_gap_ignores_lengths():
    gap = modality_gap(torch.tensor([[2.0, 0.0], [7.0, 0.0]]), torch.tensor([[0.0, 0.1]]))
    assert gap == pytest.approx(math.sqrt(2))


# Operators in general


def test_orbits_of_every_kind_of_operator():
    items = ["a", "b", "c", "d", "e", "cd"]
    assert orbits(items, lambda item: None).tolist() == [-1] * 6
    assert orbits(items, lambda item: item).tolist() == [-1] * 6
    for answer in (lambda found: found, set, iter):  # lists, sets, generators
        label = orbits(items, lambda item, answer=answer: answer({"a": ["c", "x"], "d": ["c", "e"]}.get(item, [])))
        assert label[0] == label[2] == label[3] == label[4] >= 0 and label[1] == label[5] == -1
    # A str is one item, not its letters.
    label = orbits(items, lambda item: "cd" if item == "a" else None)
    assert label[0] == label[5] >= 0 and label[[1, 2, 3, 4]].eq(-1).all()
    assert len(orbits(["a", "b", "c", "d"], {"a": "b", "c": "d"}.get).unique()) == 2


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_orbits_are_reached_in_any_number_of_steps(links):
    label = orbits(list(range(10)), lambda item: [b for a, b in links if a == item])
    group = {i: {i} for i in range(10)}
    for a, b in links:
        both = group[a] | group[b]
        group.update(dict.fromkeys(both, both))
    for i in range(10):
        together = [j for j in range(10) if label[j] == label[i] >= 0]
        assert together == (sorted(group[i]) if len(group[i]) > 1 else [])


def test_sensitivity_is_one_minus_cosine():
    angles = {"a": 0.0, "b": math.pi / 3, "c": math.pi}

    def encode(captions):
        return 5 * torch.tensor([[math.cos(angles[c]), math.sin(angles[c])] for c in captions])

    values, index = sensitivity(encode, ["c", "a", "b"], {"a": "b", "b": "a", "c": "a"}.get)
    assert values == pytest.approx([2.0, 0.5, 0.5]) and values.dtype == np.float64 and index.tolist() == [0, 1, 2]
    values, index = sensitivity(encode, ["c", "a", "b"], {"a": "c"}.get)
    assert values == pytest.approx([2.0]) and index.tolist() == [1]


def test_sensitivity_of_equal_embeddings_is_exactly_zero():
    rows = torch.randn(200, 77, generator=torch.Generator().manual_seed(0))
    values, _ = sensitivity(lambda captions: rows, ["a"] * 200, str.upper)
    assert (values == 0).all()


def test_sensitivity_needs_a_caption_and_a_direction(raises_saying):
    with raises_saying(ValueError, "none of the 2 captions"):
        sensitivity(len, ["a", "b"], lambda caption: None)
    with raises_saying(ValueError, "2 embeddings"):
        sensitivity(lambda captions: torch.zeros(len(captions), 3), ["a", "b"], str.upper)
    with raises_saying(ValueError, "'B'"):
        lookup(["a"], torch.zeros(1, 2))(["a", "B"])
