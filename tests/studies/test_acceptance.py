import numpy as np
import pytest
import torch
from synthetic import SMALL, BagOfWords, Binder
from torch.nn.functional import normalize

from labclip_lib.measures.measure import Measure
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.studies import acceptance
from labclip_lib.studies.acceptance import BOUNDS, STATEMENT_BOUNDS, as_markdown, measure, summary
from labclip_lib.world.scenes import World

SMALL_TELLER = World(colors=("red", "blue", "green", "pink"), shapes=("circle", "square", "star", "ring"))


@pytest.fixture(scope="module")
def measured():
    """`measure` of each synthetic encoder, which reads captions and scenes with its own eyes."""
    return {encoder: measure(encoder(), SMALL) for encoder in (Binder, BagOfWords)}


# The measurements


@pytest.mark.parametrize("metric", BOUNDS)
def test_a_perfect_binder_gets_everything_right(measured, metric):
    run = measured[Binder][metric]
    assert run.values.mean() >= 0.98 and len(run.values) == len(run.clusters) > 0


def test_a_bag_of_words_is_at_chance_where_binding_is_asked_for(measured):
    run = measured[BagOfWords]
    for order in ("fixed", "random"):
        for metric in ("swap accuracy", "LABCLIP-HNB swap accuracy"):
            assert (run[f"{metric}, {order} order"].values == 0.5).all()  # ties, each and every one
        assert 0.35 < run[f"text probe, {order} order"].values.mean() < 0.6
    assert 0.35 < run["image probe"].values.mean() < 0.6
    assert run["replace colour"].values.mean() == run["replace shape"].values.mean() == 1.0


def test_only_held_out_pairs_are_scored(measured):
    run = measured[Binder]
    scenes = SMALL.compositions()
    split = split_by_combination(scenes.color, scenes.shape)
    held_out = set(split.cluster[split.test].tolist())
    for metric, found in run.items():
        assert set(found.clusters.tolist()) <= held_out, metric
        assert set(np.unique(found.values)) <= {0.0, 0.5, 1.0}
    assert len(run["swap accuracy, fixed order"].values) == 10 * int(split.test.sum())  # every layout


def test_a_real_backbone_can_be_measured(tiny):
    small = World(colors=("red", "blue", "green"), shapes=("circle", "square", "star", "ring"))
    run = measure(tiny, small, layouts=1)
    assert list(run) == list(BOUNDS) and all(0 <= found.values.mean() <= 1 for found in run.values())


def test_one_that_reads_statements_is_asked_about_them_too(tiny_teller):
    run = measure(tiny_teller, SMALL_TELLER, layouts=1, statements=60)
    assert list(run) == [*BOUNDS, *STATEMENT_BOUNDS]
    table = summary([run])
    assert list(table) == list(run) and "| there or not, right word | at least 0.90 |" in as_markdown(table)


def test_labclip_learns_binding_from_its_negatives():
    """Captions hold binding where images do not look for it: only the negatives ask the matrix to move it."""
    content = torch.zeros(300, 16)
    content[:, :12] = normalize(torch.randn(300, 12, generator=torch.Generator().manual_seed(0)), dim=-1)
    here, there = torch.zeros(16), torch.zeros(16)
    here[12] = there[13] = 0.5
    images, true, twin = (normalize(content + binding, dim=-1) for binding in (here, there, -there))
    labclip = acceptance._labclip_hnb(images, true, twin, torch.arange(300) < 240, seed=0)
    right, wrong = (images * labclip(side) for side in (true, twin))
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
            run[metric] = Measure(rng.permutation(outcomes), np.arange(400) // 4)
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
    runs[1][metric] = Measure((np.arange(400) < 400 * value).astype(float), np.arange(400))
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
        table = summary([run | {metric: Measure(outcomes, clusters)} for run in runs[:1]])
        widths.append(table[metric]["high"] - table[metric]["low"])
    assert widths[1] > 1.5 * widths[0]


def test_a_backbone_is_measured_in_its_own_world(tiny_3d):
    run = measure(tiny_3d, layouts=1)
    scenes = tiny_3d.world.compositions()
    tested = split_by_combination(scenes.color, scenes.shape).test
    assert len(run["swap accuracy, fixed order"].values) == int(tested.sum())
