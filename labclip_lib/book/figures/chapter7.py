"""The figures of chapter 7: where binding stops, and what it costs to go on.

Rows are those of a kept table, {"mean", "low", "high", "seeds", "chance", "bag_of_words"}: levels come with them.
"""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.colors import to_rgb

from labclip_lib.book.figures.grouped import accuracy_groups
from labclip_lib.book.figures.shared import accuracy_lines
from labclip_lib.book.figures.style import INK, PALETTE, PAPER
from labclip_lib.book.values import interval, mean, written

LEVELS = {"bag-of-words ceiling": ("bag_of_words", "--"), "chance": ("chance", ":")}


def line_panels(panels, xlabel, ylabel="accuracy", lowest=0.0, log=False):
    """Accuracies along an axis, one panel beside the other, as `accuracy_lines` draws them, with a common legend.

    panels: {title: (T positions, lines)}, lines of (label, kind, T rows), kind a key of PALETTE; up to three of a kind.
    Chance and ceiling are those of a panel's first line, at each position; a line whose ceiling is another has its own,
    as thin dashes of its colour. lowest: where the accuracies begin. log: whether equal steps to the right are equal
    factors. Returns the figure.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(7.4, 3.9), sharey=True, squeeze=False)
    for ax, (title, (x, lines)) in zip(axes[0], panels.items(), strict=True):
        levels = {what: [row[what] for row in lines[0][2]] for what, _ in LEVELS.values()}
        accuracy_lines(x, lines, levels["chance"], levels["bag_of_words"], ax)
        _tell_apart(ax)
        for _, kind, rows in lines[1:]:
            ceiling = [row["bag_of_words"] for row in rows]
            if not np.allclose(ceiling, levels["bag_of_words"]):
                ax.plot(x, ceiling, ls=(0, (2, 2)), lw=1.2, color=PALETTE[kind], zorder=2)
        ax.get_legend().remove()
        if log:
            ax.set_xscale("log", base=2)
            ax.minorticks_off()
        ax.set_xticks(x, [f"{at:g}".removeprefix("0") or "0" for at in x], fontsize=10)
        ax.set(title=title, xlabel=xlabel, ylabel="", ylim=(lowest, 1.04))
    axes[0, 0].set_ylabel(ylabel)
    _common_legend(fig)
    return fig


def _tell_apart(ax):
    """Of three lines of a colour the first is solid, the second dashed, the third has triangles; all bands are pale."""
    kinds = [to_rgb(line.get_color()) for line in ax.lines[:-2]]  # without the levels
    for number, (line, band) in enumerate(zip(ax.lines, ax.collections, strict=False)):
        if kinds[:number].count(kinds[number]) == 2:
            line.set(linestyle="-.", marker="^", markerfacecolor=line.get_color())
        if kinds[number] in kinds[:number]:
            band.set(facecolor=kinds[number], alpha=0.1, linewidth=0)


def _common_legend(fig):
    """One legend below all panels, each label once, the levels last."""
    drawn = {line.get_label(): line for ax in fig.axes for line in ax.lines if not line.get_label().startswith("_")}
    labels = sorted(drawn, key=lambda label: label in LEVELS)
    handles = [drawn[label] for label in labels]
    fig.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=10, handlelength=3)


def explained_bars(groups):
    """How much of embeddings a sum of vectors explains, R2, as bars in groups of equal size.

    groups: {name: rows of (label, kind, kept row)}. Returns the axes.
    """
    rows = [row for bars in groups.values() for *_, row in bars]
    ax = accuracy_groups(groups, [row["chance"] for row in rows], [row["bag_of_words"] for row in rows])
    ax.set_ylabel("variance explained, $R^2$")
    ax.tick_params(axis="x", labelsize=9)
    return ax


def gains_and_losses(start, methods, measures):
    """How far methods move from CLIP as it is, measure by measure, and below them where the levels are from there.

    start: {measure: kept row} of CLIP. methods: {label: (kind, {measure: kept row})}, kind a key of PALETTE, with rows
    "parameters" and "seconds", written at the end; more parameters stand lower. measures: {name in the rows: label},
    six at the most; the first two, of binding, are filled. Marks are means, lines reach over the single trainings.
    Returns the axes.
    """
    changes = {}
    for name, (kind, rows) in sorted(methods.items(), key=lambda method: mean(method[1][1]["parameters"])):
        changes[name] = kind, [np.subtract(rows[what]["seeds"], start[what]["seeds"]) for what in measures]
    for name, (level, _) in LEVELS.items():
        changes[name] = name, [[start[what][level] - start[what]["mean"]] for what in measures]
    places = range(len(changes))
    _, ax = plt.subplots(figsize=(8.2, 1.2 + 0.58 * len(places)))
    beside = 0.14 * (np.arange(len(measures)) - (len(measures) - 1) / 2)
    at_end = {"transform": ax.get_yaxis_transform(), "fontsize": 9}
    for place, (name, (kind, found)) in enumerate(changes.items()):
        for each, shift, mark in zip(found, beside, _marks(PALETTE[kind], len(found)), strict=True):
            ax.hlines(place + shift, min(each), max(each), color=PALETTE[kind], lw=1.4)
            ax.plot(np.mean(each), place + shift, **mark)
        if name in methods:
            cost = (written(mean(methods[name][1][what]), ",.0f") for what in ("parameters", "seconds"))
            ax.text(1.02, place, "{}\n{} s".format(*cost), va="center", **at_end)
    for place in places[::2]:
        ax.axhspan(place - 0.5, place + 0.5, color=INK, alpha=0.04, lw=0)
    for label, mark in zip(measures.values(), _marks(INK, len(measures)), strict=True):
        ax.plot([], [], **mark, label=label)
    ax.axvline(0, color=INK, lw=1)
    ax.text(1.02, -0.6, "parameters\nand seconds", va="bottom", **at_end)
    ax.set_yticks(places, changes)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="change in accuracy from CLIP", ylim=(len(places) - 0.5, -0.5))
    ax.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3, frameon=False, fontsize=10)
    return ax


def _marks(color, count):
    """A mark for each of so many measures, the two of binding filled."""
    for number, marker in enumerate("osDv^>"[:count]):
        yield {"ls": "", "marker": marker, "ms": 5.5, "color": color, "mfc": color if number < 2 else PAPER}


def taught(fits, tested):
    """Accuracies of what was fitted on one kind, a row, and tested on another, a column; below, the levels.

    fits: {fitted on: {tested on: kept row}}. tested: {name in the rows: label}, those that are shown. Cells of what
    was fitted and tested on the same kind have a frame. Returns the axes.
    """
    first = next(iter(fits.values()))
    grid = [[rows[name] for name in tested] for rows in fits.values()]
    grid += [[first[name][level] for name in tested] for level, _ in LEVELS.values()]
    _, ax = plt.subplots(figsize=(8.2, 2.0 + 0.33 * len(grid)))
    _cells(ax, grid, 9, lambda value: written(mean(value), ".2f"))
    for row, name in enumerate(fits):
        if name in tested:
            corner = list(tested).index(name) - 0.5, row - 0.5
            ax.add_patch(plt.Rectangle(corner, 1, 1, fill=False, ec=INK, lw=1.8, zorder=3))
    ax.axhline(len(fits) - 0.5, color=PAPER, lw=7)
    ax.set_xticks(range(len(tested)), tested.values(), rotation=40, ha="left", rotation_mode="anchor", fontsize=9)
    ax.set_yticks(range(len(grid)), [*fits, *LEVELS], fontsize=9)
    for label, name in zip(ax.get_yticklabels()[len(fits) :], LEVELS, strict=True):
        label.set_color(PALETTE[name])
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set(xlabel="tested on", ylabel="fitted on")
    return ax


def repaired_towers(panels):
    """Swap accuracies with towers as they are or repaired, in squares of four cells, with their intervals.

    panels: {title: {state of the text tower: {state of the image tower: kept row}}}. Returns the figure.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(0.6 + 3.4 * len(panels), 3.7), sharey=True, squeeze=False)
    for ax, (title, cells) in zip(axes[0], panels.items(), strict=True):
        rows = [list(images.values()) for images in cells.values()]
        _cells(ax, rows, 11, _with_interval)
        ax.set_xticks(range(len(rows[0])), [_broken(name) for name in next(iter(cells.values()))])
        ax.set_yticks(range(len(rows)), [_broken(name) for name in cells])
        ax.set_title(title)
    scale = fig.colorbar(ax.images[0], ax=axes, label="swap accuracy", location="bottom", shrink=0.6, aspect=30).ax
    scale.set_xlim(0, 1)
    for name, (level, style) in LEVELS.items():
        scale.axvline(rows[0][0][level], color=PALETTE[name], ls=style, lw=2.2, label=name)
    scale.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    return fig


def _cells(ax, rows, size, text):
    """Rows of what has a mean, in colours that are pale at one half and never too dark for the text on them."""
    grid = [[mean(value) for value in row] for row in rows]
    ax.imshow(grid, cmap="vlag_r", vmin=-0.25, vmax=1.25, aspect="auto")
    for i, j in np.ndindex(len(grid), len(grid[0])):
        ax.text(j, i, text(rows[i][j]), ha="center", va="center", fontsize=size)
    ax.set_xticks(np.arange(1, len(grid[0])) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, len(grid)) - 0.5, minor=True)
    ax.grid(which="minor", color=PAPER, lw=1.2)
    ax.tick_params(which="both", length=0)
    sns.despine(ax=ax, left=True, bottom=True)


def _with_interval(row):
    middle, low, high = (written(value, ".2f") for value in interval(row))
    return f"{middle}\n[{low}, {high}]"


def _broken(name):
    return name.replace(" ", "\n", 1)
