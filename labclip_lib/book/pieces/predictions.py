"""Predictions that wait: a reader commits to one, and what follows on the built page unfolds beside it.

A prediction stands below its question, in the cell before the experiment; `answer` hands it what the experiment found.
Where a kernel runs, nothing is folded, and the comparison is drawn when the experiment has run.
"""

import html
import json

from IPython.display import HTML, display

from labclip_lib.book.pieces.panel import MARK, panel
from labclip_lib.book.values import interval, mean
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure

OPTIONS = {}  # of the predictions by choice that were asked for in this run


def predict_choice(name, choices):
    """Ask for one of several answers, `choices` (str)."""
    OPTIONS[name] = list(choices)
    rows = "".join(
        f"<label class='lc-answer'><input type='radio' name='{MARK}' value='{k}'> {html.escape(choice)}</label>"
        for k, choice in enumerate(choices)
    )
    return _panel(name, "choice", rows, choices=list(choices))


def predict_number(name, *labels, low=0.0, high=1.0, step=0.01):
    """Ask for a number between low and high, or for one per label (str)."""
    middle = low + round((high - low) / 2 / step) * step
    rows = "".join(
        f"<label>{html.escape(label)} <output>{middle:.6g}</output> <input type='range' min='{low}' max='{high}' "
        f"step='{step}' value='{middle:.6g}' aria-label='{html.escape(label) or 'your prediction'}'></label>"
        for label in ([f"{label}:" for label in labels] or [""])
    )
    return _panel(name, "number", rows, labels=labels, low=low, high=high, step=step)


def predict_curve(name, x, label, low=0.0, high=1.0, step=0.01):
    """Ask for a curve: one number between low and high at each of x (str), the values of an axis called `label`."""
    rows = "".join(
        f"<label><input type='range' min='{low}' max='{high}' step='{step}' value='{(low + high) / 2:.6g}' "
        f"aria-label='{html.escape(f'{label}: {value}')}'> <output></output><span>{html.escape(value)}</span></label>"
        for value in x
    )
    body = f"<div class='lc-sketch'>{rows}</div><p class='lc-axis'>{html.escape(label)}</p>"
    return _panel(name, "curve", body, labels=list(x), low=low, high=high, step=step)


def answer(name, *truth, chance=None, bag_of_words=None):
    """Hand the prediction of this name what the experiment found: a choice, or as many numbers as were asked for.

    truth: one of the choices (str); or Measures, Estimates, kept rows or numbers, with their intervals where they have
    them. chance, bag_of_words: levels to mark beside them. Raises ValueError for a choice that was not offered.
    """
    if name in OPTIONS and truth[0] not in OPTIONS[name]:
        raise ValueError(f"{name!r} offers no choice {truth[0]!r}; it is one of {', '.join(OPTIONS[name])}.")
    numbers = []
    for value in truth:
        low, high = interval(value)[1:] if isinstance(value, Measure | Estimate | dict) else (None, None)
        numbers.append(value if isinstance(value, str) else {"value": mean(value), "low": low, "high": high})
    levels = [("chance", chance), ("bag of words", bag_of_words)]
    data = {"truth": numbers, "levels": [level for level in levels if level[1] is not None]}
    data = html.escape(json.dumps(data))
    display(HTML(f'<span hidden class="lc-truth" data-name="{html.escape(name)}" data-truth="{data}"></span>'))


def _panel(name, kind, rows, **data):
    body = f"""<form hidden data-prediction="{html.escape(name)}">
    <fieldset><legend>Your prediction</legend>{rows}</fieldset>
    <p class="lc-buttons"><button type="submit">That is my prediction</button>
    <button type="button" data-do="show">Show me</button>
    <button type="button" data-do="again" hidden>Ask me again</button>
    <label class="lc-always"><input type="checkbox"> always show results</label></p></form>
    <p class="lc-note" role="status" tabindex="-1"></p><div class="lc-drawn"></div>"""
    return panel("prediction", body, {"name": name, "kind": kind, **data})
