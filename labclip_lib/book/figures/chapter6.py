"""The figures of chapter 6: SugarCrepe with a control, blind models, and detectors of negatives."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from labclip_lib.book.figures.grouped import lift_numbers
from labclip_lib.book.figures.shared import accuracy_bars
from labclip_lib.book.figures.style import INK, PALETTE

# Two steps of training, for which PALETTE has no colour.
TUNED, HARD = "#56B4E9", "#E69F00"


def subset_bars(accuracy, ceiling):
    """A model's accuracy on each subset. accuracy: {subset: Estimate}. ceiling: {subset: float}. Returns the axes."""
    _, ax = plt.subplots(figsize=(8.2, 3.8))
    rows = [(_broken(subset), "cross-modal", estimate) for subset, estimate in accuracy.items()]
    return lift_numbers(accuracy_bars(rows, 0.5, [ceiling[subset] for subset in accuracy], ax))


def control_bars(accuracy, tuned, hard, share, ceiling):
    """From a model as released to one trained on with hard negatives, and what the control has of that gain.

    accuracy, tuned, hard, share: {subset: Estimate} of the first model's accuracy, of the control's and the other's
    gain over it, and of the control's share of the gain. ceiling: {subset: float}. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(8.2, 3.8))
    for place, subset in enumerate(accuracy):
        start, middle, end = accuracy[subset].mean, tuned[subset], hard[subset].mean
        in_legend = _once(place)
        ax.bar(place, start, 0.62, color=PALETTE["cross-modal"], label=in_legend("ViT-B/32"))
        ax.bar(place, middle.mean, 0.62, start, color=TUNED, label=in_legend("+ fine-tuning, no negatives"))
        left = end - middle.mean, 0.62, start + middle.mean
        ax.bar(place, *left, color=HARD, label=in_legend("+ hard negatives (TROHN-Text)"))
        error = [[middle.mean - middle.low], [middle.high - middle.mean]]
        ax.errorbar(place, start + middle.mean, error, color=INK, capsize=4, lw=1.3)
        above = max(start + end, ceiling[subset]) + 0.03
        ax.text(place, above, f"{100 * share[subset].mean:.0f} %", ha="center", fontsize=10)
    ax.axhline(0.5, color=PALETTE["chance"], ls=":", lw=2.2, label="chance")
    levels, places = [ceiling[subset] for subset in accuracy], np.arange(len(accuracy))
    color = PALETTE["bag-of-words ceiling"]
    ax.hlines(levels, places - 0.42, places + 0.42, color=color, ls="--", lw=2.2, label="bag-of-words ceiling")
    ax.set(ylim=(0, 1.12), yticks=np.linspace(0, 1, 6), ylabel="accuracy", xticks=places)
    ax.set_xticklabels([_broken(subset) for subset in accuracy])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, frameon=False)
    return ax


def blind_bars(trigrams, length, ceiling):
    """What models get that do not look: bars of trigrams, circles of the length rule.

    trigrams: {name: Estimate}, drawn from the top. length, ceiling: {name: float}. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(8.6, 6.6))
    for place, (name, (mean, low, high)) in enumerate(trigrams.items()):
        in_legend = _once(place)
        ax.barh(place, mean, 0.66, color=PALETTE["text"])
        ax.errorbar(mean, place, xerr=[[mean - low], [high - mean]], color=INK, capsize=3, lw=1.2)
        ax.plot(length[name], place, "o", mfc="none", mec=INK, ms=7, label=in_legend("the shorter text wins"))
        level = {"color": PALETTE["bag-of-words ceiling"], "ls": "--", "lw": 2.2, "zorder": 5}
        ax.vlines(ceiling[name], place - 0.42, place + 0.42, label=in_legend("bag-of-words ceiling"), **level)
        ax.text(1.02, place, f"{mean:.2f}", va="center", fontsize=9)
    ax.axvline(0.5, color=PALETTE["chance"], ls=":", lw=2.2, label="chance")
    ax.set_yticks(range(len(trigrams)), trigrams, fontsize=9)
    ax.set(xlim=(0, 1.09), xlabel="accuracy of a model that does not look", xticks=np.linspace(0, 1, 6))
    ax.invert_yaxis()
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.09), ncols=3)
    return ax


def crossed(grid, names):
    """Accuracies (N, N) of what was trained on one of N kinds, a row, and tested on another, a column; the axes."""
    _, ax = plt.subplots(figsize=(7.2, 4.6))
    sns.heatmap(
        grid, vmin=0, vmax=1, cmap="vlag_r", annot=True, fmt=".2f", annot_kws={"size": 9},
        xticklabels=[_broken(name) for name in names], yticklabels=names,
        cbar_kws={"label": "accuracy without looking"}, ax=ax,
    )  # fmt: skip
    ax.tick_params(length=0, axis="both")
    ax.set(xlabel="tested on", ylabel="trained on")
    plt.setp(ax.get_yticklabels(), rotation=0)
    return ax


def _broken(subset):
    return subset.replace("_", "\n")


def _once(place):
    """A function that labels the first place only, so that the legend has each label once."""
    return lambda label: None if place else label
