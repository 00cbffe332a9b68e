"""The figures of chapter 2."""

import matplotlib.pyplot as plt
import numpy as np

from labclip_lib.book.figures.shared import accuracy_bars, accuracy_lines
from labclip_lib.measures.intervals import Estimate


def probe_bars(groups):
    """Probe accuracies in groups of three bars, with chance and ceiling.

    groups: {title: {label: Measure}}, three Measures each; the first group is of images. Returns the axes.
    """
    _, ax = plt.subplots(figsize=(7.4, 3.8))
    rows = [
        (label.replace(" ", "\n"), "text" if k else "image", measure)
        for k, group in enumerate(groups.values())
        for label, measure in group.items()
    ]
    accuracy_bars(rows, ax=ax)
    ax.tick_params(axis="x", labelsize=9)
    for k, title in enumerate(groups):
        ax.text(3 * k + 1, 1.14, title, ha="center", fontweight="bold")
    ax.legend_.set_bbox_to_anchor((0.5, -0.2))
    return ax


def crowd_panels(counts, panels):
    """Accuracies over the number of objects in a scene, two panels with one legend.

    counts: (T,) numbers of objects. panels: {title: {name: T Measures}}, the first line of images. Returns the figure.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.6), sharey=True)
    for ax, (title, lines) in zip(axes, panels.items(), strict=True):
        rows = [(name, "text" if k else "image", measures) for k, (name, measures) in enumerate(lines.items())]
        accuracy_lines(counts, rows, ax=ax)
        ax.set(title=title, xlabel="objects in the scene", xticks=counts)
        ax.legend_.remove()
    axes[1].set_ylabel("")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, handlelength=3)
    return fig


def learning_curves(sizes, lines, chance, ceiling):
    """Accuracies over the number of training pairs: means over draws of the pairs, bands from lowest to highest.

    sizes: (T,). lines: {name: T lists of accuracies}, the first of images. chance, ceiling: floats. Returns the axes.
    """
    rows = [
        (name, "text" if k else "image", [Estimate(np.mean(draws), min(draws), max(draws)) for draws in scores])
        for k, (name, scores) in enumerate(lines.items())
    ]
    ax = accuracy_lines(sizes, rows, chance, ceiling)
    ax.set_xscale("log")
    ax.set(xlabel="twin pairs in training")
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
    return ax
