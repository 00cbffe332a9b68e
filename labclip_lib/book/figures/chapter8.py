"""The figures of chapter 8: inside the towers, and parts beside wholes.

Rows are those of a kept table, {"mean", "low", "high", "seeds", "chance", "bag_of_words"}.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects

from labclip_lib.book.figures.style import INK, PALETTE, PAPER
from labclip_lib.book.values import interval

DASHES = ("-", "--", "-.", ":", (0, (1, 3)), (0, (6, 2, 1, 2, 1, 2)))
MARKS = "osD^vP"


def head_panels(rows, ylabel, level=None):
    """What each head of each training does, one panel a training; heads of two trainings have nothing in common.

    rows: {label: (kind, {head: kept row})}, kind a key of PALETTE; up to three of a kind. level: (label, T floats), one
    a training, drawn as dots. Returns the figure.
    """
    heads = [*next(iter(rows.values()))[1]]
    trainings = len(next(iter(rows.values()))[1][heads[0]]["seeds"])
    fig, axes = plt.subplots(1, trainings, figsize=(7.6, 3.2), sharey=True, squeeze=False)
    for number, ax in enumerate(axes[0]):
        drawn = []
        for label, (kind, found) in rows.items():
            look = drawn.count(kind)
            drawn.append(kind)
            ax.plot(
                range(len(heads)), [found[head]["seeds"][number] for head in heads], ls="", marker=MARKS[look], ms=6,
                color=PALETTE[kind], mfc=PAPER if look else PALETTE[kind], label=label, zorder=3,
            )  # fmt: skip
        if level:
            ax.axhline(level[1][number], color=PALETTE["chance"], ls=":", lw=2.2, label=level[0], zorder=2)
        ax.set_xticks(range(len(heads)), heads, fontsize=9)
        ax.set(title=f"training {number + 1}", xlabel="head", ylim=(0, 1.04))
    axes[0, 0].set_ylabel(ylabel)
    _legend(fig, axes[0, 0])
    return fig


def carried_panels(panels, ylabel="share of the way to the twin"):
    """How far pieces, exchanged between twins, carry an embedding, layer by layer; one panel a tower.

    panels: {title: (kind, {layer: {piece: kept row}})}, kind a key of PALETTE. Bars are 95 % intervals. Returns the
    figure.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(7.8, 4.3), sharey=True, squeeze=False)
    for ax, (title, (kind, layers)) in zip(axes[0], panels.items(), strict=True):
        pieces, places = [*next(iter(layers.values()))], np.arange(len(layers))
        for number, piece in enumerate(pieces):
            mean, low, high = np.array([interval(row[piece]) for row in layers.values()]).T
            shift = 0.05 * (number - (len(pieces) - 1) / 2)
            ax.errorbar(
                places + shift, mean, [mean - low, high - mean], color=_shade(kind, number, len(pieces)),
                ls=DASHES[number], marker=MARKS[number], ms=5, lw=1.6, elinewidth=1.1, label=piece, zorder=3,
            )  # fmt: skip
        for level in (0, 1):
            ax.axhline(level, color=INK, lw=0.8, alpha=0.5, zorder=1)
        ax.set_xticks(range(len(layers)), layers, fontsize=9)
        ax.set(title=title, xlabel="exchanged after")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False, fontsize=9, handlelength=3.2)
    axes[0, 0].set_ylabel(ylabel)
    return fig


def method_panels(methods, measures):
    """Methods as rows, measures as panels: means with 95 % intervals, single trainings, chance and bag of words.

    methods: {label: (kind, {measure: kept row})}, kind a key of PALETTE. measures: {name in the rows: title}. Levels
    are those of the first method. Returns the figure.
    """
    fig, axes = plt.subplots(1, len(measures), figsize=(8.4, 1.5 + 0.32 * len(methods)), sharey=True, squeeze=False)
    first = next(iter(methods.values()))[1]
    for ax, (name, title) in zip(axes[0], measures.items(), strict=True):
        for place, (kind, rows) in enumerate(methods.values()):
            mean, low, high = interval(rows[name])
            ax.hlines(place, low, high, color=PALETTE[kind], lw=2.4, zorder=3)
            ax.plot(rows[name]["seeds"], [place] * len(rows[name]["seeds"]), "|", color=PALETTE[kind], ms=8, zorder=3)
            ax.plot(mean, place, "o", color=PALETTE[kind], ms=5.5, zorder=4)
            end = ax.text(1.06, place, f"{mean:.2f}", va="center", fontsize=8.5, transform=ax.get_yaxis_transform())
            end.set_path_effects([patheffects.withStroke(linewidth=3, foreground=PAPER)])
        for level, label, style in (("bag_of_words", "bag-of-words ceiling", "--"), ("chance", "chance", ":")):
            ax.axvline(first[name][level], color=PALETTE[label], ls=style, lw=2, label=label, zorder=2)
        for place in range(0, len(methods), 2):
            ax.axhspan(place - 0.5, place + 0.5, color=INK, alpha=0.04, lw=0)
        ax.set(title=title, xlim=(-0.03, 1.03), ylim=(len(methods) - 0.5, -0.5))
        ax.set_xticks((0, 0.5, 1), ("0", ".5", "1"), fontsize=9)
    axes[0, 0].set_yticks(range(len(methods)), methods, fontsize=9)
    for ax in axes[0]:
        ax.tick_params(axis="y", length=0)
    _legend(fig, axes[0, 0])
    return fig


def _shade(kind, number, count):
    """The colour of a kind, paler from piece to piece, so that six pieces of one tower can be told apart."""
    red, green, blue = (int(PALETTE[kind][at : at + 2], 16) / 255 for at in (1, 3, 5))
    pale = 0.55 * number / max(1, count - 1)
    return tuple(part + (1 - part) * pale for part in (red, green, blue))


def _legend(fig, ax):
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=10)
