import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawn import is_of, legend, texts, ticks

from labclip_lib.book.figures.chapter7 import (
    explained_bars,
    gains_and_losses,
    line_panels,
    repaired_towers,
    taught,
)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def row(mean, chance=0.5, ceiling=0.5, seeds=None):
    seeds = seeds or [mean]
    return {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, "seeds": seeds, "chance": chance,
            "bag_of_words": ceiling}  # fmt: skip


def labels_below(fig):
    return [text.get_text() for text in fig.legends[0].get_texts()]


def test_line_panels_share_an_axis_and_a_legend_and_each_has_its_own_levels():
    probe = [row(0.9, 0.125, 1 / 2), row(0.6, 0.125, 1 / 3), row(0.4, 0.125, 1 / 4)]
    swap = [row(0.9), row(0.7)]
    kinds = [("CLIP", "cross-modal"), *((name, "LABCLIP") for name in ("on as many", "on two", "control"))]
    lines = [(name, kind, swap) for name, kind in kinds]
    fig = line_panels(
        {"probes": ([2, 3, 4], [("image", "image", probe)]), "swap": ([2, 4], lines)}, "objects", log=True
    )
    first, second = fig.axes
    assert [ax.get_title() for ax in fig.axes] == ["probes", "swap"] and first.get_ylim() == second.get_ylim()
    assert first.get_ylabel() == "accuracy" and first.get_xscale() == "log" and ticks(second.xaxis) == ["2", "4"]
    drawn = {line.get_label(): line for line in first.lines}
    assert drawn["bag-of-words ceiling"].get_ydata() == pytest.approx([1 / 2, 1 / 3, 1 / 4])
    assert drawn["chance"].get_ydata() == pytest.approx([0.125] * 3)
    drawn = {line.get_label(): line for line in second.lines}
    looks = [(drawn[name].get_linestyle(), drawn[name].get_marker()) for name, kind in kinds if kind == "LABCLIP"]
    assert len(set(looks)) == 3 and drawn["control"].get_ydata() == pytest.approx([0.9, 0.7])
    assert all(is_of(drawn[name].get_color(), kind) for name, kind in kinds)
    assert labels_below(fig) == ["image", *(name for name, _ in kinds), "bag-of-words ceiling", "chance"]
    assert not any(ax.get_legend() for ax in fig.axes)


def test_a_line_whose_ceiling_is_another_has_its_own():
    lines = [("twin", "LABCLIP", [row(0.6)] * 2), ("word", "text", [row(0.9)] * 2)]
    lines.append(("own", "image", [row(0.2, 0.0, 0.3), row(0.2, 0.0, 0.4)]))
    fig = line_panels({"left": ([1, 2], lines)}, "strength")
    (thin,) = (line for line in fig.axes[0].lines if line.get_label().startswith("_"))
    assert thin.get_ydata() == pytest.approx([0.3, 0.4]) and is_of(thin.get_color(), "image")
    assert labels_below(fig) == ["twin", "word", "own", "bag-of-words ceiling", "chance"]


def test_line_panels_begin_where_they_are_told_to():
    (ax,) = line_panels({"conjunction": ([2, 35], [("prompt", "cross-modal", [row(0.9)] * 2)])}, "n", "AUC", 0.4).axes
    assert ax.get_ylim()[0] == 0.4 and ax.get_ylabel() == "AUC" and ax.get_xscale() == "linear"


def test_explained_bars_take_their_levels_from_the_rows():
    groups = {f"{what}, trained": [(sum_, kind, row(0.9, 0.0, ceiling)) for sum_ in ("objects", "concepts")]
              for what, kind, ceiling in (("images", "image", 0.96), ("captions", "text", 0.91))}  # fmt: skip
    ax = explained_bars(groups)
    assert [bar.get_height() for bar in ax.patches] == [0.9] * 4 and "R^2" in ax.get_ylabel()
    levels = {lines.get_label(): [segment[0][1] for segment in lines.get_segments()] for lines in ax.collections}
    assert levels["bag-of-words ceiling"] == [0.96, 0.96, 0.91, 0.91] and levels["chance"] == [0.0] * 4
    assert {"images,\ntrained", "captions,\ntrained"} <= set(texts(ax))


def test_gains_and_losses_are_from_clip_in_the_same_training_and_ordered_by_parameters():
    clip = {"swap": row(0.5, seeds=[0.4, 0.6]), "group": row(0.5, seeds=[0.5, 0.5]),
            "zero": row(1.0, 0.1, 1.0, [1.0, 1.0])}  # fmt: skip
    more = {"swap": row(0.9, seeds=[0.7, 1.1]), "group": row(1.0, seeds=[1.0, 1.0]), "zero": row(0.7, seeds=[0.6, 0.8])}
    cost = {
        name: more | {"parameters": row(count), "seconds": row(12.4)} for name, count in (("big", 9000), ("small", 8))
    }
    methods = {"big": ("cross-modal", cost["big"]), "small": ("LABCLIP", cost["small"])}
    ax = gains_and_losses(clip, methods, {"swap": "swap accuracy", "group": "group match", "zero": "zero-shot"})
    assert ticks(ax.yaxis) == ["small", "big", "bag-of-words ceiling", "chance"] and ax.yaxis_inverted()
    assert texts(ax)[:2] == ["8\n12 s", "9,000\n12 s"] and legend(ax) == ["swap accuracy", "group match", "zero-shot"]
    marks = [line for line in ax.lines if len(line.get_xdata()) == 1]
    places = [line.get_xdata()[0] for line in marks]
    assert places == pytest.approx([0.4, 0.5, -0.3] * 2 + [0, 0, 0] + [0, 0, -0.9])
    assert is_of(marks[0].get_color(), "LABCLIP") and is_of(marks[3].get_color(), "cross-modal")
    assert len({line.get_marker() for line in marks[:3]}) == 3
    reach = [lines.get_segments()[0][:, 0].tolist() for lines in ax.collections[:3]]
    assert np.array(reach) == pytest.approx(np.array([[0.3, 0.5], [0.5, 0.5], [-0.4, -0.2]]))


def test_taught_has_what_was_fitted_in_rows_and_frames_the_same_kind():
    fits = {"CLIP as it is": {"swap": row(0.5), "add": row(0.98, 0.5, 1.0), "retrieval": row(0.4)}}
    fits["add"] = {"swap": row(0.8), "add": row(1.0, 0.5, 1.0), "retrieval": row(0.4)}
    ax = taught(fits, {"swap": "swap\nattributes", "add": "add"})
    assert texts(ax) == ["0.50", "0.98", "0.80", "1.00", "0.50", "1.00", "0.50", "0.50"]
    assert ticks(ax.yaxis) == ["CLIP as it is", "add", "bag-of-words ceiling", "chance"]
    assert ticks(ax.xaxis) == ["swap\nattributes", "add"] and ax.get_xlabel() == "tested on"
    (frame,) = ax.patches
    assert (frame.get_x() + 0.5, frame.get_y() + 0.5) == (1, 1) and ax.get_ylabel() == "fitted on"
    picture = ax.images[0]
    assert picture.norm(0.5) == 0.5  # the pale middle of the colours


def test_repaired_towers_have_an_interval_in_each_cell_and_the_levels_on_the_scale():
    cells = {"text as it is": {"image as it is": row(0.5), "image repaired": row(0.65)}}
    cells["text repaired"] = {"image as it is": row(0.9), "image repaired": row(0.95)}
    fig = repaired_towers({"vectors": cells, "read-out": cells})
    first, _, scale = fig.axes
    assert texts(first)[1] == "0.65\n[0.60, 0.70]" and len(texts(first)) == 4 and first.get_title() == "vectors"
    assert ticks(first.xaxis) == ["image\nas it is", "image\nrepaired"]
    assert ticks(first.yaxis) == ["text\nas it is", "text\nrepaired"]
    assert [line.get_xdata()[0] for line in scale.lines] == [0.5, 0.5] and scale.get_xlim() == (0, 1)
    assert legend(scale) == ["bag-of-words ceiling", "chance"]
