import dataclasses
import json
import shutil

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from labclip_lib.kept.trainings import load_study
from labclip_lib.models.pretraining import Trainer
from labclip_lib.studies.binding_share import (
    MOMENTS,
    RECIPE,
    SEEDS,
    SHARES,
    measure,
    over_trainings,
    train_binding_shares,
    train_series,
)
from labclip_lib.world.scenes import World

METRICS = (
    "swap accuracy, fixed order",
    "swap accuracy, random order",
    "image probe",
    "text probe, fixed order",
    "text probe, random order",
)


@pytest.fixture(scope="module")
def turned(small_recipe, tmp_path_factory):
    """The folder in which two shares and two seeds were trained and measured."""
    out = tmp_path_factory.mktemp("dial")
    path = train_binding_shares(out / "new", "cpu", small_recipe, (0.0, 0.1), (0, 1), progress=False)
    assert path == out / "new" / "dial.json"
    return path.parent


def table_in(folder):
    return json.loads((folder / "dial.json").read_text())


def test_a_row_for_each_share_seed_and_moment(turned, small_recipe):
    table = table_in(turned)
    assert table["recipe"] == small_recipe.as_dict()
    want = [(share, seed, step) for share in (0.0, 0.1) for seed in (0, 1) for step in (0, 1)]
    assert [(row["share"], row["seed"], row["step"]) for row in table["rows"]] == want


def test_each_is_measured_at_its_step(turned, small_recipe):
    policy = dataclasses.replace(small_recipe.policy, binding=0.1)
    trainer = Trainer(dataclasses.replace(small_recipe, seed=1, policy=policy))
    for row in table_in(turned)["rows"][-2:]:
        assert row == {"share": 0.1, "seed": 1, "step": trainer.done} | measure(trainer.snapshot(), small_recipe.world)
        trainer.step()


def test_trainings_differ_in_share_and_seed_alone(turned, small_recipe):
    for share in (0.0, 0.1):
        for seed in (0, 1):
            recipe = json.loads((turned / f"dial-{share:g}-{seed}.json").read_text())["recipe"]
            assert recipe["policy"].pop("binding") == share and recipe["seed"] == seed
            want = small_recipe.as_dict() | {"seed": seed}
            del want["policy"]["binding"]
            assert recipe == want


def test_what_is_finished_is_not_trained_again(turned, small_recipe, tmp_path):
    shutil.copytree(turned, tmp_path / "out")
    run_path = tmp_path / "out" / "dial-0.1-1.json"
    run_path.write_text(run_path.read_text().replace('"step"', '"moment"'))  # no training would write this
    train_binding_shares(tmp_path / "out", "cpu", small_recipe, (0.1,), (0, 1), progress=False)
    rows = table_in(tmp_path / "out")["rows"]
    assert [row["seed"] for row in rows] == [0, 0, 1, 1] and rows[:2] == table_in(turned)["rows"][4:6]
    assert all("moment" in row for row in rows[2:])


def test_folder_of_another_recipe_is_refused(turned, small_recipe, raises_saying):
    other = dataclasses.replace(small_recipe, text_lr=1e-3)
    with raises_saying(ValueError, "dial-0.1-0.json", "another recipe", "--out"):
        train_binding_shares(turned, "cpu", other, (0.1,), (0,), progress=False)
    assert table_in(turned)["recipe"] == small_recipe.as_dict()


def test_what_is_measured(tiny):
    found = measure(tiny, World(colors=("red", "blue", "green"), shapes=("circle", "square", "star", "ring")))
    assert set(found) == set(METRICS)
    for row in found.values():
        assert set(row) == {"mean", "low", "high"} and 0 <= row["low"] <= row["mean"] <= row["high"] <= 1


def test_same_model_same_figures(tiny):
    small = World(colors=("red", "blue", "green"), shapes=("circle", "square", "star", "ring"))
    assert measure(tiny, small) == measure(tiny, small)


def test_interval_over_trainings_is_student_s():
    table = [
        {"share": share, "seed": seed, "step": step, "image probe": {"mean": share + step + 0.1 * seed}}
        for share in (0.0, 1.0)
        for seed in (0, 1, 4)
        for step in (0, 10)
    ]
    found = over_trainings(table, "image probe", 10, share=1.0)
    values = np.array([11, 11.1, 11.4])
    assert found.mean == pytest.approx(values.mean())
    assert found[1:] == pytest.approx(tuple(ttest_1samp(values, 0).confidence_interval(0.95)))


def test_labels_that_no_training_has(raises_saying):
    with raises_saying(ValueError, "0.25", "step 10"):
        over_trainings([{"share": 0.5, "step": 10, "image probe": {"mean": 1.0}}], "image probe", 10, share=0.25)


def test_further_labels_choose_further():
    table = [
        {"condition": name, "share": share, "seed": seed, "step": 10, "image probe": {"mean": value}}
        for (name, share), value in {("one", 0.5): 1.0, ("one", 1.0): 2.0, ("both", 0.5): 3.0}.items()
        for seed in (0, 1)
    ]
    means = [over_trainings(table, "image probe", 10, **labels).mean for labels in (
        {"condition": "one", "share": 0.5}, {"condition": "one"}, {"share": 0.5}, {},
    )]  # fmt: skip
    assert means == [1.0, 1.5, 2.0, 2.0]


class TestSeries:
    """Any trainings in one table."""

    @pytest.fixture
    def runs(self, tiny_recipe):
        """Two trainings that differ in more than a seed, each with labels of its own."""
        fast = dataclasses.replace(tiny_recipe, steps=1, image_lr=1e-2)
        return {"slow": ({"pace": "slow"}, tiny_recipe), "fast": ({"pace": "fast", "seed": 0}, fast)}

    def train(self, path, recipe, runs, measure=lambda backbone, world: {"colours": len(world.colors)}):
        return train_series(path, recipe, runs, measure, "cpu", progress=False)

    def test_rows_are_labels_step_and_metrics(self, runs, tiny_recipe, tmp_path):
        path = self.train(tmp_path / "new" / "er" / "mine.json", tiny_recipe, runs)
        assert path == tmp_path / "new" / "er" / "mine.json"
        table = json.loads(path.read_text())
        assert table["recipe"] == tiny_recipe.as_dict()
        assert table["rows"] == [{"pace": "slow", "step": step, "colours": 8} for step in (0, 1, 2, 3)] + [
            {"pace": "fast", "seed": 0, "step": step, "colours": 8} for step in (0, 1)
        ]
        assert list(table["rows"][-1]) == ["pace", "seed", "step", "colours"]
        assert sorted(kept.name for kept in path.parent.iterdir()) == [".lock", "fast.json", "mine.json", "slow.json"]

    def test_labels_are_given_afresh(self, runs, tiny_recipe, tmp_path):
        """What is kept of a training is what it measured, not what the table calls it."""
        self.train(tmp_path / "mine.json", tiny_recipe, runs)
        renamed = {stem: ({"name": stem.upper()}, recipe) for stem, (_, recipe) in runs.items()}
        again = self.train(tmp_path / "mine.json", tiny_recipe, renamed, lambda *args: pytest.fail("it trained again"))
        rows = json.loads(again.read_text())["rows"]
        assert [row["name"] for row in rows] == ["SLOW"] * 4 + ["FAST"] * 2 and "pace" not in rows[0]

    def test_it_is_measured_five_times(self, tiny_recipe, tmp_path):
        runs = {"long": ({}, dataclasses.replace(tiny_recipe, steps=6))}
        path = self.train(tmp_path / "mine.json", tiny_recipe, runs, lambda backbone, world: {"name": backbone.name})
        steps = [0, 1, 2, 4, 6]
        assert steps == [round(6 * moment) for moment in MOMENTS]
        rows = json.loads(path.read_text())["rows"]
        assert rows == [{"step": step, "name": f"pocket at step {step}"} for step in steps]

    def test_a_table_is_whole_or_not_there(self, runs, tiny_recipe, tmp_path):
        """A write that fails leaves the old table, not half of the new one."""
        before = self.train(tmp_path / "mine.json", tiny_recipe, runs).read_bytes()
        with pytest.raises(TypeError, match="JSON"):  # after the first rows
            self.train(tmp_path / "mine.json", tiny_recipe, runs | {"fast": ({"pace": object()}, runs["fast"][1])})
        assert (tmp_path / "mine.json").read_bytes() == before
        assert {path.name for path in tmp_path.iterdir()} == {"fast.json", "mine.json", "slow.json"}

    def test_a_training_of_another_recipe_is_refused(self, runs, tiny_recipe, tmp_path, raises_saying):
        self.train(tmp_path / "mine.json", tiny_recipe, runs)
        turned = {"slow": runs["slow"], "fast": (runs["fast"][0], dataclasses.replace(tiny_recipe, seed=9))}
        with raises_saying(ValueError, "fast.json", "another recipe", "--out"):
            self.train(tmp_path / "mine.json", tiny_recipe, turned)

    def test_interrupted_between_two_trainings(self, runs, tiny_recipe, tmp_path):
        def measure(backbone, world):
            if backbone.name == "pocket at step 1" and (tmp_path / "slow.json").exists():
                raise KeyboardInterrupt
            return {"colours": 8}

        with pytest.raises(KeyboardInterrupt):
            self.train(tmp_path / "mine.json", tiny_recipe, runs, measure)
        assert sorted(kept.name for kept in tmp_path.iterdir()) == [".lock", "slow.json"]
        before = (tmp_path / "slow.json").stat().st_mtime_ns
        assert len(json.loads(self.train(tmp_path / "mine.json", tiny_recipe, runs).read_text())["rows"]) == 6
        assert (tmp_path / "slow.json").stat().st_mtime_ns == before


class TestKept:
    """The table in the package."""

    def test_every_share_seed_and_moment_is_there(self):
        steps = [round(RECIPE.steps * moment) for moment in MOMENTS]
        want = [(share, seed, step) for share in SHARES for seed in SEEDS for step in steps]
        assert len(want) == 6 * 3 * 5
        assert [(row["share"], row["seed"], row["step"]) for row in load_study("dial")["rows"]] == want

    def test_its_figures_are_shares(self):
        for row in load_study("dial")["rows"]:
            assert {name for name in row if name not in ("share", "seed", "step")} == set(METRICS)
            for metric in METRICS:
                value = row[metric]
                assert 0 <= value["low"] <= value["mean"] <= value["high"] <= 1, (row["share"], row["seed"], metric)

    def test_recipe_is_the_library_s(self):
        assert load_study("dial")["recipe"] == RECIPE.as_dict()
