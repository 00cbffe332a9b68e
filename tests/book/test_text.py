import pytest
import torch

from labclip_lib.book.text import in_points, machine, spelled
from labclip_lib.measures.intervals import Estimate


@pytest.mark.parametrize(
    ("style", "said"),
    [(".2f", "0.63 (0.60 to 0.66)"), (".0%", "63 % (60 to 66)"), (".1%", "62.6 % (60.0 to 66.1)")],
)
def test_an_estimate_is_spelled_with_its_interval(style, said):
    assert spelled(style, Estimate(0.626, 0.6, 0.661)) == said


def test_a_difference_is_told_in_points_with_its_sign():
    assert in_points(Estimate(0.064, -0.0101, 0.118)) == "+6.4 points (-1.0 to +11.8)"


def test_a_kept_row_is_spelled_too():
    assert spelled(".2f", {"mean": 0.5, "low": 0.4, "high": 0.6, "seeds": [0.5]}) == "0.50 (0.40 to 0.60)"


@pytest.mark.parametrize(("threads", "said"), [(1, "a CPU with 1 thread"), (2, "a CPU with 2 threads")])
def test_the_machine_is_named_by_its_threads(threads, said, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert machine(torch.device("cpu")) == said
