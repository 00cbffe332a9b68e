"""The number behind a Measure, an Estimate, a row of a kept report or a number; and glue."""

from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure


def interval(value):
    """The (mean, low, high) of a Measure, of an Estimate, or of a kept row {"mean", "low", "high"}."""
    if isinstance(value, Measure):
        return value.estimate()
    return Estimate(*(value[part] for part in Estimate._fields)) if isinstance(value, dict) else value


def mean(value):
    """The number that a Measure, an Estimate, a kept row {"mean", ...} or a number stands for."""
    if isinstance(value, Measure):
        return float(value.values.mean())
    if isinstance(value, Estimate):
        return value.mean
    if isinstance(value, dict):
        return value["mean"]
    return value.item() if hasattr(value, "item") else value  # of NumPy or torch


def glue(style=".2f", **values):
    """Hand values to the prose of the built page, where {glue:text}`name` shows them; a no-op elsewhere.

    style: a format specification; a per cent sign is set off by a space. values: by name, each a number, a
    Measure, an Estimate or a kept row, of which the mean is shown, or a str, which is shown as it is.
    """
    try:
        from myst_nb import glue as paste
    except ImportError:  # on Colab there is no page to build
        return
    for name, value in values.items():
        text = value if isinstance(value, str) else format(mean(value), style).replace("%", " %")
        paste(name, text, display=False)
