import numpy as np

from labclip_lib.book.tables import show_table
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure


def test_table_shows_words_numbers_and_intervals():
    measure = Measure(np.ones(4), np.arange(4), 0.5)
    rows = [
        ["all", measure, 1 / 3],
        ["some", Estimate(0.5, 0.4, 0.6), 7],
        ["kept", {"mean": 1, "low": 0, "high": 1}, ""],
    ]
    assert show_table(["which", "right", "number"], iter(rows)).data.splitlines() == [
        "| which | right | number |",
        "| --- | --- | --- |",
        "| all | 1.000 (1.000 to 1.000) | 0.333 |",
        "| some | 0.500 (0.400 to 0.600) | 7 |",
        "| kept | 1.000 (0.000 to 1.000) |  |",
    ]
