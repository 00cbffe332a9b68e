"""The book's figures: one palette, one style. No maths in here; every number comes in as an argument.

Figures carry their own light background, so they read the same on a light and on a dark page.
"""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib import patheffects

from labclip_lib.book.figures.style import INK, PALETTE, PAPER
from labclip_lib.book.values import interval


def show_scenes(images, titles=None, columns=4, width=1.9):
    """A grid of images with a line of text under each.

    images: (N, 3, H, W) in [0, 1]. titles: N str. Returns the figure.
    """
    titles = [title.replace(" and ", "\nand ") for title in titles or []]
    lines = max((title.count("\n") + 1 for title in titles), default=0)
    rows = -(-len(images) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(width * columns, (width + 0.19 * lines) * rows), squeeze=False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        sns.despine(ax=ax, left=True, bottom=True)
    for ax, image in zip(axes.flat, images, strict=False):
        ax.imshow(_pixels(image))
    for ax, title in zip(axes.flat, titles, strict=False):
        ax.set_xlabel(title, fontsize=9)
    return fig


def similarity_matrix(similarity, images, captions, width=7.2):
    """A heat map of image-caption similarities with the images down the side.

    similarity: (N, M). images: (N, 3, H, W). captions: M str. Returns the figure.
    """
    similarity = np.asarray(similarity)
    n, m = similarity.shape
    fig, ax = plt.subplots(figsize=(width, 0.62 * n + 1.6))
    picture = ax.imshow(similarity, cmap="viridis", aspect="auto")
    for i in range(n):
        for j in range(m):
            shade = picture.norm(similarity[i, j])
            ax.text(j, i, f"{similarity[i, j]:.2f}", ha="center", va="center", fontsize=8,
                    color="white" if shade < 0.6 else "black")  # fmt: skip
        thumb = ax.inset_axes((-0.095, 1 - (i + 0.95) / n, 0.09, 0.9 / n))
        thumb.imshow(_pixels(images[i]))
        thumb.set_axis_off()
    ax.set_yticks([])
    ax.set_xticks(range(m), captions, rotation=35, ha="right", fontsize=9)
    ax.tick_params(length=0)
    sns.despine(ax=ax, left=True, bottom=True)
    fig.colorbar(picture, label="cosine similarity", fraction=0.035, pad=0.02)
    return fig


def accuracy_bars(rows, chance=None, ceiling=None, ax=None):
    """Accuracies as bars with 95 % intervals, against chance and the bag-of-words ceiling.

    rows: sequence of (label, kind, accuracy), kind a key of PALETTE, accuracy a Measure, an Estimate or
    a kept row. chance, ceiling: one float for all bars, or one per bar (NaN where there is none); left out, what the
    Measures say. Returns the axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 3.4))
    for i, (_, kind, accuracy) in enumerate(rows):
        mean, low, high = interval(accuracy)
        ax.bar(i, mean, width=0.62, color=PALETTE[kind], zorder=2)
        error = [[max(0, mean - low)], [max(0, high - mean)]]
        ax.errorbar(i, mean, error, color=INK, capsize=4, lw=1.3, zorder=3)
        label = ax.text(i, max(mean, high) + 0.02, f"{mean:.2f}", ha="center", va="bottom", fontsize=10, zorder=6)
        label.set_path_effects([patheffects.withStroke(linewidth=3, foreground=PAPER)])  # legible on a level's line
    measures = [row[2] for row in rows]
    chance = _levels(chance, "chance", measures)
    ceiling = _levels(ceiling, "bag_of_words", measures)
    # Where the two coincide, both stay visible: dots on top of dashes.
    for levels, name, style, zorder in ((ceiling, "bag-of-words ceiling", "--", 4), (chance, "chance", ":", 5)):
        if levels is None:
            continue
        lines = ax.hlines(levels, np.arange(len(rows)) - 0.42, np.arange(len(rows)) + 0.42, color=PALETTE[name],
                          ls=style, lw=2.2, zorder=zorder, label=name)  # fmt: skip
        lines.set_path_effects([patheffects.withStroke(linewidth=4.2, foreground=PAPER)])  # seen on the bars too
    ax.set_xticks(range(len(rows)), [row[0] for row in rows])
    ax.set_ylim(0, 1.12)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.set_ylabel("accuracy")
    if chance is not None or ceiling is not None:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16 - 0.05 * _lines(rows)), ncols=2, frameon=False)
    return ax


def accuracy_lines(x, rows, chance=None, ceiling=None, ax=None):
    """Accuracies along an axis as lines with 95 % bands, against chance and the bag-of-words ceiling.

    x: (T,) positions. rows: sequence of (label, kind, accuracies), kind a key of PALETTE, accuracies T Measures or
    Estimates; a second line of one kind is dashed, with hollow squares, and its band an outline, since it may lie on
    the first. chance, ceiling: a float or T of them; left out, what the Measures
    of the first row say. Returns the axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 3.4))
    drawn = set()
    for label, kind, accuracies in rows:
        mean, low, high = np.array([interval(accuracy) for accuracy in accuracies]).T
        line, shade = {"ls": "-", "marker": "o", "ms": 5}, {"color": PALETTE[kind], "alpha": 0.18, "lw": 0}
        if kind in drawn:
            line = {"ls": "--", "marker": "s", "ms": 7, "mfc": PAPER}
            shade = {"facecolor": "none", "edgecolor": PALETTE[kind], "ls": "--", "lw": 0.9}
        drawn.add(kind)
        ax.plot(x, mean, **line, color=PALETTE[kind], lw=1.8, label=label, zorder=3)
        ax.fill_between(x, low, high, **shade)
    first = rows[0][2]
    chance, ceiling = _levels(chance, "chance", first), _levels(ceiling, "bag_of_words", first)
    for levels, name, style in ((ceiling, "bag-of-words ceiling", "--"), (chance, "chance", ":")):
        if levels is not None:
            ax.plot(x, levels, color=PALETTE[name], ls=style, lw=2.2, label=name, zorder=2)
    ax.set_ylim(0, 1.05)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.set_ylabel("accuracy")
    ax.legend(frameon=False, fontsize=10, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def _levels(given, name, measures):
    """Chance or ceiling, (N,): the given value, else that of the Measures; None where neither has one."""
    if given is not None:
        return np.broadcast_to(np.asarray(given, float), len(measures))
    known = np.array([getattr(measure, name, np.nan) for measure in measures])
    return None if np.isnan(known).all() else known


def causal_graph(words):
    """How an image and a caption come about: hidden content as ellipses, what can be seen as boxes.

    words: the caption's words, drawn from left to right, each depending on the one before. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(7.4, 3.2))
    start = 4.4
    hidden = {"image\nonly": ("image", 0.6), "shared": ("cross-modal", 2.4), "each side\nits own way": ("chance", 4.6),
              "caption\nonly": ("text", 6.8)}  # fmt: skip
    own_image, shared, by_side, own_caption = hidden
    nodes = {"image": ("image", (0.6, 0.5), "image")}
    nodes |= {name: (name, (x, 2.9), kind) for name, (kind, x) in hidden.items()}
    nodes |= {i: (word, (start + 1.05 * i, 0.5), "text") for i, word in enumerate(words)}
    ax.set(xlim=(-0.2, max(7.6, start + 1.05 * len(words) - 0.3)), ylim=(0, 3.6))
    ax.set_axis_off()
    artists = {}
    for name, (label, place, kind) in nodes.items():
        shape = "ellipse,pad=0.25" if name in hidden else "round,pad=0.45"
        artists[name] = ax.annotate(label, place, ha="center", va="center", fontsize=11, zorder=3,
                                    bbox={"boxstyle": shape, "fc": PAPER, "ec": PALETTE[kind], "lw": 1.8})  # fmt: skip
    edges = [(name, "image") for name in (own_image, shared, by_side)]
    edges += [(name, i) for name in (shared, by_side, own_caption) for i in range(len(words))]
    edges += [(i - 1, i) for i in range(1, len(words))]
    for a, b in edges:  # drawn after the nodes, whose outlines have their places only then
        ax.annotate("", nodes[b][1], nodes[a][1], zorder=4, arrowprops={
            "arrowstyle": "-|>", "color": PALETTE[nodes[a][2]], "lw": 1.2, "shrinkA": 0, "shrinkB": 0, "alpha": 0.8,
            "patchA": artists[a].get_bbox_patch(), "patchB": artists[b].get_bbox_patch(),
        })  # fmt: skip
    return ax


def _lines(rows):
    return max(row[0].count("\n") for row in rows)


def _pixels(image):
    return np.asarray(image.permute(1, 2, 0).cpu()).clip(0, 1)


def twin_moves(groups, ax=None):
    """In which directions embeddings move when scenes become their twins, each move as an arrow of length one.

    The plane is that of the first two groups' mean moves, so the angle between these two is true. Of every arrow one
    sees the part that lies in the plane: an arrow that ends on the circle lies in it, a short one stands out of it.
    groups: {label: (key of PALETTE, (M, D) array of moves)}, two or more. Returns the axes.
    """
    ax = ax or plt.subplots(figsize=(4, 4))[1]
    units = [_unit(np.asarray(moves, dtype=np.float64)) for _, moves in groups.values()]
    first, second = (unit.mean(0) for unit in units[:2])
    x = _unit(first)
    plane = np.stack([x, _unit(second - (second @ x) * x)], 1)
    ax.add_patch(plt.Circle((0, 0), 1, fill=False, color=INK, lw=0.8, alpha=0.4))
    for (label, (kind, _)), unit in zip(groups.items(), units, strict=True):
        ends, color = unit @ plane, PALETTE[kind]
        for end in ends:
            ax.annotate("", end, (0, 0), arrowprops={"arrowstyle": "->", "color": color, "lw": 1.4, "shrinkA": 0})
        middle = _unit(ends.mean(0))
        side = "center" if abs(middle[0]) < 0.5 else "left" if middle[0] > 0 else "right"
        ax.text(*(1.08 * middle), label, color=color, ha=side, va="center" if side != "center" else
                "bottom" if middle[1] > 0 else "top")  # fmt: skip
    ax.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    ax.axis("off")
    return ax


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
