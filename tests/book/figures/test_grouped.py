import pytest
from drawn import is_of, legend, texts, ticks

from labclip_lib.book.figures.grouped import accuracy_groups
from labclip_lib.measures.intervals import Estimate

ROWS = [("a", "cross-modal", Estimate(0.5, 0.4, 0.6)), ("b", "LABCLIP", Estimate(0.9, 0.8, 1.0))]
GROUPS = {"near": ROWS, "three objects, far": ROWS}


def test_each_group_has_its_bars_and_its_name_below_their_middle():
    ax = accuracy_groups(GROUPS, chance=0.5)
    assert [bar.get_height() for bar in ax.patches] == [0.5, 0.9, 0.5, 0.9] and ticks(ax.xaxis) == ["a", "b"] * 2
    assert all(is_of(bar.get_facecolor(), kind) for bar, (_, kind, _) in zip(ax.patches, ROWS * 2, strict=True))
    names = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert names["near"] == 0.5 and names["three objects,\nfar"] == 2.5
    assert legend(ax) == ["chance"] and ax.get_ylabel() == "accuracy"


def test_a_blind_model_is_a_line_through_each_group():
    ax = accuracy_groups(GROUPS, chance=0.5, ceiling=0.75, blind=[0.7, 0.0])
    assert legend(ax) == ["bag-of-words ceiling", "chance", "trigrams, blind"]
    (lines,) = [lines for lines in ax.collections if lines.get_label() == "trigrams, blind"]
    segments = [segment.tolist() for segment in lines.get_segments()]
    assert [segment[0][1] for segment in segments] == [0.7, 0.0] and is_of(lines.get_color()[0], "text")
    assert [(segment[0][0], segment[1][0]) for segment in segments] == [
        pytest.approx((-0.45, 1.45)),
        pytest.approx((1.55, 3.45)),
    ]
    assert "0.50" in texts(ax)


def test_a_number_stands_above_the_lines_that_would_strike_through_it():
    ax = accuracy_groups(GROUPS, chance=0.5, ceiling=[0.65, 1.0, float("nan"), 1.2], blind=[0.7, 0.0])
    heights = [number.get_position()[1] for number in ax.texts[:4]]
    # The first is lifted over two lines; the others stand clear of theirs.
    assert heights == pytest.approx([0.72, 1.02, 0.62, 1.02]) and texts(ax)[:4] == ["0.50", "0.90"] * 2
