"""Figures on a phone, and enlarged: the site's own style and script, in a browser."""

import matplotlib.pyplot as plt
import pytest
from browser import CHROMIUM

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
FIGURE = (
    "<figure><img alt='Bars.' src='figure.png'><figcaption><p>Shares, and a sentence about them that is longer than a "
    "phone is wide.</p></figcaption></figure>"
)


@pytest.fixture
def page(root, tmp_path):
    """A figure of a cell as the site has it, and one that waits behind a prediction."""
    _, ax = plt.subplots(figsize=(7.2, 3.4))
    ax.bar([0, 1], [0.5, 0.9])
    ax.figure.savefig(tmp_path / "figure.png")
    plt.subplots(figsize=(4, 4))[0].savefig(tmp_path / "small.png")
    static = root / "chapters" / "_static"
    path = tmp_path / "page.html"
    path.write_text(
        "<!doctype html><html lang=en data-theme=light><meta charset=utf-8>"
        f"<meta name=viewport content='width=device-width'><link rel=stylesheet href='{static}/book.css'>"
        f"<script src='{static}/book.js'></script><body><main class=bd-content><div class=cell_output>{FIGURE}</div>"
        f"<div id=small>{FIGURE.replace('figure.png', 'small.png')}</div>"
        f"<div id=fold hidden=until-found>{FIGURE}</div></main>",
        "utf-8",
    )
    return path


@pytest.fixture
def read_at(browser, page):
    """Open the page at a width, in pixels."""

    def open_it(width):
        browser.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
        )
        browser.open(page)
        return browser

    yield open_it
    assert browser.complaints() == []
    browser.send("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("width", [320, 400])
def test_a_figure_scrolls_in_its_own_box_at_a_size_that_can_be_read(read_at, width):
    reader = read_at(width)
    assert reader("document.documentElement.scrollWidth") == width
    # Of 7.2 inches, as most are, in which the smallest words have 8 points.
    assert 8 / 72 / 7.2 * reader("document.querySelector('img').clientWidth") > 10.5
    assert "sideways" in reader("getComputedStyle(document.querySelector('figcaption p'), '::before').content")


def test_a_small_figure_fits_as_it_is(read_at):
    reader = read_at(400)
    reader.wait_until("document.querySelector('#small figure').classList.contains('lc-small')")
    assert 300 < reader("document.querySelector('#small img').clientWidth") <= 400
    assert reader("document.querySelector('#small figure').hasAttribute('tabindex')") is False
    content = reader("getComputedStyle(document.querySelector('#small figcaption p'), '::before').content")
    assert content == "none"


def test_the_keyboard_scrolls_it_and_the_caption_stays(read_at):
    reader = read_at(400)
    reader.wait_until("document.querySelector('figure').tabIndex === 0")
    reader.tab_to("figure")
    reader.press("Right", "Right", "Right")
    reader.wait_until("document.querySelector('figure').scrollLeft > 20")
    caption = reader("(({left, right}) => [left, right])(document.querySelector('figcaption').getBoundingClientRect())")
    assert 0 <= caption[0] < caption[1] <= 400


def test_what_waits_behind_a_prediction_is_reached_once_it_unfolds(read_at):
    reader = read_at(400)
    last = "document.querySelector('#fold figure')"
    assert reader(f"{last}.hasAttribute('tabindex')") is False
    reader("document.getElementById('fold').hidden = false")
    reader.wait_until(f"{last}.tabIndex === 0")


def test_a_figure_that_fits_is_no_stop_of_the_tab_key(read_at):
    reader = read_at(400)
    reader.wait_until("document.querySelector('figure').tabIndex === 0")
    reader.send("Emulation.setDeviceMetricsOverride", width=900, height=800, deviceScaleFactor=1, mobile=False)
    reader.wait_until("!document.querySelector('figure').hasAttribute('tabindex')")
    assert reader("getComputedStyle(document.querySelector('figcaption p'), '::before').content") == "none"


@pytest.mark.parametrize(("width", "by"), [(900, "mouse"), (900, "keyboard"), (400, "keyboard")])
def test_a_figure_opens_large_and_the_focus_returns(read_at, width, by):
    reader = read_at(width)
    button = ".cell_output .lc-enlarge"
    reader.wait_until(f"document.querySelector('{button}') !== null")
    before = reader("document.querySelector('img').clientWidth")
    reader.use(".cell_output img" if by == "mouse" else button, by)
    reader.wait_until("document.querySelector('dialog[open] img').clientWidth")
    assert reader("document.querySelector('dialog img').clientWidth") > before
    assert reader("document.querySelector('dialog img').alt") == "Bars."
    if width == 400:  # more than the phone is wide; it scrolls, in the window
        assert reader("(({scrollWidth, clientWidth}) => scrollWidth > clientWidth)(document.querySelector('dialog'))")
    reader.press("Escape")
    reader.wait_until("!document.querySelector('dialog')")
    assert reader(f"document.activeElement.matches('{button}')")
    assert reader("document.documentElement.scrollWidth") <= width


def test_a_dark_page_is_printed_in_light_colours(read_at):
    reader = read_at(900)
    reader("""document.documentElement.dataset.theme = "dark", printed = [],
        ["beforeprint", "afterprint"].forEach(when => addEventListener(
            when, () => printed.push(document.documentElement.dataset.theme))), 1""")
    reader.send("Page.printToPDF")
    assert reader("printed") == ["light", "dark"]
