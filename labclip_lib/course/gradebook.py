"""nbgrader's gradebook, filled from the results of grading: submissions and their marks."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from labclip_lib.course.grader.submission import Rejected, Submission, find, read
from labclip_lib.course.notebooks import products


class Entry(NamedTuple):
    """The state of one student's submission of one assignment.

    status: "graded", "rejected", "failed" (grading broke off), "not graded" (yet, or not since a change) or
    "not submitted". reason: a sentence, except for "graded" and "not submitted". result: as the grader wrote it.
    """

    status: str
    reason: str = ""
    result: dict | None = None
    submission: Submission | None = None


class Marks(NamedTuple):
    """The marks of a student's submission. scores: {grade_id: points}, those given by hand where there are any.

    waiting: the grade_ids that somebody has to look at. comments: {grade_id of an answer: text}, empty ones left out.
    """

    scores: dict
    waiting: list
    comments: dict


def entries(course, assignment):
    """{student: Entry} of all in students.csv and all who submitted. Raises ValueError like `Course`."""
    source = products.read_source(course.source(assignment))
    out = {student: Entry("not submitted") for student in course.students()}
    for student, folder in course.submitted(assignment).items():
        out[student] = _entry(source, course.result(assignment, student), folder, assignment)
    return dict(sorted(out.items()))


def fill(course, assignment, entries, changed):
    """Update gradebook.db from {student: Entry}; scores and comments given by hand stay.

    changed: {student: grade_ids whose answer has changed}. A score given by hand is flagged for another look when its
    answer or its automatic score has changed. Only graded submissions have automatic scores. Raises ValueError when
    parts were added or taken out after submissions.
    """
    from nbgrader.api import MissingEntry

    source = products.read_source(course.source(assignment))
    with opened(course) as (book, directory):
        book.update_or_create_assignment(assignment)
        _save_cells(source, assignment, directory.db_url)
        for student, row in course.students().items():
            names = {key: row.get(key) or None for key in ("first_name", "last_name", "email")}
            book.update_or_create_student(student, **names)
        for student, entry in entries.items():
            if entry.status == "graded":
                book.update_or_create_student(student)
                with book.db.no_autoflush:  # else nbgrader's look-ups would store the submission half made
                    submission = book.update_or_create_submission(assignment, student)
            else:
                try:
                    submission = book.find_submission(assignment, student)
                except MissingEntry:
                    continue
            for notebook in submission.notebooks:
                if notebook.name == assignment:
                    _fill_one(notebook, entry, changed.get(student, set()), source)
        book.db.commit()


def marks(course, assignment, entries):
    """{student: Marks} of the graded submissions among {student: Entry}, from gradebook.db."""
    names, out = list(products.points(products.read_source(course.source(assignment)))), {}
    with opened(course) as (book, _):
        for student in (student for student, entry in entries.items() if entry.status == "graded"):
            notebook = book.find_submission_notebook(assignment, assignment, student)
            grades = {grade.name: grade for grade in notebook.grades}
            scores = {name: grades[name].score for name in names}
            waiting = [name for name in names if grades[name].needs_manual_grade]
            out[student] = Marks(scores, waiting, {it.name: it.comment for it in notebook.comments if it.comment})
    return out


@contextlib.contextmanager
def opened(course):
    """The course's Gradebook and CourseDirectory of nbgrader, as nbgrader_config.py sets them up.

    Raises ValueError where nbgrader is not installed.
    """
    try:
        from nbgrader.api import Gradebook
        from nbgrader.coursedir import CourseDirectory
        from nbgrader.utils import setenv
        from traitlets.config import PyFileConfigLoader
    except ImportError:
        raise ValueError('Reports need nbgrader; install it with `pip install -e ".[course]"`.') from None
    root = course.root.resolve()
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    directory = CourseDirectory(config=config, root=str(root))
    with setenv(PATH=search_path()):
        book = Gradebook(directory.db_url, directory.course_id)
    with book:
        yield book, directory


def search_path():
    """PATH with this interpreter's programs first: nbgrader calls `alembic`, also where no environment is active."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def remarks(entry):
    """{grade_id: remark on that cell}, plain text as Markdown, of a graded Entry."""
    out = {}
    for number, reason in entry.result["cells"]:
        if name := entry.submission.cells[number - 1]["grade_id"]:
            out[name] = f"This cell did not end well: {_verbatim(reason)}"
    for number, what in entry.result.get("notes", []):
        if name := entry.submission.cells[number - 1]["grade_id"]:
            out[name] = "\n\n".join([*filter(None, [out.get(name)]), f"This cell {_verbatim(what)}"])
    for mark in entry.result["marks"]:
        if mark["reason"]:
            score = (
                "To be marked by hand" if mark["score"] is None else f"{mark['score']:g} of {mark['points']:g} points"
            )
            remark = f"{score}: {_verbatim(mark['reason'])}"
            out[mark["grade_id"]] = "\n\n".join([*filter(None, [out.get(mark["grade_id"])]), remark])
    return out


def _verbatim(text):
    return "`" + " ".join(text.replace("`", "'").split()) + "`"


def _entry(source, path, folder, name):
    try:
        # JSON can hold half of a surrogate pair, which no other file can.
        whole = json.dumps(json.loads(path.read_bytes()), ensure_ascii=False).encode(errors="replace")
        result = json.loads(whole)
        status, reason = result["status"], result["reason"] or ""
        if status != "graded":
            return Entry(status, reason, result)
        if {mark["grade_id"]: mark["points"] for mark in result["marks"]} != products.points(source):
            return Entry("not graded", "The parts of the assignment have changed since; grade again.")
    except (OSError, ValueError, KeyError, TypeError):
        return Entry("not graded", "It has no result yet; grade again.")
    known = {products.grading_of(cell).get("grade_id") for cell in source.cells} - {None}
    try:
        submission = read(find(folder, name), name, known)
        for number, _ in result["cells"]:
            submission.cells[number - 1]
    except (Rejected, OSError, IndexError):
        return Entry("not graded", "It is not the file any more that was graded; grade again.")
    return Entry("graded", "", result, submission)


def _save_cells(source, assignment, db_url):
    """Store the assignment's cells as `nbgrader generate_assignment` does: the tests with their hidden part."""
    from nbgrader.preprocessors import SaveCells
    from nbgrader.utils import compute_checksum, is_locked

    notebook = products.student(source)
    whole = {cell.id: cell.source for cell in source.cells}
    for cell in notebook.cells:
        if is_locked(cell):
            cell.source = whole[cell.id]
            cell.metadata.nbgrader.checksum = compute_checksum(cell)
    about = {"notebook": assignment, "assignment": assignment, "db_url": db_url}
    try:
        SaveCells().preprocess(notebook, {"nbgrader": about})
    except RuntimeError:
        raise ValueError(
            f"Parts of {assignment} were added or taken out after its first report; undo that, or forget its marks, "
            f"those by hand too, with `nbgrader db assignment remove {assignment} --force`."
        ) from None


def _fill_one(notebook, entry, changed, source):
    marks = {mark["grade_id"]: mark for mark in entry.result["marks"]} if entry.status == "graded" else {}
    notes = remarks(entry) if entry.status == "graded" else {}
    gradings = (products.grading_of(cell) for cell in source.cells)
    answers = {grading["grade_id"] for grading in gradings if grading.get("solution")}
    for grade in notebook.grades:
        score = marks.get(grade.name, {}).get("score")
        same = grade.auto_score == score and not (grade.name in changed if grade.name in answers else changed)
        if grade.manual_score is None:
            grade.needs_manual_grade = score is None
        elif not same:
            grade.needs_manual_grade = True
        grade.auto_score = score
    unread = {grade.name for grade in notebook.grades if grade.auto_score is None and grade.manual_score is None}
    for comment in notebook.comments:
        # nbgrader's page shows 0 points for an answer that nobody has marked yet.
        lines = [*(["Not marked yet."] if comment.name in unread else []), *filter(None, [notes.get(comment.name)])]
        comment.auto_comment = "\n\n".join(lines) or None
