import dataclasses
import math

import numpy as np
import pytest
import torch
from finite import COLORS, SHAPES, blind, loss, make, swap, swap_outcomes
from hypothesis import given
from hypothesis import strategies as st

from labclip_lib.models.losses import info_nce
from labclip_lib.theory.encoders import ideal_encoders, orbits, pseudo_optimal
from labclip_lib.theory.finite_worlds import FiniteWorld, finite_world, merging_cost, optimum, population_loss, twin

NEGATIONS = tuple(f"no {c} {s} and blue square" for c in ("red", "green") for s in ("circle", "triangle"))
WORLDS = {
    "both twins": {},
    "one twin": {"twins": "one"},
    "no green": {"without": ("green",)},
    "negations": {"extra": NEGATIONS},
    "all at once": {"twins": "one", "without": ("green",), "extra": NEGATIONS, "margin": 2.5},
}


def world_of(joint):
    """A world out of a matrix alone."""
    names = [tuple(range(n)) for n in joint.shape]
    return FiniteWorld(*names, owner=torch.full((joint.shape[1],), -1), joint=joint, margin=math.nan)


def joint_of(counts):
    counts = torch.as_tensor(counts, dtype=torch.float64)
    return counts / counts.sum()


JOINTS = st.tuples(st.integers(2, 5), st.integers(2, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.sampled_from([0, 0, 1, 2, 3, 7]), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    ).filter(lambda rows: sum(map(sum, rows)) > 0)
)


# The world


@pytest.mark.parametrize("options", WORLDS.values(), ids=WORLDS)
def test_captions_describe_their_scenes(options):
    world = make(**options)
    assert len(world.scenes) == 18 and len(world.captions) == 36 + len(options.get("extra", ()))
    for caption, owner in zip(world.captions, world.owner.tolist(), strict=True):
        if owner < 0:
            assert caption in NEGATIONS
        else:
            assert {tuple(part.split()) for part in caption.split(" and ")} == set(world.scenes[owner])
            assert twin(world.scenes[owner]) == world.scenes[world.owner[world.captions.index(swap(caption))]]


def test_what_occurs(full, half):
    assert full.scene_support.all() and full.caption_support.all()
    for scene, occurs in zip(half.scenes, half.scene_support, strict=True):
        assert occurs != half.scene_support[half.scenes.index(twin(scene))]
    world = make(without=("green", "circle"), extra=NEGATIONS)
    for names, occurs in ((world.scenes, world.scene_support), (world.captions, world.caption_support)):
        assert [not any(word in str(name) for word in ("green", "circle", "no ")) for name in names] == occurs.tolist()
    gone = full.scenes[3]
    assert [
        scene for scene, occurs in zip(full.scenes, make(without=[gone]).scene_support, strict=True) if not occurs
    ] == [gone]


def test_coins_choose_the_twin_and_do_not_hang_on_what_else_is_missing(half):
    assert torch.equal(half.joint, make(twins="one").joint)
    assert not torch.equal(half.scene_support, make(twins="one", coin=1).scene_support)
    fewer = make(twins="one", without=("green",))
    assert torch.equal(fewer.scene_support, half.scene_support & make(without=("green",)).scene_support)


@pytest.mark.parametrize("options", WORLDS.values(), ids=WORLDS)
def test_margin_is_the_same_in_every_world(options):
    world = make(**options)
    pmi, _ = optimum(world)
    match = torch.arange(len(world.scenes))[:, None] == world.owner
    there = world.scene_support[:, None] & world.caption_support
    gaps = pmi[match & there][:, None] - pmi[~match & there]
    assert (gaps - world.margin).abs().max() < 1e-12 and world.margin == options.get("margin", 6.0)


def test_impossible_worlds(raises_saying):
    for options, part in (
        ({"twins": "none"}, "'none'"),
        ({"margin": 0.0}, "0.0"),
        ({"margin": math.nan}, "got nan"),
        ({"margin": 800.0}, "got 800.0"),
        ({"without": ("mauve",)}, "'mauve'"),
        ({"without": ((("red", "circle"), ("red", "square")),)}, "('red', 'square')"),
        ({"without": ("red", "green")}, "got 0"),
        ({"extra": ("red circle and blue square",)}, "red circle"),
    ):
        with raises_saying(ValueError, part):
            make(**options)
    with raises_saying(ValueError, "got 1"):
        finite_world(COLORS[:2], SHAPES[:2], twins="one")
    for joint in (torch.full((2, 2), 0.3), torch.tensor([[1.5, -0.5]]), torch.full((2, 2), math.nan)):
        with raises_saying(ValueError, "sum to 1"):
            world_of(joint.double())
    with raises_saying(ValueError, "(18, 36)"):
        dataclasses.replace(make(), joint=torch.ones(1, 1))


# The loss and its minimum


@pytest.mark.parametrize("options", WORLDS.values(), ids=WORLDS)
def test_ideal_encoders_reach_the_minimum(options):
    world = make(**options)
    images, texts = ideal_encoders(world)
    assert images.shape == (18, 18 + len(options.get("extra", ()))) and texts.shape == (
        world.joint.shape[1],
        images.shape[1],
    )
    _, least = optimum(world)
    assert loss(world, images, texts) == pytest.approx(least, abs=1e-12)
    assert least == -world.mutual_information < -0.1


def test_minimum_by_hand():
    """Two scenes, two captions that always tell: one bit. Two that never do: nothing."""
    assert optimum(world_of(joint_of([[1, 0], [0, 1]])))[1] == pytest.approx(-math.log(2))
    assert optimum(world_of(joint_of([[1, 1], [1, 1]])))[1] == pytest.approx(0, abs=1e-15)
    assert world_of(joint_of([[1, 0], [0, 1], [0, 1]])).mutual_information == pytest.approx(
        math.log(3) - 2 / 3 * math.log(2)
    )


@given(JOINTS, st.integers(0, 2**32 - 1), st.floats(-50, 50))
def test_nothing_gets_below_minus_the_information_and_pmi_gets_there(counts, seed, constant):
    world = world_of(joint_of(counts))
    best, least = optimum(world)
    assert float(population_loss(world, best + constant)) == pytest.approx(least, abs=1e-12)
    noise = torch.randn(best.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for logits in (noise, 20 * noise, best.clamp(-5, 5) + 0.1 * noise):
        assert float(population_loss(world, logits)) >= least - 1e-12


def test_the_minimum_is_strict_up_to_a_constant(half):
    """A logit moved on the support costs; a constant a row or a column costs the other direction."""
    best, least = optimum(half)
    row, column = torch.where(half.scene_support)[0][0], torch.where(half.caption_support)[0][0]
    for where in ((row, column), (row, slice(None)), (slice(None), column)):
        moved = best.clone()
        moved[where] += 0.5
        assert float(population_loss(half, moved)) > least + 1e-4


@pytest.mark.parametrize("rubbish", [0.0, 1e300, -1e300, math.inf, -math.inf, math.nan])
def test_what_never_occurs_is_not_read(rubbish):
    world = make(twins="one", extra=NEGATIONS)
    logits = torch.randn(world.joint.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    there = world.scene_support[:, None] & world.caption_support
    spoilt = logits.masked_fill(~there, rubbish).requires_grad_()
    value = population_loss(world, spoilt)
    assert value.item() == population_loss(world, logits).item()
    value.backward()
    assert (spoilt.grad[~there] == 0).all() and (spoilt.grad[there] != 0).all()


@given(JOINTS, st.integers(0, 2**32 - 1))
def test_it_is_the_loss_of_a_batch_that_holds_every_pair_as_often_as_it_occurs(counts, seed):
    rng = torch.Generator().manual_seed(seed)
    images, texts = (torch.randn(n, 3, generator=rng, dtype=torch.float64) for n in (len(counts), len(counts[0])))
    pairs = [(x, y) for x, row in enumerate(counts) for y, times in enumerate(row) for _ in range(times)]
    scene, caption = torch.tensor(pairs).T
    batch = float(info_nce(images[scene], texts[caption], 1.0))
    assert loss(world_of(joint_of(counts)), images, texts) + math.log(len(pairs)) == pytest.approx(batch, abs=1e-10)


def test_logits_that_cannot_be_used(full, raises_saying):
    with raises_saying(ValueError, "(18, 36)", "(36, 18)"):
        population_loss(full, torch.zeros(36, 18))
    logits = torch.zeros(18, 36)
    logits[3, 4] = math.nan
    with raises_saying(ValueError, "1 logits"):
        population_loss(full, logits)


def test_but_not_for_two_others_at_once(raises_saying):
    """Red and yellow both lead to green beside a blue square: their captions would have to be one."""

    def say_green_anywhere(caption):
        return [caption.replace(color, "green") for color in ("red", "blue", "yellow") if "green" not in caption]

    blind(make(without=("green",)), say_green_anywhere)  # red and blue alone never stand beside the same thing
    with raises_saying(ValueError, "both occur"):
        blind(finite_world((*COLORS, "yellow"), SHAPES, without=("green",)), say_green_anywhere)


# The converse


def test_twins_that_occur_cannot_be_merged(full, raises_saying):
    with raises_saying(ValueError, "Items 0 and ", "both occur"):
        blind(full, swap)


def test_merging_what_occurs_costs_what_it_must(full):
    images, texts = ideal_encoders(full)
    first, second = 0, full.captions.index(swap(full.captions[0]))
    cost = merging_cost(full, first, second)
    assert cost > 0.01
    for shared in (texts[first], texts[second], (texts[first] + texts[second]) / 2):
        merged = texts.clone()
        merged[[first, second]] = shared
        assert loss(full, images, merged) - loss(full, images, texts) >= cost - 1e-12


def test_the_cost_of_merging_is_reached():
    """The best logits with two tied columns, found by descent."""
    world = finite_world(COLORS, SHAPES[:2], margin=2.0)
    first, second = 0, world.captions.index(swap(world.captions[0]))
    free = torch.zeros(world.joint.shape, dtype=torch.float64, requires_grad=True)
    column = torch.arange(world.joint.shape[1])
    column[second] = first
    search = torch.optim.LBFGS(
        [free], max_iter=500, tolerance_grad=1e-10, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        search.zero_grad()
        value = population_loss(world, free[:, column])
        value.backward()
        return value

    search.step(closure)
    bound = -world.mutual_information + merging_cost(world, first, second)
    assert population_loss(world, free[:, column]).item() == pytest.approx(bound, abs=1e-6)


@pytest.mark.parametrize("options", [{}, {"twins": "one"}], ids=["both twins", "one twin"])
def test_merging_is_free_for_paraphrases_and_off_the_support(options):
    world = make(**options)
    there = world.caption_support
    for i, caption in enumerate(world.captions):
        assert merging_cost(world, i, i ^ 1) == 0.0
        other = world.captions.index(swap(caption))
        assert (merging_cost(world, i, other) > 0.001) == bool(there[i] and there[other])


@given(JOINTS)
def test_merging_costs_the_information_lost(counts):
    world = world_of(joint_of(counts))
    merged = world.joint.clone()
    merged[:, 0] += merged[:, 1]
    lost = world.mutual_information - world_of(torch.cat([merged[:, :1], merged[:, 2:]], 1)).mutual_information
    cost = merging_cost(world, 0, 1)
    assert cost >= 0 and cost == pytest.approx(lost, abs=1e-12)
    first, second = np.array(counts)[:, 0], np.array(counts)[:, 1]
    same = (first * second.sum() == second * first.sum()).all()  # also when one never occurs
    assert cost < 1e-14 if same else cost > 1e-4


# The image side, and directions that the loss does not see


def test_images_of_twins_can_be_merged_too(half):
    images, texts = ideal_encoders(half)
    merged = pseudo_optimal(images, half.scene_support, orbits(half.scenes, twin))
    assert loss(half, merged, texts) == loss(half, images, texts)
    assert torch.equal(merged[half.scene_support], images[half.scene_support])
    assert torch.equal(merged, merged[[half.scenes.index(twin(scene)) for scene in half.scenes]])
    # An image that never occurs passes for its twin, and prefers the twin's caption.
    assert (swap_outcomes(half, merged, texts) == half.scene_support.double().numpy()).all()
