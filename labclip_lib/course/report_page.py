"""After grading: update gradebook and feedback, write the marks as a table and a page for the instructor."""

import hashlib
import hmac
import math
import secrets
from collections import Counter
from statistics import median

import matplotlib
import matplotlib.pyplot as plt

from labclip_lib.base.csv_tables import as_csv
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.book.figures.style import INK, PALETTE, PAPER, use_style
from labclip_lib.book.page import Bullets, Choice, Figure, Heading, Note, Table, html_page, svg
from labclip_lib.course import feedback, gradebook
from labclip_lib.course.notebooks import products

STATUSES = ("graded", "rejected", "failed", "not graded", "not submitted")
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # a cell that begins so is a formula to a spreadsheet


def report(course, assignment):
    """Do everything that follows the grading of an assignment; returns the path of report/A.html.

    Fills gradebook.db and autograded/ for `nbgrader formgrader`, and writes feedback/, marks/A.csv and
    marks/A-leaderboard.csv. A second call changes nothing; after marking by hand it updates all. Of two runs in one
    course, the second waits.
    Raises ValueError for a missing nbgrader and like `gradebook.fill` and `feedback.write`.
    """
    with one_at_a_time(course.root / "report", "course report"):
        with gradebook.opened(course):  # raises at once if nbgrader is missing
            pass
        return _report(course, assignment)


def _report(course, assignment):
    source = products.read_source(course.source(assignment))
    entries = gradebook.entries(course, assignment)
    notebooks = {
        student: feedback.marked(source, entry) for student, entry in entries.items() if entry.status == "graded"
    }
    gradebook.fill(course, assignment, entries, feedback.changed(course, assignment, notebooks))
    marks = gradebook.marks(course, assignment, entries)
    feedback.write(course, assignment, entries, notebooks, marks)
    points, board = products.points(source), leaderboard(entries)
    rows = marks_table(entries, marks, points, course.students())
    feedback.put(course.root / "marks" / f"{assignment}.csv", _csv(rows))
    names = _anonymous(course, [student for _, student, _ in board])
    feedback.put(course.root / "marks" / f"{assignment}-leaderboard.csv", _csv(_board_rows(board, names)))
    path = course.root / "report" / f"{assignment}.html"
    feedback.put(path, page(assignment, entries, marks, points, board, names).encode())
    return path


def marks_table(entries, marks, points, students):
    """The rows of marks/A.csv, its heading first; only graded students have a score."""
    rows = [
        ["id", "first_name", "last_name", "email", "status", "score", "max", "waiting for marking by hand", *points]
    ]
    for student, entry in entries.items():
        about = students.get(student, {})
        row = [student, *(about.get(key) or "" for key in ("first_name", "last_name", "email")), entry.status]
        if student in marks:
            scores, waiting, _ = marks[student]
            row += [_number(sum(scores.values())), _number(sum(points.values())), len(waiting)]
            row += [_number(scores[name]) for name in points]
        else:
            row += ["", _number(sum(points.values())), "", *([""] * len(points))]
        rows.append(row)
    return rows


def leaderboard(entries):
    """[(rank, student, {name: value})], the best first, by the first measure and then the next."""
    values = {
        student: finite
        for student, entry in entries.items()
        if entry.status == "graded"
        and (finite := {name: v for name, v in entry.result.get("leaderboard", {}).items() if math.isfinite(v)})
    }
    names = list(dict.fromkeys(name for row in values.values() for name in row))
    keys = {student: [-row.get(name, -math.inf) for name in names] for student, row in values.items()}
    order = sorted(values, key=lambda student: (keys[student], student))
    return [(1 + sum(keys[other] < keys[student] for other in keys), student, values[student]) for student in order]


def page(assignment, entries, marks, points, board, names):
    """The text of report/A.html, one file for all. names: {student: pseudonym}."""
    blocks = [Note("For the instructor: it names students.", "faint"), *_counts(entries, marks)]
    blocks += [*_scores(assignment, marks, points), *_parts(entries, marks, points)]
    blocks += [*_board(board, names), *_times(entries)]
    return html_page(assignment, blocks, f"{assignment}: report")


def _counts(entries, marks):
    waiting = {student: it.waiting for student, it in marks.items() if it.waiting}
    counts = Counter(entry.status for entry in entries.values())
    items = [f"{status}: {counts[status]}" for status in STATUSES if counts[status]]
    items += [f"waiting for marking by hand: {len(waiting)}"] if waiting else []
    rows = [
        [student, entry.status, entry.reason]
        for status in STATUSES[1:4]
        for student, entry in entries.items()
        if entry.status == status
    ]
    rows += [[student, "waiting", _waiting(parts, entries[student])] for student, parts in waiting.items()]
    rows += [
        [student, "graded", f"Cell {number} {what}."]
        for student in marks
        for number, what in entries[student].result.get("notes", [])
    ]
    rows += [
        [student, "graded", "Nothing in it is answered; ask whether it is the right file."]
        for student, entry in entries.items()
        if entry.status == "graded" and entry.result.get("untouched")
    ]
    rows += [[student, entry.status, ""] for student, entry in entries.items() if entry.status == "not submitted"]
    table = _table("Whom to look at, and why; only what is graded has a score", ["student", "status", "why"], rows)
    return [Heading("Submissions"), Bullets(items), table]


def _waiting(parts, entry):
    """The parts that wait for marking by hand, each with the reason."""
    why = {mark["grade_id"]: mark["reason"] for mark in entry.result["marks"] if mark["score"] is None}
    return "; ".join(f"{part}: {why[part]}" if why.get(part) else part for part in parts)


def _scores(assignment, marks, points):
    totals, most = [sum(it.scores.values()) for it in marks.values()], sum(points.values())
    if not totals:
        return [Heading("Scores"), Note("Nothing is graded yet.")]
    facts = (
        f"{len(totals)} scores out of {most:g} points: the lowest is {min(totals):g}, "
        f"the median {median(totals):g}, the highest {max(totals):g}."
    )
    with matplotlib.rc_context():
        use_style()
        figure, ax = plt.subplots(figsize=(7.2, 3.2))
        ax.hist(totals, bins=20, range=(0, max([most, *totals]) or 1), color=PALETTE["LABCLIP"], edgecolor=PAPER)
        ax.axvline(median(totals), color=INK, ls="--", lw=1.4, label=f"median {median(totals):g}")
        ax.set(xlabel=f"score, out of {most:g} points", ylabel="students")
        ax.yaxis.get_major_locator().set_params(integer=True)
        ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1))  # above the axes: a bar may be anywhere
        picture = Figure("scores", f"Histogram of {facts}", svg(figure, assignment))
        plt.close(figure)
    pending = sum(bool(it.waiting) for it in marks.values())
    note = Note(f"Waiting for marking by hand: {pending}. These scores may rise.") if pending else None
    return [Heading("Scores"), Note(facts), note, picture]


def _parts(entries, marks, points):
    rows = []
    for name, most in points.items():
        done = [it.scores[name] for it in marks.values() if name not in it.waiting]
        reasons = Counter(
            mark["reason"]
            for student in marks
            for mark in entries[student].result["marks"]
            if mark["grade_id"] == name and mark["reason"]
        )
        share = f"{100 * sum(done) / len(done) / most:.0f}\u00a0%" if done and most else ""
        commonest = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(3))
        rows.append([name, f"{most:g}", share, f"{sum(score >= most for score in done)} of {len(done)}", commonest])
    heads = ["part", "points", "mean share", "in full", "commonest reasons"]
    return [Heading("Parts"), _table("Without what waits for marking by hand", heads, rows)]


def _board(board, names):
    if not board:
        return []
    heads, *rows = _board_rows(board, {student: student for _, student, _ in board})
    _, *hidden = _board_rows(board, names)
    tables = [_table("The best first", heads, lines) for lines in (rows, hidden)]
    return [Heading("Leaderboard"), Choice("names that only I can resolve, as in the CSV file", *tables)]


def _times(entries):
    seconds = {
        student: entry.result["seconds"] for student, entry in entries.items() if (entry.result or {}).get("seconds")
    }
    if not seconds:
        return []
    slowest = max(seconds, key=seconds.get)
    facts = (
        f"Grading took {sum(seconds.values()) / 60:.1f} minutes of one process in all, "
        f"{median(seconds.values()):.1f} s for the median submission and {seconds[slowest]:.1f} s for the slowest, "
        f"{slowest}."
    )
    return [Heading("Time"), Note(facts)]


def _board_rows(board, names):
    columns = list(dict.fromkeys(name for _, _, values in board for name in values))
    rows = [[rank, names[student], *(_number(values.get(c)) for c in columns)] for rank, student, values in board]
    return [["rank", "name", *columns], *rows]


def _anonymous(course, students):
    """{student: pseudonym}, the same for all assignments, made with a key that stays in the course's folder.

    Without a key, anyone who knows the ids could compute the pseudonyms.
    """
    path = course.root / "graded" / "names.key"
    if not path.is_file():
        feedback.put(path, secrets.token_hex(16).encode())
    key = path.read_bytes()
    return {student: hmac.new(key, student.encode(), hashlib.sha256).hexdigest()[:8] for student in students}


def _table(caption, heads, rows):
    return Table(caption, caption, heads, {"": [[*map(str, row)] for row in rows]}) if rows else None


def _csv(rows):
    """Rows as CSV, in which no text is a formula to a spreadsheet."""
    return as_csv([f"'{it}" if str(it).startswith(FORMULA) else it for it in row] for row in rows).encode()


def _number(value):
    return "" if value is None else f"{round(value, 4):g}"
