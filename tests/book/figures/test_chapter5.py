import numpy as np
import pytest
from drawn import is_of, legend, ticks

from labclip_lib.book.figures.chapter5 import (
    by_training_size,
    frontier,
    hold_outs,
    loudness,
    methods,
    pairs_kept,
    singular_values,
    training_curves,
)
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure


def drawn(ax):
    return {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in ax.lines}


def test_training_curves_leave_out_the_loss_before_training():
    rows = [{"epoch": 0, "loss": None, "validation": 0.5}, {"epoch": 1, "loss": 4.0, "validation": 0.9}]
    loss, right = training_curves({"SB": rows, "HNB": rows}).axes
    assert drawn(loss) == {"SB": [4.0], "HNB": [4.0]} and drawn(right)["HNB"] == [0.5, 0.9]
    assert [line.get_linestyle() for line in loss.lines] == ["--", "-"] and legend(right)[-1] == "bag of words"
    assert loss.get_ylabel() == "loss (nats)" and loss.get_xlabel() == "epoch"


def test_loudness_has_one_point_a_direction():
    ax = loudness([1.0, 0.1, 0.01], [0.01, 0.01, 0.005])
    assert drawn(ax) == {"captions": [1.0, 0.1, 0.01], "caption against twin": [0.01, 0.01, 0.005]}
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 3] and ax.get_yscale() == "log"
    assert is_of(ax.lines[0].get_color(), "text") and ax.get_ylabel() == "variance"


def test_frontier_shows_lines_and_points_and_clip_in_its_colour():
    lines = {"random": [(0.5, 0.5), (0.9, 0.8)], "hard": [(0.5, 0.5), (1.0, 0.4)]}
    points = {"CLIP": (0.5, 0.5), "SB": (0.8, 0.7), "HNB": (0.9, 0.9), "default": (0.95, 0.9)}
    ax = frontier(lines, points)
    assert drawn(ax)["hard"] == [0.5, 0.4] and drawn(ax)["HNB"] == [0.9] and legend(ax) == [*lines, *points]
    by_label = {line.get_label(): line for line in ax.lines}
    assert is_of(by_label["CLIP"].get_color(), "cross-modal") and is_of(by_label["hard"].get_color(), "LABCLIP")
    assert by_label["default"].get_marker() == "*" and ax.get_xlabel() == "swap accuracy"


def test_methods_is_a_grid_of_measures_and_orders():
    bars = {"CLIP": ("cross-modal", Estimate(0.5, 0.4, 0.6)), "HNB": ("LABCLIP", Estimate(0.9, 0.8, 1.0))}
    orders = {"fixed": bars, "random": bars}
    fig = methods({"swap accuracy": (0.5, 0.5, orders), "recall@1": (0.001, 0.5, orders)})
    assert [ax.get_title() for ax in fig.axes] == ["fixed order", "random order"] * 2
    assert [ax.get_ylabel() for ax in fig.axes] == ["swap accuracy", "", "recall@1", ""]
    assert [bar.get_height() for bar in fig.axes[3].patches] == [0.5, 0.9] and ticks(fig.axes[0].xaxis) == list(bars)


def test_hold_outs_shows_each_reader_at_each_hold_out_with_its_interval_and_its_draws():
    rows = [{"mean": 1.0, "low": 0.9, "high": 1.0, "seeds": [1.0, 1.0]},
            {"mean": 0.75, "low": 0.6, "high": 0.8, "seeds": [0.5, 1.0]}]  # fmt: skip
    readers = {"image probe": ("image", rows), "formula": ("LABCLIP", rows), "default": ("LABCLIP", rows[::-1])}
    ax = hold_outs(["new image", "unseen scene"], readers, 0.5, 0.6)
    assert ticks(ax.xaxis) == ["new image", "unseen scene"] and ax.get_ylabel() == "swap accuracy"
    points = [container.lines[0] for container in ax.containers]
    assert [line.get_ydata().tolist() for line in points] == [[1.0, 0.75], [1.0, 0.75], [0.75, 1.0]]
    places = [line.get_xdata()[0] for line in points]
    assert places == sorted(places) and len(set(places)) == 3
    for line, (kind, _) in zip(points, readers.values(), strict=True):
        assert is_of(line.get_color(), kind)
    faces = [line.get_markerfacecolor() for line in points]
    assert is_of(faces[1], "LABCLIP") and not is_of(faces[2], "LABCLIP")
    (bars,) = ax.containers[0].lines[2]
    assert np.array(bars.get_segments())[:, :, 1] == pytest.approx(np.array([[0.9, 1.0], [0.6, 0.8]]))
    draws = [line.get_ydata().tolist() for line in ax.lines if line.get_marker() == "_" and len(line.get_xdata()) == 2]
    assert [1.0, 0.5] in draws and [1.0, 1.0] in draws
    assert set(legend(ax)) == {*readers, "chance", "bag-of-words ceiling"}
    levels = {
        lines.get_label(): lines.get_segments()[1][:, 1].tolist() for lines in ax.collections if lines.get_label()
    }
    assert levels["chance"] == [0.5, 0.5] and levels["bag-of-words ceiling"] == [0.6, 0.6]


def test_singular_values_lie_beside_those_of_a_rotation():
    ax = singular_values({"paper": [3.0, 1.0, 0.1], "default": [2.0, 1.0, 0.5]})
    assert drawn(ax)["paper"] == [3.0, 1.0, 0.1] and set(drawn(ax)["identity, or a rotation"]) == {1}
    assert ax.get_yscale() == "log" and ax.get_ylabel() == "singular value"


def test_pairs_kept_has_the_bag_of_words_beside_it():
    ax = pairs_kept([2, 4], {"swap accuracy": [0.5, 0.6], "recall@1": [0.1, 0.3]})
    assert drawn(ax)["recall@1"] == [0.1, 0.3] and legend(ax)[-1] == "bag of words" and ax.get_xscale() == "log"


def test_by_training_size_takes_chance_and_ceiling_from_the_measures():
    found = [Measure(np.array([0.0, 1.0, 1.0, 1.0]), np.arange(4), 0.5, 0.5)] * 2
    ax = by_training_size([40, 80], {"formula": found})
    assert drawn(ax)["formula"] == [0.75, 0.75] and drawn(ax)["chance"] == [0.5, 0.5]
    assert ticks(ax.xaxis) == ["40", "80"] and ax.get_ylabel() == "swap accuracy"
    assert ax.lines[0].get_xdata() == pytest.approx([40, 80])
