"""How long the notebooks' code cells are: `python tools/cells.py` prints it, and fails above the book's bounds.

On Colab nothing is folded, so a cell is for reading: a fit, a comparison, a check. Blank lines are not counted, nor is
the set-up cell that all notebooks share.
"""

import statistics
import sys
from pathlib import Path

import nbformat

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
MEDIAN, LONG, SHARE = 8, 30, 0.05


def lengths(path):
    """Non-blank lines of each code cell of a notebook, without the set-up cell."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in cells[1:]]


def long_share(lines):
    return sum(n > LONG for n in lines) / len(lines)


def main():
    found = {path.stem: lengths(path) for path in sorted(CHAPTERS.glob("*.ipynb"))}
    every = [n for lines in found.values() for n in lines]
    print(f"{'':20}{'cells':>8}{'median':>8}{'longest':>9}{f'above {LONG}':>10}")
    for name, lines in {**found, "all chapters": every}.items():
        print(f"{name:20}{len(lines):8}{statistics.median(lines):8g}{max(lines):9}{long_share(lines):10.0%}")
    return statistics.median(every) > MEDIAN or long_share(every) > SHARE


if __name__ == "__main__":
    sys.exit(main())
