import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from labclip_lib.benchmarks.reproduce.table_figure import figure, groups, number
from labclip_lib.benchmarks.reproduce.tables import Row, Table
from labclip_lib.measures.intervals import Estimate

ROWS = [
    Row("CLEVR, swap", "CLIP", Estimate(0.52, 0.46, 0.58), 100, 0.5, 0.5, 0.58, "ViT-L/14"),
    Row("CLEVR, swap", "LABCLIP, paper's recipe", Estimate(0.95, 0.9, 0.99), 100, 0.5, 0.5, 0.95, "ViT-L/14"),
    Row("CLEVR, swap", "fine-tuned", None, reported=1.0, reported_by="ViT-L/14"),
    Row("text to image, recall@1", "CLIP", Estimate(0.3, 0.29, 0.31), 25000, 0.0002),
]


def drawn(rows, name="crossmodal"):
    fig = figure(Table(name, "Choosing", "", rows))
    (ax,) = fig.axes
    return fig, ax


def lines(ax, label):
    return [line for line in ax.get_lines() if line.get_label() == label]


def test_a_point_with_its_interval_for_each_of_ours():
    _, ax = drawn(ROWS)
    bars = [c for c in ax.containers if len(c.lines[0].get_xdata())]
    found = [(c.lines[0].get_xdata()[0], *c.lines[2][0].get_segments()[0][:, 0]) for c in bars]
    assert np.allclose(found, [tuple(row.ours) for row in ROWS if row.ours])


def test_a_hollow_diamond_for_each_reported_figure():
    _, ax = drawn(ROWS)
    diamonds = lines(ax, "reported")
    assert [line.get_xdata()[0] for line in diamonds] == [0.58, 0.95, 1.0]
    assert {(line.get_marker(), line.get_markerfacecolor()) for line in diamonds} == {("D", "none")}


def test_levels_only_where_they_are_known():
    _, ax = drawn(ROWS)
    assert [line.get_xdata()[0] for line in lines(ax, "chance")] == [0.5, 0.5, 0.0002]
    assert [line.get_xdata()[0] for line in lines(ax, "bag-of-words ceiling")] == [0.5, 0.5]


def test_cosines_have_their_own_axis():
    rows = [Row("CLEVR, cosine of the probes", "CLIP", Estimate(-0.2, -0.3, -0.1), 24, 0.0)]
    _, ax = drawn(rows, "alignment")
    assert ax.get_xlabel() == "cosine" and ax.get_xlim()[0] < -1
    _, ax = drawn(ROWS)
    assert ax.get_xlabel() == "accuracy" and -0.1 < ax.get_xlim()[0] < 0


def test_long_names_do_not_overlap_each_other_or_leave_the_page():
    long = "a question that goes on and on, about all pairs of twenty-five and more, and some besides"
    rows = [row._replace(what=long + str(i // 3), method=f"{long[:60]} {i}") for i, row in enumerate(ROWS * 5)]
    fig, ax = drawn(rows)
    FigureCanvasAgg(fig).draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    page = fig.bbox
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes)


def test_a_dollar_sign_is_a_dollar_sign():
    fig, ax = drawn([ROWS[0]._replace(method="my $model_1$")])
    FigureCanvasAgg(fig).draw()
    assert "my $model_1$" in [text.get_text() for text in ax.texts]


def test_a_table_without_rows_has_no_figure(raises_saying):
    with raises_saying(ValueError, "'aro'", "no rows"):
        figure(Table("aro", "ARO", "", [], "no data"))


def test_rows_that_ask_the_same_stand_together():
    assert [len(group) for group in groups(Table("x", "x", "", [ROWS[0], ROWS[3], ROWS[1]]))] == [2, 1]


@pytest.mark.parametrize(
    ("value", "least", "text"),
    [
        (0.5, 2, "0.50"), (0.5, 3, "0.500"), (0.6396, 2, "0.640"), (0.9, 2, "0.90"), (0.00021, 2, "0.0002"),
        (-0.0001, 3, "-0.0001"), (0.0, 2, "0.00"),
    ],
)  # fmt: skip
def test_numbers(value, least, text):
    assert number(value, least) == text
