"""The figures of chapter 3."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from labclip_lib.book.figures.shared import accuracy_bars, accuracy_lines
from labclip_lib.book.figures.style import PALETTE
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
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.27), ncols=4, frameon=False)
    return ax


def bars_of_trainings(rows, chance, ceiling):
    """Bars as `accuracy_bars` draws them, and each training's own accuracy as a dot.

    rows: sequence of (label, kind, kept row), the row {"mean", "low", "high", "seeds": [...]}. Returns the axes.
    """
    ax = accuracy_bars(rows, chance, ceiling)
    for place, (_, _, row) in enumerate(rows):
        ax.scatter([place - 0.2] * len(row["seeds"]), row["seeds"], s=16, color="white", edgecolor="black", lw=0.8,
                   zorder=6, label="" if place else "one training")  # fmt: skip
    return ax


def dial_panels(shares, panels, chance, ceiling):
    """Accuracies over the share of captions that bind, two panels: lines of means and single trainings as dots.

    shares: S floats. panels: {title: rows}, rows of (label, kind, S Estimates, S lists of single accuracies).
    chance: a float for each panel. ceiling: a float. Returns the figure.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.8), sharey=True)
    places = range(len(shares))
    for ax, (title, rows), level in zip(axes, panels.items(), chance, strict=True):
        lines = [(label, kind, [np.clip(interval(e), 0, 1) for e in means]) for label, kind, means, _ in rows]
        accuracy_lines(places, lines, level, ceiling, ax)
        for _, kind, _, trainings in rows:
            for place, seeds in zip(places, trainings, strict=True):
                ax.scatter([place] * len(seeds), seeds, s=10, color=PALETTE[kind], edgecolor="white", lw=0.5, zorder=5)
        ax.set_xticks(places, [f"{share:.0%}" for share in shares])
        ax.set(title=title, xlabel="captions that bind")
        _from_below_the_ceiling(ax, level)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), frameon=False, fontsize=9, handlelength=3)
    axes[1].set_ylabel("")
    return fig


def forgetting(steps, curves, chance, ceiling):
    """The caption probe as training goes on, two lines with their bands.

    steps: (T,). curves: {name: T Estimates}. chance, ceiling: floats. Returns the axes.
    """
    rows = [(name, "text", [np.clip(e, 0, 1) for e in estimates]) for name, estimates in curves.items()]
    ax = accuracy_lines(steps, rows, chance, ceiling)
    ax.set(xlabel="training step", ylabel="accuracy of the caption probe")
    _from_below_the_ceiling(ax, chance)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False, fontsize=10, handlelength=3)
    return ax


def _from_below_the_ceiling(ax, chance):
    """Lines that stay near the ceiling or above it need no axis from 0; chance below the axis stands in the legend."""
    ax.set(ylim=(0.4, 1.03), yticks=np.linspace(0.4, 1, 7))
    for line in ax.lines:
        if line.get_label() == "chance" and chance < 0.4:
            line.set_label(f"chance: {chance:.3g}, below")
