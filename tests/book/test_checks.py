from unittest import mock

import pytest
import torch

from labclip_lib.book.checks import CheckFailed, check


@pytest.mark.parametrize("span", [{"near": 0.5, "tol": 0.1}, {"low": 0.4}, {"high": 0.6}, {"low": 0.5, "high": 0.5}])
def test_check_passes_in_one_line_that_says_what_should_be_seen(span, capsys):
    check("swap accuracy", torch.tensor(0.5), **span)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("✓ swap accuracy: 0.5 (should be ")


def test_what_is_printed_shows_that_it_is_within_the_tolerance(capsys):
    check("loss of a clueless model", 4.158983, near=4.158883, tol=1e-3)
    check("loss of a clueless model", 4.15889, near=4.158883, tol=1e-4)
    check("loss after training", 4.2, low=3.75888, high=5.65888)
    assert capsys.readouterr().out.splitlines() == [
        "✓ loss of a clueless model: 4.159 (should be 4.1589 within 0.001)",
        "✓ loss of a clueless model: 4.15889 (should be 4.15888 within 0.0001)",
        "✓ loss after training: 4.2 (should be 3.759 to 5.659)",
    ]


def test_check_escapes_what_it_shows_on_a_page():
    with mock.patch("labclip_lib.book.checks.display") as display:
        check("cosine of <a> & <b>", 0.5, near=0.5, tol=0)
    (shown,) = display.call_args.args
    assert "✓ cosine of &lt;a&gt; &amp; &lt;b&gt;: 0.5 (should be exactly 0.5)" in shown._repr_html_()


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
    assert CheckFailed("Too low.")._render_traceback_() == ["✗ Too low."]
