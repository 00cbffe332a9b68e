import pytest
import torch

from labclip_lib.book.checks import CheckFailed, check


@pytest.mark.parametrize("span", [{"near": 0.5, "tol": 0.1}, {"low": 0.4}, {"high": 0.6}, {"low": 0.5, "high": 0.5}])
def test_check_passes_and_says_what_should_be_seen(span, capsys):
    check("swap accuracy", torch.tensor(0.5), **span)
    out = capsys.readouterr().out
    assert "swap accuracy is 0.5" in out and "you should see" in out


@pytest.mark.parametrize("value", [0.75, float("nan")])
@pytest.mark.parametrize(
    ("span", "should"),
    [
        ({"near": 0.5, "tol": 0.1}, "0.5 within 0.1"),
        ({"low": 0.8}, "at least 0.8"),
        ({"high": 0.6}, "at most 0.6"),
        ({"low": 0.4, "high": 0.6}, "0.4 to 0.6"),
    ],
)
def test_check_fails_with_the_value_and_the_hint(span, should, value):
    with pytest.raises(CheckFailed) as failed:
        check("swap accuracy", value, **span, hint="Did you normalise?")
    for part in ("swap accuracy", f"{value:.4g}", should, "Did you normalise?"):
        assert part in str(failed.value)


def test_a_notebook_shows_the_message_in_place_of_a_traceback():
    (line,) = CheckFailed("Too low.")._render_traceback_()
    assert "Too low." in line
