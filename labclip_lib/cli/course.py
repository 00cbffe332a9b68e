"""What `python -m labclip_lib course ...` does with its arguments; `labclip_lib/__main__.py` says what they are."""

from labclip_lib.course.folder import Course, new, release
from labclip_lib.course.grader.sandbox import on_one_line


def run_new(args):
    course = new(args.folder)
    names = ", ".join(path.stem for path in sorted(course.root.glob("source/*/*.ipynb")))
    print(f"{course.root} is ready, with the assignments {names}.")
    print(f"Next: write your students into {course.root / 'students.csv'}, and release the first assignment.")
    return 0


def run_release(args):
    path = release(Course(args.course), args.assignment)
    print(f"{path} is for your students. No line of a solution or hidden test is in it, nor in anything beside it.")
    return 0


def run_grade(args):
    from labclip_lib.course.grader.batch import grade  # torch, which the other verbs do without

    course = Course(args.course)
    course.source(args.assignment)
    for path, why in course.left_out(args.assignment).items():
        print(f"Not graded: {on_one_line(str(path))}; {why}.")
    if not course.submitted(args.assignment):
        where = course.root / "submitted" / "STUDENT" / args.assignment / f"{args.assignment}.ipynb"
        raise ValueError(f"Nothing was handed in for {args.assignment}; put each student's notebook at {where}.")
    results = grade(course, args.assignment, args.jobs, seconds=args.seconds)
    width = max(map(len, results))
    for student, result in results.items():
        print(f"{on_one_line(student):{width}}  {result['status']:8}  {_told(result)}")
    counts = [sum(result["status"] == status for result in results.values()) for status in KINDS]
    _tell_unknown(course, args.assignment)
    print(f"\n{', '.join(f'{count} {status}' for count, status in zip(counts, KINDS, strict=True))}.")
    return 1 if counts[-1] else 0


def run_report(args):
    from labclip_lib.course.report_page import report  # nbgrader, torch

    course = Course(args.course)
    print(report(course, args.assignment))
    _tell_unknown(course, args.assignment)
    return 0


def _tell_unknown(course, assignment):
    for student in course.unknown(assignment):
        print(f"Not in students.csv: {student}; add a line for them, or call the folder in submitted/ by their id.")


KINDS = ("graded", "rejected", "failed")


def _told(result):
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
