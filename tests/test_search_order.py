"""What the search finds first."""

import json
from types import SimpleNamespace

import pytest
from browser import CHROMIUM, Browser
from docutils import nodes
from docutils.utils import new_document
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.search import WordCollector
from sphinx.search.en import SearchEnglish

PROSE = "Binding binds bound. A bag, a bag, a bag of words, words, words. Once.<div class=cell_input>binding once</div>"


@pytest.fixture
def order(load_tool):
    return load_tool("search_order")


def test_words_are_counted_by_their_stems_in_prose_alone(order):
    assert order.counted(PROSE + " Bindings, binding.", SearchEnglish({})) == {"bind": 4, "bag": 3, "word": 3}


def test_folded_cells_are_shown_and_not_searched(order):
    document = new_document("a")
    cell = HideCodeCellNode()
    cell += nodes.literal_block("", "import torch")
    document += [nodes.paragraph("", "Binding."), cell]
    order.leave_out(SimpleNamespace(builder=SimpleNamespace(format="html")), document, "a")
    words = WordCollector(document, SearchEnglish({}))
    document.walk(words)
    assert words.found_words == ["Binding"]
    assert document.next_node(nodes.literal_block).astext() == "import torch"


def test_counts_are_of_chapters_and_the_search_page_gets_them(order, tmp_path):
    added = []
    builder = SimpleNamespace(format="html", indexer=SimpleNamespace(lang=SearchEnglish({})))
    app = SimpleNamespace(builder=builder, outdir=tmp_path, add_js_file=lambda file, **_: added.append(file))
    (tmp_path / "_static").mkdir()
    for page in ("chapters/03_bag_of_words", "chapters/glossary"):
        order.count(app, page, "page.html", {"body": PROSE}, None)
    order.write(app, None)
    text = (tmp_path / "_static" / "search_counts.js").read_text()
    counts = json.loads(text.removeprefix("window.chapterWords = ").removesuffix(";\n"))
    assert counts == {"chapters/03_bag_of_words": {"bag": 3, "word": 3}} and added == []
    order.count(app, "search", "search.html", {}, None)
    assert added == ["search_counts.js", "search_order.js"]


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
def test_the_chapter_that_says_most_comes_first(root, tmp_path):
    counts = {"chapters/02_probes": {"bag": 3, "word": 4, "x": 3}, "chapters/03_bag_of_words": {"bag": 4, "word": 6}}
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><script>window.chapterWords = {json.dumps(counts)};\n"
        "const pages = ['glossary', 'chapters/02_probes', 'chapters/03_bag_of_words'];\n"
        "const performTermsSearch = () => pages.map(page => [page, '', '', null, 5, '']);\n"
        "const Search = {performTermsSearch, htmlToText: html => html};"
        f"</script><script src='{root}/chapters/_static/search_order.js'></script>",
        "utf-8",
    )
    with Browser(tmp_path / "profile") as browser:
        browser.open(page)
        found = browser("Search.performTermsSearch(new Set(['bag', 'word']), new Set()).map(result => result[4])")
        assert found[2] > 100 > found[1] > found[0] == 5
        none = browser("Search.performTermsSearch(new Set(['nowhere']), new Set()).map(result => result[4])")
        assert none == [5, 5, 5]
        html = "<div role=main>Menu<article class=bd-article><div class=cell_input>import</div>Prose</article></div>"
        text = browser(f"Search.htmlToText({html!r}, '')")
        assert "Prose" in text and "Menu" not in text and "import" not in text
