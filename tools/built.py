"""The built site as its visitors get it: which pages it has, and what the first visit of one costs."""

import contextlib
import functools
import gzip
import re
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import yaml
from served import served

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
SOURCES = "_config.yml", "_toc.yml", "chapters/**/*.*", "labclip_lib/**/*.*"
BESIDE = {"__pycache__", ".ipynb_checkpoints", "playground.webp"}  # what no page is made of; the last is the README's
PAGES = [f"{name}.html" for name in re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text())]
MADE = ["genindex.html", "search.html", "404.html"]  # by Sphinx
ZIPPED = {".css", ".html", ".js", ".json", ".svg", ".txt", ".xml"}  # by a static host, on their way
# Milliseconds that a page was deaf, beyond the first 50 of each task; and when its largest part was painted.
WATCH = """window.lcBlocked = 0; window.lcPainted = 0;
    const each = (type, see) =>
        new PerformanceObserver(list => list.getEntries().forEach(see)).observe({type, buffered: true});
    each("longtask", ({duration}) => { lcBlocked += duration - 50; });
    each("largest-contentful-paint", ({startTime}) => { lcPainted = startTime; });"""


def not_built(site=SITE):
    """A sentence where the site is not there, or is older than what it is made of."""
    stamp = site / "searchindex.js"  # what Sphinx writes last
    if not stamp.is_file():
        return "There is no built site; `make book` makes it."
    files = (path for pattern in SOURCES for path in ROOT.glob(pattern) if not BESIDE & set(path.parts))
    newest = max((path for path in files if path.is_file()), key=lambda path: path.stat().st_mtime)
    if newest.stat().st_mtime > stamp.stat().st_mtime:
        return f"The built site is older than {newest.relative_to(ROOT)}; `make book` makes it anew."
    return None


@contextlib.contextmanager
def published(site, folder, sent=None, lost=()):
    """The site below the address that its pages expect, which has no slash at its end. folder: an empty one."""
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    name = urlsplit(address).path.rstrip("/").rpartition("/")[2]
    (folder / name).symlink_to(site.resolve(), target_is_directory=True)
    with served(folder, sent, lost) as host:
        yield f"{host}/{name}"


@functools.cache
def weight(path):
    """Bytes on the way from a static host."""
    data = path.read_bytes()
    return len(gzip.compress(data, 6)) if path.suffix in ZIPPED else len(data)


class Load(NamedTuple):
    page: str
    transfer: int  # bytes
    requests: int
    blocked: float  # ms
    painted: float  # ms
    elements: int


def settle(browser, sent):
    """Waits until a page has its formulas, and for half a second nothing was sent to it."""
    browser.wait_until("document.readyState === 'complete'")
    browser("Promise.resolve(window.MathJax?.startup?.promise).then(() => null)")
    before = None
    while before != len(sent):
        before = len(sent)
        time.sleep(0.5)


def first_load(browser, address, page, sent):
    """Opens a page with nothing in the browser's memory, and says what that took. sent: of `published`."""
    browser.send("Network.clearBrowserCache")
    browser.open("about:blank")
    del sent[:]
    watch = browser.send("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
    browser.open(f"{address}/{page}")
    settle(browser, sent)
    browser.send("Page.removeScriptToEvaluateOnNewDocument", **watch)
    blocked, painted = browser("[lcBlocked, lcPainted]")
    elements = browser("document.getElementsByTagName('*').length")
    return Load(page, sum(map(weight, sent)), len(sent), blocked, painted, elements)


def table(loads):
    """What first loads took, as a table in Markdown."""
    head = "page", "KiB", "requests", "deaf for (ms)", "painted after (ms)", "elements"
    rows = [head, ["---", *["---:"] * 5]]
    for load in loads:
        numbers = load.transfer / 1024, load.requests, load.blocked, load.painted, load.elements
        rows.append([load.page.removesuffix(".html"), *(f"{number:.0f}" for number in numbers)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
