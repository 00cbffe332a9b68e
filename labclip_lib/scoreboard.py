"""The papers' tables beside one's own: as Markdown, as figures, and as one HTML page that needs nothing else."""

import base64
import io
import itertools
import math
import re
import textwrap
from html import escape
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from labclip_lib.diagnosis import Estimate
from labclip_lib.embed import write_atomically
from labclip_lib.plots import INK, PALETTE, PAPER, use_style

ROUNDING = 0.005  # papers print two decimals
OTHER = "another model or other data"
COSINES = ("alignment",)  # tables of cosines; all others are of accuracies
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


class Row(NamedTuple):
    """One method in one test. ours: None where only the paper has a figure; reported: None where it has none."""

    what: str
    method: str
    ours: Estimate | None
    items: int = 0
    chance: float = math.nan
    bag_of_words: float = math.nan
    reported: float | None = None
    reported_by: str = ""  # with which model
    source: str = ""
    comparable: bool = False  # same model and same data as the paper's


class Table(NamedTuple):
    """A table of a paper. name: as the command line has it. title: plain text. note, missing: Markdown.

    rows: of Row, each an accuracy or recall in [0, 1] or, in the tables named in COSINES, a cosine.
    missing: why it was not run, one sentence; then there may be no rows.
    """

    name: str
    title: str
    note: str
    rows: list
    missing: str = ""


def verdict(row):
    """What a Row says of the reported figure: "agrees", "differs by +.03" (ours less theirs), OTHER or "" (one lacks).

    They agree when the reported figure, +- ROUNDING, lies in our 95 % interval.
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
    """Markdown that shows a text as it is, on one line, whatever signs it holds."""
    text = re.sub(r"([\\`*<>\[\]|&$~#])", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\_", text)  # inside a word, as in swap_att, it is safe


def as_markdown(tables, heading, told, figures=()):
    """A report as Markdown. told: sentences about the run, Markdown. figures: {table's name: address of its figure}.

    Raises ValueError when a table holds neither rows nor the reason why.
    """
    lines = [f"# {plain(heading)}", "", *_items(told), ""]
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
        for row in itertools.chain(*_groups(table)):
            cells = [plain(cell) for cell in _cells(row, sources)]
            if _differs(row):
                cells[4] = f"**{cells[4]}**"
            lines.append(f"| {' | '.join(cells)} |")
        if sources:
            lines += ["", plain(_credit(sources))]
    return "\n".join(lines) + "\n"


def alt_text(table):
    """What the figure of a table shows, for those who cannot see it; the numbers are in the table."""
    ours = sorted((row for row in table.rows if row.ours), key=lambda row: row.ours.mean)
    said = f"{table.title}: {len(table.rows)} rows"
    if ours:
        ends = [f"{_number(row.ours.mean)} ({row.what}, {row.method})" for row in (ours[0], ours[-1])]
        said += f"; ours run from {ends[0]} to {ends[1]}"
    differing = [f"{row.what}, {row.method} {verdict(row)}" for row in table.rows if _differs(row)]
    return "; ".join([said, *(differing or [_summary(table)])]) + "."


def write_report(tables, folder, heading, told):
    """Write report.md, report.html and a figure a table (SVG) into a folder; returns the path of report.html.

    All is made before the first file is written, and each is written whole or not at all. Raises ValueError for
    tables that cannot be shown, OSError, in one sentence, when the folder cannot be written to.
    """
    folder, tables = Path(folder), list(tables)
    slugs = [_slug(table) for table in tables]
    if len(set(slugs)) < len(slugs):
        twice = next(slug for slug in slugs if slugs.count(slug) > 1)
        raise ValueError(f"Two tables are called {twice!r}; give each a name of its own.")
    figures = {table.name: _svg(table) for table in tables if table.rows}
    names = {table.name: f"{_slug(table)}.svg" for table in tables if table.rows}
    files = {names[name]: svg for name, svg in figures.items()}
    files["report.md"] = as_markdown(tables, heading, told, names).encode()
    files["report.html"] = _page(tables, heading, told, figures).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, lambda part, content=content: Path(part).write_bytes(content))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise OSError(f"Cannot write the report to {str(folder)!r} ({why}); name another folder.") from None
    return folder / "report.html"


# The figure

CEILING = {"color": PALETTE["bag-of-words ceiling"], "ls": (0, (2.4, 1.2)), "zorder": 1}
CHANCE = {"color": PALETTE["chance"], "ls": (0, (0.9, 1.3)), "zorder": 2}  # where the two meet, dots upon dashes
OURS = {"fmt": "o", "ms": 5.5, "capsize": 3.5, "elinewidth": 1.6, "capthick": 1.6, "zorder": 3}
REPORTED = {"marker": "D", "ms": 8.5, "mfc": "none", "mec": INK, "mew": 1.2, "ls": "none", "zorder": 4}


def figure(table):
    """The rows of a Table from top to bottom, grouped by what was asked: ours, reported, chance, bag of words.

    Returns a matplotlib Figure, 7.2 inches wide. Raises ValueError for a table without rows.
    """
    if not table.rows:
        raise ValueError(f"The table {table.name!r} has no rows to draw; leave its figure out.")
    with matplotlib.rc_context():
        use_style()
        # The font that matplotlib brings along, so that what is measured here is what is drawn elsewhere.
        matplotlib.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9, "xtick.labelsize": 9})
        return _draw(table)


def _draw(table, width=7.2, right=1.34, line=0.165, foot=0.86):
    """Lengths in inches; y runs down from the top of the axes, in inches too."""
    fig = Figure(figsize=(width, 4), layout="none")
    methods = {row.method: _wrap(fig, row.method, 2.2) for row in table.rows}
    left = 0.36 + max(wide for _, wide in methods.values())
    columns = {"ours": width - 0.72, "reported": width - 0.1}
    texts = [(x, -0.13, name, {"ha": "right"}) for name, x in columns.items()]
    y, places = 0.0, []
    for group in _groups(table):
        title, _ = _wrap(fig, group[0].what, width - 0.2, weight="bold")
        texts.append((0.1, y + 0.06, title, {"weight": "bold", "va": "top"}))
        y += 0.13 + line * (title.count("\n") + 1)
        for row in group:
            label, _ = methods[row.method]
            high = 0.075 + line * (label.count("\n") + 1)
            middle = y + high / 2
            texts.append((0.22, middle, label, {}))
            if row.ours is not None:
                texts.append((columns["ours"], middle, _number(row.ours.mean, 3), {"ha": "right"}))
            if row.reported is not None:
                texts.append((columns["reported"], middle, _number(row.reported), {"ha": "right"}))
            places.append((row, y, high))
            y += high
        y += 0.06
    height = y + 0.3 + foot
    fig.set_size_inches(width, height)
    ax = fig.add_axes((left / width, foot / height, (width - left - right) / width, y / height))
    inches = blended_transform_factory(fig.dpi_scale_trans, ax.transData)
    for x, at, text, how in texts:
        # A name is a name: a dollar sign in it starts no formula.
        ax.text(x, at, text, transform=inches, parse_math=False, **{"va": "center", "linespacing": 1.15} | how)
    low = -1 if min(_draw_row(ax, *place) for place in places) < 0 else 0
    ax.set(xlim=(low - 0.02, 1.02), ylim=(y, 0), yticks=[], xticks=np.linspace(low, 1, 6 + low))
    ax.set_xlabel("cosine" if table.name in COSINES else "accuracy")
    ax.spines["left"].set_visible(False)
    if any(row.ours for row in table.rows):
        ax.errorbar([], [], xerr=[], color=INK, label="ours, 95 % interval", **OURS)
    signs = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))  # each once
    fig.legend(signs.values(), signs.keys(), loc="lower center", ncols=4, frameon=False)
    return fig


def _draw_row(ax, row, y, high):
    """Draw a row that begins at y; returns its lowest value."""
    middle, values = y + high / 2, []
    ax.axhline(middle, color="#DDDAD2", lw=0.8, zorder=0)
    levels = {"bag-of-words ceiling": (row.bag_of_words, CEILING), "chance": (row.chance, CHANCE)}
    for name, (level, style) in levels.items():
        if not math.isnan(level):
            ax.plot([level, level], [y, y + high], lw=1.8, label=name, **style)
            values.append(level)
    if row.ours is not None:
        mean, low, top = row.ours
        ax.errorbar(mean, middle, xerr=[[max(0, mean - low)], [max(0, top - mean)]], color=PALETTE[_kind(row)], **OURS)
        values.append(low)
    if row.reported is not None:
        ax.plot(row.reported, middle, label="reported", **REPORTED)
        values.append(row.reported)
    return min(values, default=0)


def _kind(row):
    """The colour of a row's method: a probe has its side's, and what compares images with captions is cross-modal."""
    sides = set(re.findall(r"\b(image|text)\b", f"{row.what} {row.method}"))
    if row.method.startswith("LABCLIP"):
        return "LABCLIP"
    return sides.pop() if len(sides) == 1 and "probe" in f"{row.what} {row.method}" else "cross-modal"


def _wrap(fig, text, limit, **how):
    """A text in lines of at most `limit` inches, and how wide it is."""
    artist = fig.text(0, 0, "", parse_math=False, **how)
    for characters in range(100, 0, -1):
        artist.set_text("\n".join(textwrap.wrap(text, characters)))
        wide = artist.get_window_extent().width / fig.dpi
        if wide <= limit:
            break
    artist.remove()
    return artist.get_text(), wide


def _groups(table):
    """Lists of rows, those with the same `what` together."""
    groups = {}
    for row in table.rows:
        groups.setdefault(row.what, []).append(row)
    return groups.values()


def _cells(row, sources):
    """The texts of a row, as in COLUMNS."""
    ours = "not measured"
    if row.ours is not None:
        mean, low, high = (_number(value, 3) for value in row.ours)
        ours = f"{mean} ({low} to {high})"
    reported = "" if row.reported is None else _number(row.reported)
    if reported and row.reported_by:
        reported += f", {row.reported_by}"
    if reported and row.source in sources and len(sources) > 1:
        reported += f" [{sources.index(row.source) + 1}]"
    levels = ("" if math.isnan(level) else _number(level) for level in (row.chance, row.bag_of_words))
    return row.what, row.method, ours, reported, verdict(row), *levels, f"{row.items:,}" if row.items else ""


def _number(value, least=2):
    """A number with two or three decimals: a third where it says something."""
    text = f"{round(value, 3) + 0.0:.3f}"  # + 0.0 turns -0.0 into 0.0
    return text[:-1] if least == 2 and abs(round(value, 2) - value) < 1e-9 else text


def _sources(table):
    return list(dict.fromkeys(row.source for row in table.rows if row.source and row.reported is not None))


def _credit(sources):
    if len(sources) == 1:
        return f"Reported: {sources[0]}."
    return f"Reported: {'; '.join(f'[{k}] {source}' for k, source in enumerate(sources, 1))}."


def _summary(table):
    """How the rows of a table came out, in a few words."""
    verdicts = [verdict(row) for row in table.rows]
    counts = {"agree": verdicts.count("agrees"), "differ": sum(map(_differs, table.rows)), OTHER: verdicts.count(OTHER)}
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return said or ("not run" if table.missing else "nothing reported to compare with")


def _differs(row):
    return verdict(row).startswith("differs")


def _slug(table):
    """A table's name as the name of a file and of a place on the page."""
    if not (table.rows or table.missing):
        raise ValueError(f"The table {table.name!r} has no rows; say in `missing` why it was not run.")
    return re.sub(r"[^\w-]+", "-", table.name) or "table"


def _svg(table):
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": table.name}):  # equal rows make an equal file
        figure(table).savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


INLINE = re.compile(r"\\(?P<sign>[^\w\s])|`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\*(?P<em>[^*]+)\*")


def _html(text):
    """Markdown's code, bold and emphasis as HTML; everything else shows as it is."""
    out, end = [], 0
    for found in INLINE.finditer(text):
        tag, inside = found.lastgroup, escape(found[found.lastgroup])
        out += [escape(text[end : found.start()]), inside if tag == "sign" else f"<{tag}>{inside}</{tag}>"]
        end = found.end()
    return "".join(out) + escape(text[end:])


def _markdown(text):
    """Markdown on one line, and without tags outside of code."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(part if k % 2 else re.sub(r"(?<!\\)<", r"\<", part) for k, part in enumerate(parts))


def _items(sentences):
    return [f"- {_markdown(sentence)}" for sentence in sentences]


def _page(tables, heading, told, figures):
    """The report as one HTML page. figures: {table's name: SVG as bytes}."""
    contents = "".join(
        f'<li><a href="#{_slug(table)}">{escape(table.title)}</a> <span>{_summary(table)}</span></li>'
        for table in tables
    )
    told, how = ("".join(f"<li>{_html(sentence)}</li>" for sentence in part) for part in (told, HOW_TO_READ))
    sections = "".join(_section(table, figures.get(table.name)) for table in tables)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(heading)}</title><style>{STYLE}</style></head><body><main>
<h1>{escape(heading)}</h1>
<ul>{told}</ul>
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
        bodies = "".join(f"<tbody>{_body(group, sources)}</tbody>" for group in _groups(table))
        out.append(f"""<div class="box" tabindex="0" role="region" aria-label="Table: {title}"><table>
<caption>{escape(table.name)}: {_summary(table)}</caption><thead><tr>{head}</tr></thead>{bodies}</table></div>""")
    if sources:
        out.append(f'<p class="note">{escape(_credit(sources))}</p>')
    return "\n".join([*out, "</section>\n"])


def _body(group, sources):
    """The lines of a table that ask the same."""
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
.box {{ overflow-x: auto; margin: 1rem 0; }}
.card {{ max-width: 46rem; border-radius: .4rem; background: {PAPER}; }}
.card img {{ display: block; width: 100%; min-width: 38rem; height: auto; }}
.missing {{ border-left: .25rem solid var(--line); padding-left: .8rem; }}
table {{ border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; padding-bottom: .4rem; }}
th, td {{ padding: .3rem .7rem; text-align: left; vertical-align: top; white-space: nowrap; font-weight: 400; }}
thead th, th[scope=rowgroup] {{ font-weight: 600; }}
th[scope=rowgroup] {{ white-space: normal; min-width: 7rem; }}
thead, tbody {{ border-bottom: 1px solid var(--line); }}
td:nth-last-child(-n+3), thead th:nth-last-child(-n+3) {{ text-align: right; }}
.differs > :not([scope=rowgroup]) {{ background: var(--mark); }}
"""
