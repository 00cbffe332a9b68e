import argparse
import os
import subprocess
import sys

import pytest
import torch

import labclip_lib
from labclip_lib import __main__ as room
from labclip_lib.__main__ import main


def helped(capsys, *argv):
    with pytest.raises(SystemExit) as left:
        main([*argv, "--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


def test_help_lists_the_verbs(capsys):
    out = helped(capsys)
    assert all(f"\n    {verb}" in out for verb in room.VERBS) and "VERB --help" in out


STEPS = {"study": ("acceptance", "dial", "twins", "comparison"), "course": ("new", "release", "grade", "report")}


@pytest.mark.parametrize(
    "words", [*([verb] for verb in room.VERBS), *([verb, step] for verb in STEPS for step in STEPS[verb])], ids=" ".join
)
def test_help_of_a_verb_has_an_example_that_is_understood(words, capsys, monkeypatch):
    told, _, example = helped(capsys, *words).partition("\nexample:\n")
    start = f"python -m labclip_lib {' '.join(words)}"
    assert f"usage: {start}" in told and example.strip().startswith(start) and len(example.splitlines()) == 1
    asked = []
    parser = argparse.ArgumentParser
    monkeypatch.setattr(parser, "set_defaults", _recording(asked, parser.set_defaults))
    assert main(example.split()[3:]) == 0 and len(asked) == 1


def _recording(asked, sound):
    """In place of what a verb does, a note that it was asked to."""

    def set_defaults(self, **values):
        if "run" in values:
            values["run"] = lambda args: asked.append(args) or 0
        sound(self, **values)

    return set_defaults


@pytest.mark.parametrize("argv", [[], ["course"], ["study"]], ids=" ".join)
def test_without_a_verb_it_shows_the_help(argv, capsys):
    assert main(argv) == 2
    assert capsys.readouterr() == ("", helped(capsys, *argv))


def test_version(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0 and capsys.readouterr().out == f"labclip {labclip_lib.__version__}\n"


@pytest.mark.parametrize(
    ("argv", "seen"),
    [
        (["fly"], ": there is no VERB 'fly'; choose from doctor, probe, "),
        (["probee"], ": there is no VERB 'probee'; did you mean 'probe'?"),
        (["--verson"], ": it takes no '--verson'; `python -m labclip_lib --help` lists the options."),
        (["study", "dail"], "study: there is no STUDY 'dail'; did you mean 'dial'?"),
        (["train", "--mode", "none"], "train: --mode takes no 'none'; choose from HNB, SB."),
        (["pretrain", "--seed", "one"], "pretrain: --seed takes a whole number, got 'one'; `"),
        (["pretrain", "--seed"], "pretrain: --seed needs a value; `"),
        (["train", "--learning-rate", "high"], "train: --learning-rate takes a number, got 'high'; `"),
        (["embed", "x"], "embed: it needs --out; `"),
        (["probe", "--tables", "x", "--backbone", "y"], "--backbone is not allowed with --tables; leave one of the "),
        (["doctor", "now"], "doctor: it takes no 'now'; `python -m labclip_lib doctor --help` lists the options."),
        (["study", "dial", "--steps", "5"], "study dial: it takes no '--steps'; `"),
        (["embed", "x", "--out", "y", "--bach-size=3"], "takes no '--bach-size'; did you mean '--batch-size'?"),
        (["probe", "--table", "x"], "did you mean '--tables'?"),  # never short for it
    ],
)
def test_what_is_not_understood_is_one_sentence(argv, seen, capsys):
    with pytest.raises(SystemExit) as left:
        main(argv)
    out, err = capsys.readouterr()
    assert left.value.code == 2 and not out and err.count("\n") == 1
    assert err.startswith("python -m labclip_lib") and seen in err and err.endswith((".\n", "?\n"))


def test_help_and_mistakes_spell_the_command_as_it_was_typed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/labclip"])
    assert "usage: labclip train " in helped(capsys, "train")
    assert main(["train", "--out", "my.pt"]) == 2
    assert capsys.readouterr().err.startswith("labclip train: --out is ")
    assert main(["course", "grade", "toy", "--course", "/"]) == 2
    assert "`labclip course new FOLDER`" in capsys.readouterr().err


def test_interruption_is_said(monkeypatch, tmp_path, capsys):
    def interrupted(*args, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim, "AdamW", interrupted)
    assert main(["pretrain", "--out", str(tmp_path)]) == 130
    assert "goes on" in capsys.readouterr().err


def test_what_the_system_says_is_put_in_words(mistake):
    said = mistake("pretrain", "--out", "/proc/labclip")
    assert "Cannot write to '/proc/labclip" in said and "(No such file or directory)" in said


def test_a_mistake_of_ours_is_no_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.optim, "AdamW", lambda *args, **how: {}["nothing"])
    with pytest.raises(KeyError):
        main(["pretrain", "--out", str(tmp_path)])


def test_from_a_shell(root, tmp_path):
    """The whole way, in a process of its own: status 2, one sentence, no traceback."""
    argv = [sys.executable, "-m", "labclip_lib", "pretrain", "--binding", "2", "--out", str(tmp_path)]
    done = subprocess.run(argv, cwd=root, env=os.environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.strip().splitlines()[-1].endswith("got 2.0.") and "Traceback" not in done.stderr


def test_a_pipe_that_nobody_reads_is_no_error(root, to_download):
    argv = [sys.executable, "-m", "labclip_lib", "get"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(argv, cwd=root, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert done.returncode == 1 and done.stderr == ""
