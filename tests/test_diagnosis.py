import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score
from synthetic import SMALL, BagOfWords, Binder, lend_eyes

from labclip_lib import diagnosis
from labclip_lib.diagnosis import (
    Measure,
    as_columns,
    as_rows,
    as_table,
    bootstrap_ci,
    diagnose,
    diagnose_embeddings,
    estimate,
    paired_difference,
    pairwise_accuracy,
    pairwise_outcomes,
    recall_at_k,
    recall_outcomes,
    twin_errors,
    twins,
)
from labclip_lib.scenes import World


def test_wins_ties_and_losses():
    positive, negative = torch.tensor([0.9, 0.5, 0.1]), torch.tensor([0.1, 0.5, 0.9])
    assert pairwise_outcomes(positive, negative).tolist() == [1.0, 0.5, 0.0]
    assert pairwise_accuracy(positive, negative) == 0.5
    assert pairwise_accuracy([0.9, 0.5], [0.1, 0.5]) == 0.75


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_an_order_blind_encoder_is_at_chance_exactly(n):
    """It gives both captions one embedding, so every pair ties; counted as wins it would look perfect."""
    similarity = torch.randn(n, generator=torch.Generator().manual_seed(0))
    assert pairwise_accuracy(similarity, similarity.clone()) == 0.5


@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=1))
def test_turning_the_pairs_round_turns_the_accuracy_round(pairs):
    positive, negative = (np.array(side, float) for side in zip(*pairs, strict=True))
    assert pairwise_accuracy(positive, negative) == pytest.approx(1 - pairwise_accuracy(negative, positive))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_similarities_that_are_no_numbers_are_refused(bad, side, raises_saying):
    pair = [np.zeros(3), np.zeros(3)]
    pair[side][1] = bad
    with raises_saying(ValueError, "1 similarities", "NaN"):
        pairwise_accuracy(*pair)


@pytest.mark.parametrize(("a", "b"), [((3,), (2,)), ((2, 2), (2, 2)), ((0,), (0,))])
def test_pairs_that_do_not_match_are_refused(a, b, raises_saying):
    with raises_saying(ValueError, str(a), str(b)):
        pairwise_accuracy(np.zeros(a), np.zeros(b))


@pytest.mark.parametrize("k", [1, 3, 9, 12])
def test_recall_agrees_with_scikit_learn(k):
    similarity = np.random.default_rng(0).normal(size=(12, 12)) + np.eye(12)
    want = top_k_accuracy_score(np.arange(12), similarity, k=k, labels=np.arange(12)) if k < 12 else 1.0
    assert recall_at_k(similarity, k) == pytest.approx(want)


@pytest.mark.parametrize(("k", "want"), [(1, 0.25), (2, 0.5), (4, 1.0)])
def test_recall_of_ties_is_the_luck_of_the_draw(k, want):
    assert recall_at_k(torch.zeros(4, 4), k) == pytest.approx(want)


def test_recall_of_partial_ties():
    # One column is better than the true one, which ties with one other: in the top two it has half a place.
    assert recall_at_k(torch.tensor([[0.5, 0.9, 0.5, 0.1]]), 2) == pytest.approx(0.5)


def test_recall_over_more_captions_than_images():
    assert recall_at_k(torch.eye(3, 5), 1) == 1.0


def test_rows_may_say_which_column_is_theirs():
    """Five images of three captions: the matrix is higher than wide."""
    own = torch.tensor([2, 0, 1, 2, 2])
    similarity = torch.eye(3)[own]
    assert recall_at_k(similarity, 1, own) == 1.0
    assert recall_outcomes(similarity, 1, torch.tensor([2, 0, 1, 2, 0])).tolist() == [1, 1, 1, 1, 0]
    square = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    assert recall_at_k(square, 2, torch.arange(6)) == recall_at_k(square, 2)


def test_recall_is_the_mean_of_its_outcomes():
    similarity = torch.tensor([[0.5, 0.9, 0.5, 0.1], [0.0, 0.7, 0.1, 0.2], [0.3, 0.3, 0.3, 0.3]])
    outcomes = recall_outcomes(similarity, 2)
    assert outcomes.dtype == np.float64 and outcomes.tolist() == [0.5, 1.0, 0.5]
    assert recall_at_k(similarity, 2) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("similarity", "k", "seen"),
    [
        (torch.zeros(3, 2), 1, "(3, 2)"),
        (torch.zeros(3), 1, "(3,)"),
        (torch.zeros(3, 3), 0, "got 0"),
        (torch.zeros(3, 3), 4, "got 4"),
        (torch.full((2, 2), torch.nan), 1, "NaN"),
    ],
)
def test_recall_refuses_what_it_cannot_rank(similarity, k, seen, raises_saying):
    with raises_saying(ValueError, seen):
        recall_at_k(similarity, k)


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


# Intervals


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        low, high = bootstrap_ci(rng.random(80) < 0.7, seed=trial, draws=300)
        hits += low <= 0.7 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_interval_has_the_width_of_theory():
    values = np.random.default_rng(1).normal(size=2000)
    low, high = bootstrap_ci(values)
    assert low < values.mean() < high
    assert (high - low) / 2 == pytest.approx(1.96 / 2000**0.5, rel=0.1)
    narrow = bootstrap_ci(values, level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_items_of_a_cluster_are_not_independent():
    """Each value nine times over is no more knowledge; as clusters it gives the interval of the values."""
    values = np.random.default_rng(2).random(50)
    clusters = [np.full(9, value) for value in values]
    assert bootstrap_ci(clusters) == pytest.approx(bootstrap_ci(values))
    low, high = bootstrap_ci(np.concatenate(clusters))
    wide = bootstrap_ci(clusters)
    assert high - low < 0.5 * (wide[1] - wide[0])


def test_uneven_clusters_are_weighed_by_their_items():
    low, high = bootstrap_ci([[1.0] * 99, [0.0]], draws=500)
    assert low == 0.0 and high == 1.0
    assert bootstrap_ci([[1.0, 0.0, 0.5]]) == (0.5, 0.5)


def test_same_seed_same_interval():
    values = np.random.default_rng(3).random(30)
    assert bootstrap_ci(values, 1) == bootstrap_ci(values, 1) != bootstrap_ci(values, 2)


@pytest.mark.parametrize("values", [[], [np.nan, 1.0], [[1.0], []], [np.inf]])
def test_interval_of_nothing_is_refused(values, raises_saying):
    with raises_saying(ValueError, "finite", f"{len(values)} clusters"):
        bootstrap_ci(values)


def test_estimate_is_the_mean_with_the_interval_of_its_clusters():
    rng = np.random.default_rng(4)
    clusters = rng.integers(0, 20, 200)
    values = rng.random(20)[clusters] + 0.1 * rng.random(200)
    groups = [values[clusters == c] for c in range(20) if (clusters == c).any()]
    found = estimate(values, clusters, seed=5)
    assert found == pytest.approx((values.mean(), *bootstrap_ci(groups, 5)))
    assert found.high - found.low > 2 * (estimate(values).high - estimate(values).low)
    assert estimate(values, seed=5) == (pytest.approx(values.mean()), *bootstrap_ci(values, 5))


def test_order_of_the_items_does_not_matter_to_clusters():
    rng = np.random.default_rng(4)
    clusters, values, order = rng.integers(0, 20, 200), rng.random(200), rng.permutation(200)
    assert estimate(values[order], clusters[order]) == pytest.approx(estimate(values, clusters))


def test_estimate_reads_as_a_sentence_would():
    assert str(estimate([1.0, 1.0])) == "1.000 (1.000 to 1.000)"


@pytest.mark.parametrize("labels", [2, 4])
def test_estimate_needs_a_cluster_for_each_value(labels, raises_saying):
    with raises_saying(ValueError, f"got {labels} for 3"):
        estimate(np.zeros(3), np.zeros(labels))


def test_pairing_takes_out_what_makes_an_item_hard_for_both():
    rng = np.random.default_rng(6)
    hardness, noise = rng.normal(size=300), 0.1 * rng.normal(size=300)
    first, second = hardness + 0.2 + noise, hardness
    paired = paired_difference(first, second)
    assert paired.low < 0.2 < paired.high and paired.low > 0
    apart = [estimate(values, seed=i) for i, values in enumerate((first, second))]
    unpaired = sum((side.high - side.low) ** 2 for side in apart) ** 0.5
    assert paired.high - paired.low < 0.2 * unpaired
    assert paired_difference(second, first) == pytest.approx((-paired.mean, -paired.high, -paired.low))


def test_paired_difference_takes_clusters():
    first = np.repeat(np.random.default_rng(7).random(40), 5)
    alone, together = (paired_difference(first, np.zeros(200), c) for c in (None, np.arange(200) // 5))
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


@pytest.mark.parametrize("shape", [(2,), (3, 1), ()])
def test_paired_difference_needs_the_same_items(shape, raises_saying):
    with raises_saying(ValueError, "(3,)", str(shape)):
        paired_difference(np.zeros(3), np.zeros(shape))


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


@pytest.fixture(scope="module")
def diagnosed():
    """`diagnose` of each synthetic encoder."""
    with pytest.MonkeyPatch.context() as patch:
        lend_eyes(patch, diagnosis)
        return {encoder: diagnose(encoder(), SMALL, layouts=2) for encoder in (Binder, BagOfWords)}


BINDING = (
    "swap accuracy, fixed order",
    "swap accuracy, random order",
    "image with image: its copy or its twin",
    "caption with caption, reworded",
    "caption with caption, objects in the other order",
)
REPLACING = [f"replace {what} accuracy, {order} order" for what in ("colour", "shape") for order in ("fixed", "random")]
MOVES = [f"caption moves (1 - cosine), {how}" for how in ("words shuffled", "colours swapped", "one colour replaced")]


@pytest.mark.parametrize("name", BINDING)
def test_a_binder_uses_binding_and_a_bag_of_words_ties(diagnosed, name):
    assert (diagnosed[Binder][name].values == 1).all() and (diagnosed[BagOfWords][name].values == 0.5).all()
    assert diagnosed[Binder][name].chance == diagnosed[Binder][name].bag_of_words == 0.5


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


def test_captions_move_as_far_as_their_content_changes(diagnosed):
    for name, content, words in zip(MOVES, (None, 1, 1 / 2), (0, 0, 1 / 4), strict=True):
        assert diagnosed[BagOfWords][name].values == pytest.approx(np.full(200, words), abs=1e-6)
        if content is None:
            assert diagnosed[Binder][name].values.mean() > 0.3
        else:
            assert diagnosed[Binder][name].values == pytest.approx(np.full(200, content), abs=1e-6)


def test_retrieval_among_all_captions(diagnosed):
    for k, chance in ((1, 1 / 200), (5, 1 / 40), (10, 1 / 20)):
        name = f"recall@{k} among 200 captions"
        assert (diagnosed[Binder][name].values == 1).all() and diagnosed[Binder][name].chance == chance
        bag = diagnosed[BagOfWords][name]
        assert bag.values.mean() == bag.bag_of_words == min(1, k / 2)
    assert "wrong first choices that are the twin" not in diagnosed[Binder] | diagnosed[BagOfWords]


def test_a_reader_of_twins_makes_twin_errors(monkeypatch):
    """It sees every scene with its colours exchanged."""
    lend_eyes(monkeypatch, diagnosis)
    monkeypatch.setattr(diagnosis, "embed_images", lambda encoder, part: encoder.read(part.swapped().captions()))
    run = diagnose(Binder(), SMALL, layouts=2)
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
    assert {*BINDING, *REPLACING, *MOVES, "recall@10 among 36 captions"} <= set(run)
    for name, measure in run.items():
        low = -1 if "margin" in name else -1e-6
        assert np.isfinite(measure.values).all() and low <= measure.estimate().mean <= 2, name


def test_table_has_a_line_for_each_measure(diagnosed):
    run = diagnosed[BagOfWords]
    lines = as_table(run).splitlines()
    assert len(lines) == len(run) + 2 and all(line.count("|") == 6 for line in lines)
    assert lines[2] == "| swap accuracy, fixed order | 0.500 | 0.500 to 0.500 | 0.500 | 0.500 |"
    for name, line in zip(run, lines[2:], strict=True):
        assert line.startswith(f"| {name} | ") and "nan" not in line
    assert lines[-1].endswith("|  |  |")  # neither chance nor a bag of words has anything to say


def test_columns_put_the_same_measures_side_by_side(diagnosed):
    """The binder and the bag of words in one table: each with its interval, chance and ceiling once."""
    lines = as_columns({"binder": diagnosed[Binder], "bag": diagnosed[BagOfWords]}).splitlines()
    assert lines[0] == "| | binder | bag | chance | bag of words |" and lines[1] == "|---|---|---|---|---|"
    assert lines[2] == (
        "| swap accuracy, fixed order | 1.000 (1.000 to 1.000) | 0.500 (0.500 to 0.500) | 0.500 | 0.500 |"
    )
    assert len(lines) == len(diagnosed[Binder]) + 2 and all(line.count("|") == 6 for line in lines)
    for name, line in zip(diagnosed[Binder], lines[2:], strict=True):
        cells = [str(diagnosed[encoder][name].estimate()) for encoder in (Binder, BagOfWords)]
        assert line.startswith(f"| {name} | {' | '.join(cells)} | ") and "nan" not in line
    assert lines[-1].endswith("|  |  |")


def test_a_measure_is_looked_up_by_its_name():
    first = {"a": Measure(np.zeros(2), np.arange(2), 0.25), "b": Measure(np.ones(2), np.arange(2), 0.5, 1.0)}
    lines = as_columns({"one": first, "turned round": dict(reversed(first.items())), "three": first}).splitlines()
    zeros, ones = (" | ".join([f"{x} ({x} to {x})"] * 3) for x in ("0.000", "1.000"))
    assert lines[1] == "|---|---|---|---|---|---|"
    assert lines[2:] == [f"| a | {zeros} | 0.250 |  |", f"| b | {ones} | 0.500 | 1.000 |"]


def test_columns_take_the_seed_of_their_intervals():
    values = np.random.default_rng(0).random(30)
    tables = {"one": {"a": Measure(values, np.arange(30))}}
    assert as_columns(tables, seed=4).splitlines()[2] == f"| a | {estimate(values, np.arange(30), 4)} |  |  |"
    assert estimate(values, np.arange(30), 4) != estimate(values, np.arange(30))


def test_rows_are_plain_data(diagnosed):
    found = as_rows(diagnosed[BagOfWords])
    assert json.loads(json.dumps(found, allow_nan=False)) == found and list(found) == list(diagnosed[BagOfWords])
    for name, measure in diagnosed[BagOfWords].items():
        row, levels = found[name], [found[name]["chance"], found[name]["bag of words"]]
        assert tuple(row.values())[:3] == tuple(measure.estimate()) and row["items"] == len(measure.values)
        assert levels == [None if np.isnan(level) else level for level in measure[2:]]
    assert found["swap accuracy, fixed order"] == {
        "mean": 0.5, "low": 0.5, "high": 0.5, "items": 400, "chance": 0.5, "bag of words": 0.5,
    }  # fmt: skip


def test_rows_take_the_seed_of_their_intervals():
    values = np.random.default_rng(0).random(30)
    row = as_rows({"a": Measure(values, np.arange(30))}, seed=4)["a"]
    assert (row["mean"], row["low"], row["high"]) == estimate(values, np.arange(30), 4)
    assert row["items"] == 30 and row["chance"] is None and row["bag of words"] is None
