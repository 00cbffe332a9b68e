"""A Sphinx extension: a sentence and the table beside it print the same interval alike.

A sentence cites "63 % (60 to 67)", and a table of its section holds "0.631 (0.597 to 0.667)". If the one is no rounding
of the other, and yet so near in all three numbers that it can only be the same measurement, somebody took two ways
to it, such as two draws of a bootstrap, and a reader who compares them stumbles.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
CITED = re.compile(r"\{glue:text\}`([\w.]+)`")
PART = r"([+-]?\d*\.?\d+)"
INTERVAL = re.compile(rf"{PART}( %| points)?(?:, | \()(?:95 % interval )?{PART}(?: %)? to {PART}\)?")


class Interval(NamedTuple):
    text: str
    numbers: tuple  # mean, low and high, of 1
    unit: float  # one in the last place


def intervals(text):
    """All "0.63 (0.60 to 0.66)", "63 % (60 to 66)", "+6.4 points (+1.0 to +11.8)" and their like in a text."""
    for match in INTERVAL.finditer(text):
        scale = 0.01 if match[2] else 1
        numbers = tuple(scale * float(match[part]) for part in (1, 3, 4))
        yield Interval(match[0], numbers, scale * 10 ** -len(match[1].partition(".")[2]))


def shown(cell):
    """What a reader sees of a code cell as text: what it prints, and its tables."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "scrapbook" not in output.get("metadata", {}):  # else it is handed to the prose
            yield "".join(output.get("text", "")) + "".join(data.get("text/markdown", data.get("text/plain", "")))


def beyond(one, other):
    """By how much two intervals differ beyond rounding, in the last place of the finer."""
    fine, coarse = sorted([one.unit, other.unit])
    rounding = 0 if fine == coarse else (fine + coarse) / 2
    off = max(abs(a - b) for a, b in zip(one.numbers, other.numbers, strict=True)) - rounding
    return round(max(0, off) / fine, 6)


def disagreements(cells, glued):
    """(name, the interval cited, the interval shown) of all that are nearly alike and not the same.

    cells: of a notebook that has run, as JSON. glued: {name: text}.
    """
    section = []
    for cell in cells:
        if cell["cell_type"] == "code":
            section += [interval for text in shown(cell) for interval in intervals(text)]
            continue
        for part in re.split(r"(?m)^(?=##)", "".join(cell["source"])):
            section = [] if part.startswith("##") else section
            for name in CITED.findall(part):
                for cited in intervals(glued.get(name, "")):
                    nearest = min(section, key=lambda one: beyond(cited, one), default=cited)
                    if 0 < beyond(cited, nearest) <= 1:
                        yield name, cited.text, nearest.text


def read(app, env):
    for page in sorted(env.found_docs):
        run = Path(app.outdir).parent / "jupyter_execute" / f"{page}.ipynb"
        if run.with_suffix(".glue.json").is_file():
            cells = json.loads(run.read_text(encoding="utf-8"))["cells"]
            glued = json.loads(run.with_suffix(".glue.json").read_text(encoding="utf-8"))
            texts = {name: output["data"]["text/plain"].strip("'") for name, output in glued.items()}
            for name, *both in disagreements(cells, texts):
                LOGGER.warning("%s is %s in a sentence, and in its section's output %s", name, *both, location=page)


def setup(app):
    app.connect("env-check-consistency", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
