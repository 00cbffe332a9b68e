"""The number behind a Measure, an Estimate, a row of a kept report or a number; and how it is written and glued."""

from decimal import Decimal

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


def written(number, style):
    """A number in a format specification; a per cent sign is set off by a space.

    Per cents are rounded as the number itself is, so that ".1%" has the digits of ".3f": 0.0945 is 9.5 %, as it is
    0.095. Python's own way multiplies by 100 first, and gets 9.4.
    """
    if style.endswith("%"):
        number = Decimal(float(number))
    return format(number, style).replace("%", " %")


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
        paste(name, value if isinstance(value, str) else written(mean(value), style), display=False)
