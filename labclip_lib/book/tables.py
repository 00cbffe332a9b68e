"""Tables of a page."""

from IPython.display import Markdown

from labclip_lib.book.values import interval
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.markdown import markdown_table
from labclip_lib.measures.measure import Measure


def show_table(head, rows):
    """A table, IPython Markdown.

    head: names of the columns. rows: sequences of cells: a str is shown as it is, a number with three digits, a
    Measure, an Estimate or a kept row with its interval.
    """
    return Markdown(markdown_table(head, [[_cell(cell) for cell in row] for row in rows]))


def _cell(value):
    if isinstance(value, Measure | Estimate | dict):
        return str(interval(value))
    return str(value) if isinstance(value, str | int) else f"{value:.3f}"
