import functools
import json
from pathlib import Path

import numpy as np
import pytest

from labclip_lib.__main__ import main
from labclip_lib.diagnosis import within_modality
from labclip_lib.measures.measure import Measure
from labclip_lib.models import backbones, pocket, pretraining
from labclip_lib.studies import acceptance, binding_share, comparison, missing_twins
from labclip_lib.studies.acceptance import BOUNDS


@pytest.fixture
def small(monkeypatch, tiny_recipe, tmp_path):
    """A command line that trains the tiny model below a folder of the test."""
    recipe = functools.partial(pretraining.Recipe, batch_size=8, warmup=2, steps=2, config=tiny_recipe.config)
    monkeypatch.setattr(pretraining, "Recipe", recipe)
    return ["study", "acceptance", "--out", str(tmp_path), "--device", "cpu"]


@pytest.fixture
def graded(monkeypatch):
    """Stand in for the measurements: every metric at a share of its test items."""

    def grade(share=None):
        def measure(backbone):
            run = {}
            for metric, (low, high) in BOUNDS.items():
                outcomes = np.zeros(200)
                outcomes[: round(200 * ((low + high) / 2 if share is None else share))] = 1
                run[metric] = Measure(outcomes, np.arange(200))
            return run

        monkeypatch.setattr(acceptance, "measure", measure)
        inside = {"image with image": Measure(np.ones(4), np.arange(4))}
        monkeypatch.setattr(within_modality, "diagnose_within", lambda backbone: inside)

    return grade


@pytest.mark.parametrize(("share", "status"), [(None, 0), (0.75, 1)])
def test_acceptance_measures_three_seeds_and_judges_them(small, graded, tmp_path, capsys, share, status):
    graded(share)
    assert main(small) == status
    out = capsys.readouterr().out
    assert ("NOT ACCEPTED" in out) == bool(status) and all(metric in out for metric in BOUNDS)
    assert "min on cpu" in out and "seed 2: " in out
    report = json.loads((tmp_path / "pocket-report.json").read_text())
    assert [recipe["seed"] for recipe in report["recipes"]] == [0, 1, 2] and list(report["table"]) == list(BOUNDS)
    assert report["within"]["image with image"]["seeds"] == [1.0, 1.0, 1.0]
    for seed in range(3):  # and each one's own row is on its card
        card = json.loads((tmp_path / f"pocket-{seed}" / "pocket-card.json").read_text())
        assert list(card["report"]) == list(BOUNDS) and len(card["report"]["image probe"]["seeds"]) == 1


def test_acceptance_of_another_recipe(small, graded, tmp_path):
    graded()
    assert main([*small, "--seed", "4", "--steps", "3", "--text-lr", "0.002", "--binding", "0.5"]) == 0
    (recipe,) = json.loads((tmp_path / "pocket-report.json").read_text())["recipes"]
    assert (recipe["seed"], recipe["steps"], recipe["text_lr"], recipe["policy"]["binding"]) == (4, 3, 0.002, 0.5)


def test_acceptance_of_a_backbone_trains_nothing(small, graded, tiny_checkpoint, tmp_path, capsys):
    graded()
    assert main([*small, "--backbone", str(tiny_checkpoint)]) == 0
    assert "image probe" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_acceptance_of_pocket_compares_with_its_card(small, graded, tiny, monkeypatch, capsys):
    graded()
    table = acceptance.summary([acceptance.measure(None)])
    table["image probe"]["mean"] += 0.0125
    monkeypatch.setattr(backbones, "load_backbone", lambda *args: tiny)
    monkeypatch.setattr(pocket, "verify_weights", lambda: {"report": table})
    assert main([*small, "--backbone", "pocket"]) == 0
    assert "0.0125" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("study", "module", "work"),
    [("dial", binding_share, "train_binding_shares"), ("twins", missing_twins, "train_without_twins")],
)
def test_series_of_trainings(study, module, work, monkeypatch, capsys, tmp_path):
    asked = []
    monkeypatch.setattr(module, work, lambda *args: asked.append(args) or "there")
    monkeypatch.chdir(tmp_path)
    assert main(["study", study, "--out", "mine", "--device", "cpu"]) == 0
    assert main(["study", study]) == 0
    assert asked == [(Path("mine"), "cpu"), (Path("runs", study), "auto")] and capsys.readouterr().out == "there\n" * 2


def test_all_methods_are_compared(monkeypatch, capsys, tmp_path):
    asked = []
    monkeypatch.setattr(comparison, "compare", lambda *args: asked.append(args) or "there")
    monkeypatch.chdir(tmp_path)
    assert main(["study", "comparison", "--runs", "other", "--out", "runs/v1.0", "--device", "cpu"]) == 0
    assert main(["study", "comparison"]) == 0
    assert asked == [(Path("other"), Path("runs/v1.0"), "cpu"), (Path("runs"), Path("runs/comparison"), "auto")]
    assert capsys.readouterr().out == "there\nthere\n"


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["acceptance", "--backbone", "pocke"], "did you mean 'pocket'?"),
        (["acceptance", "--backbone", "pocket", "--text-lr", "1"], "trains nothing, and takes no --text-lr;"),
        (["comparison", "--runs", "nowhere"], "There is no nowhere/pocket-0/pocket.safetensors"),
        *(([study, option, "5"], f"{study}: it takes no '{option}'")
          for study in ("dial", "twins", "comparison") for option in ("--steps", "--seed", "--binding", "--backbone")),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(words, seen, mistake, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert seen in mistake("study", *words)


def test_a_folder_of_another_recipe(monkeypatch, mistake, tmp_path):
    monkeypatch.chdir(tmp_path)

    def refused(*args):
        raise ValueError("runs/support-coin-0-0.json holds a training of another recipe; choose another --out folder.")

    monkeypatch.setattr(missing_twins, "train_without_twins", refused)
    assert "another recipe" in mistake("study", "twins")
