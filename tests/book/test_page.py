import tomllib

import bs4
import pytest
from markdown_it import MarkdownIt

from labclip_lib.book.page import (
    Bullets,
    Choice,
    Contents,
    Figure,
    Heading,
    Note,
    Table,
    html_page,
    markdown_page,
    marked,
)

ATTACK = "\"'><script>alert(1)</script> *a* `b` | [c](d) {{ 1 + 1 }}"
PICTURE = b"<svg></svg>"


def blocks(text):
    """Every block, with a text wherever one goes; no text of these is marked."""
    table = Table(text, text, [text, "n", "m"], {text: [[text, [("strong", text)]]]})
    plain = Table(text, text, [text], {"": [[text]]})
    return [
        Heading(text, text), Note(text), Note([("strong", text), ("", text), ("code", text)]), Bullets([text, text]),
        Contents([(text, text, text)]), Figure(text, text, PICTURE, "a.svg"), table, Choice(text, plain, plain), None,
    ]  # fmt: skip


def test_no_text_becomes_a_tag():
    page = bs4.BeautifulSoup(html_page(ATTACK, blocks(ATTACK)), "html.parser")
    calm = bs4.BeautifulSoup(html_page("x", blocks("x")), "html.parser")
    assert [tag.name for tag in page.find_all(True)] == [tag.name for tag in calm.find_all(True)]
    assert [sorted(tag.attrs) for tag in page.find_all(True)] == [sorted(tag.attrs) for tag in calm.find_all(True)]
    assert page.body.get_text().count(ATTACK) == calm.body.get_text().count("x") and page.title.string == ATTACK
    assert page.img["alt"] == page.h2["id"] == ATTACK and page.a["href"] == f"#{ATTACK}"


def test_the_page_loads_nothing():
    page = html_page("x", blocks("x"), "a title")
    assert "://" not in page and "@import" not in page and "url(" not in page
    assert page.count("src=") == page.count('src="data:image/svg+xml;base64,PHN2Zz48L3N2Zz4="') == 1
    assert "<title>a title</title>" in page


def test_a_group_has_one_cell_and_its_rows_have_headers():
    table = Table("", "", ["what", "how", "n"], {"a": [["b", "1"], ["c", "2"]], "": [["d", "e", "3"]]}, numbers=1)
    page = bs4.BeautifulSoup(html_page("x", [table]), "html.parser")
    first, second, third = ([(tag.name, tag.get_text()) for tag in row.find_all(["th", "td"])]
                            for row in page.find_all("tr")[1:])  # fmt: skip
    assert first == [("th", "a"), ("th", "b"), ("td", "1")] and second == [("th", "c"), ("td", "2")]
    assert third == [("td", "d"), ("td", "e"), ("td", "3")] and page.find(scope="rowgroup")["rowspan"] == "2"
    assert markdown_page("x", [table]).splitlines()[3:] == [
        "| --- | --- | --: |", "| a | b | 1 |", "| a | c | 2 |", "| d | e | 3 |",
    ]  # fmt: skip


def test_markdown_shows_every_text_as_it_is():
    text = ATTACK.replace("`b`", "b\n_c_")  # code within code is not to be had
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown_page(text, blocks(text)))
    shown = [part.content for token in tokens if token.type == "inline" for part in token.children]
    assert not [token for token in tokens if token.type.startswith("html")]
    line = " ".join(text.split())
    assert "\n".join(shown).count(line) == 14  # all of `blocks` but the alt text and the Choice


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**Ours** is *here*: `a *b* <c>`.", "<strong>Ours</strong> is <em>here</em>: <code>a *b* &lt;c&gt;</code>."),
        ("2 * 3 < 7, a_b_c", "2 * 3 &lt; 7, a_b_c"),
        ("", ""),
    ],
)
def test_marks(text, html):
    assert f"<p>{html}</p>" in html_page("x", [Note(marked(text))])
    token = MarkdownIt().parse(markdown_page("x", [Note(marked(text))]))[3:]
    assert not text or MarkdownIt().renderer.render(token, MarkdownIt().options, {}) == f"<p>{html}</p>\n"


def test_the_library_is_packaged_with_its_template(root):
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["labclip_lib"]
    packaged = {path.name for pattern in patterns for path in (root / "labclip_lib").glob(pattern)}
    assert {"page.html", "page.css"} <= packaged
