import numpy as np
import pytest
from drawn import is_of, legend, ticks

from labclip_lib.book.figures.chapter4 import (
    SHADES,
    composed_operators,
    coverage_bars,
    missing_twins,
    price_of_blindness,
    ruled_twins,
    smallest_losses,
)
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure

BARS = {"shown": (Estimate(0.8, 0.7, 0.9), [0.75, 0.85]), "held\nout": (Estimate(0.6, 0.5, 0.7), [0.55, 0.65])}


def dots(ax):
    """The dots of single trainings, of each bar."""
    return [found.get_offsets()[:, 1].tolist() for found in ax.collections if len(found.get_offsets()) > 1]


def test_price_of_blindness_shows_one_bit_and_both_logarithms():
    ax = price_of_blindness([0.01, 0.5], [0.05, 0.65])
    line, bit = ax.lines
    assert line.get_xdata().tolist() == [0.01, 0.5] and line.get_ydata().tolist() == [0.05, 0.65]
    assert set(bit.get_ydata()) == {np.log(2)} and ax.texts[0].get_text() == "one bit"
    assert ax.get_xscale() == ax.get_yscale() == "log" and "nats" in ax.get_ylabel() and ax.get_xlabel()


def test_smallest_losses_lie_between_guessing_and_the_information():
    ax = smallest_losses([2, 4], [-0.1, -0.2], 0.3)
    line, guessing, bound = ax.lines
    assert line.get_xdata().tolist() == [2, 4] and line.get_ydata().tolist() == [-0.1, -0.2]
    assert set(guessing.get_ydata()) == {0} and set(bound.get_ydata()) == {-0.3}
    assert [note.get_text() for note in ax.texts][::2] == ["guessing", "minus the mutual information"]
    assert ticks(ax.xaxis) == ["2", "4"] and "nats" in ax.get_ylabel() and ax.get_xlabel()


def test_missing_twins_has_a_panel_a_world_and_the_curves():
    grown = [Estimate(0.5, 0.4, 0.6), Estimate(0.9, 0.8, 1.0)]
    curves = {"both": grown, "one": grown}
    fig = missing_twins({"both twins": BARS, "one twin": BARS}, [50, 100], curves)
    *panels, growth = fig.axes
    assert [ax.get_title() for ax in panels] == ["both twins", "one twin"]
    assert [bar.get_height() for bar in panels[0].patches] == [0.8, 0.6] and dots(panels[0]) == [
        [0.75, 0.85],
        [0.55, 0.65],
    ]
    assert growth.lines[0].get_ydata().tolist() == [0.5, 0.9] and growth.get_xlabel() == "training step"
    assert legend(growth) == ["both", "one", "bag-of-words ceiling", "chance"]
    assert growth.lines[0].get_marker() != growth.lines[1].get_marker()


def test_ruled_twins_shows_how_far_each_side_moves():
    moves = {
        "captions": ("text", Estimate(0.2, 0.1, 0.3), [0.1, 0.3]),
        "images": ("image", Estimate(0.4, 0.3, 0.5), [0.3, 0.5]),
    }
    fig = ruled_twins({"a coin chose": BARS, "a rule chose": BARS}, moves)
    moved = fig.axes[-1]
    assert [bar.get_height() for bar in moved.patches] == [0.2, 0.4] and ticks(moved.xaxis) == list(moves)
    assert is_of(moved.patches[0].get_facecolor(), "text") and is_of(moved.patches[1].get_facecolor(), "image")
    assert dots(moved) == [[0.1, 0.3], [0.3, 0.5]] and moved.get_ylabel() == "sensitivity to SWAP"


def test_composed_operators_has_the_lowest_ceiling_and_the_chance_of_each_number():
    def measured(ceiling, chance=0.5):
        return Measure(np.array([0.0, 1.0, 1.0]), np.arange(3), chance, ceiling)

    one = {"without SWAP": [measured(1.0), measured(1.0)], "SWAP first": [measured(0.5), measured(1.0)]}
    fig = composed_operators(one, [measured(0.5, 1 / 3), measured(0.5, 1 / 5)])
    single, every = ({line.get_label(): line.get_ydata().tolist() for line in ax.lines} for ax in fig.axes)
    assert single["SWAP first"] == pytest.approx([2 / 3, 2 / 3]) and single["bag-of-words ceiling"] == [0.5, 1.0]
    assert len({line.get_marker() for line in fig.axes[0].lines[:2]}) == 2
    assert every["chance"] == [1 / 3, 1 / 5] and "beats all of them" in every
    assert [ax.get_xlabel() for ax in fig.axes] == ["operators"] * 2


def test_coverage_bars_stack_and_a_diamond_stands_where_there_are_same_words():
    means = {"one operator, exactly": 0.3, "one operator": 0.5, "two": 0.2, "none": 0.3}
    row = {name: Estimate(mean, mean, mean) for name, mean in means.items()}
    shares = {"A": row | {"same words": Estimate(0.4, 0.3, 0.5)}, "B": row | {"same words": Estimate(0.0, 0.0, 0.0)}}
    ax = coverage_bars(shares)
    of_first = [group.patches[0] for group in ax.containers]
    assert [bar.get_width() for bar in of_first] == pytest.approx([0.3, 0.2, 0.2, 0.3])
    assert of_first[-1].get_x() + of_first[-1].get_width() == pytest.approx(1)
    assert ax.collections[0].get_offsets().tolist() == [[0.4, 0]]
    assert len(legend(ax)) == len(SHADES) + 1 and "same words, up to endings" in legend(ax) and ax.get_xlabel()
