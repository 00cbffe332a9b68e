import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from labclip_lib.__main__ import main
from labclip_lib.diagnosis.within_modality import diagnose_within
from labclip_lib.measures.measure import Measure
from labclip_lib.models import backbones, pocket
from labclip_lib.models.pocket import verify_weights
from labclip_lib.models.recipes import RECIPES, Recipe
from labclip_lib.studies import acceptance, binding_share, comparison, loudness, missing_twins, other_captions
from labclip_lib.studies.acceptance import BOUNDS
from labclip_lib.world.captions import CaptionPolicy
from labclip_lib.world.twin_world import TwinWorld


def finished(folder, checkpoint, recipe):
    """A folder that holds the tiny model where the finished training of this recipe should be."""
    folder = folder / f"{recipe.name}-{recipe.seed}"
    shutil.copytree(checkpoint.parent, folder)
    path = folder / f"{recipe.name}-card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recipe": recipe.as_dict()}))


@pytest.fixture
def small(tmp_path):
    """A command line that works below a folder of the test."""
    return ["study", "acceptance", "--out", str(tmp_path), "--device", "cpu"]


@pytest.fixture
def graded(monkeypatch):
    """Stand in for a measurement of a minute: every metric at a share of its test items."""

    def grade(share=None):
        def measure(backbone):
            run = {}
            for metric, (low, high) in BOUNDS.items():
                outcomes = np.zeros(200)
                outcomes[: round(200 * ((low + high) / 2 if share is None else share))] = 1
                run[metric] = Measure(outcomes, np.arange(200))
            return run

        monkeypatch.setattr(acceptance, "measure", measure)

    return grade


def test_acceptance_measures_three_seeds_and_judges_them(small, graded, tiny, tiny_checkpoint, tmp_path, capsys):
    for seed in range(3):
        finished(tmp_path, tiny_checkpoint, Recipe(seed=seed))
    graded()
    assert main(small) == 0
    out = capsys.readouterr().out
    assert "NOT ACCEPTED" not in out and all(metric in out for metric in BOUNDS)
    assert "min on cpu" in out and "seed 2: " in out
    report = json.loads((tmp_path / "pocket-report.json").read_text())
    assert [recipe["seed"] for recipe in report["recipes"]] == [0, 1, 2] and list(report["table"]) == list(BOUNDS)
    within = {name: [measure.values.mean()] * 3 for name, measure in diagnose_within(tiny).items()}
    assert {name: row["seeds"] for name, row in report["within"].items()} == within
    for seed in range(3):  # and each one's own row is on its card
        card = json.loads((tmp_path / f"pocket-{seed}" / "pocket-card.json").read_text())
        assert list(card["report"]) == list(BOUNDS) and len(card["report"]["image probe"]["seeds"]) == 1


def test_what_falls_short_is_not_accepted(small, graded, tiny_checkpoint, tmp_path, capsys):
    finished(tmp_path, tiny_checkpoint, Recipe())
    graded(0.75)
    assert main([*small, "--seed", "0"]) == 1
    out = capsys.readouterr().out
    assert "NOT ACCEPTED" in out and all(metric in out for metric in BOUNDS)
    assert (tmp_path / "pocket-report.json").is_file()


def test_acceptance_of_another_recipe(small, graded, tiny_checkpoint, tmp_path):
    """A folder of any other recipe would be refused."""
    recipe = Recipe(seed=4, steps=3, text_lr=0.002, policy=CaptionPolicy(binding=0.5))
    finished(tmp_path, tiny_checkpoint, recipe)
    graded()
    assert main([*small, "--seed", "4", "--steps", "3", "--text-lr", "0.002", "--binding", "0.5"]) == 0
    assert json.loads((tmp_path / "pocket-report.json").read_text())["recipes"] == [recipe.as_dict()]


def test_acceptance_of_a_recipe_by_its_name(small, graded, tiny_3d_checkpoint, tiny_3d, tmp_path):
    finished(tmp_path, tiny_3d_checkpoint, RECIPES["pocket-3d"])
    graded()
    assert main([*small, "--recipe", "pocket-3d", "--seed", "0"]) == 0
    report = json.loads((tmp_path / "pocket-3d-report.json").read_text())
    assert report["recipes"] == [RECIPES["pocket-3d"].as_dict()]
    within = {name: [measure.values.mean()] for name, measure in diagnose_within(tiny_3d).items()}
    assert {name: row["seeds"] for name, row in report["within"].items()} == within  # in its own world
    card = json.loads((tmp_path / "pocket-3d-0" / "pocket-3d-card.json").read_text())
    assert list(card["report"]) == list(BOUNDS)


def test_acceptance_trains_what_is_not_finished(small, monkeypatch, capsys, tmp_path):
    def interrupted(*args, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.AdamW, "step", interrupted)
    assert main([*small, "--seed", "3"]) == 130
    assert "PocketCLIP seed 3" in capsys.readouterr().err
    assert (tmp_path / "pocket-3").is_dir() and not list(tmp_path.rglob("pocket-card.json"))


def test_acceptance_of_a_backbone_trains_nothing(small, graded, tiny_checkpoint, tmp_path, capsys):
    graded()
    assert main([*small, "--backbone", str(tiny_checkpoint)]) == 0
    assert "image probe" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_acceptance_of_pocket_compares_with_its_card(small, graded, capsys):
    graded()
    kept = verify_weights()["report"]
    worst = max(abs(run.values.mean() - kept[name]["mean"]) for name, run in acceptance.measure(None).items())
    assert main([*small, "--backbone", "pocket"]) == 0
    assert capsys.readouterr().out.endswith(f" the figures kept with the weights: {worst:.4f}\n")


def test_acceptance_of_another_shipped_one_compares_with_its_own_card(
    small, graded, tiny_3d_checkpoint, monkeypatch, tmp_path, capsys
):
    graded()
    report = {name: {"mean": run.values.mean() - 0.125} for name, run in acceptance.measure(None).items()}
    shutil.copytree(tiny_3d_checkpoint.parent, tmp_path / "weights")
    path = tmp_path / "weights" / "pocket-3d-card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"report": report}))
    for module in (backbones, pocket):
        monkeypatch.setattr(module, "WEIGHTS", path.parent)
    assert main([*small, "--backbone", "pocket-3d"]) == 0
    assert capsys.readouterr().out.endswith(" the figures kept with the weights: 0.1250\n")


def dial(recipe):
    """The trainings of `study dial`: {file stem: Recipe}."""
    return {
        f"dial-{share:g}-{seed}": dataclasses.replace(recipe, seed=seed, policy=CaptionPolicy(binding=share))
        for share in binding_share.SHARES
        for seed in binding_share.SEEDS
    }


def twins(recipe):
    """The trainings of `study twins`."""
    return {
        f"support-{which}-{single:g}-{seed}": dataclasses.replace(
            recipe, seed=seed, world=TwinWorld(twins=which, coin=seed), policy=CaptionPolicy(single, binding=1.0)
        )
        for which, single in missing_twins.CONDITIONS.values()
        for seed in missing_twins.SEEDS
    }


def other_captions_of(study):
    """The trainings of `study image-space` or `study captions`."""

    def trainings(recipe):
        return {
            "-".join([study, *re.findall(r"\w+", name), str(seed)]): dataclasses.replace(
                recipe, seed=seed, policy=other_captions.OtherCaptions(**captions), **changes
            )
            for seed in other_captions.SEEDS
            for name, (changes, captions) in other_captions.CONDITIONS[study].items()
        }

    return trainings


@pytest.mark.parametrize(
    ("study", "trainings", "table"),
    [
        ("dial", dial, "dial.json"),
        ("twins", twins, "support.json"),
        ("image-space", other_captions_of("image-space"), "image-space.json"),
        ("captions", other_captions_of("captions"), "captions.json"),
    ],
)
def test_series_of_trainings(study, trainings, table, monkeypatch, mistake, capsys, tmp_path):
    """With all of them finished, the command makes one table of them."""
    monkeypatch.chdir(tmp_path)
    recipes = trainings(binding_share.RECIPE)
    for out, more in (("mine", ["--out", "mine", "--device", "cpu"]), (f"runs/{study}", [])):
        Path(out).mkdir(parents=True)
        for i, (stem, recipe) in enumerate(recipes.items()):
            Path(out, f"{stem}.json").write_text(json.dumps({"recipe": recipe.as_dict(), "rows": [{"step": i}]}))
        assert main(["study", study, *more]) == 0
        assert capsys.readouterr().out == f"{Path(out, table)}\n"
        rows = json.loads(Path(out, table).read_text())["rows"]
        assert [row["step"] for row in rows] == list(range(len(recipes)))
    assert "use --device 'auto'" in mistake("study", study, "--device", "tpu")
    Path("mine", f"{stem}.json").write_text(json.dumps({"recipe": {}, "rows": []}))
    assert f"mine/{stem}.json holds a training of another recipe" in mistake("study", study, "--out", "mine")


def test_all_methods_are_compared(tiny_checkpoint, monkeypatch, mistake, capsys, tmp_path):
    """With every fit and fine-tuning finished, the command makes one table of them."""
    monkeypatch.chdir(tmp_path)
    for runs, out, more in (
        ("other", "runs/v1.0", ["--runs", "other", "--out", "runs/v1.0", "--device", "cpu"]),
        ("runs", "runs/comparison", []),
    ):
        for seed in comparison.SEEDS:
            finished(Path(runs), tiny_checkpoint, Recipe(seed=seed))
        assert "use --device 'auto'" in mistake("study", "comparison", *more, "--device", "tpu")
        for seed in comparison.SEEDS:
            for order in ("fixed", "random"):
                for name in (*comparison.METHODS, comparison.FULL):
                    stem = f"labclip-{seed}-{order}-{name.replace(',', '').replace(' ', '-')}"
                    swap = {"values|swap": np.full(4, seed / 2), "clusters|swap": np.arange(4)}
                    np.savez_compressed(Path(out, stem), **swap)
        assert main(["study", "comparison", *more]) == 0
        assert capsys.readouterr().out == f"{out}/labclip-report.json\n"
        table = json.loads(Path(out, "labclip-report.json").read_text())
        assert list(table) == ["fixed", "random"]
        for by_method in table.values():
            assert list(by_method) == [*comparison.METHODS, comparison.FULL]
            assert all(row["swap"]["seeds"] == [0, 0.5, 1] for row in by_method.values())


def test_directions_and_loudness_are_weighed(monkeypatch, capsys):
    monkeypatch.setattr(loudness, "weigh", lambda *words: Path(*map(str, words)))
    assert main(["study", "loudness", "--runs", "a", "--out", "b", "--device", "cpu"]) == 0
    assert capsys.readouterr().out == "a/b/cpu\n"


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["acceptance", "--backbone", "pocke"], "did you mean 'pocket'?"),
        (["acceptance", "--backbone", "pocket", "--recipe", "pocket-3d"], "trains nothing, and takes no --recipe;"),
        (["acceptance", "--backbone", "pocket", "--text-lr", "1"], "trains nothing, and takes no --text-lr;"),
        *(([study, "--runs", "nowhere"], "There is no nowhere/pocket-0/pocket.safetensors")
          for study in ("comparison", "loudness")),
        *(([study, option, "5"], f"{study}: it takes no '{option}'")
          for study in ("dial", "twins", "comparison") for option in ("--steps", "--seed", "--binding", "--backbone")),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(words, seen, mistake, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert seen in mistake("study", *words)
