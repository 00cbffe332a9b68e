"""`labclip course`: making, releasing and grading assignments."""

import shlex
from pathlib import Path

from labclip_lib.cli.parser import add_verb, command


def add_to(verbs):
    parser = add_verb(
        verbs, "course", "make, release and grade the assignments of a course", "release 1-infonce --course my-course"
    )
    steps = parser.add_verbs("STEP")
    make = add_verb(steps, "new", "make a course folder, with the book's assignments in it", "my-course", run_new)
    make.add_argument("folder", type=Path, metavar="FOLDER", help="a new one, or an empty one")
    for name, run, what in (
        ("release", run_release, "write the students' notebook, and look for solutions in everything they get"),
        ("grade", run_grade, "mark what was handed in and has changed since. After a stop, the same command goes on"),
        ("report", run_report, "write the gradebook, feedback for each student, marks as CSV, and an overview"),
    ):
        each = add_verb(steps, name, what, "1-infonce --course my-course", run)
        each.add_argument("assignment", metavar="ASSIGNMENT", help="its name, such as 1-infonce")
        each.add_argument(
            "--course", type=Path, metavar="FOLDER", default=Path("."), help="of the course (default: this one)"
        )
        if name == "grade":
            each.add_argument("--jobs", type=int, metavar="N", default=1, help="submissions at once (default: 1)")
            each.add_argument(
                "--seconds", type=float, metavar="S", default=300, help="for all cells of one submission (default: 300)"
            )


def run_new(args):
    from labclip_lib.course.folder import new

    course = new(args.folder)
    names = ", ".join(path.stem for path in sorted(course.root.glob("source/*/*.ipynb")))
    print(f"{course.root} is ready, with the assignments {names}.")
    print(f"Next: write your students into {course.root / 'students.csv'}, and release the first assignment.")
    return 0


def run_release(args):
    from labclip_lib.course.folder import Course, release

    path = release(Course(args.course), args.assignment)
    print(f"{path} is for your students. No line of a solution or hidden test is in it, nor in anything beside it.")
    return 0


def run_grade(args):
    for option, value in (("--jobs", args.jobs), ("--seconds", args.seconds)):
        if value <= 0:
            raise ValueError(f"{option} must be above 0, got {value:g}.")

    from labclip_lib.course.folder import Course
    from labclip_lib.course.grader.batch import grade
    from labclip_lib.course.grader.sandbox import on_one_line

    course = Course(args.course)
    course.source(args.assignment)
    for path, why in course.left_out(args.assignment).items():
        print(f"Not graded: {on_one_line(str(path))}; {why}.")
    _handed_in(course, args.assignment)
    results = grade(course, args.assignment, args.jobs, seconds=args.seconds)
    width = max(map(len, results))
    for student, result in results.items():
        print(f"{on_one_line(student):{width}}  {result['status']:8}  {_result_line(result)}")
    counts = [sum(result["status"] == status for result in results.values()) for status in KINDS]
    _print_unknown(course, args.assignment)
    print(f"\n{', '.join(f'{count} {status}' for count, status in zip(counts, KINDS, strict=True))}.")
    return 1 if counts[-1] else 0


def run_report(args):
    from labclip_lib.course.folder import Course
    from labclip_lib.course.report_page import report

    course, assignment = Course(args.course), args.assignment
    course.source(assignment)
    if not any(course.result(assignment, student).is_file() for student in _handed_in(course, assignment)):
        where = "" if args.course == Path(".") else f" --course {shlex.quote(str(args.course))}"
        raise ValueError(
            f"Nothing of {assignment} is graded; run `{command()} course grade {assignment}{where}` first."
        )
    print(report(course, assignment))
    _print_unknown(course, assignment)
    return 0


def _handed_in(course, assignment):
    """The submissions of an assignment: {student: folder}. Raises ValueError when there are none."""
    submissions = course.submitted(assignment)
    if not submissions:
        where = course.root / "submitted" / "STUDENT" / assignment / f"{assignment}.ipynb"
        raise ValueError(f"Nothing was handed in for {assignment}; put each student's notebook at {where}.")
    return submissions


def _print_unknown(course, assignment):
    for student in course.unknown(assignment):
        print(f"Not in students.csv: {student}; add a line for them, or call the folder in submitted/ by their id.")


KINDS = ("graded", "rejected", "failed")


def _result_line(result):
    if result["status"] != "graded":
        return result["reason"]
    marks = result["marks"]
    by_hand = [mark["points"] for mark in marks if mark["score"] is None]
    score = sum(mark["score"] or 0 for mark in marks)
    waiting = f", and {sum(by_hand):g} to be marked by hand" if by_hand else ""
    doubt = [f"{mark['grade_id']}: {mark['reason']}" for mark in marks if mark["score"] is None and mark["reason"]]
    doubt += [f"cell {number} {what}" for number, what in result.get("notes", [])]
    look = f"; look at {'; '.join(doubt)}" if doubt else ""
    empty = "; nothing in it is answered: is it the right file?" if result.get("untouched") else ""
    return f"{score:g} of {sum(mark['points'] for mark in marks) - sum(by_hand):g} points{waiting}{look}{empty}"
