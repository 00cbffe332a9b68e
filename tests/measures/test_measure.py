import numpy as np

from labclip_lib.measures.intervals import estimate
from labclip_lib.measures.markdown import as_columns, as_rows
from labclip_lib.measures.measure import Measure


def test_a_measure_is_looked_up_by_its_name():
    first = {"a": Measure(np.zeros(2), np.arange(2), 0.25), "b": Measure(np.ones(2), np.arange(2), 0.5, 1.0)}
    lines = as_columns({"one": first, "turned round": dict(reversed(first.items())), "three": first}).splitlines()
    zeros, ones = (" | ".join([f"{x} ({x} to {x})"] * 3) for x in ("0.000", "1.000"))
    assert lines[1] == "|---|---|---|---|---|---|"
    assert lines[2:] == [f"| a | {zeros} | 0.250 |  |", f"| b | {ones} | 0.500 | 1.000 |"]


def test_columns_take_the_seed_of_their_intervals():
    values = np.random.default_rng(0).random(30)
    tables = {"one": {"a": Measure(values, np.arange(30))}}
    assert as_columns(tables, seed=4).splitlines()[2] == f"| a | {estimate(values, np.arange(30), 4)} |  |  |"
    assert estimate(values, np.arange(30), 4) != estimate(values, np.arange(30))


def test_rows_take_the_seed_of_their_intervals():
    values = np.random.default_rng(0).random(30)
    row = as_rows({"a": Measure(values, np.arange(30))}, seed=4)["a"]
    assert (row["mean"], row["low"], row["high"]) == estimate(values, np.arange(30), 4)
    assert row["items"] == 30 and row["chance"] is None and row["bag of words"] is None
