import argparse

import pytest

from labclip_lib.cli.parser import Parser, Renamed, as_options


@pytest.mark.parametrize(
    ("sentence", "want"),
    [
        ("batch_size must be 1 or more, got 0.", "--batch-size must be 1 or more, got 0."),
        ("The batch_size is too small.", "The --batch-size is too small."),
        ("rank must be between 1 and 16, got 17.", "--rank must be between 1 and 16, got 17."),
        ("mode 'HNB' needs some; pass them, or mode='SB'.", "--mode 'HNB' needs some; pass them, or --mode 'SB'."),
        ("No device 'tpu'; use device='auto' or 'cpu'.", "No device 'tpu'; use --device 'auto' or 'cpu'."),
        ("The rank of a matrix and its mode stay.", "The rank of a matrix and its mode stay."),
        ("There is no runs/batch_size/rank=3.npy.", "There is no runs/batch_size/rank=3.npy."),
    ],
)  # fmt: skip
def test_sentences_of_the_library_get_the_shell_s_spelling(sentence, want):
    names = ("batch_size", "rank", "mode", "device")
    assert as_options(sentence, {"--" + name.replace("_", "-"): name for name in names}) == want


def test_an_option_of_old_says_the_new_spelling_and_is_not_in_the_help(capsys):
    parser = Parser(prog="tool")
    parser.add_argument("--report", action=Renamed, now="study acceptance")
    for argv in (["--report"], ["--report", "runs"], ["--report", "--backbone", "pocket"]):
        with pytest.raises(SystemExit) as left:
            parser.parse_args(argv)
        assert left.value.code == 2
        assert capsys.readouterr().err == "tool: --report is `python -m labclip_lib study acceptance` now.\n"
    assert "--report" not in parser.format_help() and not parser.options()
    assert parser.parse_args([]) == argparse.Namespace()
