"""A course of one small assignment, A, whose submissions are graded by hand."""

import json

import nbformat

from labclip_lib.course.folder import Course
from labclip_lib.course.notebooks import products

SECRET = "return sum(range(n + 1))"
HIDDEN = "assert total(100) == 5050, 'a large n'"
MODEL = "Because addition does not mind the order of its terms."
PARTS = {"total-test": 10, "twice-test": 5, "why": 4}


def cell(kind, name, source, **grading):
    metadata = {}
    if grading:
        flags = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False}
        metadata = {"nbgrader": flags | {"grade_id": name} | grading}
    new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    return new(source, id=name, metadata=metadata)


def source():
    """Two answers with a test each, and a question."""
    test = {"grade": True, "locked": True}
    body = f"def total(n):\n    ### BEGIN SOLUTION\n    {SECRET}\n    ### END SOLUTION"
    hidden = f"### BEGIN HIDDEN TESTS\n{HIDDEN}\n### END HIDDEN TESTS"
    return nbformat.v4.new_notebook(cells=[
        cell("markdown", "title", "# Sums"),
        cell("code", "imports", "import math"),
        cell("code", "total", body, solution=True),
        cell("code", "total-test", f"assert total(2) == 3\n{hidden}", points=10, **test),
        cell("code", "twice", "### BEGIN SOLUTION\ntwice = [2, 4]\n### END SOLUTION", solution=True),
        cell("code", "twice-test", "assert twice", points=5, **test),
        cell("markdown", "why", MODEL, solution=True, grade=True, points=4),
    ])  # fmt: skip


def course(folder):
    root = folder / "course"
    (root / "source" / "A").mkdir(parents=True)
    (root / "submitted").mkdir()
    nbformat.write(source(), root / "source" / "A" / "A.ipynb")
    (root / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "toy"\n')
    (root / "students.csv").write_text(
        "id,first_name,last_name,email\nada,Ada,Lovelace,ada@example.org\nbob,,,\ncy,,,\n"
    )
    return Course(root)


def submitted(answers=(), own=()):
    """A student's notebook: {id of a cell: source} instead of the release's, own cells before the last."""
    notebook = products.student(source())
    for it in notebook.cells:
        it.source = dict(answers).get(it.id, it.source)
    notebook.cells[-1:-1] = own
    return notebook


def hand_in(course, student, answers=(), own=(), **result):
    """Hand in `submitted(answers, own)`, graded as `result` says: see `graded` and `not_graded`."""
    folder = course.root / "submitted" / student / "A"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "A.ipynb").write_text(json.dumps(submitted(answers, own)))
    path = course.result("A", student)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"student": student, "assignment": "A", "digest": "d", "seconds": 1.5} | result))


def graded(*scores, reasons=("", "", ""), cells=(), leaderboard=()):
    marks = [
        {"grade_id": name, "points": PARTS[name], "score": score, "reason": reason}
        for name, score, reason in zip(PARTS, scores, reasons, strict=True)
    ]
    more = {"marks": marks, "cells": list(cells), "leaderboard": dict(leaderboard)}
    return {"status": "graded", "reason": None} | more


def not_graded(status, reason):
    return {"status": status, "reason": reason}
