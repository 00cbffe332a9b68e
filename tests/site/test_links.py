"""What the pages point at is there: pages, anchors, pictures with words for them, works that are cited."""

import functools
import re
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from built import MADE, PAGES, ROOT

HOST = "https://site.invalid/"


@pytest.fixture(scope="module")
def soup(site):
    """The parsed page of a name."""
    return functools.cache(lambda page: BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser"))


@pytest.fixture(scope="module")
def anchors(soup):
    """What an address can point at on the page of a name."""
    return functools.cache(lambda page: {tag.get("id") or tag["name"] for tag in soup(page).select("[id], a[name]")})


def addressed(soup, page):
    """Every address on a page, whole: (tag, address)."""
    base = urljoin(HOST, page)
    for tag in soup(page).select("[href], [src]"):
        yield tag, urljoin(base, tag.get("href") or tag.get("src"))


@pytest.mark.parametrize("page", [*PAGES, "genindex.html", "search.html"])
def test_nothing_leads_nowhere(site, soup, anchors, page):
    dead = []
    for tag, address in addressed(soup, page):
        there = urlsplit(address)
        name = unquote(there.path).lstrip("/")
        if not address.startswith(HOST) or name.startswith(("offline/", "slides/")):  # made after the pages
            continue
        mark = unquote(there.fragment) if name.endswith(".html") else ""
        if not (site / name).is_file() or (mark and mark not in anchors(name)):
            dead.append(f"{tag.name} {address}")
    assert dead == []


@pytest.mark.parametrize("page", [*PAGES, *MADE])
def test_no_page_is_made_of_files_of_others(soup, page):
    parts = [
        f"{tag.name} {address}"
        for tag, address in addressed(soup, page)
        if tag.name != "a" and address.startswith("http") and not address.startswith(HOST)
        and tag.get("rel") not in (["canonical"], ["search"])
    ]  # fmt: skip
    assert [part for part in parts if page != "404.html" or "github.io" not in part] == []


def test_every_citation_has_an_entry_and_every_entry_is_cited(soup, anchors):
    page = "chapters/references.html"
    entries = {tag["id"] for tag in soup(page).select("article .citation[id], article dt[id]")}
    cited = {
        urlsplit(address).fragment
        for name in PAGES
        for tag, address in addressed(soup, name)
        if tag.name == "a" and tag.find_parent("article") and urlsplit(address).path == f"/{page}" and name != page
    }
    assert entries and cited - {""} <= anchors(page)
    assert entries <= cited
    works = re.findall(r"(?m)^@\w+\{(.+),$", (ROOT / "chapters" / "references.bib").read_text(encoding="utf-8"))
    assert len(works) == len(entries), "a work in references.bib that no page cites"


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_is_told_to_those_who_do_not_see_it(soup, page):
    silent, told = [], {}
    for image in soup(page).select("article img"):
        if image.find_parent("button", attrs={"aria-label": True}):
            continue
        alt, name = image.get("alt", "").strip(), image.get("src", "").rpartition("/")[2]
        told.setdefault(alt, set()).add(image.get("src", ""))
        if not alt or re.fullmatch(r"\S+\.\w+", alt) or name.rpartition(".")[0] == alt:
            silent.append(name[:60])
    assert silent == []
    assert [alt for alt, pictures in told.items() if len(pictures) > 1] == []
