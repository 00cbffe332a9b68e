"""Match the cells of a submission to those of the release, and find answers that are not in their place.

Editors turn cells into Markdown or raw text, lose their metadata, split, merge and copy them. What is certain is
corrected; the rest is left to a person.
"""

import ast
import contextlib
import re
import warnings
from typing import NamedTuple

from labclip_lib.course.grader.submission import described
from labclip_lib.course.notebooks import products

KINDS = {"code": "code", "markdown": "Markdown", "raw": "raw text"}
DEFINES = re.compile(r"^[ \t]*(?:(?:async )?def (\w+)|class (\w+)|(\w+)[ \t]*=(?!=))", re.MULTILINE)
NEAR = 2  # cells of the release: how far from its place an answer is looked for in released texts


class Matched(NamedTuple):
    """A submission beside the release.

    released: the cells of the release. known: lines that no student wrote. original: the submission's cells. cells: the
    same, with the type that they were released with. places: per cell its place in the release, or None for one that
    the student added. notes: [number, what was corrected].
    """

    released: list
    known: set
    original: list
    cells: list
    places: list
    notes: list


def places(released, cells):
    """Match a submission to `released` by grade_id, then id, then text: per cell its place in `released`, or None."""
    matches, taken = [None] * len(cells), set()
    for key, theirs in (
        (lambda cell: products.grading_of(cell).get("grade_id"), lambda cell: cell["grade_id"]),
        (lambda cell: cell.id, lambda cell: cell["id"]),
        (lambda cell: cell.source, lambda cell: cell["source"]),
    ):
        free = {key(cell): place for place, cell in enumerate(released) if key(cell) and place not in taken}
        # Of several copies, the first that differs from the release is the answer.
        order = sorted(
            range(len(cells)),
            key=lambda at: cells[at]["source"].strip() in ("", _source(released, free.get(theirs(cells[at])))),
        )
        for at in order:
            if matches[at] is None and (place := free.get(theirs(cells[at]))) is not None:
                matches[at] = place
                taken.add(place)
                del free[theirs(cells[at])]
    return matches


def match(source, submission):
    """Match a Submission to the instructor's notebook: a Matched."""
    released = products.student(source).cells
    ours = [cell for cell in source.cells if "instructor" in cell.metadata.get("tags", [])]
    colab = {line.strip() for line in products.COLAB.split("\n")}
    at, cells, notes = places(released, submission.cells), [], []
    for number, (cell, place) in enumerate(zip(submission.cells, at, strict=True), 1):
        kind = cell["type"] if place is None else released[place].cell_type
        if kind != cell["type"] and "code" in (kind, cell["type"]):
            done = "was run as the code that it was released as" if kind == "code" else "was read as text"
            notes.append([number, f"is {KINDS[cell['type']]} in place of {KINDS[kind]}, and {done}"])
            cell = cell | {"type": kind}
        cells.append(cell)
    return Matched(released, _lines([*released, *ours]) | colab, submission.cells, cells, at, notes)


def definitions(matched, failed):
    """{name: number of the cell}: names that text cells seem to define, and `failed` cells that were text before."""
    known, out = _lines(cell for cell in matched.released if cell.cell_type != "code"), {}
    for number, (before, cell) in enumerate(zip(matched.original, matched.cells, strict=True), 1):
        if before["type"] == "code" or (cell["type"] == "code" and number not in failed):
            continue
        lines = [line for line in cell["source"].split("\n") if cell["type"] == "code" or line.strip() not in known]
        out |= dict.fromkeys(defined("\n".join(lines)), number)
    return out


def defined(text):
    """The names that code in a text seems to define, whether or not it is valid."""
    return [next(filter(None, names)) for names in DEFINES.findall(text)]


def written(matched, place):
    """Whether a person has to look at a written answer, and why: (bool, str).

    place: of the answer's cell in the release.
    """
    name = products.grading_of(matched.released[place])["grade_id"]
    at = [i for i, cell in enumerate(matched.cells) if matched.places[i] == place or cell["grade_id"] == name]
    full = [i for i in at if not _is_stub(matched.cells[i]["source"])]
    added = [i for i in _texts(matched) if matched.places[i] is None and i not in at]
    if full:
        behind = [i for i in added if i - 1 in full or (i - 2 in full and i - 1 in added)]
        if len(full) + len(behind) == 1:
            return True, ""
        return True, f"it stands in {listed(matched, full + behind)}; read all of them"
    near = [i for i in _texts(matched) if matched.places[i] is not None and i not in at]
    near = [i for i in near if abs(matched.places[i] - place) <= NEAR]
    if not at:  # it may have been merged into another answer
        near += [i for i, cell in enumerate(matched.cells) if _is_written(matched, i) and i not in near]
    gone = "not answered" if at else "the cell is not there any more"
    if not (maybe := added + near):
        return False, gone
    maybe = sorted(maybe, key=lambda i: abs((matched.places[i] if matched.places[i] is not None else i) - place))[:3]
    return True, f"{gone}, but perhaps the answer stands in {listed(matched, sorted(maybe))}"


def untouched(matched):
    """Whether every answer is as released, and no other text could be one."""
    answers = [place for place, cell in enumerate(matched.released) if products.grading_of(cell).get("solution")]
    theirs = {place: cell["source"].strip() for place, cell in zip(matched.places, matched.cells, strict=True)}
    same = all(theirs.get(at, "") in ("", _source(matched.released, at)) for at in answers)
    return bool(answers) and same and not any(matched.places[i] is None for i in _texts(matched))


def _is_stub(text):
    return text.strip() in ("", "\n".join(products.TEXT_STUB), "\n".join(products.CODE_STUB))


def listed(matched, indices):
    """Cells in words: "cell 3 (Because of ...)", joined by "and"."""
    return " and ".join(described(i + 1, matched.cells[i]["source"]) for i in indices)


def _texts(matched):
    """Yield the indices of text cells and comment-only code cells, answers excepted, whose text was not released."""
    for i, cell in enumerate(matched.cells):
        place = matched.places[i]
        if place is not None and products.grading_of(matched.released[place]).get("solution"):
            continue
        if cell["type"] == "code" and (place is not None or not _is_comment(cell["source"])):
            continue
        if any(line.strip() not in matched.known for line in cell["source"].split("\n")):
            yield i


def _is_written(matched, index):
    place = matched.places[index]
    if place is None or matched.released[place].cell_type == "code" or _is_stub(matched.cells[index]["source"]):
        return False
    return bool(products.grading_of(matched.released[place]).get("solution"))


def _is_comment(source):
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = ast.parse(source).body
        return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
    return False


def _lines(cells):
    return {line.strip() for cell in cells for line in cell.source.split("\n")} | {""}


def _source(released, place):
    return None if place is None else released[place].source.strip()
