"""Markdown tables, of any cells or of Measures; and Measures as plain data for JSON."""

import math


def markdown_table(head, rows, numbers=0):
    """A Markdown table. head: the column names. rows: lists of as many cells. All are str.

    numbers: how many of the last columns hold numbers, which stand at the right of their column.
    """
    ruler = ["---"] * (len(head) - numbers) + ["--:"] * numbers
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruler, *rows))


def as_table(measures):
    """Measures as a Markdown table, one line per Measure."""
    rows = []
    for name, measure in measures.items():
        mean, low, high = measure.estimate()
        rows.append([name, f"{mean:.3f}", f"{low:.3f} to {high:.3f}", *_levels(measure)])
    return markdown_table(["", "measured", "95 % interval", "chance", "bag of words"], rows)


def as_columns(tables):
    """Several {name: Measure} with the same names as one Markdown table: one column each, then chance and ceiling."""
    first = next(iter(tables.values()))
    rows = [
        [name, *(str(measures[name].estimate()) for measures in tables.values()), *_levels(measure)]
        for name, measure in first.items()
    ]
    return markdown_table(["", *tables, "chance", "bag of words"], rows)


def _levels(measure):
    return ["" if math.isnan(level) else f"{level:.3f}" for level in (measure.chance, measure.bag_of_words)]


def as_rows(measures):
    """Measures as plain data for JSON: {name: {"mean", "low", "high", "items", "chance", "bag of words"}}."""
    levels = ("chance", "bag of words")
    return {
        name: measure.estimate()._asdict()
        | {"items": len(measure.values)}
        | {level: None if math.isnan(v) else v for level, v in zip(levels, measure[2:], strict=True)}  # no NaN in JSON
        for name, measure in measures.items()
    }
