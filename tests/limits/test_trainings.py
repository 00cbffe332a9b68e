import json

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
