import importlib
import json

import numpy as np

from labclip_lib.inside.experiments import EXPERIMENTS
from labclip_lib.kept.trainings import MADE_BY
from labclip_lib.limits.experiments import remake
from labclip_lib.measures.measure import Measure
from labclip_lib.models.recipes import RECIPES


def test_every_table_has_an_experiment_and_a_recipe():
    assert [*EXPERIMENTS] == [name for name, made_by in MADE_BY.items() if made_by == "reproduce --table inside"]
    for recipe, module, function in EXPERIMENTS.values():
        assert recipe in RECIPES
        assert callable(getattr(importlib.import_module(f"labclip_lib.{module}"), function))


def test_one_backbone_stands_in_for_all_trainings(tiny_clip, tmp_path, monkeypatch):
    """By its name, as it is loaded; what is kept of it is taken up, and not that of another."""
    asked = []

    def toy(backbone, seed):
        asked.append((backbone.name, seed))
        return {"CLIP": Measure(np.array([1.0, 0.0]), np.array([0, 1]), 0.5, 0.5)}

    module = importlib.import_module("labclip_lib.inside.looking")
    monkeypatch.setattr(module, "where_it_looks", toy)
    name = f"tiny-clip/{tiny_clip[1]}"
    only = {"inside-looks": EXPERIMENTS["inside-looks"]}
    for _ in range(2):
        (path,) = remake(tmp_path / "none", tmp_path / "out", "cpu", only, backbone=name)
    assert asked == [(name, 0)] and json.loads(path.read_text())["CLIP"]["seeds"] == [0.5]
