"""How long the notebooks are: `python tools/cells.py` prints it, and fails above the book's bounds.

On Colab nothing is folded, so a code cell is for reading: a fit, a comparison, a check. Blank lines are not counted,
nor is the set-up cell that all notebooks share. And a chapter is a session: the minutes that it takes a reader are
counted by one rule, from what its page shows before anything is unfolded.
"""

import ast
import re
import statistics
import sys
from pathlib import Path

import nbformat

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
MEDIAN, LONG, SHARE = 8, 30, 0.05
# Minutes a word of prose, a line of code, a figure, a prediction, an exercise, a question of the quiz takes.
PACE = {"words": 1 / 130, "lines": 4 / 60, "figures": 1, "predictions": 1, "exercises": 5, "questions": 1 / 2}
SESSIONS = {"04_two_encoders": 75, "05_one_matrix": 100}
MARKUP = re.compile(r"^ *(:{3,}|:\w+:|```).*|\{[\w:]+\}|\]\(\S*?\)")


def lengths(path):
    """Non-blank lines of each code cell of a notebook, without the set-up cell."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in cells[1:]]


def long_share(lines):
    return sum(n > LONG for n in lines) / len(lines)


def counts(path):
    """How much of each kind that PACE names a reader of the page meets; solutions and hidden cells are folded."""
    out, folded = dict.fromkeys(PACE, 0), False
    for cell in nbformat.read(path, 4).cells:
        tags = cell.metadata.get("tags", [])
        lines = [line for line in cell.source.splitlines() if line.strip()]
        if cell.cell_type == "code":
            hidden = folded or any(tag.startswith(("hide-input", "remove-")) for tag in tags)
            out["lines"] += 0 if hidden else len(lines)
            out["figures"] += "figure" in cell.metadata.get("mystnb", {})
            out["predictions"] += len(re.findall(r"\bpredict_\w+\(", cell.source))
            out["questions"] += _questions(cell.source)
            continue
        for line in lines if "remove-cell" not in tags else []:
            folded = "{solution-end}" not in line and (folded or "{solution-start}" in line)
            out["figures"] += line.lstrip(":`").startswith("{figure}")
            out["exercises"] += "{exercise-start}" in line
            out["words"] += 0 if folded else sum(bool(re.search(r"\w", word)) for word in MARKUP.sub(" ", line).split())
    return out


def _questions(source):
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)] if "quiz(" in source else []
    return sum(len(call.args[0].elts) for call in calls if getattr(call.func, "id", "") == "quiz")


def minutes(path):
    """How long a reader of the page needs, by PACE."""
    return sum(PACE[what] * count for what, count in counts(path).items())


def main():
    paths = sorted(CHAPTERS.glob("*.ipynb"))
    found = {path.stem: lengths(path) for path in paths}
    needed = {path.stem: minutes(path) for path in paths}
    every = [n for lines in found.values() for n in lines]
    print(f"{'':20}{'cells':>8}{'median':>8}{'longest':>9}{f'above {LONG}':>10}{'minutes':>9}")
    for name, lines in {**found, "all chapters": every}.items():
        reading = needed.get(name, sum(needed.values()))
        row = f"{name:20}{len(lines):8}{statistics.median(lines):8g}{max(lines):9}{long_share(lines):10.0%}"
        print(f"{row}{reading:9.0f}")
    late = {name: most for name, most in SESSIONS.items() if needed.get(name, 0) > most}
    for name, most in late.items():
        print(f"{name} takes a reader more than {most} minutes; move what is reference to an appendix.")
    return statistics.median(every) > MEDIAN or long_share(every) > SHARE or bool(late)


if __name__ == "__main__":
    sys.exit(main())
