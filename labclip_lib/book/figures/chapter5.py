"""The figures of chapter 5: how LABCLIP is fitted, what it trades, what carries over, what its matrix looks like."""

import matplotlib.pyplot as plt
import numpy as np

from labclip_lib.book.figures.shared import accuracy_bars, accuracy_lines
from labclip_lib.book.figures.style import INK, PALETTE, PAPER
from labclip_lib.book.values import interval

OURS, BAG = PALETTE["LABCLIP"], PALETTE["bag-of-words ceiling"]


def training_curves(histories):
    """Loss and validation accuracy by epoch, of two fits: the first dashed.

    histories: {label: rows of {"epoch", "loss", "validation"}}, as a fitted LABCLIP keeps them; the first row is
    from before training and has no loss. Returns the figure.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.1))
    for (label, rows), style in zip(histories.items(), ("--", "-"), strict=True):
        for ax, what, shown in ((axes[0], "loss", rows[1:]), (axes[1], "validation", rows)):
            epochs, values = [row["epoch"] for row in shown], [row[what] for row in shown]
            ax.plot(epochs, values, style, color=OURS, label=label)
    axes[1].axhline(0.5, color=BAG, ls=":", label="bag of words")
    axes[0].set(xlabel="epoch", ylabel="loss (nats)", ylim=(0, None))
    axes[1].set(xlabel="epoch", ylabel="share that picks rightly", ylim=(0, 1.05))
    for ax in axes:
        ax.legend(frameon=False)
    return fig


def loudness(variance, binding):
    """The captions' variance along their principal directions, and the part of it that is between twins.

    variance, binding: (D,), loudest direction first. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(7.2, 3.2))
    number = range(1, len(variance) + 1)
    ax.semilogy(number, variance, color=PALETTE["text"], label="captions")
    ax.semilogy(number, binding, ".", ms=4, color=INK, label="caption against twin")
    ax.set(xlabel="direction, loudest first", ylabel="variance")
    ax.legend(frameon=False)
    return ax


def frontier(lines, points):
    """What is gained in the swap test against what it costs in retrieval.

    lines: {label: (N, 2)} of (swap accuracy, recall@1), the first dashed. points: {label: (swap accuracy, recall@1)};
    the first is CLIP's, the last the default's. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(6.6, 4.2))
    for (label, line), style in zip(lines.items(), ("--", "-"), strict=True):
        ax.plot(*np.transpose(line), "o" + style, ms=4, color=OURS, label=label)
    for (label, point), marker in zip(points.items(), "sdD*", strict=True):
        color, size = PALETTE["cross-modal"] if label == "CLIP" else INK, 12 if marker == "*" else 7
        ax.plot(*point, marker, ms=size, color=color, label=label)
    ax.axvline(0.5, color=BAG, ls=":")
    ax.axhline(0.5, color=BAG, ls=":")
    ax.set(xlabel="swap accuracy", ylabel="recall@1, image to text", xlim=(0.45, 1.02), ylim=(-0.03, 1.03))
    ax.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0.1, 0.05), handlelength=3)
    return ax


def methods(panels):
    """Methods as bars, by several measures (down) and with captions in several orders (across).

    panels: {name of the measure: (chance, ceiling, {order: {label: (kind, Estimate)}})}. Returns the figure.
    """
    across = len(next(iter(panels.values()))[-1])
    fig, axes = plt.subplots(len(panels), across, figsize=(8.4, 3.1 * len(panels)), sharey=True, squeeze=False)
    for row, (name, (chance, ceiling, orders)) in zip(axes, panels.items(), strict=True):
        for ax, (order, bars) in zip(row, orders.items(), strict=True):
            accuracy_bars([(label, *bar) for label, bar in bars.items()], chance, ceiling, ax)
            ax.tick_params(axis="x", labelsize=8)
            ax.set_title(f"{order} order", fontsize=10)
            ax.set_ylabel("")
            ax.get_legend().remove()
        row[0].set_ylabel(name)
    return fig


def hold_outs(names, readers, chance, ceiling):
    """Accuracies of several readers under hold-outs from easy to hard, with 95 % intervals; small marks: single draws.

    names: H str. readers: {label: (kind, H rows)}, kind a key of PALETTE, rows {"mean", "low", "high", "seeds"} as of
    `studies.pooled`; the second reader of a kind is hollow. chance, ceiling: floats. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(7.2, 3.9))
    place, kinds = np.arange(len(names)), [kind for kind, _ in readers.values()]
    for number, (label, (kind, rows)) in enumerate(readers.items()):
        mean, low, high = np.array([interval(row) for row in rows]).T
        error = np.clip([mean - low, high - mean], 0, None)  # a mean of 1 is the end of its interval, but for rounding
        beside = place + 0.18 * (number - (len(readers) - 1) / 2)
        inside = PAPER if kind in kinds[:number] else PALETTE[kind]
        style = {"fmt": "osDv"[number], "ms": 7, "color": PALETTE[kind], "mfc": inside, "capsize": 3, "zorder": 3}
        ax.errorbar(beside, mean, error, label=label, **style)
        ax.plot(beside + 0.06, [row["seeds"] for row in rows], "_", ms=6, color=PALETTE[kind], alpha=0.7)
    for level, name, style in ((ceiling, "bag-of-words ceiling", "--"), (chance, "chance", ":")):
        ax.hlines([level] * len(names), place - 0.42, place + 0.42, color=PALETTE[name], ls=style, lw=2.2, label=name)
    ax.set_xticks(place, names)
    ax.set(ylabel="swap accuracy", ylim=(0.4, 1.04))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, frameon=False)
    return ax


def singular_values(values):
    """Singular values of matrices of the identity's length, largest first. values: {label: (D,)}. Returns the axes."""
    _, ax = plt.subplots(figsize=(6.6, 3.0))
    for (label, singular), style in zip(values.items(), ("-", "--"), strict=True):
        ax.semilogy(range(1, len(singular) + 1), singular, style, color=OURS, label=label)
    ax.axhline(1, color=PALETTE["chance"], ls=":", label="identity, or a rotation")
    ax.set(xlabel="number, largest first", ylabel="singular value")
    ax.legend(frameon=False)
    return ax


def pairs_kept(counts, accuracies):
    """Accuracies by how many pairs of directions a matrix keeps. counts: (N,). accuracies: {label: (N,)}; the axes."""
    _, ax = plt.subplots(figsize=(7, 3.2))
    for (label, values), style in zip(accuracies.items(), ("-", "--"), strict=True):
        ax.plot(counts, values, "o" + style, ms=4, color=OURS, label=label)
    ax.axhline(0.5, color=BAG, ls=":", label="bag of words")
    ax.set_xscale("log", base=2)
    ticks = [2, 4, 8, 14, 32, 64, 128, 256]
    ax.set_xticks(ticks, ticks)
    ax.set(xlabel="pairs of directions kept", ylabel="share that is right", ylim=(0, 1.05))
    ax.legend(frameon=False)
    return ax


def by_training_size(sizes, curves):
    """Swap accuracy by how many twin pairs train. sizes: (T,). curves: {label: T Measures}. Returns the axes."""
    _, ax = plt.subplots(figsize=(6.8, 3.4))
    accuracy_lines(sizes, [(label, "LABCLIP", values) for label, values in curves.items()], ax=ax)
    ax.set_xscale("log")
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
    ax.set(xlabel="twin pairs in training", ylabel="swap accuracy")
    ax.legend(frameon=False, fontsize=10, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=3)
    return ax
