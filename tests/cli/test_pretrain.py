import dataclasses
import json
import shutil

import pytest

from labclip_lib.__main__ import main
from labclip_lib.models import recipes
from labclip_lib.models.recipes import Recipe
from labclip_lib.world.captions import CaptionPolicy


@pytest.fixture
def small(tmp_path):
    """A command line that takes one step below a folder of the test."""
    return ["pretrain", "--out", str(tmp_path), "--device", "cpu", "--steps", "1"]


def test_one_is_trained(small, tmp_path, capsys):
    assert main(small) == 0
    card = json.loads((tmp_path / "pocket-0" / "pocket-card.json").read_text())
    assert card["recipe"] == Recipe(steps=1).as_dict()
    assert str(tmp_path / "pocket-0" / "pocket.safetensors") in capsys.readouterr().out


def test_seeds_and_what_differs_from_the_recipe(small, tmp_path):
    assert main([*small, "--seed", "3", "5", "--binding", "0.25", "--text-lr", "0.002"]) == 0
    for seed in (3, 5):
        recipe = json.loads((tmp_path / f"pocket-{seed}" / "pocket-card.json").read_text())["recipe"]
        want = Recipe(seed=seed, steps=1, text_lr=0.002, policy=CaptionPolicy(binding=0.25))
        assert recipe == want.as_dict()


def test_another_recipe(small, tiny_3d_recipe, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(recipes.RECIPES, "pocket-3d", tiny_3d_recipe)
    assert main([*small, "--recipe", "pocket-3d", "--seed", "1", "2", "--binding", "0.5"]) == 0
    out = capsys.readouterr().out
    for seed in (1, 2):
        folder = tmp_path / f"pocket-3d-{seed}"
        assert f"seed {seed}: {folder / 'pocket-3d.safetensors'}" in out
        recipe = json.loads((folder / "pocket-3d-card.json").read_text())["recipe"]
        want = dataclasses.replace(tiny_3d_recipe, seed=seed, policy=CaptionPolicy(binding=0.5))
        assert recipe == want.as_dict()


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (["--binding", "1.5"], ": --binding must be between 0 and 1, got 1.5."),
        (["--device", "tpu"], "use --device 'auto'"),
        (["--steps", "-3"], ": --steps must be 1 or more, got -3."),
        (["--steps", "0"], "got 0"),
        (["--text-lr", "-1"], ": --text-lr must be 0 or more, got -1.0."),
        (["--seed", "0", "-1"], ": --seed must be 0 or more, got -1."),
        (["--recipe", "pocket3d"], "There is no recipe 'pocket3d'; did you mean 'pocket-3d'?"),
        (["--backbone", "pocket"], "it takes no '--backbone'"),
        (["--report"], "--report is `python -m labclip_lib study acceptance` now."),
        (["--report", "--backbone", "pocket"], "study acceptance"),
        (["--dial"], "study dial"),
        (["--twins"], "study twins"),
    ],
)
def test_mistakes_are_one_sentence(small, more, seen, mistake, tmp_path):
    assert seen in mistake(*small, *more)
    assert not list(tmp_path.iterdir())


def test_folder_of_another_recipe(small, tiny_checkpoint, mistake, tmp_path):
    shutil.copytree(tiny_checkpoint.parent, tmp_path / "pocket-0")
    assert "another recipe" in mistake(*small)
