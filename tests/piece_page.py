"""A page with pieces on it, as a reader has it, and what a test asks of it."""

import json
import re

import pytest
from browser import CHROMIUM

from labclip_lib.book.pieces.panel import SCRIPTS

both_ways = pytest.mark.parametrize("by", ["mouse", "keyboard"])
in_a_browser = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")


def write_page(path, *pieces):
    """Writes pieces, as cells put them out, into a page; returns its Path and the selector of each panel."""
    html = [piece.data for piece in pieces]
    path.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Pieces</title><link rel=icon href='data:,'><body>{''.join(html)}",
        "utf-8",
    )
    return path, ["#" + re.search(r'class="lc-panel" id="([\w-]+)"', piece)[1] for piece in html]


def by_the_script(browser, piece, expression):
    """The value of an expression in the names of js/PIECE.js."""
    frame, script = ((SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in ("frame", piece))
    return browser(f"(() => {{\n{frame}\n{script}\nreturn {expression};\n}})()")


def texts(browser, selector):
    """What a reader sees at each place."""
    return browser(f"[...document.querySelectorAll({selector!r})].map(element => element.innerText)")


def text(browser, selector):
    (only,) = texts(browser, selector)
    return only


def at_width(browser, width, root):
    """How far right anything of a panel reaches on a screen so wide, in pixels."""
    browser.send("Emulation.setDeviceMetricsOverride", width=width, height=600, deviceScaleFactor=1, mobile=False)
    try:
        return browser(f"""Math.max(...[...document.querySelectorAll("{root}, {root} *")].map(
            part => part.getBoundingClientRect().right))""")
    finally:
        browser.send("Emulation.clearDeviceMetricsOverride")


def data_of(page):
    """The data that a piece carries in its HTML."""
    return json.loads(re.search(r"\npiece\(.*?, (.*)\);\n", page)[1])


def select_next(reader, selector, by):
    """Selects the next option of a menu, either out of the list that a click opens or with the arrows alone."""
    before = reader(f"document.querySelector({selector!r}).selectedIndex")
    if by == "mouse":
        reader.click(selector)
        reader.press("Down", "Enter")
    else:
        reader.tab_to(selector)
        reader.press("Down")
    reader.wait_until(f"document.querySelector({selector!r}).selectedIndex === {before + 1}")


def tick_box(reader, selector, by):
    """Ticks a check box."""
    if by == "mouse":
        reader.click(selector)
    else:
        reader.tab_to(selector)
        reader.press("Space")
