"""One instructor's notebook, three products: the student's, the solution, and the student's for Colab.

The formats are nbgrader's (0.9, cell metadata of version 3). nbgrader, which finds fewer mistakes, is not needed here.
"""

import ast
import contextlib
import hashlib
import json
import math
import re
from pathlib import Path

import nbformat

from labclip_lib.base.files import write_bytes
from labclip_lib.course.notebooks.leaks import places
from labclip_lib.course.notebooks.setup_cell import is_set_up_cell, set_up_cell

CODE_STUB, TEXT_STUB = ["# YOUR CODE HERE", "raise NotImplementedError()"], ["YOUR ANSWER HERE"]
COLAB = """\
**On Colab.** First choose *File, Save a copy in Drive*; otherwise your work is lost when you close the page. To hand it
in, choose *File, Download, Download .ipynb*, and take "Copy of" out of the file's name: the grader knows the name that
this notebook had."""
SHORTEST = 8  # characters, without spaces, of a line that can give something away
MARKER = re.compile(r"\s*### (BEGIN|END) (SOLUTION|HIDDEN TESTS)\s*")
# To nbgrader any line with these words in capitals is a marker, and no other spelling is.
NEARLY = re.compile(r"(?i)\b(begin|end)[ _-]*(solution|hidden[ _-]*test|mark[ _-]*scheme)")
GRADING = ("schema_version", "grade", "solution", "locked", "task", "grade_id", "points")
NOTEBOOK = {"kernelspec": ("name", "display_name", "language"), "language_info": ("name",)}


def read_source(path):
    """Read the instructor's notebook from a file. Raises ValueError with its first mistake."""
    path = Path(path)
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path.name} is not JSON ({str(error).split(':')[0]}); save the notebook again.") from None
    return _sound(content, f"{path.name}: ")


def check_source(notebook):
    """The mistakes in an instructor's notebook, one sentence per mistake. Cells count from 1."""
    if error := next(nbformat.validator.iter_validate(notebook or {}, version=4, version_minor=5), None):
        path = list(error.absolute_path)
        place = f"Cell {path[1] + 1}" if path[1:] and path[0] == "cells" else "The notebook"
        part = "/".join(map(str, path[2:])) or "its top level"
        return [f"{place} does not follow the notebook format 4.5 at {part}; save it from Jupyter again."]
    mistakes, seen = [], {}
    for number, cell in enumerate(nbformat.v4.reads(json.dumps(notebook)).cells, 1):  # joins stored lines
        mistakes += [f"Cell {number} {what}." for what in _mistakes(cell)]
        for name, value in (("id", cell.id), ("grade_id", grading_of(cell).get("grade_id"))):
            if value and (first := seen.setdefault((name, str(value)), number)) != number:
                mistakes.append(f"Cells {first} and {number} have one {name}, {value!r}; give each its own.")
    return mistakes


def points(notebook):
    """{grade_id: points} of the graded cells, in their order. Raises ValueError with the notebook's first mistake."""
    graded = [grading for grading in map(grading_of, _sound(notebook).cells) if grading.get("grade")]
    return {grading["grade_id"]: grading["points"] for grading in graded}


def student(notebook):
    """The notebook that students get. Raises ValueError with the source's first mistake.

    It is built from what students may see, and nothing else: lines without solutions and hidden tests, cell ids, tags,
    nbgrader's metadata, attachments of cells that are not answered, the kernel's name. As in nbgrader a solution cell
    without a marked region is a solution as a whole, cells are locked, and their checksums stored.
    """
    notebook = _sound(notebook)
    cells = [cell for cell in notebook.cells if "instructor" not in cell.metadata.get("tags", [])]
    return _notebook(notebook, [_student_cell(cell) for cell in cells])


def solution(notebook):
    """The notebook for the instructor's page, without outputs: every cell, the solutions without their markers.

    Hidden tests keep their markers, which say what students do not see. Raises ValueError like `student`.
    """
    notebook, cells = _sound(notebook), []
    for cell in notebook.cells:
        lines = cell.source.split("\n")
        unmarked = [line for line in lines if not (MARKER.fullmatch(line) and line.strip().endswith("SOLUTION"))]
        cells.append(_cell(cell, "\n".join(unmarked), attachments=True))
    return _notebook(notebook, cells)


def colab(notebook, address):
    """The student's notebook for Colab: it says how to save and hand in work there, and installs the library.

    address: https://..., to install the library from; it replaces a set-up cell of the source.
    Raises ValueError for another kind of address, and like `student`.
    """
    opening, product = set_up_cell(address), student(notebook)
    replaced = [cell for cell in product.cells if is_set_up_cell(cell)]
    name = replaced[0].id if replaced else min({"set-up", "set-up-cell"} - {cell.id for cell in product.cells})
    cells = product.cells = [cell for cell in product.cells if cell not in replaced]
    first = next((place for place, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    cells[first:first] = [nbformat.v4.new_markdown_cell(COLAB, id="colab"), nbformat.v4.new_code_cell(opening, id=name)]
    return product


def write_products(source, out, address):
    """Write student/NAME, solution/NAME and colab/NAME into the folder out; returns the three paths.

    The same source file gives the same bytes, and each file is written whole. Raises ValueError like `colab`, or for
    a secret in what students get, before anything is written.
    """
    products = _products(source, out, address)
    for path, content in products.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    return list(products)


def out_of_date(source, out, address):
    """The files, of the three in the folder out, that are missing or differ from what the source gives now."""
    products = _products(source, out, address)
    return [path for path, content in products.items() if not path.is_file() or path.read_bytes() != content]


def leaks(where, *sources):
    """Where lines that students must not see can be read: a sorted list of (file, line).

    where: a notebook, or the path of a file or folder: of all files in it and all objects of git repositories in it,
    also those that no branch reaches any more. sources: instructors' notebooks, or their paths.
    Lines are those of solutions, hidden tests and instructor's cells, as they are and in JSON, HTML and base64, but not
    lines of fewer than SHORTEST characters or shown in a public part of a source. Archives are not opened.
    Raises ValueError when there is nothing at that path, or a git repository that cannot be read.
    """
    read = [_sound(source) if isinstance(source, dict) else read_source(source) for source in sources]
    parts = [_parts(cell)[:2] for notebook in read for cell in notebook.cells]
    public = "\n".join([*CODE_STUB, *(line for lines, _ in parts for line in lines)])
    secret = {line.strip() for _, lines in parts for text in lines for line in text.splitlines()}
    secret = [line for line in secret if len("".join(line.split())) >= SHORTEST and line not in public]
    return places(where, secret)


def as_bytes(notebook):
    """A product as the bytes of its file, always the same."""
    return (nbformat.v4.writes(notebook) + "\n").encode()


def _sound(notebook, before=""):
    """A copy of a notebook; ValueError, `before` and the first mistake, if it has any."""
    if mistakes := check_source(notebook):
        raise ValueError(before + mistakes[0])
    return nbformat.v4.reads(json.dumps(notebook))


def grading_of(cell):
    return grading if isinstance(grading := cell.metadata.get("nbgrader"), dict) else {}


def _parts(cell):
    """(lines that students get, lines that they do not, the kinds of regions, mistakes in the markers) of a cell."""
    public, secret, regions, wrong, inside = [], [], set(), [], None
    for line in cell.source.split("\n"):
        verb, kind = marker.groups() if (marker := MARKER.fullmatch(line)) else (None, None)
        if verb is None:
            if NEARLY.search(line):
                wrong.append(
                    f"has {line.strip()[:60]!r}, nearly ### BEGIN SOLUTION or its like; write that or reword it"
                )
            (secret if inside else public).append(line)
        elif verb == "BEGIN":
            if inside:
                wrong.append(f"opens a {kind} region inside a {inside} region; close that one first")
            inside = kind
            regions.add(kind)
            public += [line[: line.index("#")] + stub for stub in CODE_STUB if kind == "SOLUTION"]
        else:
            if inside != kind:
                wrong.append(f"has an END {kind} with no BEGIN {kind} before it; add that or take it out")
            inside = None
    if inside:
        wrong.append(f"has a {inside} region with no end; add ### END {inside}")
    if "instructor" in cell.metadata.get("tags", []) or (grading_of(cell).get("solution") and not regions):
        public, secret = CODE_STUB if cell.cell_type == "code" else TEXT_STUB, cell.source.split("\n")
    return public, secret, regions, wrong


def _mistakes(cell):
    """The mistakes in one cell, each the rest of a sentence that begins with the cell's number."""
    kind, grading = cell.cell_type, grading_of(cell)
    code, grade, solved = kind == "code", grading.get("grade"), grading.get("solution")
    flags, name, value = (grade, solved, grading.get("locked")), grading.get("grade_id"), grading.get("points", 0)
    public, _, regions, wrong = _parts(cell)
    named = isinstance(name, str) and re.fullmatch(r"[a-zA-Z0-9_-]+", name)
    proper = (grading.get("schema_version"), {*map(type, flags)}, grading.get("task", False)) == (3, {bool}, False)
    hidden, instructors = "HIDDEN TESTS" in regions, "instructor" in cell.metadata.get("tags", [])
    broken = code and not wrong and _parses(cell.source) and not _parses("\n".join(public))
    rules = [
        ("nbgrader" in cell.metadata and not proper, "has nbgrader metadata of a task or not of version 3; redo them"),
        (any(flags) and not named, f"has the grade_id {name!r}; give it one of letters, digits, - and _"),
        (grade and "points" not in grading, "is graded but has no points; add points to its nbgrader metadata"),
        (not (type(value) in (int, float) and 0 <= value < math.inf), f"has {value!r:.60} for points; give 0 or more"),
        (not code and bool(grade) != bool(solved), f"is {kind}, and only one of graded and a solution; make it both"),
        ((grade or solved) and instructors, "is graded or answered, but tagged instructor; drop one of the two"),
        (regions and not code, f"is {kind} with markers; take them out, for such an answer is always the whole cell"),
        ("SOLUTION" in regions and not solved, "has a solution region but is no solution cell; set solution"),
        (hidden and solved, "is a solution cell with hidden tests, which students edit; move them to a test cell"),
        (hidden and not grade and not solved, "has hidden tests but is not graded; set grade and points"),
        (broken, "is no valid Python without its regions; indent each marker like the lines that it encloses"),
    ]  # fmt: skip
    return wrong + [what for it_is, what in rules if it_is]


def _parses(source):
    """Whether a cell without its magics is valid Python."""
    with contextlib.suppress(SyntaxError, ValueError):
        return bool(ast.parse(re.sub(r"(?m)^[ \t]*[%!].*$", "", source)))


def _student_cell(cell):
    public, grading, solved = "\n".join(_parts(cell)[0]), grading_of(cell), grading_of(cell).get("solution")
    made = _cell(cell, public, attachments=not solved)
    locked = not solved and bool(grading.get("grade") or grading.get("locked"))
    if locked or solved:
        made.metadata.update({"deletable": False} | ({"editable": False} if locked else {}))
        worth = float(grading["points"]) if grading["grade"] else ""
        checked = f"{public}{cell.cell_type}{grading['grade']}{solved}{locked}{grading['grade_id']}{worth}"
        digest = hashlib.md5(checked.encode(), usedforsecurity=False).hexdigest()
        made.metadata.nbgrader.update(checksum=digest, cell_type=cell.cell_type)
    return made


def _cell(cell, source, attachments):
    metadata = {key: cell.metadata[key] for key in ("tags", "nbgrader") if key in cell.metadata}
    if "nbgrader" in metadata:
        metadata["nbgrader"] = {key: grading_of(cell)[key] for key in GRADING if key in grading_of(cell)}
    made = {"cell_type": cell.cell_type, "id": cell.id, "metadata": metadata, "source": source}
    made |= {"outputs": [], "execution_count": None} if cell.cell_type == "code" else {}
    made |= {"attachments": cell.attachments} if attachments and "attachments" in cell else {}
    return nbformat.from_dict(made)


def _notebook(notebook, cells):
    old, parts = notebook.metadata, [part for part in NOTEBOOK if part in notebook.metadata]
    metadata = {part: {key: old[part][key] for key in NOTEBOOK[part] if key in old[part]} for part in parts}
    return nbformat.from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def _products(source, out, address):
    notebook = read_source(source)
    made = {"student": student(notebook), "solution": solution(notebook), "colab": colab(notebook, address)}
    for _, line in leaks(made["student"], notebook):
        raise ValueError(f"Students would still see {line[:80]!r}; take it out of the source's tags or attachments.")
    return {Path(out, kind, Path(source).name): as_bytes(it) for kind, it in made.items()}
