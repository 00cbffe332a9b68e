"""Measures as Markdown tables, and as plain data for JSON."""

import math


def as_table(measures, seed=0):
    """Measures as a Markdown table, one line each."""
    lines = ["| | measured | 95 % interval | chance | bag of words |", "|---|---|---|---|---|"]
    for name, measure in measures.items():
        mean, low, high = measure.estimate(seed)
        known = ("" if math.isnan(value) else f"{value:.3f}" for value in measure[2:])
        lines.append(f"| {name} | {mean:.3f} | {low:.3f} to {high:.3f} | {' | '.join(known)} |")
    return "\n".join(lines)


def as_columns(tables, seed=0):
    """Several {name: Measure} of the same names as one Markdown table, a column each, with chance and bag of words."""
    first = next(iter(tables.values()))
    lines = [f"| | {' | '.join(tables)} | chance | bag of words |", "|" + "---|" * (len(tables) + 3)]
    for name, measure in first.items():
        cells = [str(measures[name].estimate(seed)) for measures in tables.values()]
        cells += ["" if math.isnan(value) else f"{value:.3f}" for value in measure[2:]]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def as_rows(measures, seed=0):
    """Measures as plain data for JSON: {name: {"mean", "low", "high", "items", "chance", "bag of words"}}."""
    levels = ("chance", "bag of words")
    return {
        name: measure.estimate(seed)._asdict()
        | {"items": len(measure.values)}
        | {level: None if math.isnan(v) else v for level, v in zip(levels, measure[2:], strict=True)}  # no NaN in JSON
        for name, measure in measures.items()
    }
