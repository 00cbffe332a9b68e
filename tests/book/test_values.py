import sys

import numpy as np
import pytest
import torch

from labclip_lib.book.values import glue, interval, mean, written
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure

WON = Measure(np.array([1.0, 0, 0, 1, 1]), np.arange(5), 0.5)
KEPT = {"mean": 0.6, "low": 0.2, "high": 1.0, "seeds": [0.5, 0.7]}


@pytest.mark.parametrize("value", [WON, WON.estimate(), KEPT, 0.6, np.float64(0.6), torch.tensor(0.6).double()])
def test_mean_is_the_number_that_a_value_stands_for(value):
    assert mean(value) == pytest.approx(0.6)


def test_interval_is_that_of_a_measure_an_estimate_or_a_kept_row():
    assert interval(WON) == interval(WON.estimate()) == WON.estimate()
    assert interval(KEPT) == Estimate(0.6, 0.2, 1.0)


def test_per_cents_have_the_digits_of_the_number_itself():
    assert written(0.0945, ".1%") == "9.5 %" and written(np.float64(-0.0945), "+.1%") == "-9.5 %"
    for thousandths in range(0, 2001):
        number = thousandths / 2000
        assert written(number, ".1%") == f"{float(written(number, '.3f')) * 100:.1f} %"


@pytest.fixture
def glued(monkeypatch):
    found = {}
    monkeypatch.setattr("myst_nb.glue", lambda name, value, display: found.__setitem__(name, value))
    return found


def test_glue_formats_what_stands_for_a_number_and_leaves_words(glued):
    glue(".1%", ch9_measure=WON, ch9_kept=KEPT, ch9_number=np.float64(0.125), ch9_word="red")
    glue(ch9_default=WON.estimate())
    glue("d", ch9_count=torch.tensor(7))
    assert glued == {
        "ch9_measure": "60.0 %", "ch9_kept": "60.0 %", "ch9_number": "12.5 %", "ch9_word": "red",
        "ch9_default": "0.60", "ch9_count": "7",
    }  # fmt: skip


def test_glue_does_nothing_where_no_page_is_built(monkeypatch):
    monkeypatch.setitem(sys.modules, "myst_nb", None)
    assert glue(ch9_word="red") is None
