import json
import runpy

import numpy as np
import pytest

from labclip_lib.limits.trainings import over_seeds
from labclip_lib.measures.measure import Measure
from labclip_lib.models.pocket import WEIGHTS

TOWER = WEIGHTS / "pocket.safetensors"


def experiment(backbone, seed):
    right = np.array([1.0, 1.0, 0.0, seed / 2])
    return {"two objects": {"CLIP": Measure(right, np.array([0, 0, 1, 1]), 0.5, 0.5)}, "margin": Measure(right, right)}


def test_a_table_holds_every_training_with_its_levels(tmp_path):
    path = over_seeds("toy", experiment, {0: TOWER, 1: TOWER, 2: TOWER}, tmp_path, "cpu")
    table = json.loads(path.read_text())
    row = table["two objects"]["CLIP"]
    assert row["seeds"] == [0.5, 0.625, 0.75] and row["mean"] == 0.625
    assert row["low"] <= row["mean"] <= row["high"] and row["chance"] == row["bag_of_words"] == 0.5
    assert "chance" not in table["margin"]  # NaN is no JSON


def test_a_stopped_series_goes_on(tmp_path):
    calls = []

    def stops(backbone, seed):
        calls.append(seed)
        if calls == [0, 1]:
            raise KeyboardInterrupt
        return experiment(backbone, seed)

    towers = {0: TOWER, 1: TOWER}
    with pytest.raises(KeyboardInterrupt):
        over_seeds("toy", stops, towers, tmp_path, "cpu")
    assert not (tmp_path / "toy.json").exists()
    over_seeds("toy", stops, towers, tmp_path, "cpu")
    assert calls == [0, 1, 1] and (tmp_path / "toy.json").exists()


def test_results_of_another_training_are_not_taken(tmp_path, raises_saying):
    over_seeds("toy", experiment, {0: TOWER}, tmp_path, "cpu")
    path = tmp_path / "toy-0.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"of": "another"})
    with raises_saying(ValueError, "another training", "choose another --out"):
        over_seeds("toy", experiment, {0: TOWER}, tmp_path, "cpu")


def test_results_of_changed_code_are_not_taken(tmp_path, raises_saying):
    """Its sizes stand in its file: with other sizes it is another experiment."""

    def written(level):
        (tmp_path / "changing.py").write_text(
            "import numpy as np\nfrom labclip_lib.measures.measure import Measure\n"
            f"def run(backbone, seed):\n    return {{'CLIP': Measure(np.full(2, {level}), np.arange(2), 0.5, 0.5)}}\n"
        )
        namespace = runpy.run_path(str(tmp_path / "changing.py"))
        return namespace["run"]

    over_seeds("toy", written(0.5), {0: TOWER}, tmp_path / "out", "cpu")
    with raises_saying(ValueError, "or experiment", "choose another --out"):
        over_seeds("toy", written(1.0), {0: TOWER}, tmp_path / "out", "cpu")


def test_what_not_all_trainings_have_is_left_out(tmp_path):
    def some(backbone, seed):
        return {name: Measure(np.ones(2), np.arange(2), 0.5, 0.5) for name in ["all", "first"][: 2 - seed]}

    path = over_seeds("toy", some, {0: TOWER, 1: TOWER}, tmp_path, "cpu")
    assert list(json.loads(path.read_text())) == ["all"]
