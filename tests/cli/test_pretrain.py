import functools
import json

import pytest

from labclip_lib.__main__ import main
from labclip_lib.models import pretraining


@pytest.fixture
def small(monkeypatch, tiny_recipe, tmp_path):
    """A command line that trains the tiny model below a folder of the test."""
    recipe = functools.partial(pretraining.Recipe, batch_size=8, warmup=2, config=tiny_recipe.config)
    monkeypatch.setattr(pretraining, "Recipe", recipe)
    return ["pretrain", "--out", str(tmp_path), "--device", "cpu", "--steps", "2"]


def test_one_is_trained(small, tmp_path, capsys):
    assert main(small) == 0
    card = json.loads((tmp_path / "pocket-0" / "pocket-card.json").read_text())
    assert card["recipe"]["steps"] == 2 and card["recipe"]["seed"] == 0
    assert str(tmp_path / "pocket-0" / "pocket.safetensors") in capsys.readouterr().out


def test_seeds_and_what_differs_from_the_recipe(small, tmp_path):
    assert main([*small, "--seed", "3", "5", "--binding", "0.25", "--text-lr", "0.002"]) == 0
    for seed in (3, 5):
        recipe = json.loads((tmp_path / f"pocket-{seed}" / "pocket-card.json").read_text())["recipe"]
        assert recipe["seed"] == seed and recipe["policy"]["binding"] == 0.25 and recipe["text_lr"] == 0.002


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (["--binding", "1.5"], ": --binding must be between 0 and 1, got 1.5."),
        (["--device", "tpu"], "use --device 'auto'"),
        (["--steps", "-3"], ": --steps must be 1 or more, got -3."),
        (["--steps", "0"], "got 0"),
        (["--text-lr", "-1"], ": --text-lr must be 0 or more, got -1.0."),
        (["--seed", "0", "-1"], ": --seed must be 0 or more, got -1."),
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


def test_folder_of_another_recipe(small, mistake):
    main(small)
    assert "another recipe" in mistake(*small, "--steps", "3")
