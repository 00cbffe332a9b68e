import sys

import pytest
from toys import write_small_toys

from labclip_lib.__main__ import main


def test_tables_are_printed_and_a_report_is_written(tmp_path, tiny_checkpoint, monkeypatch, capsys):
    root, out = write_small_toys(tmp_path / "toys"), tmp_path / "out"
    argv = ["reproduce", "--table", "retrieval", "further", "--backbone", str(tiny_checkpoint), "--data", str(root)]
    argv += ["--out", str(out), "--workers", "0", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/labclip", *argv])
    assert main() == 0
    shown = capsys.readouterr().out
    assert "| text to image, recall@1 | LABCLIP, paper's recipe |" in shown and "coloured shapes" in shown
    assert f"Made by `labclip reproduce --table retrieval further --backbone {tiny_checkpoint}" in shown
    assert "text to image" in (out / "report.html").read_text() and (out / "further.svg").is_file()


def test_a_run_that_made_no_table_has_failed(tmp_path, tiny_checkpoint, capsys):
    argv = ["reproduce", "--table", "sugarcrepe", "retrieval", "--backbone", str(tiny_checkpoint), "--device", "cpu"]
    argv += ["--data", str(tmp_path / "empty"), "--out", str(tmp_path / "out"), "--workers", "0"]
    assert main(argv) == 1
    assert capsys.readouterr().out.count("**Not run.**") == 2 and (tmp_path / "out" / "report.html").is_file()


def test_it_runs_in_one_process(tmp_path, monkeypatch, mistake):
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    assert "one process, got 4" in mistake("reproduce", "--out", str(tmp_path))


@pytest.mark.parametrize(
    ("argv", "seen"),
    [
        (["--table", "swaps"], "There is no table 'swaps'"),
        (["--table", "valse"], "There is no table 'valse'; it is part of 'further'."),
        (["--labclip", "none.safetensors"], "There is no file none.safetensors"),
        (["--table", "sugarcrepe", "--data", "nowhere"], "`python -m labclip_lib get sugarcrepe --data nowhere`"),
        (["--table", "aro", "--data", "nowhere"], "get aro --data nowhere`"),
        (["--epochs", "3"], "it takes no '--epochs'"),
        (["--table", "limits", "aro"], "--table limits is made by itself, got aro beside it"),
        (["--table", "limits", "--data", "nowhere"], "takes no --data"),
        (["--table", "limits", "--backbone", "ViT-B-32/openai"], "takes no --backbone"),
        (["--table", "limits"], "There is no runs/pocket-0/pocket.safetensors"),
        (["--table", "inside", "limits"], "--table inside is made by itself, got limits beside it"),
        (["--table", "inside", "--labclip", "W.safetensors"], "--table inside is about the PocketCLIPs"),
        (["--table", "inside", "--backbone", "ViT-B-23/openai"], "ViT-B-23"),
        (["--table", "inside"], "There is no runs/pocket-128-0/pocket-128.safetensors"),
    ],
)
def test_mistakes_are_said_before_it_works(argv, seen, tmp_path, monkeypatch, mistake):
    monkeypatch.chdir(tmp_path)
    assert seen in mistake("reproduce", *argv)
    assert not list(tmp_path.iterdir())


def test_its_help_says_what_is_in_each_table(capsys):
    with pytest.raises(SystemExit):
        main(["reproduce", "--help"])
    assert "\n  further     SugarCrepe++, VALSE and COLA\n" in capsys.readouterr().out
