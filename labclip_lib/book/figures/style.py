"""The palette and the matplotlib style that all figures share."""

import IPython
import seaborn as sns
from matplotlib_inline.config import InlineBackend

# One colour means one thing in every chapter (Okabe and Ito's colour-blind-safe set).
PALETTE = {
    "image": "#0072B2",
    "text": "#D55E00",
    "cross-modal": "#AA4499",
    "LABCLIP": "#009E73",
    "chance": "#4D4D4D",
    "bag-of-words ceiling": "#8C6D00",
}
PAPER, INK = "#FCFBF7", "#222222"


def use_style():
    """Set matplotlib and seaborn up as the whole book does; in a notebook figures have twice the dots of their size."""
    if shell := IPython.get_ipython():
        InlineBackend.instance(parent=shell).figure_formats = {"retina"}
    sns.set_theme(
        style="ticks",
        rc={
            "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER,
            "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
            "axes.spines.top": False, "axes.spines.right": False,
            "figure.dpi": 110, "font.size": 11, "axes.titlesize": 11, "figure.constrained_layout.use": True,
        },
    )  # fmt: skip
