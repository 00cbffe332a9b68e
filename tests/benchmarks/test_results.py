import numpy as np
import pytest

from labclip_lib.benchmarks.results import Answers, Results, compare, macro_estimate


def answers(outcomes, groups=None, clusters=None, chance=0.5):
    n = len(outcomes)
    keys = np.array([str(i) for i in range(n)])
    return Answers(
        keys, np.array(groups or ["one"] * n), np.array(clusters or keys), np.array(outcomes, float),
        np.full(n, chance), np.full(n, np.nan),
    )  # fmt: skip


@pytest.fixture
def results():
    """Three right of four in a large group, one of two in a small one."""
    return Results(
        "a benchmark", "a model", {"image to text": answers([1, 1, 1, 0, 1, 0], ["big"] * 4 + ["small"] * 2)}, 3
    )


class TestAverages:
    def test_by_group(self, results):
        measures = results.measures()
        assert list(measures) == ["big", "small"]
        assert [float(measure.values.mean()) for measure in measures.values()] == [0.75, 0.5]
        assert measures["big"].chance == 0.5 and np.isnan(measures["big"].bag_of_words)

    def test_levels_are_those_of_the_groups_own_items(self):
        mixed = answers([1, 0], ["one", "two"])._replace(chance=np.array([0.5, 0.2]), bag_of_words=np.array([1.0, 0.6]))
        found = Results("b", "m", {"q": mixed})
        assert [(it.chance, it.bag_of_words) for it in found.measures().values()] == [(0.5, 1.0), (0.2, 0.6)]
        assert found.micro().chance == pytest.approx(0.35)

    def test_micro_counts_items_and_macro_counts_groups(self, results):
        assert results.micro().estimate().mean == pytest.approx(4 / 6)
        assert results.macro().mean == pytest.approx(0.625)

    def test_another_question_is_refused(self, results, raises_saying):
        with raises_saying(ValueError, "text to image", "image to text"):
            results.micro("text to image")

    def test_some_items_only(self, results):
        few = results.only(["5", "0", "none"])
        assert few.answers["image to text"].keys.tolist() == ["0", "5"]
        assert few.micro().estimate().mean == 0.5 and list(few.measures()) == ["big", "small"]
        both = Results("b", "m", {"q": answers([1, 0]), "r": answers([0, 1])}).only(["1"])
        assert [part.outcomes.tolist() for part in both.answers.values()] == [[0], [1]]


def test_every_interval_draws_clusters_whole():
    outcomes, clusters = np.tile([1.0, 0.0], 50).repeat(4).tolist(), np.arange(100).repeat(4).tolist()
    wide, narrow = (Results("b", "m", {"q": answers(outcomes, clusters=part)}) for part in (clusters, None))
    nothing = Results("b", "m", {"q": answers([0] * 400)})
    for ask in (
        lambda it: it.micro().estimate(), lambda it: it.measures()["one"].estimate(), lambda it: it.macro(),
        lambda it: compare(it, nothing)["all"], lambda it: compare(it, nothing)["one"],
    ):  # fmt: skip
        alone, together = ask(narrow), ask(wide)
        assert (together.high - together.low) > 1.7 * (alone.high - alone.low)


class TestMacroEstimate:
    def test_interval_holds_the_truth_in_95_of_100(self):
        """Of groups of very different size, whose true mean of means is known."""
        rng, held = np.random.default_rng(0), 0
        sizes, rates = (400, 60, 60), (0.9, 0.5, 0.3)
        groups = np.repeat(["a", "b", "c"], sizes)
        for trial in range(100):
            values = np.concatenate([rng.random(n) < rate for n, rate in zip(sizes, rates, strict=True)])
            found = macro_estimate(values, groups, np.arange(len(values)), seed=trial, draws=300)
            held += found.low <= np.mean(rates) <= found.high
        assert 88 <= held <= 99
        low, high = macro_estimate(np.tile([1, 0], 200), ["one"] * 400, np.arange(400))[1:]
        assert high - low == pytest.approx(2 * 1.96 * 0.5 / 400**0.5, rel=0.08)

    def test_items_of_one_cluster_are_drawn_together(self):
        values, groups = np.tile([1.0, 0.0], 50).repeat(4), np.tile(["a", "b"], 200)
        alone = macro_estimate(values, groups, np.arange(400))
        together = macro_estimate(values, groups, np.arange(100).repeat(4))
        assert (together.high - together.low) > 1.7 * (alone.high - alone.low)

    def test_a_group_that_a_draw_misses_does_no_harm(self):
        found = macro_estimate([1, 0, 1, 1], ["a", "b", "a", "a"], ["x", "y", "z", "z"])
        assert found.mean == 0.5 and np.isfinite([found.low, found.high]).all()

    def test_shapes(self, raises_saying):
        with raises_saying(ValueError, "equal (N,) arrays, got 2, 1, 2"):
            macro_estimate([1, 0], ["a"], ["x", "y"])


class TestCompare:
    def test_paired_by_key_whatever_the_order(self, results):
        question = "image to text"
        turned = Answers(*(part[::-1] for part in results.answers[question]))
        other = Results("a benchmark", "another", {question: turned._replace(outcomes=np.zeros(6))})
        found = compare(results, other)
        assert found["all"].mean == pytest.approx(4 / 6) and found["big"].mean == 0.75
        assert compare(results, Results("b", "m", {question: turned}))["all"] == (0, 0, 0)

    def test_other_items_are_refused(self, results, raises_saying):
        other = Results("a benchmark", "another", {"image to text": answers([1, 0])})
        with raises_saying(ValueError, "a model and another were asked different items (6 and 2, 2 of them in both)"):
            compare(results, other)


class TestFile:
    def test_what_was_saved_is_loaded(self, results, tmp_path):
        results.save(tmp_path / "a.csv")
        again = Results.load(tmp_path / "a.csv")
        assert (again.benchmark, again.model, again.truncated) == ("a benchmark", "a model", 3)
        assert (tmp_path / "a.csv").read_text().splitlines()[:2] == [
            "benchmark,model,truncated,question,key,group,cluster,outcome,chance,bag_of_words",
            "a benchmark,a model,3,image to text,0,big,0,1.0,0.5,nan",
        ]
        for old, new in zip(results.answers["image to text"], again.answers["image to text"], strict=True):
            assert np.array_equal(old, new, equal_nan=old.dtype == float)

    def test_a_missing_or_other_file(self, tmp_path, raises_saying):
        with raises_saying(ValueError, "There is no file"):
            Results.load(tmp_path / "none.csv")
        (tmp_path / "other.csv").write_text("a,b\n1,2\n")
        with raises_saying(ValueError, "other.csv", "'benchmark'"):
            Results.load(tmp_path / "other.csv")

    def test_a_damaged_number(self, results, tmp_path, raises_saying):
        results.save(tmp_path / "a.csv")
        (tmp_path / "a.csv").write_text((tmp_path / "a.csv").read_text().replace(",1.0,0.5", ",yes,0.5"))
        with raises_saying(ValueError, "a line without a number"):
            Results.load(tmp_path / "a.csv")
