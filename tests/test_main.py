import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from labclip_lib import __main__ as room
from labclip_lib import acceptance, backbones, pretrain
from labclip_lib.__main__ import main
from labclip_lib.acceptance import BOUNDS


@pytest.fixture
def small(monkeypatch, tiny_recipe, tmp_path):
    """Recipes over the tiny model, and runs written below a folder of the test."""
    monkeypatch.setattr(
        pretrain, "Recipe", functools.partial(pretrain.Recipe, batch_size=8, warmup=2, config=tiny_recipe.config)
    )
    return ["pretrain", "--out", str(tmp_path), "--device", "cpu", "--steps", "2"]


@pytest.fixture
def graded(monkeypatch):
    """Stand in for the measurements: every metric at a share of its test items."""

    def grade(share=None):
        def measure(backbone):
            run = {}
            for metric, (low, high) in BOUNDS.items():
                outcomes = np.zeros(200)
                outcomes[: round(200 * ((low + high) / 2 if share is None else share))] = 1
                run[metric] = outcomes, np.arange(200)
            return run

        monkeypatch.setattr(acceptance, "measure", measure)

    return grade


def mistake(capsys, argv):
    """What a wrong command line prints: one sentence on standard error and nothing like a traceback."""
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "Traceback" not in out + err
    return err


def test_pretrain_trains(small, tmp_path, capsys):
    assert main(small) == 0
    card = json.loads((tmp_path / "pocket-0" / "pocket-card.json").read_text())
    assert card["recipe"]["steps"] == 2 and card["recipe"]["seed"] == 0
    assert str(tmp_path / "pocket-0" / "pocket.safetensors") in capsys.readouterr().out


def test_pretrain_takes_seeds_and_a_binding_share(small, tmp_path):
    assert main([*small, "--seed", "3", "5", "--binding", "0.25"]) == 0
    for seed in (3, 5):
        recipe = json.loads((tmp_path / f"pocket-{seed}" / "pocket-card.json").read_text())["recipe"]
        assert recipe["seed"] == seed and recipe["policy"]["binding"] == 0.25


@pytest.mark.parametrize(("share", "status"), [(None, 0), (0.75, 1)])
def test_report_measures_three_seeds_and_judges_them(small, graded, tmp_path, capsys, share, status):
    graded(share)
    assert main([*small, "--report"]) == status
    out = capsys.readouterr().out
    assert ("NOT ACCEPTED" in out) == bool(status) and all(metric in out for metric in BOUNDS)
    assert "min on cpu" in out
    report = json.loads((tmp_path / "pocket-report.json").read_text())
    assert [recipe["seed"] for recipe in report["recipes"]] == [0, 1, 2] and list(report["table"]) == list(BOUNDS)
    for seed in range(3):  # and each one's own row is on its card
        card = json.loads((tmp_path / f"pocket-{seed}" / "pocket-card.json").read_text())
        assert list(card["report"]) == list(BOUNDS) and len(card["report"]["image probe"]["seeds"]) == 1


def test_report_on_a_backbone_trains_nothing(small, graded, tiny_checkpoint, tmp_path, capsys):
    graded()
    assert main([*small, "--report", "--backbone", str(tiny_checkpoint)]) == 0
    assert "image probe" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_report_on_pocket_compares_with_its_card(small, graded, tiny, monkeypatch, capsys):
    graded()
    table = acceptance.summary([acceptance.measure(None)])
    table["image probe"]["mean"] += 0.0125
    monkeypatch.setattr(backbones, "load_backbone", lambda *args: tiny)
    monkeypatch.setattr(backbones, "verify_weights", lambda: {"report": table})
    assert main([*small, "--report", "--backbone", "pocket"]) == 0
    assert "0.0125" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (["--binding", "1.5"], "1.5"),
        (["--device", "tpu"], "'tpu'"),
        (["--out", "/proc/labclip"], "/proc/labclip"),
        (["--backbone", "pocke"], "'pocket'"),
        (["--steps", "-3"], "-3"),
        (["--steps", "0"], "0"),
    ],
)
def test_mistakes_are_one_sentence(small, more, seen, capsys):
    assert seen in mistake(capsys, [*small, *more])


def test_folder_of_another_recipe(small, capsys):
    main(small)
    capsys.readouterr()
    assert "another recipe" in mistake(capsys, [*small, "--steps", "3"])


def test_no_network_is_a_mistake_too(small, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(backbones, "online", lambda url: False)
    monkeypatch.setattr(backbones.huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert "cannot be reached" in mistake(capsys, [*small, "--backbone", "ViT-B-32-quickgelu/openai"])


def test_interruption_is_said(small, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(pretrain, "pretrain", interrupted)
    assert main(small) == 130
    assert "goes on" in capsys.readouterr().err


@pytest.mark.parametrize(("sound", "status"), [(True, 0), (False, 1)])
def test_doctor_s_verdict_is_the_exit_status(monkeypatch, sound, status):
    monkeypatch.setattr(room, "doctor", lambda: sound)
    assert main(["doctor"]) == status


@pytest.mark.parametrize("argv", [[], ["fly"], ["pretrain", "--seed", "one"]])
def test_argparse_says_how_it_is_used(argv, capsys):
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2 and "usage: python -m labclip_lib" in capsys.readouterr().err


def test_help_lists_the_verbs(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert "doctor" in out and "pretrain" in out


def test_from_a_shell(root, tmp_path):
    """The whole way, in a process of its own: status 2, one sentence, no traceback."""
    argv = [sys.executable, "-m", "labclip_lib", "pretrain", "--binding", "2", "--out", str(tmp_path)]
    done = subprocess.run(argv, cwd=root, env=os.environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.strip().splitlines()[-1].endswith("got 2.0.") and "Traceback" not in done.stderr
