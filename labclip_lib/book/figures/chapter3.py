"""The figures of chapter 3."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from labclip_lib.book.figures.shared import accuracy_bars, accuracy_lines
from labclip_lib.book.figures.style import PALETTE, PAPER
from labclip_lib.book.values import interval, mean


def margin_histograms(margins):
    """How far the true caption is ahead of two foils, scene by scene; the second histogram is an outline.

    margins: {name: Measure}, two of them. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(7.2, 3.0))
    for (name, measure), filled in zip(margins.items(), (True, False), strict=True):
        sns.histplot(
            measure.values, binwidth=0.01, binrange=(-0.5, 0.5), color=PALETTE["cross-modal"], label=name, ax=ax,
            element="step", fill=filled, alpha=0.35 if filled else 1,
        )  # fmt: skip
    ax.axvline(0, color=PALETTE["chance"], ls=":", lw=2)
    both = np.concatenate([measure.values for measure in margins.values()])
    ax.set_xlim(both.min() - 0.02, both.max() + 0.02)
    ax.set(xlabel="margin of the cosine", ylabel="scenes")
    ax.legend(frameon=False)
    return ax


def redrawn_means(means, estimate, chance):
    """A histogram of the means of redrawn samples, their Estimate's interval shaded, and chance. Returns the axes."""
    _, ax = plt.subplots(figsize=(7.2, 2.6))
    ax.axvspan(estimate.low, estimate.high, color=PALETTE["chance"], alpha=0.15, label="95 % interval")
    sns.histplot(means, bins=24, color=PALETTE["cross-modal"], alpha=0.6, element="step", ax=ax)
    ax.axvline(estimate.mean, color=PALETTE["cross-modal"], label="the mean itself")
    ax.axvline(chance, color=PALETTE["chance"], ls=":", lw=2, label="chance")
    ax.set(xlabel="mean of a redrawn sample", ylabel="samples")
    ax.legend(frameon=False)
    return ax


def mark_untrained(ax, accuracies):
    """Diamonds on the first bars of `accuracy_bars`: what the same towers got before training. Returns the axes."""
    ax.scatter(np.arange(len(accuracies)) + 0.22, [mean(accuracy) for accuracy in accuracies], marker="D", s=34,
               color="white", edgecolor="black", zorder=7, clip_on=False, label="untrained")  # fmt: skip
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.27), ncols=3, frameon=False)
    return ax


def bars_of_trainings(rows, chance, ceiling):
    """Bars as `accuracy_bars` draws them, and each training's own accuracy as a dot.

    rows: sequence of (label, kind, kept row), the row {"mean", "low", "high", "seeds": [...]}. Returns the axes.
    """
    ax = accuracy_bars(rows, chance, ceiling)
    for place, (_, _, row) in enumerate(rows):
        ax.scatter([place + 0.2] * len(row["seeds"]), row["seeds"], s=16, color="white", edgecolor="black", lw=0.8,
                   zorder=6)  # fmt: skip
    return ax


def dial_panels(shares, panels, chance, ceiling):
    """Accuracies over the share of captions that bind, two panels: lines of means and single trainings as dots.

    shares: S floats. panels: {title: rows}, rows of (label, kind, S Estimates, S lists of single accuracies).
    chance: a float for each panel. ceiling: a float. A second line of one kind is dashed and has hollow squares, since
    it may lie on the first. Returns the figure.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.8), sharey=True)
    places = range(len(shares))
    for ax, (title, rows), level in zip(axes, panels.items(), chance, strict=True):
        lines = [(label, kind, [np.clip(interval(e), 0, 1) for e in means]) for label, kind, means, _ in rows]
        accuracy_lines(places, lines, level, ceiling, ax)
        for line in ax.lines:
            if line.get_linestyle() == "--" and line.get_marker() == "o":
                line.set(marker="s", markersize=7, markerfacecolor=PAPER)
        for _, kind, _, trainings in rows:
            for place, seeds in zip(places, trainings, strict=True):
                ax.scatter([place] * len(seeds), seeds, s=10, color=PALETTE[kind], edgecolor="white", lw=0.5, zorder=5)
        ax.set_xticks(places, [f"{share:.0%}" for share in shares])
        ax.set(title=title, xlabel="captions that bind")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), frameon=False, fontsize=9, handlelength=3)
    axes[1].set_ylabel("")
    return fig


def forgetting(steps, curves, chance, ceiling):
    """The caption probe as training goes on, two lines with their bands; the second line is dashed.

    steps: (T,). curves: {name: T Estimates}. chance, ceiling: floats. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(7.2, 3.2))
    for (name, estimates), style in zip(curves.items(), ("-", "--"), strict=True):
        middle, low, high = np.array(estimates).T
        ax.plot(steps, middle, style, color=PALETTE["text"], marker="o", ms=5, label=name)
        ax.fill_between(steps, low.clip(0, 1), high.clip(0, 1), color=PALETTE["text"], alpha=0.15, lw=0)
    name = "bag-of-words ceiling"
    ax.axhline(ceiling, color=PALETTE[name], ls="--", lw=2.2, label=name)
    ax.axhline(chance, color=PALETTE["chance"], ls=":", lw=2.2, label="chance")
    ax.set(xlabel="training step", ylabel="accuracy of the caption probe", ylim=(0, 1.05))
    ax.legend(frameon=False, ncols=2, fontsize=10, loc="lower left", bbox_to_anchor=(0.25, 0.14), handlelength=3)
    return ax
