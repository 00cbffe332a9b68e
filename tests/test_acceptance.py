import dataclasses

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from labclip_lib import acceptance
from labclip_lib.acceptance import BOUNDS, as_markdown, measure, summary, twin_split
from labclip_lib.captions import parse
from labclip_lib.scenes import World

SMALL = World(colors=("red", "yellow", "green", "blue", "pink"), shapes=("circle", "square", "star", "ring", "moon"))


class Binder:
    """Embeds which colour goes with which shape, one place a pair: it binds perfectly."""

    device = torch.device("cpu")

    def of(self, objects, world):
        out = torch.zeros(len(world.colors), len(world.shapes))
        for color, shape in objects:
            out[world.colors.index(color), world.shapes.index(shape)] += 1
        return out.flatten()


class BagOfWords(Binder):
    """Embeds which colours and which shapes there are: it cannot bind."""

    def of(self, objects, world):
        pairs = super().of(objects, world).reshape(len(world.colors), len(world.shapes))
        return torch.cat([pairs.sum(1), pairs.sum(0)])


@pytest.fixture(scope="module")
def measured():
    """`measure` of each synthetic encoder, which reads captions and scenes with its own eyes."""

    def texts(encoder, captions):
        return normalize(torch.stack([encoder.of(parse(c, SMALL), SMALL) for c in captions]), dim=-1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acceptance, "embed_texts", texts)
        patch.setattr(acceptance, "embed_images", lambda encoder, scenes: texts(encoder, scenes.captions()))
        return {encoder: measure(encoder(), SMALL) for encoder in (Binder, BagOfWords)}


# The split


@pytest.fixture(scope="module")
def split():
    scenes = World().compositions(seed=0)
    return scenes, twin_split(scenes)


def test_parts_are_disjoint_and_of_the_sizes_promised(split):
    scenes, parts = split
    masks = torch.stack([parts.train, parts.validation, parts.test])
    assert (masks.sum(0) == 1).all()
    assert (masks.float().mean(1) - torch.tensor([0.8, 0.1, 0.1])).abs().max() < 0.01
    assert len(parts.cluster.unique()) == len(scenes) / 2


def test_twins_share_a_part(split):
    scenes, parts = split
    key = {
        (tuple(c), tuple(s)): i
        for i, (c, s) in enumerate(zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True))
    }
    for (color, shape), i in key.items():
        j = key[color[::-1], shape]
        assert i != j and parts.cluster[i] == parts.cluster[j]
        for mask in (parts.train, parts.validation, parts.test):
            assert mask[i] == mask[j]


def test_the_order_of_the_objects_does_not_matter_to_the_split(split):
    scenes, parts = split
    turned = dataclasses.replace(scenes, color=scenes.color.flip(1), shape=scenes.shape.flip(1))
    assert torch.equal(twin_split(turned).test, parts.test)


def test_test_combinations_are_new_but_their_objects_are_not(split):
    scenes, parts = split
    rows = zip(scenes.color.tolist(), scenes.shape.tolist(), parts.train.tolist(), parts.test.tolist(), strict=True)
    trained, tested = set(), set()
    for color, shape, train, test in rows:
        combination = frozenset(zip(color, shape, strict=True))
        (trained if train else tested if test else set()).add(combination)
    assert not trained & tested
    assert set().union(*tested) <= set().union(*trained)


def test_split_depends_on_its_seed_alone(split):
    scenes, parts = split
    again, other = twin_split(World().compositions(seed=5)), twin_split(scenes, seed=1)
    assert torch.equal(again.test, parts.test) and not torch.equal(other.test, parts.test)


# The measurements


@pytest.mark.parametrize("metric", BOUNDS)
def test_a_perfect_binder_gets_everything_right(measured, metric):
    outcomes, clusters = measured[Binder][metric]
    assert outcomes.mean() >= 0.98 and len(outcomes) == len(clusters) > 0


def test_a_bag_of_words_is_at_chance_where_binding_is_asked_for(measured):
    run = measured[BagOfWords]
    for order in ("fixed", "random"):
        for metric in ("swap accuracy", "LABCLIP-HNB swap accuracy"):
            assert (run[f"{metric}, {order} order"][0] == 0.5).all()  # ties, each and every one
        assert 0.35 < run[f"text probe, {order} order"][0].mean() < 0.6
    assert 0.35 < run["image probe"][0].mean() < 0.6
    assert run["replace colour"][0].mean() == run["replace shape"][0].mean() == 1.0


def test_only_held_out_pairs_are_scored(measured):
    run = measured[Binder]
    split = twin_split(SMALL.compositions())
    held_out = set(split.cluster[split.test].tolist())
    for metric, (outcomes, clusters) in run.items():
        assert set(clusters.tolist()) <= held_out, metric
        assert set(np.unique(outcomes)) <= {0.0, 0.5, 1.0}
    swap, _ = run["swap accuracy, fixed order"]
    assert len(swap) == 10 * int(split.test.sum())  # every layout


def test_a_real_backbone_can_be_measured(tiny):
    small = World(colors=("red", "blue", "green"), shapes=("circle", "square", "star", "ring"))
    run = measure(tiny, small, layouts=1)
    assert list(run) == list(BOUNDS) and all(0 <= outcomes.mean() <= 1 for outcomes, _ in run.values())


def test_labclip_learns_binding_from_its_negatives():
    """Captions hold binding where images do not look for it: only the negatives ask the matrix to move it."""
    content = torch.zeros(300, 16)
    content[:, :12] = normalize(torch.randn(300, 12, generator=torch.Generator().manual_seed(0)), dim=-1)
    here, there = torch.zeros(16), torch.zeros(16)
    here[12] = there[13] = 0.5
    images, true, twin = (normalize(content + binding, dim=-1) for binding in (here, there, -there))
    matrix = acceptance._labclip_hnb(images, true, twin, torch.arange(300) < 240, seed=0, epochs=20)
    right, wrong = (images * normalize(side @ matrix.T, dim=-1) for side in (true, twin))
    assert torch.equal((images * true).sum(1), (images * twin).sum(1))  # it starts from chance
    assert (right.sum(1) > wrong.sum(1))[240:].float().mean() > 0.95


# The table


@pytest.fixture
def runs():
    """Three seeds that sit in the middle of every bound."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(3):
        run = {}
        for metric, (low, high) in BOUNDS.items():
            outcomes = np.zeros(400)
            outcomes[: round(400 * (low + high) / 2)] = 1
            run[metric] = rng.permutation(outcomes), np.arange(400) // 4
        made.append(run)
    return made


def test_summary_accepts_what_lies_within_the_bounds(runs):
    table = summary(runs)
    assert list(table) == list(BOUNDS)
    for row in table.values():
        assert row["accepted"] and len(row["seeds"]) == 3 and row["low"] <= row["mean"] <= row["high"]
        assert row["mean"] == pytest.approx(np.mean(row["seeds"]))
    assert "NOT ACCEPTED" not in as_markdown(table)


@pytest.mark.parametrize(("metric", "value"), [("swap accuracy, fixed order", 0.6), ("image probe", 0.94)])
def test_one_bad_seed_is_not_accepted(runs, metric, value):
    runs[1][metric] = (np.arange(400) < 400 * value).astype(float), np.arange(400)
    table = summary(runs)
    low, high = BOUNDS[metric]
    assert low <= table[metric]["mean"] <= high  # the mean would pass
    assert [name for name, row in table.items() if not row["accepted"]] == [metric]
    line = next(line for line in as_markdown(table).splitlines() if line.startswith(f"| {metric} "))
    assert "NOT ACCEPTED" in line and f"{value:.3f}" in line


def test_interval_widens_when_scenes_share_a_pair(runs):
    metric = "image probe"
    outcomes = np.repeat(np.arange(100) < 97, 4).astype(float)
    widths = []
    for clusters in (np.arange(400), np.arange(400) // 4):
        table = summary([run | {metric: (outcomes, clusters)} for run in runs[:1]])
        widths.append(table[metric]["high"] - table[metric]["low"])
    assert widths[1] > 1.5 * widths[0]
