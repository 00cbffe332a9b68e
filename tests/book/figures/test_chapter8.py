import matplotlib.pyplot as plt
import pytest
from drawn import is_of

from labclip_lib.book.figures.chapter8 import carried_panels, head_panels, method_panels


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def row(mean, seeds=None):
    return {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, "seeds": seeds or [mean], "chance": 0.25,
            "bag_of_words": 0.5}  # fmt: skip


def labels_below(fig):
    return [text.get_text() for text in fig.legends[0].get_texts()]


def test_each_training_has_its_own_heads():
    heads = {"1": row(0.3, [0.1, 0.5]), "2": row(0.5, [0.4, 0.6])}
    other = {"1": row(0.2, [0.2, 0.2]), "2": row(0.2, [0.3, 0.1])}
    fig = head_panels({"twin": ("image", heads), "others": ("image", other)}, "change", ("by area", [0.2, 0.3]))
    first, second = fig.axes
    drawn = {line.get_label(): line for line in second.lines}
    assert drawn["twin"].get_ydata() == pytest.approx([0.5, 0.6]) and drawn["others"].get_ydata() == pytest.approx(
        [0.2, 0.1]
    )
    assert drawn["by area"].get_ydata() == pytest.approx([0.3, 0.3])
    assert drawn["twin"].get_marker() != drawn["others"].get_marker() and first.get_ylabel() == "change"
    assert labels_below(fig) == ["twin", "others", "by area"]
    assert is_of(drawn["twin"].get_color(), "image")


def test_pieces_are_told_apart_without_colour():
    layers = {"stem": {"both": row(0.9), "rest": row(0.1)}, "stage 1": {"both": row(0.8), "rest": row(0.2)}}
    fig = carried_panels({"image": ("image", layers), "text": ("text", layers)})
    ax = fig.axes[0]
    lines = [container.lines[0] for container in ax.containers]
    assert [line.get_ydata().tolist() for line in lines] == [[0.9, 0.8], [0.1, 0.2]]
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["both", "rest"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["stem", "stage 1"]


def test_methods_stand_beside_their_levels():
    methods = {"CLIP": ("cross-modal", {"swap": row(0.5), "recall": row(0.4)}),
               "LABCLIP": ("LABCLIP", {"swap": row(0.9, [0.8, 1.0]), "recall": row(0.7)})}  # fmt: skip
    fig = method_panels(methods, {"swap": "swap test", "recall": "retrieval"})
    assert [ax.get_title() for ax in fig.axes] == ["swap test", "retrieval"]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["CLIP", "LABCLIP"]
    assert [text.get_text() for text in fig.axes[0].texts] == ["0.50", "0.90"]
    drawn = {line.get_label(): line for line in fig.axes[0].lines}
    assert drawn["chance"].get_xdata()[0] == 0.25 and drawn["bag-of-words ceiling"].get_xdata()[0] == 0.5
    assert any(list(line.get_xdata()) == [0.8, 1.0] for line in fig.axes[0].lines)
    assert labels_below(fig) == ["bag-of-words ceiling", "chance"]
