"""Every page where no script runs: it still says what matters."""

import pytest
from built import PAGES

# Of each piece: what it asks or shows, how high it is, and what a reader can read of it.
PIECES = """[...document.querySelectorAll("article .lc-panel")].map(panel => ({
    kind: panel.querySelector("[data-prediction]") ? "prediction" : "piece",
    height: panel.getBoundingClientRect().height, text: panel.innerText.trim(),
    start: panel.textContent.trim().slice(0, 60),
}))"""
NOTES = "[...document.querySelectorAll('noscript')].map(one => one.innerText)"


@pytest.fixture
def page(browser, address, request):
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(f"{address}/{request.param}")
    yield browser
    browser.send("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("page", PAGES, indirect=True)
def test_no_piece_is_empty(page):
    pieces = page(PIECES)
    mute = [one["start"] for one in pieces if one["kind"] != "prediction" and "JavaScript" not in one["text"]]
    assert mute == [], "a piece or a quiz does not say what it takes to use it"
    box = [one["start"] for one in pieces if one["kind"] == "prediction" and one["height"] > 0]
    assert box == [], "an empty box stands where a prediction was"


@pytest.mark.parametrize("page", PAGES, indirect=True)
def test_formulas_come_with_a_sentence(page):
    if page("document.querySelectorAll('article .math').length"):
        assert any("formula" in text for text in page(NOTES)), (
            "formulas stay as they were typed, and no sentence says so"
        )


@pytest.mark.parametrize("page", PAGES, indirect=True)
def test_all_that_is_folded_by_a_script_is_open(page):
    assert page("document.querySelectorAll('.lc-fold').length") == 0
    assert page("document.querySelector('article').innerText.length") > 400
