"""The figures of chapter 1."""

import matplotlib.pyplot as plt
import numpy as np
from PIL import ImageOps

from labclip_lib.book.figures.style import PALETTE


def training_panels(losses, clueless, floor, moments):
    """A loss curve between what a clueless model gets and the floor, and similarities at three moments below it.

    losses: (S,) nats, one per step. clueless, floor: nats. moments: three of (step, (N, N) similarities, images down).
    Returns the figure.
    """
    fig = plt.figure(figsize=(7.2, 5.2))
    curve, *below = fig.subplot_mosaic("LLL;abc", height_ratios=(1, 1.15)).values()
    curve.plot(np.arange(1, len(losses) + 1), losses, color=PALETTE["cross-modal"], lw=1.8)
    curve.axhline(clueless, color=PALETTE["chance"], ls=":", lw=2, label=f"clueless: ln {np.exp(clueless):.0f}")
    curve.axhline(floor, color=PALETTE["bag-of-words ceiling"], ls="--", lw=2, label="floor: repeated kinds")
    curve.set(xlabel="training step", ylabel="InfoNCE loss (nats)", ylim=(0, 5.6))
    curve.legend(frameon=False, fontsize=10, loc="upper right")
    for ax, (step, matrix) in zip(below, moments, strict=True):
        ax.imshow(matrix, vmin=-0.2, vmax=1, cmap="viridis")
        ax.set(title=f"step {step}", xticks=[], yticks=[], xlabel="captions", ylabel="images")
    return fig


def name_bars(photos):
    """The most probable names of each photograph, with the photograph itself where it is at hand.

    photos: seven of (title, names, probabilities, PIL image or None). Returns the figure.
    """
    fig, axes = plt.subplots(4, 2, figsize=(7.4, 6.8))
    for ax, (title, names, probabilities, photo) in zip(axes.flat, photos, strict=False):
        ax.barh(range(len(names)), probabilities, color=PALETTE["cross-modal"], height=0.7)
        ax.set_yticks(range(len(names)), names, fontsize=10)
        ax.invert_yaxis()
        ax.set_title(title, loc="left", fontsize=10, style="italic")
        ax.set(xlim=(0, 0.25), xticks=(0, 0.1, 0.2))
        for row, value in enumerate(probabilities):
            ax.text(value + 0.004, row, f"{value:.2f}", va="center", fontsize=9)
        if photo is not None:
            inset = ax.inset_axes((0.68, 0.06, 0.31, 0.9))
            inset.imshow(ImageOps.fit(photo.convert("RGB"), (224, 224)))
            inset.set_axis_off()
    axes.flat[-1].set_axis_off()
    for ax in (axes[2, 1], axes[3, 0]):
        ax.set_xlabel("probability among 1,203 names", fontsize=10)
    return fig


def gap_panels(clouds):
    """Image and caption embeddings of two models, seen from the side.

    clouds: {model: {"gap": float, "along": {side: (N,)}, "up": {side: (N,)}}}, sides "image" and "text": the places
    along the line between the centres, and across it. Returns the figure.
    """
    fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.6))
    for ax, (name, cloud) in zip(axes, clouds.items(), strict=True):
        for side, label in (("text", "captions"), ("image", "images")):
            few = len(cloud["up"][side]) < 10
            ax.scatter(cloud["along"][side], cloud["up"][side], s=30 if few else 9, color=PALETTE[side],
                       alpha=0.9 if few else 0.4, label=label, lw=0)  # fmt: skip
        ax.set(title=f"{name}: centres {cloud['gap']:.2f} apart", xlabel="from captions to images")
    axes[0].set_ylabel("main direction of the rest")
    legend = fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    for dots in legend.legend_handles:  # pale points are right for a cloud, and hard to see alone
        dots.set(alpha=1, sizes=[60])
    return fig
