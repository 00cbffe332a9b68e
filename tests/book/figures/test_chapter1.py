import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from labclip_lib.book.figures.chapter1 import gap_panels, name_bars, training_panels
from labclip_lib.book.figures.style import PALETTE


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_training_panels_show_the_loss_its_bounds_and_three_moments():
    moments = [(step, np.eye(4)) for step in (0, 45, 300)]
    fig = training_panels([4.8, 3.0, 1.6], np.log(64), 1.4, moments)
    curve, *below = fig.axes
    loss, clueless, floor = curve.lines
    assert list(loss.get_xdata()) == [1, 2, 3] and list(loss.get_ydata()) == [4.8, 3.0, 1.6]
    assert clueless.get_label() == "clueless: ln 64" and set(clueless.get_ydata()) == {np.log(64)}
    assert set(floor.get_ydata()) == {1.4} and to_rgb(loss.get_color()) == to_rgb(PALETTE["cross-modal"])
    assert curve.get_xlabel() == "training step" and "nats" in curve.get_ylabel()
    assert [ax.get_title() for ax in below] == ["step 0", "step 45", "step 300"]
    assert all(ax.get_xlabel() == "captions" and ax.get_ylabel() == "images" for ax in below)


def test_name_bars_show_the_names_their_probabilities_and_the_photos_at_hand():
    names, probabilities = ["cat", "dog", "crane"], [0.13, 0.05, 0.02]
    photos = [(f"photo {k}", names, probabilities, Image.new("L", (30, 20)) if k == 2 else None) for k in range(7)]
    fig = name_bars(photos)
    shown = fig.axes[:7]
    assert [ax.get_title(loc="left") for ax in shown] == [f"photo {k}" for k in range(7)]
    for ax in shown:
        assert [bar.get_width() for bar in ax.patches] == probabilities
        assert [label.get_text() for label in ax.get_yticklabels()] == names
        assert [text.get_text() for text in ax.texts] == ["0.13", "0.05", "0.02"]
    assert [len(ax.child_axes) for ax in shown] == [0, 0, 1, 0, 0, 0, 0] and not fig.axes[7].axison


def test_gap_panels_show_both_clouds_of_both_models():
    cloud = {
        "gap": 0.81,
        "along": {"image": np.ones(7), "text": np.zeros(40)},
        "up": {"image": np.ones(7), "text": np.zeros(40)},
    }
    fig = gap_panels({"big": cloud, "small": cloud | {"gap": 0.5}})
    assert [ax.get_title() for ax in fig.axes] == ["big: centres 0.81 apart", "small: centres 0.50 apart"]
    for ax in fig.axes:
        points = {dots.get_label(): dots for dots in ax.collections}
        assert {side: len(dots.get_offsets()) for side, dots in points.items()} == {"captions": 40, "images": 7}
        drawn = [to_rgb(points[side].get_facecolor()[0]) for side in ("captions", "images")]
        assert drawn == [to_rgb(PALETTE[side]) for side in ("text", "image")] and ax.get_xlabel()
        assert points["images"].get_sizes()[0] > points["captions"].get_sizes()[0]  # a few points are drawn larger
    (legend,) = fig.legends
    assert fig.axes[0].get_ylabel() and all(dots.get_alpha() == 1 for dots in legend.legend_handles)
