import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from labclip_lib.book.figures.chapter2 import crowd_panels, learning_curves, probe_bars
from labclip_lib.book.figures.style import PALETTE
from labclip_lib.measures.measure import Measure


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def measure(mean, chance=0.125, bag_of_words=0.5):
    return Measure(
        np.repeat([1.0, 0.0], [round(20 * mean), 20 - round(20 * mean)]), np.arange(20), chance, bag_of_words
    )


def test_probe_bars_stand_in_groups_with_the_levels_of_their_measures():
    group = {"trained": measure(0.9), "random labels": measure(0.1, bag_of_words=np.nan), "untrained": measure(0.6)}
    ax = probe_bars({"images": group, "captions": group})
    assert [bar.get_height() for bar in ax.patches] == [0.9, 0.1, 0.6] * 2
    colors = [to_rgb(bar.get_facecolor()) for bar in ax.patches]
    assert colors == [to_rgb(PALETTE["image"])] * 3 + [to_rgb(PALETTE["text"])] * 3
    assert [label.get_text() for label in ax.get_xticklabels()] == ["trained", "random\nlabels", "untrained"] * 2
    assert {"images", "captions"} < {text.get_text() for text in ax.texts}
    ceiling = next(lines for lines in ax.collections if lines.get_label() == "bag-of-words ceiling")
    heights = [float(line[0][1]) for line in ceiling.get_segments() if len(line)]
    assert [height for height in heights if not np.isnan(height)] == [0.5] * 4  # none for made-up labels


def test_crowd_panels_draw_a_line_a_side_and_one_legend():
    lines = {"images": [measure(0.9), measure(0.4)], "captions": [measure(1), measure(0.8)]}
    fig = crowd_panels((2, 6), {"size known": lines, "size unknown": lines})
    for ax, title in zip(fig.axes, ("size known", "size unknown"), strict=True):
        drawn = {line.get_label(): line for line in ax.lines}
        assert ax.get_title() == title and ax.get_xlabel() == "objects in the scene" and ax.get_legend() is None
        assert list(drawn["images"].get_ydata()) == [0.9, 0.4] and list(drawn["chance"].get_ydata()) == [0.125] * 2
        assert [to_rgb(drawn[name].get_color()) for name in lines] == [to_rgb(PALETTE[k]) for k in ("image", "text")]
    assert len(fig.legends) == 1


def test_learning_curves_reach_from_the_lowest_draw_to_the_highest():
    ax = learning_curves([12, 62], {"images": [[0.4, 0.5, 0.6], [0.9]], "captions": [[0.3], [0.7]]}, 0.125, 0.5)
    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert drawn["images"] == pytest.approx([0.5, 0.9]) and drawn["captions"] == [0.3, 0.7]
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert {0.4, 0.6, 0.9} <= {round(float(y), 6) for y in band}
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "twin pairs in training"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["12", "62"]
