import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from labclip_lib.book.figures.chapter3 import (
    bars_of_trainings,
    dial_panels,
    forgetting,
    margin_histograms,
    mark_untrained,
    redrawn_means,
)
from labclip_lib.book.figures.shared import accuracy_bars
from labclip_lib.book.figures.style import PALETTE
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_margin_histograms_fit_both_foils_and_mark_zero():
    margins = {name: Measure(np.linspace(low, 0.3, 50), np.arange(50)) for name, low in (("swap", -0.2), ("other", 0))}
    ax = margin_histograms(margins)
    assert legend(ax) == ["swap", "other"] and ax.get_xlabel() == "margin of the cosine" and ax.get_ylabel() == "scenes"
    assert any(set(line.get_xdata()) == {0} for line in ax.lines)
    assert ax.get_xlim() == pytest.approx((-0.22, 0.32))


def test_redrawn_means_are_counted_and_their_interval_is_shaded():
    means = np.random.default_rng(0).normal(0.5, 0.01, 300)
    ax = redrawn_means(means, Estimate(0.5, 0.48, 0.52), chance=0.49)
    assert legend(ax) == ["95 % interval", "the mean itself", "chance"]
    shade = next(patch for patch in ax.patches if patch.get_label() == "95 % interval").get_extents()
    low, high = (ax.transData.inverted().transform((x, 0))[0] for x in (shade.x0, shade.x1))
    assert (low, high) == pytest.approx((0.48, 0.52))
    assert [list(line.get_xdata()) for line in ax.lines[-2:]] == [[0.5, 0.5], [0.49, 0.49]]


def test_mark_untrained_puts_a_diamond_beside_each_of_the_first_bars():
    before = [Measure(np.array([1.0, 0]), np.arange(2)), Estimate(0.25, 0.2, 0.3)]
    rows = [(name, "image", Estimate(0.9, 0.8, 1.0)) for name in ("a", "b", "c")]
    ax = mark_untrained(accuracy_bars(rows, 0.5), before)
    diamonds = next(dots for dots in ax.collections if dots.get_label() == "untrained").get_offsets()
    assert diamonds.tolist() == [[0.22, 0.5], [1.22, 0.25]] and "untrained" in legend(ax)


def test_bars_of_trainings_show_every_training():
    row = {"mean": 0.6, "low": 0.5, "high": 0.7, "seeds": [0.55, 0.6, 0.65]}
    ax = bars_of_trainings([("image\nprobe", "image", row), ("swap", "cross-modal", row)], [0.125, 0.5], 0.5)
    assert [bar.get_height() for bar in ax.patches] == [0.6, 0.6]
    dots = [tuple(dot) for dots in ax.collections[-2:] for dot in dots.get_offsets().tolist()]
    assert dots == [(place - 0.2, seed) for place in (0, 1) for seed in row["seeds"]]
    assert legend(mark_untrained(ax, [0.4])).count("one training") == 1  # and away from its diamond


def test_dial_panels_keep_bands_within_zero_and_one_and_show_every_training():
    means = [Estimate(0.5, 0.45, 0.55), Estimate(0.95, 0.8, 1.1)]
    row = ("random order", "cross-modal", means, [[0.4, 0.6], [0.9, 1.0]])
    fig = dial_panels([0.0, 1.0], {"swap accuracy": [row], "probes": [row]}, (0.5, 0.125), 0.5)
    for ax, title, chance in zip(fig.axes, ("swap accuracy", "probes"), (0.5, 0.125), strict=True):
        band, *dots = ax.collections
        assert band.get_paths()[0].vertices[:, 1].max() == 1
        assert [y for group in dots for _, y in group.get_offsets().tolist()] == [0.4, 0.6, 0.9, 1.0]
        drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
        told = "chance" if chance > ax.get_ylim()[0] else "chance: 0.125, below"
        assert drawn[told] == [chance] * 2 and drawn["bag-of-words ceiling"] == [0.5] * 2 and told in legend(ax)
        assert ax.get_title() == title and ax.get_xlabel() == "captions that bind"
        assert [label.get_text() for label in ax.get_xticklabels()] == ["0%", "100%"]


def test_forgetting_draws_the_second_line_dashed():
    first, second = ([Estimate(mean, mean - 0.1, mean + 0.1) for mean in means] for means in ((0.9, 0.95), (0.9, 0.8)))
    ax = forgetting([0, 300], {"all bind": first, "none binds": second}, 0.125, 0.5)
    drawn = {line.get_label(): line for line in ax.lines}
    assert legend(ax) == ["all bind", "none binds", "bag-of-words ceiling", "chance: 0.125, below"]
    assert 0.125 < ax.get_ylim()[0] < 0.5
    assert list(drawn["none binds"].get_ydata()) == [0.9, 0.8]
    assert drawn["all bind"].get_linestyle() == "-" and drawn["none binds"].get_linestyle() == "--"
    assert to_rgb(drawn["all bind"].get_color()) == to_rgb(PALETTE["text"])
    assert max(path.vertices[:, 1].max() for band in ax.collections for path in band.get_paths()) == 1
