import numpy as np
import pytest
from drawn import is_of, legend, texts, ticks

from labclip_lib.book.figures.chapter6 import blind_bars, control_bars, crossed, subset_bars
from labclip_lib.measures.intervals import Estimate

ACCURACY = {"replace_obj": Estimate(0.9, 0.88, 0.92), "swap_att": Estimate(0.6, 0.5, 0.7)}
CEILING = {"replace_obj": 1.0, "swap_att": 0.7}


def segments(ax, label):
    (lines,) = [lines for lines in ax.collections if lines.get_label() == label]
    return [segment.tolist() for segment in lines.get_segments()]


def test_subset_bars_have_a_ceiling_each():
    ax = subset_bars(ACCURACY, CEILING)
    assert [bar.get_height() for bar in ax.patches] == [0.9, 0.6] and ticks(ax.xaxis) == ["replace\nobj", "swap\natt"]
    assert [segment[0][1] for segment in segments(ax, "bag-of-words ceiling")] == [1.0, 0.7]
    assert ax.get_ylabel() == "accuracy" and legend(ax) == ["bag-of-words ceiling", "chance"]
    assert ax.texts[0].get_position()[1] == pytest.approx(1.02)  # above the line of its ceiling


def test_control_bars_end_where_the_last_model_is():
    tuned = {subset: Estimate(0.02, 0.01, 0.03) for subset in ACCURACY}
    hard = {subset: Estimate(0.1, 0.05, 0.15) for subset in ACCURACY}
    share = {subset: Estimate(0.2, 0.1, 0.3) for subset in ACCURACY}
    ax = control_bars(ACCURACY, tuned, hard, share, CEILING)
    first = ax.patches[:3]
    assert [bar.get_height() for bar in first] == pytest.approx([0.9, 0.02, 0.08])
    assert first[-1].get_y() + first[-1].get_height() == pytest.approx(1.0)
    assert texts(ax) == ["20 %"] * 2 and is_of(first[0].get_facecolor(), "cross-modal")
    assert set(legend(ax)) == {
        "ViT-B/32", "+ fine-tuning, no negatives", "+ hard negatives (TROHN-Text)", "chance", "bag-of-words ceiling",
    }  # fmt: skip


def test_blind_bars_show_both_rules_from_the_top():
    trigrams = {"shuffled": Estimate(0.99, 0.98, 1.0), "VALSE": Estimate(0.5, 0.4, 0.6)}
    ax = blind_bars(trigrams, {"shuffled": 0.5, "VALSE": 0.45}, {"shuffled": 0.5, "VALSE": 1.0})
    assert [bar.get_width() for bar in ax.patches] == [0.99, 0.5] and texts(ax) == ["0.99", "0.50"]
    assert ticks(ax.yaxis) == list(trigrams) and ax.yaxis_inverted() and is_of(ax.patches[0].get_facecolor(), "text")
    circles = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert circles == [0.5, 0.45] and set(legend(ax)) == {"chance", "the shorter text wins", "bag-of-words ceiling"}


def test_crossed_has_what_was_trained_on_in_rows():
    ax = crossed(np.array([[0.9, 0.4], [0.5, 0.8]]), ["add_obj", "swap_att"])
    assert texts(ax) == ["0.90", "0.40", "0.50", "0.80"]
    assert ticks(ax.yaxis) == ["add_obj", "swap_att"] and ticks(ax.xaxis) == ["add\nobj", "swap\natt"]
    assert ax.get_xlabel() == "tested on" and ax.get_ylabel() == "trained on"
