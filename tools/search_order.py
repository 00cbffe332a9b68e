"""A Sphinx extension: the search finds first the chapter that says most about a word.

Sphinx's search counts a word as much that a page says once as one that it is about. So the build counts the words of
each chapter's prose, and search_order.js ranks by that. Cells that the page folds, such as the set-up cell, which
all chapters share, are not searched.
"""

import collections
import json
import re
from pathlib import Path

from bs4 import BeautifulSoup
from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode

from labclip_lib.base.files import write_text

CHAPTER = re.compile(r"chapters/\d\d_")
OFTEN = 3  # a word that a chapter has less often says nothing of what it is about


class Unsearched(nodes.comment):
    """What is in it is on the page; to the index, which passes over comments, it is not there."""


def leave_out(app, doctree, docname):
    if app.builder.format == "html":
        for cell in list(doctree.findall(HideCodeCellNode)):
            around = Unsearched()
            cell.replace_self(around)
            around += cell


def count(app, pagename, templatename, context, doctree):
    if pagename == "search":
        for file in ("search_counts.js", "search_order.js"):
            app.add_js_file(file, loading_method="defer")
    elif CHAPTER.match(pagename) and "body" in context:
        if not hasattr(app, "search_counts"):
            app.search_counts = {}
        app.search_counts[pagename] = counted(context["body"], app.builder.indexer.lang)


def counted(body, language):
    """{stem: how often} of the words that a page has often, code left out. language: a SearchLanguage of Sphinx."""
    soup = BeautifulSoup(body, "html.parser")
    for part in soup.select(".cell_input, script, style"):
        part.decompose()
    words = filter(language.word_filter, language.split(soup.get_text(" ").lower()))
    words = collections.Counter(map(language.stem, words))
    return {word: often for word, often in words.items() if often >= OFTEN}


def write(app, error):
    if error is None and app.builder.format == "html":
        counts = json.dumps(getattr(app, "search_counts", {}), separators=(",", ":"), sort_keys=True)
        write_text(Path(app.outdir, "_static", "search_counts.js"), f"window.chapterWords = {counts};\n")


def setup(app):
    through = lambda translator, node: None  # noqa: E731
    app.add_node(Unsearched, html=(through, through))
    app.connect("doctree-resolved", leave_out)
    app.connect("html-page-context", count, priority=400)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
