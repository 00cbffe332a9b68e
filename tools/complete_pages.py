"""A Sphinx extension: a page that lost its live piece, its quiz, a figure or the words for a picture fails the build.

Such a loss makes no complaint of its own: a cell that displays nothing, a tag too many, an output without metadata.
"""

import json
import re
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
# What a page must have at least, beside the figures of its source and words for each of its pictures.
NEEDS = {
    "chapters/index": {"live piece": 1},
    "chapters/playground": {"live piece": 1},
    "chapters/01_clip_basics": {"live piece": 3, "quiz": 1},
    "chapters/02_linear_probes": {"live piece": 2, "quiz": 1},
    "chapters/03_bag_of_words": {"live piece": 2, "quiz": 1},
    "chapters/04_two_encoders": {"live piece": 2, "quiz": 1},
    "chapters/05_one_matrix": {"live piece": 1, "quiz": 1},
    "chapters/06_scoreboard": {"live piece": 2, "quiz": 1},
    "chapters/07_where_it_stops": {"live piece": 1, "quiz": 1},
    "chapters/08_looking_inside": {"live piece": 1, "quiz": 1},
}
FIGURE = re.compile(r"^[`:]{3,}\{(?:glue:)?figure\}[^\n]*\n((?::\w+:[^\n]*\n)*)", re.MULTILINE)
NAME = re.compile(r"^:name: *(\S+)", re.MULTILINE)
FILE = re.compile(r"\S+\.(png|svg|jpe?g|gif|webp)")  # what stands for words where nobody wrote any


def figures(path):
    """Of the figures of a source, a notebook or a page in Markdown, the names; None for one without."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [(NAME.search(options) or [None, None])[1] for options in FIGURE.findall(text)]
    names = []
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "markdown":
            options = FIGURE.findall("".join(cell["source"]) + "\n")
            names += [(NAME.search(part) or [None, None])[1] for part in options]
        elif "figure" in (metadata := cell["metadata"].get("mystnb", {})):
            names.append(metadata["figure"].get("name"))
    return names


def faults(html, needs, names):
    """What the HTML of a page lacks, in words. needs: a row of NEEDS. names: of the figures it should have."""
    soup = BeautifulSoup(html, "html.parser")
    panels = [panel for panel in soup.select(".lc-panel") if not panel.select_one("[data-prediction]")]
    # The questions of a quiz have numbers.
    quizzes = sum(panel.legend is not None and panel.legend.get_text().startswith("1. ") for panel in panels)
    there = {"live piece": len(panels) - quizzes, "quiz": quizzes}
    for what, least in needs.items():
        if there[what] < least:
            yield f"{least} of the kind {what!r} should be there, and {there[what]} are"
    drawn = soup.select("figure")
    known = {tag["id"] for tag in drawn if tag.get("id")}
    for name in names:
        if name and name not in known:
            yield f"the figure {name!r} of its source is not there"
    if len(drawn) < len(names):
        yield f"its source has {len(names)} figures, and {len(drawn)} are there"
    for image in soup.select("img"):
        words = image.get("alt", "").strip()
        if (not words or FILE.fullmatch(words)) and not image.find_parent("button", attrs={"aria-label": True}):
            yield f"no words stand for the picture {image.get('src', '')[:60]}"


def look(app, pagename, templatename, context, doctree):
    if doctree is None:
        return
    path = Path(app.env.doc2path(pagename))
    names = figures(path) if path.suffix in {".ipynb", ".md"} else []
    for fault in faults(context["body"], NEEDS.get(pagename, {}), names):
        LOGGER.warning("%s: %s.", pagename, fault, location=pagename)


def setup(app):
    app.connect("html-page-context", look)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
