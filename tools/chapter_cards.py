"""A Sphinx extension: the directive `chapters`, a card for each chapter of the book, with its picture and its times.

    ```{chapters}
    01_clip_basics:
      says: How CLIP sees and reads.
      figure: fig-similarity
      alt: A table of cosines.
    ```

figure is the name of the chapter's figure that tools/thumbnails.py makes the picture from. How long one reads is
counted by tools/cells.py; how long the code runs is what the run took that made the chapter's page.
"""

import html
import json
import math
import re
from pathlib import Path

import cells
import nbformat
import yaml
from docutils import nodes
from docutils.parsers.rst import Directive

from labclip_lib.base.files import write_bytes

BLOCK = re.compile(r"(?s)```\{chapters\}\n(.*?)```")
CHAPTERS = cells.CHAPTERS
PICTURES = CHAPTERS / "figures"


class Cards(nodes.General, nodes.Element):
    """The place of the cards, until all chapters have run."""


class ChaptersDirective(Directive):
    has_content = True

    def run(self):
        env = self.state.document.settings.env
        cards = yaml.safe_load("\n".join(self.content))
        for stem in cards:
            env.note_dependency(str(CHAPTERS / f"{stem}.ipynb"))
        return [Cards(cards=cards)]


def picture(stem):
    """Where the picture of a chapter's card lies."""
    return PICTURES / f"card-{stem}.webp"


def seconds(run):
    """How long a chapter ran, of the folder of runs; None where its page has no run. run: .../NAME.glue.json"""
    if not run.is_file():
        return None
    for name, output in json.loads(run.read_text(encoding="utf-8")).items():
        if re.fullmatch(r"ch\d_seconds", name):
            return float(output["data"]["text/plain"].strip("'"))
    return None


def times(minutes, took):
    """ "65 minutes to read and try; runs in 40 seconds" """
    read = f"{5 * round(minutes / 5)} minutes to read and try"
    if took is None:
        return read
    runs = f"{10 * math.ceil(took / 10)} seconds" if took < 90 else f"{math.ceil(took / 60)} minutes"
    return f"{read}; runs in {runs}"


def card(number, stem, about, took):
    """One card, a link: HTML."""
    path = CHAPTERS / f"{stem}.ipynb"
    title = nbformat.read(path, 4).cells[0].source.splitlines()[0].lstrip("# ")
    counted = cells.counts(path)
    data = f'data-predictions="{counted["predictions"]}" data-questions="{counted["questions"]}"'
    drawn = (
        f'<img src="../_static/cards/{picture(stem).name}" alt="{html.escape(about["alt"])}" width="480" height="270" '
    )
    return (
        f'<a class="lc-chapter" href="{stem}.html" {data}>{drawn}loading="lazy" decoding="async">'
        f"<strong>{number}. {html.escape(title)}</strong> <span>{html.escape(about['says'])}</span> "
        f'<small>{times(cells.minutes(path), took)}</small> <small class="lc-done"></small></a>'
    )


def lay_out(app, doctree, docname):
    runs = Path(app.outdir).parent / "jupyter_execute" / "chapters"
    for place in list(doctree.findall(Cards)):
        made = [
            card(number, stem, about, seconds(runs / f"{stem}.glue.json"))
            for number, (stem, about) in enumerate(place["cards"].items(), 1)
        ]
        app.chapter_cards = list(place["cards"])
        place.replace_self(nodes.raw("", f'<div class="lc-chapters">{"".join(made)}</div>', format="html"))


def write(app, error):
    if error is None and app.builder.format == "html":
        folder = Path(app.outdir) / "_static" / "cards"
        folder.mkdir(parents=True, exist_ok=True)
        for stem in getattr(app, "chapter_cards", ()):
            write_bytes(folder / picture(stem).name, picture(stem).read_bytes())


def setup(app):
    app.add_node(Cards)
    app.add_directive("chapters", ChaptersDirective)
    app.connect("doctree-resolved", lay_out)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
