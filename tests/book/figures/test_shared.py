import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.patches import BoxStyle
from matplotlib.text import Text

from labclip_lib.book.figures.shared import (
    accuracy_bars,
    accuracy_lines,
    causal_graph,
    show_scenes,
    similarity_matrix,
    twin_moves,
)
from labclip_lib.book.figures.style import PALETTE, PAPER, use_style
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure
from labclip_lib.world.scenes import World


@pytest.fixture(autouse=True)
def figures():
    with plt.rc_context():
        use_style()
        yield
    plt.close("all")


@pytest.fixture
def images():
    return World().sample(5, seed=0).render(24)


def test_figures_have_the_panel_s_background(images):
    fig = show_scenes(images)
    assert fig.get_facecolor()[:3] == pytest.approx(to_rgb(PAPER))


def words(ax):
    """What stands at a picture, above, below or on it."""
    return " ".join(text.get_text() for text in ax.findobj(Text) if text.get_text()).replace("\n", " ")


@pytest.mark.parametrize("count", [1, 4, 5])
def test_show_scenes_shows_every_image_and_its_title(images, count):
    titles = [f"red star and blue ring {k}" for k in range(count)]
    fig = show_scenes(images[:count], titles, columns=4)
    fig.canvas.draw()
    shown = [ax for ax in fig.axes if ax.images]
    assert len(shown) == count
    assert [words(ax) for ax in shown] == titles


def test_similarity_matrix_writes_every_number(images):
    similarity = torch.linspace(-1, 1, 15).reshape(5, 3)
    fig = similarity_matrix(similarity, images, ["a", "b", "c"])
    fig.canvas.draw()
    ax = fig.axes[0]
    assert [text.get_text() for text in ax.texts] == [f"{value:.2f}" for value in similarity.flatten()]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert any(other.get_ylabel() == "cosine similarity" for other in fig.axes)


def test_accuracy_bars_show_value_interval_chance_and_ceiling():
    rows = [("swap", "cross-modal", Estimate(0.5, 0.4, 0.6)), ("probe\nof text", "text", Estimate(0.9, 0.85, 0.93))]
    ax = accuracy_bars(rows, chance=0.5, ceiling=[float("nan"), 0.56])
    ax.figure.canvas.draw()
    assert [bar.get_height() for bar in ax.patches] == [0.5, 0.9]
    assert [to_rgb(bar.get_facecolor()) for bar in ax.patches] == [to_rgb(PALETTE[k]) for k in ("cross-modal", "text")]
    assert ax.get_ylabel() == "accuracy" and ax.get_ylim()[0] == 0
    assert {text.get_text() for text in ax.texts} == {"0.50", "0.90"}
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"chance", "bag-of-words ceiling"}


def test_accuracy_bars_need_no_level_and_may_share_axes():
    _, ax = plt.subplots()
    assert accuracy_bars([("a", "image", Estimate(1.0, 0.9, 1.0))], ax=ax) is ax and ax.get_legend() is None


def levels(ax):
    """The heights of the horizontal lines of bars, by the name of the level."""
    drawn = {lines.get_label(): lines.get_segments() for lines in ax.collections}
    return {
        name: [round(float(line[0][1]), 6) for line in drawn[name] if len(line)] for name in drawn if name in PALETTE
    }


def test_accuracy_bars_take_measures_with_their_chance_and_ceiling():
    won, who = np.array([1.0, 0, 0, 1, 1, 1, 0, 1]), np.arange(8) // 2
    swap, plain = Measure(won, who, 0.5, 0.5), Measure(1 - won, who, 0.125)
    ax = accuracy_bars([("swap", "cross-modal", swap), ("probe", "text", plain)])
    assert [bar.get_height() for bar in ax.patches] == [0.625, 0.375]
    assert levels(ax) == {"bag-of-words ceiling": [0.5], "chance": [0.5, 0.125]}
    plt.close(ax.figure)
    assert levels(accuracy_bars([("swap", "cross-modal", swap)], chance=0.25)) == {
        "bag-of-words ceiling": [0.5],
        "chance": [0.25],
    }


def test_accuracy_lines_take_measures_with_their_chance_and_ceiling():
    won, who = np.array([1.0, 0, 0, 1, 1, 1, 0, 1]), np.arange(8)
    ax = accuracy_lines([1, 2], [("a", "image", [Measure(won, who, 0.5, 1.0), Measure(1 - won, who, 0.25, 1.0)])])
    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert drawn == {"a": [0.625, 0.375], "bag-of-words ceiling": [1.0, 1.0], "chance": [0.5, 0.25]}


def test_accuracy_lines_show_every_point_and_both_levels():
    first, second = [(0.5, 0.4, 0.6), (0.7, 0.6, 0.8)], [(0.9, 0.8, 1.0), (0.8, 0.7, 0.9)]
    rows = [("images", "image", first), ("fixed", "text", first), ("random", "text", second)]
    ax = accuracy_lines([2, 3], rows, chance=[0.2, 0.1], ceiling=0.5)
    drawn = {line.get_label(): line for line in ax.lines}
    assert list(drawn) == ["images", "fixed", "random", "bag-of-words ceiling", "chance"]
    assert list(drawn["random"].get_ydata()) == [0.9, 0.8] and list(drawn["chance"].get_ydata()) == [0.2, 0.1]
    assert to_rgb(drawn["fixed"].get_color()) == to_rgb(drawn["random"].get_color()) == to_rgb(PALETTE["text"])
    assert len(ax.collections) == 3 and ax.get_ylabel() == "accuracy"


def test_accuracy_lines_tell_two_lines_of_one_kind_apart():
    first, second = [(0.5, 0.4, 0.6), (0.7, 0.6, 0.8)], [(0.5, 0.3, 0.6), (0.7, 0.5, 0.8)]
    ax = accuracy_lines([2, 3], [("fixed", "text", first), ("random", "text", second)])
    (fixed, random), (filled, outline) = ax.lines[:2], ax.collections
    assert fixed.get_linestyle() != random.get_linestyle() and fixed.get_marker() != random.get_marker()
    assert fixed.get_markerfacecolor() == PALETTE["text"] and random.get_markerfacecolor() == PAPER
    assert len(filled.get_facecolor()) == 1 and len(outline.get_facecolor()) == 0  # it hides nothing of the first


def arrows(ax):
    """(start, end) of every arrow, where the nodes stand."""
    return [(note.xyann, note.xy) for note in ax.texts if getattr(note, "arrow_patch", None) is not None]


@pytest.mark.parametrize("words", [["red", "star", "and", "blue", "ring"], ["star"]])
def test_causal_graph_says_what_depends_on_what(words):
    ax = causal_graph(words)
    ax.figure.canvas.draw()
    places = {note.get_text(): note.xy for note in ax.texts if note.get_bbox_patch() is not None}
    nodes = [note for note in ax.texts if note.get_bbox_patch() is not None]
    assert [note.get_text() for note in nodes][5:] == words and nodes[0].get_text() == "image"
    hidden = [note for note in nodes if isinstance(note.get_bbox_patch().get_boxstyle(), BoxStyle.Ellipse)]
    assert [note.get_text().replace("\n", " ") for note in hidden] == [
        "image only", "shared", "each side its own way", "caption only"
    ]  # fmt: skip
    shared = {note.xy for note in hidden[1:3]}  # both sides depend on these two
    image, caption, own = places["image"], [places[word] for word in words], [hidden[0].xy, hidden[3].xy]
    want = {(cause, image) for cause in (own[0], *shared)}
    want |= {(cause, word) for cause in (own[1], *shared) for word in caption}
    want |= set(itertools.pairwise(caption))
    found = arrows(ax)
    assert len(found) == len(set(found)) == 3 + 4 * len(words) - 1 and set(found) == want
    assert [x for x, _ in caption] == sorted(x for x, _ in caption) and len({y for _, y in caption}) == 1


def test_causal_graph_draws_arrows_after_the_outlines_they_begin_at():
    """An outline has its place when it is drawn; an arrow that is drawn before begins where it was."""
    ax = causal_graph(["red", "star", "and", "blue"])
    drawn = {arrow: [] for arrow in (True, False)}
    for note in ax.texts:
        drawn[note.get_bbox_patch() is None].append(note.get_zorder())
    assert min(drawn[True]) > max(drawn[False])


def test_causal_graph_uses_the_book_s_colours():
    ax = causal_graph(["red", "star"])
    nodes = [note for note in ax.texts if note.get_bbox_patch() is not None]
    edges = [to_rgb(note.get_bbox_patch().get_edgecolor()) for note in nodes]
    kinds = ("image", "image", "cross-modal", "chance", "text", "text", "text")
    assert edges == [to_rgb(PALETTE[kind]) for kind in kinds]
    assert not ax.axison


@pytest.mark.parametrize("count", [3, 5, 7])
def test_causal_graph_keeps_its_nodes_in_the_picture(count):
    ax = causal_graph(["square"] * count)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    nodes = [note.xy for note in ax.texts if note.get_bbox_patch() is not None]
    assert len(nodes) == 5 + count and all(left < x < right and low < y < high for x, y in nodes)


class TestTwinMoves:
    @staticmethod
    def ends(ax):
        return np.array([text.xy for text in ax.texts if not text.get_text()])

    def test_the_angle_between_the_first_two_groups_is_true(self):
        rng = np.random.default_rng(0)
        first, second = (rng.normal(size=256) for _ in range(2))
        second = 3 * second + 2 * first
        a, b = self.ends(twin_moves({"images": ("image", [first]), "captions": ("text", [second])}))
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        assert a == pytest.approx([1, 0]) and b == pytest.approx([cosine, np.sqrt(1 - cosine**2)])

    def test_what_stands_out_of_the_plane_is_shorter_and_length_does_not_count(self):
        groups = {
            "one": ("image", [[3.0, 0, 0]]), "two": ("text", [[0, 0.1, 0]]),
            "three": ("LABCLIP", [[-1, -1, 0], [1, 0, 1]]),
        }  # fmt: skip
        ax = twin_moves(groups)
        assert np.linalg.norm(self.ends(ax), axis=1) == pytest.approx([1, 1, 1, 0.5**0.5])
        assert set(groups) <= {text.get_text() for text in ax.texts}
