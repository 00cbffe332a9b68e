"""Accuracies in groups of bars, with a name below each group."""

import matplotlib.pyplot as plt

from labclip_lib.book.figures import accuracy_bars


def accuracy_groups(groups, chance=None, ceiling=None):
    """Bars as of `accuracy_bars`, in groups of equal size.

    groups: {name: rows of (label, kind, Measure or Estimate)}. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(8.4, 3.7))
    accuracy_bars([row for rows in groups.values() for row in rows], chance, ceiling, ax)
    start = 0
    for name, rows in groups.items():
        middle = start + (len(rows) - 1) / 2
        where = {"ha": "center", "va": "top", "transform": ax.get_xaxis_transform()}
        ax.text(middle, -0.25, name.replace(", ", ",\n"), fontsize=10, **where)
        start += len(rows)
    lines = max(name.count(", ") for name in groups)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.34 - 0.12 * lines), ncols=3, frameon=False)
    return ax
