"""The figures of chapter 4 and its appendix: smallest losses, blindness's price, worlds without twins, operators."""

import matplotlib.pyplot as plt
import numpy as np

from labclip_lib.book.figures.shared import accuracy_bars, accuracy_lines
from labclip_lib.book.figures.style import INK, PALETTE, PAPER

# Shades of one colour, the lighter the more operators it takes; grey for what they do not explain.
SHADES = {"one operator, exactly": "#A03C00", "one operator": "#E58A4E", "two": "#F6CDAE", "none": "#BDBDBD"}


def smallest_losses(sizes, losses, information):
    """The smallest loss of a batch, counted from guessing, against the size of the batch.

    sizes: (N,) of batches. losses: (N,) nats, less the logarithm of the size. information: nats, the mutual
    information. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(6.4, 3.0))
    ax.semilogx(sizes, losses, "-o", base=2, color=PALETTE["cross-modal"], ms=5)
    ax.axhline(0, color=PALETTE["chance"], ls=":", lw=2)
    ax.axhline(-information, color=INK, lw=1.2)
    note = {"textcoords": "offset points", "fontsize": 10}
    ax.annotate("guessing", (sizes[-1], 0), xytext=(0, 5), ha="right", **note)
    ax.annotate("the smallest loss of a batch", (sizes[1], losses[1]), xytext=(8, 3), **note)
    ax.annotate("minus the mutual information", (sizes[-1], -information), xytext=(0, -14), ha="right", **note)
    ax.set(xlabel="pairs in a batch, $B$", ylabel=r"loss $-$ ln $B$ (nats)", xticks=sizes)
    ax.set_xticks([], minor=True)
    ax.set_xticklabels([f"{size}" for size in sizes])
    ax.set_ylim(-1.3 * information, 0.2 * information)
    return ax


def price_of_blindness(share, cost):
    """What merging twins costs against how rare the second twin is, both axes logarithmic.

    share: (N,) of the second twin in its pair. cost: (N,) nats. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(6.4, 3.0))
    ax.loglog(share, cost, "-o", color=PALETTE["text"], ms=4)
    ax.set(xlabel="share of the second twin in its pair", ylabel="extra loss (nats)")
    ax.set_xticks([0.001, 0.01, 0.1, 0.5], ["0.1 %", "1 %", "10 %", "50 %"])
    ax.set_yticks([0.01, 0.1], ["0.01", "0.1"])
    bit = np.log(2)
    ax.axhline(bit, color=PALETTE["chance"], ls=":", lw=2)
    ax.annotate("one bit", (min(share), bit), xytext=(0, 3), textcoords="offset points", fontsize=10)
    return ax


def missing_twins(panels, steps, curves):
    """Swap accuracy of trainings in several worlds, and how it grew.

    panels: {title: {label: (Estimate, values of the single trainings)}}, a panel each. steps: (T,).
    curves: {label: T Estimates}. Returns the figure.
    """
    fig, axes = plt.subplots(1, len(panels) + 1, figsize=(7.6, 3.7), width_ratios=_widths(panels))
    _swap_panels(panels, axes)
    lines = [(label, "cross-modal", estimates) for label, estimates in curves.items()]
    growth = accuracy_lines(steps, lines, chance=0.5, ceiling=0.5, ax=axes[-1])
    _open_squares(growth)
    growth.legend(frameon=False, fontsize=9, loc="upper left", handlelength=3)
    growth.set_title("the missing twins,\nas training goes on", fontsize=10)
    growth.set(xlabel="training step", ylabel="", ylim=(0.4, 1.12), yticks=[0.4, 0.6, 0.8, 1.0])
    return fig


def ruled_twins(panels, moves):
    """Swap accuracy of trainings in several worlds, and how far captions and images move under SWAP.

    panels: as of `missing_twins`. moves: {label: (kind, Estimate, values of the single trainings)}, kind a key of
    PALETTE. Returns the figure.
    """
    fig, axes = plt.subplots(1, len(panels) + 1, figsize=(7.6, 3.7), width_ratios=_widths(panels))
    _swap_panels(panels, axes)
    for place, (kind, (mean, low, high), each) in enumerate(moves.values()):
        axes[-1].bar(place, mean, color=PALETTE[kind], width=0.62)
        axes[-1].errorbar(place, mean, [[mean - low], [high - mean]], color=INK, capsize=4, lw=1.3)
        _dots(axes[-1], place, each)
    axes[-1].set_xticks(range(len(moves)), moves, fontsize=8)
    axes[-1].set_ylabel("sensitivity to SWAP")
    axes[-1].set_ylim(bottom=0)
    return fig


def _widths(panels):
    return [1] * len(panels) + [1.3]


def _swap_panels(panels, axes):
    for number, (ax, (title, bars)) in enumerate(zip(axes, panels.items(), strict=False)):
        rows = [(label, "cross-modal", estimate) for label, (estimate, _) in bars.items()]
        accuracy_bars(rows, chance=0.5, ceiling=0.5, ax=ax)
        for place, (_, each) in enumerate(bars.values()):
            _dots(ax, place, each)
        ax.set_title(title, fontsize=10)
        ax.get_legend().remove()
        ax.set_ylabel("" if number else "swap accuracy")
        if number:
            ax.set_yticklabels([])


def _open_squares(ax):
    """A dashed line of accuracies that crosses a solid one of its colour is told from it by its marks."""
    for line in ax.lines:
        if line.get_linestyle() == "--" and line.get_marker() == "o":
            line.set(marker="s", markersize=8, markerfacecolor=PAPER, markeredgewidth=1.8, zorder=4)


def _dots(ax, place, values):
    """One dot per training, beside its bar."""
    ax.scatter([place + 0.22] * len(values), values, s=12, color="white", edgecolor="black", lw=0.8, zorder=6)


def composed_operators(one, every):
    """Accuracy against foils made with one, two, three ... operators: one at a time, and all of them at once.

    one: {name of the chain: Measures, one for each number of operators}; the ceiling is that of the lowest.
    every: Measures of being right against all foils so far. Returns the figure.
    """
    counts = range(1, len(every) + 1)
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.6), sharey=True)
    lowest = np.min([[measure.bag_of_words for measure in chain] for chain in one.values()], axis=0)
    rows = [(name, "cross-modal", chain) for name, chain in one.items()]
    accuracy_lines(counts, rows, ceiling=lowest, ax=axes[0])
    accuracy_lines(counts, [("beats all of them", "cross-modal", every)], ax=axes[1])
    _open_squares(axes[0])
    for ax, title in zip(axes, ("one foil", "all foils so far"), strict=True):
        ax.set(title=title, xlabel="operators", xticks=counts)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False, fontsize=9, ncols=2, handlelength=3)
    axes[1].set_ylabel("")
    return fig


def coverage_bars(shares):
    """Which share of a subset's foils one operator explains, or two, or none, as stacked bars.

    shares: {subset: {name: Estimate}} with the names of SHADES and "same words", drawn as diamonds. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(7.4, 1.4 + 0.24 * len(shares)))
    mean = {name: np.array([row[name].mean for row in shares.values()]) for name in (*SHADES, "same words")}
    # "exactly" is part of what one operator explains: the bars of the others go on from there.
    mean["one operator"] = mean["one operator"] - mean["one operator, exactly"]
    labels = {"one operator": "one, up to endings", "two": "two operators"}
    left = np.zeros(len(shares))
    for name, shade in SHADES.items():
        label = labels.get(name, name)
        ax.barh(list(shares), mean[name], left=left, color=shade, height=0.72, label=label)
        left = left + mean[name]
    some = np.flatnonzero(mean["same words"] > 0.01)
    diamonds = {"marker": "D", "s": 26, "color": "white", "edgecolor": "black", "zorder": 5}
    ax.scatter(mean["same words"][some], some, label="same words, up to endings", **diamonds)
    ax.set(xlim=(0, 1), xlabel="share of the foils")
    ax.invert_yaxis()
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3, frameon=False, fontsize=9)
    return ax
