"""The reader's self-checks: they say what you should see, and name the likely mistake when you do not."""

import html
import math

from IPython.display import display

from labclip_lib.book.exercises import EXERCISES, CheckFailed
from labclip_lib.book.values import mean


def check(what, value, *, near=None, tol=None, low=-math.inf, high=math.inf, hint=""):
    """Compare a number with what the reader should see; show it with a tick, or raise CheckFailed with the hint.

    value: a number, or a Measure, an Estimate or a kept row, of which the mean is compared.
    near, tol: the value must be within tol of near. low, high: it must lie between them, ends included.

    >>> check("swap accuracy", 0.49, low=0.45, high=0.55)
    ✓ swap accuracy: 0.49 (should be 0.45 to 0.55)
    """
    value = float(mean(value))
    if near is not None:
        low, high = near - tol, near + tol
    digits = 4
    should = _span(low, high)
    if near is not None:
        if near and tol:  # so many that what is printed shows that it is within tol
            digits = max(4, 1 + math.ceil(math.log10(abs(near) / tol)))
        should = f"{near:.{digits}g} within {tol:g}" if tol else f"exactly {near:g}"
    if not low <= value <= high:  # NaN fails too
        raise CheckFailed(f"{what} is {value:.{digits}g} and should be {should}.{' ' + hint if hint else ''}")
    display(Passed(f"{what}: {value:.{digits}g} (should be {should})"))


def check_exercise(name, answer):
    """Try the reader's function on test inputs; show that it works, or raise CheckFailed.

    name: a key of EXERCISES. answer: the function to try.

    >>> def best_guess(colors):
    ...     return max(colors.count(c) for c in colors) / len(colors)
    >>> check_exercise("best_guess", best_guess)
    ✓ best_guess passed: it does what it should.
    """
    try:
        EXERCISES[name](answer)
    except CheckFailed:
        raise
    except Exception as error:
        raise CheckFailed(f"{answer.__name__} stopped with {type(error).__name__}: {error}.") from None
    display(Passed(f"{answer.__name__} passed: it does what it should."))


class Passed:
    """A passed check: one line with a tick."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return f"✓ {self.text}"

    def _repr_html_(self):
        return f'<div class="lc-check" style="font-size:0.9em">{html.escape(repr(self))}</div>'


def _span(low, high):
    if high == math.inf:
        return f"at least {low:.4g}"
    return f"at most {high:.4g}" if low == -math.inf else f"{low:.4g} to {high:.4g}"
