"""What the site remembers of a reader, in a browser."""

import json

import pytest
from browser import CHROMIUM, Browser
from served import served

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
HEAD = "<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href='data:,'>"


@pytest.fixture
def site(root, tmp_path):
    """A landing page with the cards of two chapters, and these; where it is served."""
    script = (root / "chapters" / "_static" / "memory.js").read_text()
    folder = tmp_path / "site" / "chapters"
    folder.mkdir(parents=True)
    cards = "".join(
        f"<a class=lc-chapter href='{name}.html' data-predictions=3 data-questions=2>"
        f"{name}<small class=lc-done></small></a>"
        for name in ("one", "two")
    )
    pages = {
        "index": f"<p class=lc-remembered hidden></p>{cards}",
        **{
            name: f"<section id=top><h1>{name}<a class=headerlink>#</a></h1><section id=deep style='margin-top:3000px'>"
            "<h2>Deep<a class=headerlink>#</a></h2><p style='height:3000px'></section></section>"
            for name in ("one", "two")
        },
    }
    for name, body in pages.items():
        page = f"{HEAD}<body><main><article class=bd-article>{body}</article></main><script>{script}</script>"
        (folder / f"{name}.html").write_text(page, "utf-8")
    with served(tmp_path / "site") as address:
        yield f"{address}/chapters"


@pytest.fixture
def reader(tmp_path):
    with Browser(tmp_path / "profile") as browser:
        yield browser
        assert browser.complaints() == []


def remembered(reader):
    """The note of the landing page, or None where it is not shown, and what the cards say."""
    return reader("""[document.querySelector(".lc-remembered"), ...document.querySelectorAll(".lc-done")].map(
        one => one.checkVisibility() ? one.innerText : null)""")


def test_a_first_visit_shows_nothing(reader, site):
    reader.open(f"{site}/index.html")
    assert remembered(reader) == [None, "", ""]


def test_the_landing_page_leads_back_to_where_one_was(reader, site):
    reader.open(f"{site}/one.html")
    reader("document.getElementById('deep').scrollIntoView()")
    reader.open(f"{site}/index.html")
    assert remembered(reader)[0] == "You were last at Deep. Forget everything"
    reader.click(".lc-remembered a")
    reader.wait_until("location.pathname.endsWith('one.html') && location.hash === '#deep'")


def test_it_counts_predictions_and_answers_and_forgets_them(reader, site):
    reader.open(f"{site}/index.html")
    kept = {
        "lc-prediction /chapters/one.html a": [1], "lc-prediction /chapters/one.html b": None,
        "lc-prediction /chapters/one.html c": [0.5], "lc-quiz /chapters/one.html lc-1": [[0, 1], []],
        "lc-quiz /chapters/two.html lc-2": [[], []], "other": 1,
    }  # fmt: skip
    keep = "([name, value]) => localStorage.setItem(name, JSON.stringify(value))"
    reader(f"Object.entries({json.dumps(kept)}).forEach({keep})")
    reader.open(f"{site}/index.html")
    assert remembered(reader) == ["Forget everything", "You: 2 of 3 predictions, 1 of 2 quiz questions.", ""]
    reader.click(".lc-remembered button")
    assert remembered(reader) == [None, "", ""] and reader("Object.keys(localStorage)") == ["other"]


def test_without_storage_nothing_is_shown_and_nothing_fails(reader, site):
    reader.send(
        "Page.addScriptToEvaluateOnNewDocument",
        source="Object.defineProperty(window, 'localStorage', {get() { throw new Error('no storage'); }});",
    )
    reader.open(f"{site}/one.html")
    reader.open(f"{site}/index.html")
    assert remembered(reader) == [None, "", ""]
