"""The report of the papers' tables: as Markdown, and as one HTML page without other files."""

import math
import re
from pathlib import Path

from labclip_lib.base.files import disk_errors, write_bytes
from labclip_lib.benchmarks.reproduce.table_figure import figure, groups, number
from labclip_lib.book import page
from labclip_lib.book.page import marked

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


def as_markdown(tables, heading, about):
    """A report as Markdown, without figures. about: sentences about the run, with marks as `page.marked` reads them.

    Raises ValueError when a table holds neither rows nor the reason why.
    """
    return page.markdown_page(heading, _blocks(tables, about, {}))


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
    figures = {_slug(table): page.svg(figure(table), table.name) for table in tables if table.rows}
    blocks = list(_blocks(tables, about, figures))
    files = {f"{slug}.svg": image for slug, image in figures.items()}
    files["report.md"] = page.markdown_page(heading, blocks).encode()
    files["report.html"] = page.html_page(heading, blocks).encode()
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_bytes(folder / name, content)
    return folder / "report.html"


def _blocks(tables, about, figures):
    """The report as blocks of `book.page`. figures: {table's slug: SVG as bytes}, {} for none."""
    yield page.Bullets([marked(sentence) for sentence in about])
    yield page.Heading("Contents", "contents")
    yield page.Contents([(table.title, _slug(table), _summary(table)) for table in tables])
    yield page.Heading("How to read it")
    yield page.Bullets([marked(sentence) for sentence in HOW_TO_READ])
    for table in tables:
        slug, sources = _slug(table), _sources(table)
        yield page.Heading(table.title, slug)
        if table.note:
            yield page.Note(marked(table.note))
        if table.missing:
            yield page.Note(marked(f"**Not run.** {table.missing}"), "missing")
        if slug in figures:
            yield page.Figure(table.title, alt_text(table), figures[slug], f"{slug}.svg")
        if table.rows:
            rows = {group[0].what: [_cells(row, sources) for row in group] for group in groups(table)}
            yield page.Table(table.title, f"{table.name}: {_summary(table)}", COLUMNS, rows, numbers=3)
        if sources:
            yield page.Note(_credit(sources), "faint")


def _cells(row, sources):
    """The cells of a row, as in COLUMNS after the first."""
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
    judged = [("strong", verdict(row))] if _differs(row) else verdict(row)
    return row.method, ours, reported, judged, *levels, f"{row.items:,}" if row.items else ""


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
