"""What tests of figures read off axes."""

from matplotlib.colors import to_rgb

from labclip_lib.book.figures.style import PALETTE


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def is_of(color, kind):
    """Is it the palette's colour of that kind?"""
    return to_rgb(color) == to_rgb(PALETTE[kind])
