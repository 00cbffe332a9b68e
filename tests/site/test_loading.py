"""Every page as a first visitor gets it: whole, quiet, from this site alone, and not too much of it."""

import pytest
from built import MADE, PAGES, ROOT, first_load, settle, table

ENOUGH = 1_500_000  # bytes on their way, before a reader has touched anything
LOUD = {"warning", "error", "assert"}


@pytest.fixture(scope="module")
def options():
    """A line like most. Chromium loads pictures further ahead on a slow one, for which it takes a busy machine."""
    return ["--force-effective-connection-type=4G"]


@pytest.fixture(scope="module")
def loads():
    """What the first loads took, for a table."""
    loads = []
    yield loads
    if loads:
        (ROOT / "_build" / "loads.md").write_text(table(loads), encoding="utf-8")


def complaints(browser):
    """What a page complained of, as text."""
    for what in browser.complaints():
        level = what.get("entry", what).get("level") or what.get("type", "error")
        if level in LOUD:
            yield str(what)[:600]


def squeezed(browser):
    """Pictures that do not have their own shape on the page."""
    browser("document.querySelectorAll('article img').forEach(one => { one.loading = 'eager'; })")
    browser.wait_until("[...document.querySelectorAll('article img')].every(one => one.complete)")
    return browser("""[...document.querySelectorAll("article img")].filter(one => one.width && one.naturalWidth)
        .filter(one => Math.abs(one.width * one.naturalHeight / (one.height * one.naturalWidth) - 1) > 0.03)
        .map(one => `${one.alt.slice(0, 60)}: ${one.width} x ${one.height}`)""")


def without_room(browser):
    """Pictures that have not come yet, and whose place on the page has no height, so that the page will jump."""
    return browser("""[...document.querySelectorAll("article img")].filter(one => !one.complete && one.height < 9)
        .map(one => one.src)""")


@pytest.mark.parametrize("page", [*PAGES, *MADE])
def test_a_first_visit(browser, address, sent, loads, page):
    load = first_load(browser, address, page, sent)
    loads.append(load)
    assert list(complaints(browser)) == []
    elsewhere = [url for url in browser.requests() if not url.startswith((f"{address}/", "data:", "blob:"))]
    assert elsewhere == []
    assert without_room(browser) == []
    assert load.transfer < ENOUGH, sorted({path.name for path in sent})
    assert squeezed(browser) == []


@pytest.mark.parametrize("page", [*PAGES, *MADE])
def test_it_fits_a_narrow_phone(browser, address, sent, page):
    browser.send("Emulation.setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=2, mobile=True)
    browser.open(f"{address}/{page}")
    browser("document.dispatchEvent(new CustomEvent('lc-show-results', {detail: true}))")
    settle(browser, sent)
    wide = browser("""[...document.querySelectorAll("article *")].filter(one => one.getBoundingClientRect().right > 321)
        .map(one => `${one.tagName} ${one.className} ${one.textContent.trim().slice(0, 40)}`).slice(0, 5)""")
    assert browser("document.documentElement.scrollWidth") <= 320, wide
    assert squeezed(browser) == []
    browser.send("Emulation.clearDeviceMetricsOverride")


def test_the_first_address_leads_to_the_landing_page(browser, address):
    browser.open(f"{address}/index.html")
    browser.wait_until("document.readyState === 'complete' && !!document.querySelector('h1')")
    assert browser("location.href") == f"{address}/chapters/index.html"


def test_every_page_is_tested(site):
    made = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    ours = {page for page in made if not page.startswith(("_static/", "offline/", "slides/"))}
    assert ours == {"index.html", *PAGES, *MADE}
