"""What a student gets back: their notebook with our marks in it, and the page that nbgrader makes of it.

HTML in a student's Markdown would run in the browser of whoever opens the page: `nbgrader formgrader` and `nbgrader
generate_feedback` do not clean it, whatever `HTMLExporter.sanitize_html` says. So it is cleaned here, in the notebook,
and a student's outputs are dropped.
"""

import os
import shutil
import subprocess
import sys
from html import escape

import nbformat

from labclip_lib.base.files import digest, write_bytes
from labclip_lib.book.page import Note, html_page
from labclip_lib.course.gradebook import search_path
from labclip_lib.course.grader.matching import places
from labclip_lib.course.notebooks import products

LONGEST = 20_000  # characters of one cell; a page of text has 3,000
TAGS = {
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "th",
    "thead", "tr", "u", "ul",
}  # fmt: skip
STAMP = "<!-- made from {} -->\n"


def marked(source, entry):
    """The notebook for `autograded/`: the release, with the student's cells in it and our marks below the tests.

    source: the instructor's notebook. entry: a graded Entry. It holds no solution, no hidden test, none of the
    student's outputs and no code of theirs that a browser would run.
    """
    notebook = products.student(source)
    where = places(notebook.cells, entry.submission.cells)
    failures, added, at = dict(map(tuple, entry.result["cells"])), {}, -1
    for number, (theirs, place) in enumerate(zip(entry.submission.cells, where, strict=True), 1):
        if place is None:
            cell = _added_cell(number, theirs)
            added.setdefault(at, []).append(cell)
        else:
            at, cell = place, notebook.cells[place]
            if cell.metadata.get("editable", True) and cell.source != theirs["source"]:
                cell.source = (_text if cell.cell_type == "code" else harmless)(theirs["source"])
        if number in failures and cell.cell_type == "code":
            cell.outputs.append(_output("stderr", f"This cell did not end well: {failures[number]}"))
    marks = {mark["grade_id"]: mark for mark in entry.result["marks"]}
    for cell in notebook.cells:
        mark = marks.get(products.grading_of(cell).get("grade_id"))
        if mark and cell.cell_type == "code":
            cell.outputs.append(_output("stdout", _mark_line(mark)))
    order = added.get(-1, [])
    for place, cell in enumerate(notebook.cells):
        order = [*order, cell, *added.get(place, [])]
    notebook.cells = order
    return notebook


def harmless(markdown):
    """A student's Markdown as one line of HTML that runs nothing, loads nothing, and links to other sites only.

    A picture is replaced by its name. Formulas stay, for MathJax.
    """
    import bleach
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    text = _text(markdown)
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    renderer.image = lambda alt, url, title=None: f"<em>[picture: {alt}]</em>"
    try:
        html = MarkdownWithMath(renderer).render(text)
    except Exception:  # such as for deeply nested quotes
        html = f"<pre>{escape(text)}</pre>"
    clean = bleach.clean(html, tags=TAGS, attributes=_may_stay, protocols={"http", "https", "mailto"})
    # In Markdown an empty line ends a block of HTML, even in the middle of a code block.
    return "<div>" + clean.replace("\n", "&#10;") + "</div>"


def changed(course, assignment, notebooks):
    """{student: grade_ids whose answer differs from the one in autograded/}, from {student: marked notebook}."""
    out = {}
    for student, notebook in notebooks.items():
        path, before = _paths(course, assignment, student)[0], {}
        if path.is_file():
            before = _answers(nbformat.read(path, 4))
        now = _answers(notebook)
        out[student] = {name for name in now if before.get(name) != now[name]}
    return out


def write(course, assignment, entries, notebooks, marks):
    """Bring autograded/ and feedback/ up to date, for {student: Entry}, {student: notebook} and {student: Marks}.

    `nbgrader generate_feedback` makes the pages whose notebook, marks or comments have changed; a rejected submission
    gets a page of ours. Raises ValueError when nbgrader fails.
    """
    new = {}
    for student, entry in entries.items():
        path, page = _paths(course, assignment, student)
        if entry.status == "graded":
            data = products.as_bytes(notebooks[student])
            stamp = STAMP.format(digest(data, marks[student]))
            if not path.is_file() or path.read_bytes() != data:
                put(path, data)
            if not page.is_file() or not page.read_text(encoding="utf-8").endswith(stamp):
                new[page] = stamp
                shutil.rmtree(page.parent, ignore_errors=True)  # nbgrader skips pages that exist
            continue
        shutil.rmtree(path.parent, ignore_errors=True)
        if entry.status == "rejected":
            put(page, _rejected(assignment, student, entry.reason).encode())
        else:
            shutil.rmtree(page.parent, ignore_errors=True)
    if new:
        _generate(course, assignment)
    for page, stamp in new.items():
        if not page.is_file():
            raise ValueError(f"nbgrader made no {page}; run `nbgrader generate_feedback {assignment}` to see why.")
        put(page, page.read_bytes() + stamp.encode())


def _rejected(assignment, student, reason):
    """The page of a submission that was rejected."""
    outcome = " could not be graded. It has no mark; this is not a mark of 0."
    who, why = [("", "The submission of "), ("strong", student), ("", outcome)], [("strong", "Why: "), ("", reason)]
    return html_page(assignment, [*map(Note, (who, why, "Please hand it in again, or ask your instructor."))])


def _generate(course, assignment):
    command = [sys.executable, "-m", "nbgrader", "generate_feedback", assignment]
    environment = os.environ | {"PATH": search_path()}
    done = subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        last = " ".join((done.stderr.strip().splitlines() or ["it said nothing"])[-1].split())[:200]
        raise ValueError(
            f"nbgrader generate_feedback stopped ({last.rstrip('.')}); run it in {course.root} to see why."
        )


def _paths(course, assignment, student):
    return (
        course.root / "autograded" / student / assignment / f"{assignment}.ipynb",
        course.root / "feedback" / student / assignment / f"{assignment}.html",
    )


def put(path, data):
    """Write a file, whole or not at all, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)


def _added_cell(number, theirs):
    if theirs["type"] == "code":
        return nbformat.v4.new_code_cell(_text(theirs["source"]), id=f"own-{number}")
    text = theirs["source"] if theirs["type"] == "markdown" else f"<pre>{escape(theirs['source'])}</pre>"
    return nbformat.v4.new_markdown_cell(harmless(text), id=f"own-{number}")


def _answers(notebook):
    gradings = ((products.grading_of(cell), cell.source) for cell in notebook.cells)
    return {grading["grade_id"]: source for grading, source in gradings if grading.get("solution")}


def _mark_line(mark):
    if mark["score"] is None:
        return f"Up to {mark['points']:g} points, marked by hand{': ' if mark['reason'] else '.'}{mark['reason']}"
    score = f"{mark['score']:g} of {mark['points']:g} points"
    return f"{score}: {mark['reason']}" if mark["reason"] else f"{score}."


def _output(name, text):
    return nbformat.v4.new_output("stream", name=name, text=text + "\n")


def _text(text):
    """A student's text without characters that no file can hold, cut to LONGEST characters."""
    text = text.encode(errors="replace").decode()
    left_out = len(text) - LONGEST
    return text if left_out <= 0 else f"{text[:LONGEST]}\n... and {left_out:,} characters more"


def _may_stay(tag, name, value):
    """Only links to other sites: one to a page of the formgrader would act with the instructor's rights."""
    return (tag, name) == ("a", "href") and value.lower().startswith(("http://", "https://", "mailto:"))
