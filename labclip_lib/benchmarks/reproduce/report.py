"""The report of the papers' tables: as Markdown, and as one HTML page without other files."""

import base64
import io
import itertools
import math
import re
from html import escape
from pathlib import Path

import matplotlib

from labclip_lib.base.files import disk_errors, write_bytes
from labclip_lib.benchmarks.reproduce.table_figure import figure, groups, number
from labclip_lib.book.figures.style import INK, PAPER

ROUNDING = 0.005  # papers print two decimals
OTHER = "another model or other data"
COLUMNS = ("what", "method", "ours (95 %)", "reported", "verdict", "chance", "bag of words", "items")
HOW_TO_READ = (
    "**Ours** is what this run measured; the 95 % interval says how far it may move when other items are drawn.",
    "**Reported** is the figure in print, and the model that it was measured with.",
    "The **verdict** is *agrees* when the reported figure, give or take .005 of rounding, lies in our interval, and is "
    "given only for the same model and the same data.",
    "**Chance** is what guessing gets.",
    "**Bag of words** is the most that a model can get which knows the words and not which of them belong together: "
    "only what lies above it is evidence of binding.",
)


def verdict(row):
    """Compare a Row with the reported figure: "agrees", "differs by +.03" (ours minus theirs), OTHER, or "".

    They agree when the reported figure, +- ROUNDING, lies in our 95 % interval. "" if either figure is missing.
    """
    if row.ours is None or row.reported is None:
        return ""
    if not row.comparable:
        return OTHER
    slack = ROUNDING + 1e-9  # .575 + .005 is a little less than .58
    if row.ours.low - slack <= row.reported <= row.ours.high + slack:
        return "agrees"
    return f"differs by {row.ours.mean - row.reported:+.2f}".replace("0.", ".")


def plain(text):
    """Escape a text so that Markdown shows it as it is, on one line."""
    text = re.sub(r"([\\`*<>\[\]|&$~#])", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\_", text)  # inside a word, as in swap_att, it is safe


def as_markdown(tables, heading, about, figures=()):
    """A report as Markdown. about: sentences about the run, Markdown. figures: {table's name: address of its figure}.

    Raises ValueError when a table holds neither rows nor the reason why.
    """
    lines = [f"# {plain(heading)}", "", *_items(about), "", "## Contents", ""]
    lines += _items(f"{plain(table.title)}: {_summary(table)}" for table in tables)
    lines += ["", "## How to read it", "", *_items(HOW_TO_READ)]
    for table in tables:
        lines += ["", f"## {plain(table.title)}"]
        if table.note:
            lines += ["", _markdown(table.note)]
        if table.missing:
            lines += ["", f"**Not run.** {_markdown(table.missing)}"]
        if table.name in figures:
            lines += ["", f"![{plain(alt_text(table))}]({figures[table.name]})"]
        if table.rows:
            lines += ["", f"| {' | '.join(COLUMNS)} |", "|---|---|---|---|---|--:|--:|--:|"]
        sources = _sources(table)
        for row in itertools.chain(*groups(table)):
            cells = [plain(cell) for cell in _cells(row, sources)]
            if _differs(row):
                cells[4] = f"**{cells[4]}**"
            lines.append(f"| {' | '.join(cells)} |")
        if sources:
            lines += ["", plain(_credit(sources))]
    return "\n".join(lines) + "\n"


def alt_text(table):
    """The alt text of a table's figure: its range and what differs; the numbers are in the table."""
    ours = sorted((row for row in table.rows if row.ours), key=lambda row: row.ours.mean)
    summary = f"{table.title}: {len(table.rows)} rows"
    if ours:
        ends = [f"{number(row.ours.mean)} ({row.what}, {row.method})" for row in (ours[0], ours[-1])]
        summary += f"; ours run from {ends[0]} to {ends[1]}"
    differing = [f"{row.what} ({row.method}) {verdict(row)}" for row in table.rows if _differs(row)]
    return "; ".join([summary, *(differing or [_summary(table)])]) + "."


def write_report(tables, folder, heading, about):
    """Write report.md, report.html and one figure (SVG) per table into a folder; returns the path of report.html.

    Everything is made before the first file is written, and each file is written whole or not at all. Raises
    ValueError for tables that cannot be shown, OSError, in one sentence, when the folder cannot be written to.
    """
    folder, tables = Path(folder), list(tables)
    slugs = [_slug(table) for table in tables]
    if len(set(slugs)) < len(slugs):
        twice = next(slug for slug in slugs if slugs.count(slug) > 1)
        raise ValueError(f"Two tables are called {twice!r}; give each a name of its own.")
    figures = {table.name: _svg(table) for table in tables if table.rows}
    names = {table.name: f"{_slug(table)}.svg" for table in tables if table.rows}
    files = {names[name]: svg for name, svg in figures.items()}
    files["report.md"] = as_markdown(tables, heading, about, names).encode()
    files["report.html"] = _page(tables, heading, about, figures).encode()
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_bytes(folder / name, content)
    return folder / "report.html"


def _cells(row, sources):
    """The texts of a row, as in COLUMNS."""
    ours = "not measured"
    if row.ours is not None:
        mean, low, high = (number(value, 3) for value in row.ours)
        ours = f"{mean} ({low} to {high})"
    reported = "" if row.reported is None else number(row.reported)
    if reported and row.reported_by:
        reported += f", {row.reported_by}"
    if reported and row.source in sources and len(sources) > 1:
        reported += f" [{sources.index(row.source) + 1}]"
    levels = ("" if math.isnan(level) else number(level) for level in (row.chance, row.bag_of_words))
    return row.what, row.method, ours, reported, verdict(row), *levels, f"{row.items:,}" if row.items else ""


def _sources(table):
    return list(dict.fromkeys(row.source for row in table.rows if row.source and row.reported is not None))


def _credit(sources):
    if len(sources) == 1:
        return f"Reported: {sources[0]}."
    return f"Reported: {'; '.join(f'[{k}] {source}' for k, source in enumerate(sources, 1))}."


def _summary(table):
    """How many rows of a table agree, differ or cannot be compared, in words."""
    verdicts = [verdict(row) for row in table.rows]
    counts = {"agree": verdicts.count("agrees"), "differ": sum(map(_differs, table.rows))}
    counts[f"of {OTHER}"] = verdicts.count(OTHER)
    summary = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return summary or ("not run" if table.missing else "nothing reported to compare with")


def _differs(row):
    return verdict(row).startswith("differs")


def _slug(table):
    """A table's name as a file name and as an anchor on the page."""
    if not (table.rows or table.missing):
        raise ValueError(f"The table {table.name!r} has no rows; say in `missing` why it was not run.")
    return re.sub(r"[^\w-]+", "-", table.name) or "table"


def _svg(table):
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": table.name}):  # so that equal rows give equal bytes
        figure(table).savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


INLINE = re.compile(r"\\(?P<sign>[^\w\s])|`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\*(?P<em>[^*]+)\*")


def _html(text):
    """Markdown's code, bold and emphasis as HTML; everything else shows as it is."""
    out, end = [], 0
    for match in INLINE.finditer(text):
        tag, inside = match.lastgroup, escape(match[match.lastgroup])
        out += [escape(text[end : match.start()]), inside if tag == "sign" else f"<{tag}>{inside}</{tag}>"]
        end = match.end()
    return "".join(out) + escape(text[end:])


def _markdown(text):
    """Markdown on one line, and without tags outside of code."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(part if k % 2 else re.sub(r"(?<!\\)<", r"\<", part) for k, part in enumerate(parts))


def _items(sentences):
    return [f"- {_markdown(sentence)}" for sentence in sentences]


def _page(tables, heading, about, figures):
    """The report as one HTML page. figures: {table's name: SVG as bytes}."""
    contents = "".join(
        f'<li><a href="#{_slug(table)}">{escape(table.title)}</a> <span>{_summary(table)}</span></li>'
        for table in tables
    )
    about, how = ("".join(f"<li>{_html(sentence)}</li>" for sentence in part) for part in (about, HOW_TO_READ))
    sections = "".join(_section(table, figures.get(table.name)) for table in tables)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(heading)}</title><style>{STYLE}</style></head><body><main>
<h1>{escape(heading)}</h1>
<ul>{about}</ul>
<nav aria-labelledby="contents"><h2 id="contents">Contents</h2><ol>{contents}</ol></nav>
<section><h2>How to read it</h2><ul>{how}</ul></section>
{sections}</main></body></html>
"""


def _section(table, svg):
    slug, title, sources = _slug(table), escape(table.title), _sources(table)
    out = [f'<section id="{slug}"><h2>{title}</h2>']
    if table.note:
        out.append(f"<p>{_html(table.note)}</p>")
    if table.missing:
        out.append(f'<p class="missing"><strong>Not run.</strong> {_html(table.missing)}</p>')
    if svg:
        data = base64.b64encode(svg).decode()
        out.append(f'''<div class="box card" tabindex="0" role="region" aria-label="Figure: {title}">
<img alt="{escape(alt_text(table))}" src="data:image/svg+xml;base64,{data}"></div>''')
    if table.rows:
        head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
        bodies = "".join(f"<tbody>{_body(group, sources)}</tbody>" for group in groups(table))
        out.append(f"""<div class="box" tabindex="0" role="region" aria-label="Table: {title}"><table>
<caption>{escape(table.name)}: {_summary(table)}</caption><thead><tr>{head}</tr></thead>{bodies}</table></div>""")
    if sources:
        out.append(f'<p class="note">{escape(_credit(sources))}</p>')
    return "\n".join([*out, "</section>\n"])


def _body(group, sources):
    """The HTML rows of one group of a table."""
    out = []
    for k, row in enumerate(group):
        what, method, *cells = map(escape, _cells(row, sources))
        first = f'<th scope="rowgroup" rowspan="{len(group)}">{what}</th>' if k == 0 else ""
        if _differs(row):
            cells[2] = f"<strong>{cells[2]}</strong>"
        rest = "".join(f"<td>{cell}</td>" for cell in cells)
        out.append(f'<tr{" class=differs" * _differs(row)}>{first}<th scope="row">{method}</th>{rest}</tr>')
    return "\n".join(out)


STYLE = f"""
:root {{ color-scheme: light dark; --paper: {PAPER}; --ink: {INK}; --faint: #5A5A5A; --line: #D5D1C6; --link: #00598C;
  --mark: #FBEBD0; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #17191C; --ink: #E9E6DF; --faint: #ABA89F; --line: #3B3E44; --link: #7CC4EE; --mark: #45341A; }} }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }}
main {{ max-width: 70rem; margin: auto; padding: 1.5rem 1rem 4rem; }}
h1 {{ font-size: 1.8rem; line-height: 1.2; }}
h2 {{ font-size: 1.25rem; margin: 2.5rem 0 .5rem; }}
h1, h2, p, li {{ max-width: 70ch; overflow-wrap: anywhere; }}
a {{ color: var(--link); }}
ul, ol {{ padding-left: 1.3rem; }}
nav span, caption, .note {{ color: var(--faint); font-size: .9rem; }}
nav span {{ display: inline-block; }}
.box {{ overflow-x: auto; margin: 1rem 0; }}
.card {{ max-width: 46rem; border-radius: .4rem; background: {PAPER}; }}
.card img {{ display: block; width: 100%; min-width: 38rem; height: auto; }}
.missing {{ border-left: .25rem solid var(--line); padding-left: .8rem; }}
table {{ border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; padding-bottom: .4rem; }}
th, td {{ padding: .3rem .7rem; text-align: left; vertical-align: top; white-space: nowrap; font-weight: 400; }}
thead th, th[scope=rowgroup] {{ font-weight: 600; }}
th[scope=rowgroup], td:nth-last-child(4) {{ white-space: normal; min-width: 7.5rem; }}
thead, tbody {{ border-bottom: 1px solid var(--line); }}
td:nth-last-child(-n+3), thead th:nth-last-child(-n+3) {{ text-align: right; }}
.differs > :not([scope=rowgroup]) {{ background: var(--mark); }}
"""
