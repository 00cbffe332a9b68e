import importlib
import json
import shutil

import numpy as np
import pytest

from labclip_lib.kept.trainings import MADE_BY
from labclip_lib.limits.experiments import EXPERIMENTS, remake
from labclip_lib.measures.measure import Measure
from labclip_lib.models.recipes import RECIPES


def test_every_table_has_an_experiment_and_a_recipe():
    assert [*EXPERIMENTS] == [name for name, made_by in MADE_BY.items() if made_by == "reproduce --table limits"]
    for recipe, module, function in EXPERIMENTS.values():
        assert recipe is None or recipe in RECIPES
        assert callable(getattr(importlib.import_module(f"labclip_lib.{module}"), function))


@pytest.fixture
def runs(tmp_path, tiny_checkpoint):
    """A folder of one training, as `study acceptance` leaves it."""
    shutil.copytree(tiny_checkpoint.parent, tmp_path / "runs" / "pocket-0")
    return tmp_path / "runs"


def test_tables_are_remade_one_after_another(runs, tmp_path, monkeypatch):
    """With a small experiment in the place of those that take minutes."""
    small = importlib.import_module("labclip_lib.limits.which_tower")
    monkeypatch.setattr(small, "which_tower", toy)
    only = {"limits-towers": ("pocket", "limits.which_tower", "which_tower")}
    (path,) = remake(runs, tmp_path / "out", "cpu", only, seeds=(0,))
    assert json.loads(path.read_text())["CLIP"]["seeds"] == [0.5] and path.name == "limits-towers.json"


def test_what_trains_its_own_needs_no_runs(tmp_path, monkeypatch):
    trains = importlib.import_module("labclip_lib.limits.unmet_pairs")
    monkeypatch.setattr(trains, "train_without_pairs", lambda out, device, seeds: f"{out}: {seeds} on {device}")
    only = {"limits-unmet": EXPERIMENTS["limits-unmet"]}
    assert [*remake(tmp_path / "none", "out", "cpu", only, seeds=(0, 4))] == ["out: (0, 4) on cpu"]


def toy(backbone, seed):
    return {"CLIP": Measure(np.array([1.0, 0.0]), np.array([0, 1]), 0.5, 0.5)}


def test_a_missing_training_is_named_before_anything_runs(runs, tmp_path, raises_saying):
    with raises_saying(ValueError, "pocket-1", "study acceptance"):
        list(remake(runs, tmp_path / "out", "cpu", {"limits-towers": EXPERIMENTS["limits-towers"]}))
    assert not (tmp_path / "out").exists()
