"""The page of a report: one list of blocks, shown as an HTML page without other files, and as Markdown."""

import base64
import io
import re
from collections import namedtuple
from pathlib import Path

import jinja2
import matplotlib

from labclip_lib.book.figures.style import INK, PAPER
from labclip_lib.measures.markdown import markdown_table

# The blocks. A text of a Note, an item or a cell is a str, shown as it is, or [(tag, part)], as `marked` makes it.
Heading = namedtuple("Heading", "text anchor", defaults=[""])
Note = namedtuple("Note", "text kind", defaults=[""])  # kind: "", "faint", or "missing" for what is not there
Bullets = namedtuple("Bullets", "items")
Contents = namedtuple("Contents", "entries")  # [(text, anchor, remark)], below a Heading with the anchor "contents"
Figure = namedtuple("Figure", "label alt svg file", defaults=[""])  # file: what the Markdown shows; the page has svg
# groups: {name: rows}; "" where there is no group, else a row's first cell is its header. numbers: how many of the
# last columns are numbers. A row with a strong cell stands out.
Table = namedtuple("Table", "label caption columns groups numbers", defaults=[0])
Choice = namedtuple("Choice", "label unchecked checked")  # a checkbox that exchanges two Tables; for HTML alone
SIGNS = {"": "", "code": "`", "strong": "**", "em": "*"}
MARKED = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\*(?P<em>[^*]+)\*")
PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
PAGES.filters["base64"] = lambda data: base64.b64encode(data).decode()


def marked(text):
    """A text whose `code`, **strong** and *emphasised* parts look so: [(tag, part)]."""
    out, end = [], 0
    for match in MARKED.finditer(text):
        out += [("", text[end : match.start()]), (match.lastgroup, match[match.lastgroup])]
        end = match.end()
    return [*out, ("", text[end:])]


def svg(figure, salt):
    """A matplotlib Figure as SVG, bytes; equal figures with the same salt, a str, give equal bytes."""
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def html_page(heading, blocks, title=None):
    """Blocks as an HTML page that loads nothing; no text becomes a tag. A None is left out. title: of the window."""
    template = PAGES.get_template("page.html")
    return template.render(heading=heading, blocks=filter(None, blocks), title=title or heading, paper=PAPER, ink=INK)


def markdown_page(heading, blocks):
    """Blocks as Markdown, in which every text shows as it is. A None and a Choice are left out."""
    return "\n\n".join([f"# {_markdown(heading)}", *filter(None, map(_block, blocks))]) + "\n"


def _block(block):
    match block:
        case Heading():
            return f"## {_markdown(block.text)}"
        case Note():
            return _markdown(block.text)
        case Bullets():
            return "\n".join(f"- {_markdown(item)}" for item in block.items)
        case Contents():
            return "\n".join(f"- {_markdown(f'{text}: {remark}')}" for text, _, remark in block.entries)
        case Figure():
            return f"![{_markdown(block.alt)}]({block.file})"
        case Table():
            rows = [[group, *row] if group else row for group, rows in block.groups.items() for row in rows]
            head, *rows = ([*map(_markdown, row)] for row in (block.columns, *rows))
            return markdown_table(head, rows, block.numbers)


def _markdown(text):
    """A text as Markdown, on one line."""
    parts = [("", text)] if isinstance(text, str) else text
    lines = ((tag, re.sub(r"\s+", " ", part)) for tag, part in parts)
    return "".join(SIGNS[tag] + (line if tag == "code" else _escaped(line)) + SIGNS[tag] for tag, line in lines)


def _escaped(text):
    text = re.sub(r"([\\`*<>\[\]|&$~#])", r"\\\1", text)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\_", text)  # inside a word, as in swap_att, it is safe
