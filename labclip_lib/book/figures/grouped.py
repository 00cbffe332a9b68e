"""Accuracies in groups of bars, with a name below each group."""

import matplotlib.pyplot as plt

from labclip_lib.book.figures.shared import accuracy_bars
from labclip_lib.book.figures.style import PALETTE


def accuracy_groups(groups, chance=None, ceiling=None, blind=None):
    """Bars as of `accuracy_bars`, in groups of equal size.

    groups: {name: rows of (label, kind, Measure or Estimate)}. blind: what a model of text alone gets, one float per
    group, drawn as a line through it. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(8.4, 3.7))
    accuracy_bars([row for rows in groups.values() for row in rows], chance, ceiling, ax)
    size = len(next(iter(groups.values())))
    if blind is not None:
        starts = [number * size - 0.45 for number in range(len(groups))]
        ends = [start + size - 0.1 for start in starts]
        ax.hlines(blind, starts, ends, color=PALETTE["text"], lw=2.4, zorder=7, label="trigrams, blind")
    lift_numbers(ax)
    for number, name in enumerate(groups):
        where = {"ha": "center", "va": "top", "transform": ax.get_xaxis_transform()}
        ax.text((number + 0.5) * size - 0.5, -0.25, name.replace(", ", ",\n"), fontsize=10, **where)
    lines = max(name.count(", ") for name in groups)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.34 - 0.12 * lines), ncols=3, frameon=False)
    return ax


def lift_numbers(ax):
    """Lift the numbers of `accuracy_bars` above each level whose line would strike through them. Returns the axes."""
    lines = [segment for drawn in ax.collections for segment in drawn.get_segments() if len(segment)]  # NaN draws none
    levels = sorted((left[1], left[0], right[0]) for left, right in lines if left[1] == right[1])
    for number in ax.texts:
        place, height = number.get_position()
        for level, left, right in levels:
            if left < place < right and height - 0.02 < level < height + 0.07:
                height = level + 0.02
        number.set_y(height)
    return ax
