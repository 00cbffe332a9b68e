import json

import numpy as np
import pytest
from synthetic import SMALL, BagOfWords, Binder

from labclip_lib.diagnosis.cross_modal import diagnose
from labclip_lib.measures.markdown import as_columns, as_rows, as_table, markdown_table
from labclip_lib.measures.measure import Measure


@pytest.fixture(scope="module")
def diagnosed():
    """`diagnose` of each synthetic encoder."""
    return {encoder: diagnose(encoder(), SMALL, layouts=2) for encoder in (Binder, BagOfWords)}


def test_table_has_a_line_for_each_measure(diagnosed):
    run = diagnosed[BagOfWords]
    lines = as_table(run).splitlines()
    assert len(lines) == len(run) + 2 and all(line.count("|") == 6 for line in lines)
    assert lines[2] == "| swap accuracy, fixed order | 0.500 | 0.500 to 0.500 | 0.500 | 0.500 |"
    for name, line in zip(run, lines[2:], strict=True):
        assert line.startswith(f"| {name} | ") and "nan" not in line
    assert lines[-1].endswith("|  |  |")  # neither chance nor a bag of words has anything to say


def test_columns_put_the_same_measures_side_by_side(diagnosed):
    """The binder and the bag of words in one table: each with its interval, chance and ceiling once."""
    lines = as_columns({"binder": diagnosed[Binder], "bag": diagnosed[BagOfWords]}).splitlines()
    assert lines[0] == "|  | binder | bag | chance | bag of words |" and lines[1] == "| --- | --- | --- | --- | --- |"
    assert lines[2] == (
        "| swap accuracy, fixed order | 1.000 (1.000 to 1.000) | 0.500 (0.500 to 0.500) | 0.500 | 0.500 |"
    )
    assert len(lines) == len(diagnosed[Binder]) + 2 and all(line.count("|") == 6 for line in lines)
    for name, line in zip(diagnosed[Binder], lines[2:], strict=True):
        cells = [str(diagnosed[encoder][name].estimate()) for encoder in (Binder, BagOfWords)]
        assert line.startswith(f"| {name} | {' | '.join(cells)} | ") and "nan" not in line
    assert lines[-1].endswith("|  |  |")


def test_rows_are_plain_data(diagnosed):
    found = as_rows(diagnosed[BagOfWords])
    assert json.loads(json.dumps(found, allow_nan=False)) == found and list(found) == list(diagnosed[BagOfWords])
    for name, measure in diagnosed[BagOfWords].items():
        row, levels = found[name], [found[name]["chance"], found[name]["bag of words"]]
        assert tuple(row.values())[:3] == tuple(measure.estimate()) and row["items"] == len(measure.values)
        assert levels == [None if np.isnan(level) else level for level in measure[2:]]
    assert found["swap accuracy, fixed order"] == {
        "mean": 0.5, "low": 0.5, "high": 0.5, "items": 400, "chance": 0.5, "bag of words": 0.5,
    }  # fmt: skip


def test_a_measure_is_looked_up_by_its_name():
    first = {"a": Measure(np.zeros(2), np.arange(2), 0.25), "b": Measure(np.ones(2), np.arange(2), 0.5, 1.0)}
    lines = as_columns({"one": first, "turned round": dict(reversed(first.items())), "three": first}).splitlines()
    zeros, ones = (" | ".join([f"{x} ({x} to {x})"] * 3) for x in ("0.000", "1.000"))
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    assert lines[2:] == [f"| a | {zeros} | 0.250 |  |", f"| b | {ones} | 0.500 | 1.000 |"]


def test_a_table_of_any_cells():
    assert markdown_table(["", "b"], [["x", "1"], ["y", ""]]) == "|  | b |\n| --- | --- |\n| x | 1 |\n| y |  |"
