"""A course on disk, in nbgrader's layout: making it, releasing an assignment, finding what was handed in."""

import csv
import difflib
import shutil
from pathlib import Path

import labclip_lib
from labclip_lib.course import products
from labclip_lib.course.submission import Rejected, find, same_name
from labclip_lib.embed import write_atomically

SOURCES = Path(labclip_lib.__file__).resolve().parents[1] / "chapters" / "assignments"
CONFIG = """\
# nbgrader's settings for this course; `nbgrader --help` lists more. Run nbgrader in this folder.
c = get_config()
c.CourseDirectory.root = "."
c.CourseDirectory.course_id = {name!r}
"""
# What systems and nbgrader leave in folders.
JUNK = {".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", ".ipynb_checkpoints", ".gitkeep", "timestamp.txt"}
MOST_NAMED = 20  # files of one folder
ROSTER = "id,first_name,last_name,email\n"
IGNORE = """\
# All but release/ is for the instructor alone: never put it where students can see it.
/*
!/.gitignore
!/release/
"""


class Course:
    """The folder of a course and the paths in it. Raises ValueError where there is none."""

    def __init__(self, root):
        self.root = Path(root)
        if not (self.root / "nbgrader_config.py").is_file():
            raise ValueError(f"{root} is no course folder; make one with `python -m labclip_lib course new {root}`.")

    def source(self, assignment):
        """The instructor's notebook. Raises ValueError for a name that is not there, with those that are."""
        path = self.root / "source" / assignment / f"{assignment}.ipynb"
        if not path.is_file():
            there = ", ".join(sorted(p.parent.name for p in self.root.glob("source/*/*.ipynb"))) or "none"
            raise ValueError(f"There is no assignment {assignment!r} in {self.root / 'source'}; there are: {there}.")
        return path

    def students(self):
        """{id: row} of students.csv. Raises ValueError for a table without the column id."""
        with open(self.root / "students.csv", newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        if rows and "id" not in rows[0]:
            raise ValueError(
                f"{self.root / 'students.csv'} has no column id; its first line should be {ROSTER.strip()}."
            )
        return {row["id"]: row for row in rows if row["id"]}

    def submitted(self, assignment):
        """{student: folder} of what was handed in; the folder's name may differ in case and spaces."""
        found = {}
        for path in sorted(self.root.glob("submitted/*/*")):
            student, is_one = path.parent.name, path.is_dir() and not path.is_symlink()
            if is_one and same_name(path.name, assignment) and (student not in found or path.name == assignment):
                found[student] = path
        return found

    def left_out(self, assignment):
        """{path: why} of all that lies in submitted/ and is graded as no assignment, or beside what is graded as it."""
        names = {path.parent.name for path in self.root.glob("source/*/*.ipynb")} | {assignment}
        graded, out = self.submitted(assignment), {}
        where = f"put the notebook into submitted/STUDENT/{assignment}/"
        for path in sorted([*self.root.glob("submitted/*"), *self.root.glob("submitted/*/*")]):
            depth = len(path.relative_to(self.root / "submitted").parts)
            if _is_junk(path) or (depth == 1 and path.is_dir()):
                continue
            alike = [name for name in names if depth == 2 and same_name(path.name, name)]
            if graded.get(path.parent.name) == path and depth == 2:
                out |= _beside(path, assignment)
            elif alike in ([], [assignment]) or not path.is_dir() or path.is_symlink():
                close = difflib.get_close_matches(path.stem.casefold(), sorted(names), 1)
                meant = f" (did you mean {close[0]}?)" if close and depth == 2 and path.is_dir() else ""
                out |= dict.fromkeys(_files(path), where + meant)
        return out

    def result(self, assignment, student):
        """The file of one student's marks."""
        return self.root / "graded" / assignment / f"{student}.json"


def _beside(folder, assignment):
    """{path: why} of what lies beside the file that is graded; what is rejected names itself."""
    try:
        taken = find(folder, assignment)
    except Rejected:
        return {}
    others = [path for path in sorted(folder.iterdir()) if path != taken and not _is_junk(path)]
    return {path: f"{taken.name} beside it is graded" for other in others for path in _files(other)}


def _files(path):
    """The files in a folder, or the folder where they are many; any other path itself."""
    if path.is_symlink() or not path.is_dir():
        return [path]
    files = [it for it in sorted(path.rglob("*")) if not it.is_dir() and not any(map(_is_junk, [it, *it.parents]))]
    return files if len(files) <= MOST_NAMED else [path]


def _is_junk(path):
    return path.name in JUNK or path.name.startswith("._")


def new(root, sources=SOURCES):
    """Make a course folder with all assignments in it. Raises ValueError where it would overwrite one."""
    root = Path(root)
    if root.exists() and any(root.iterdir()):
        raise ValueError(f"{root} is not empty; give a new folder.")
    notebooks = sorted(Path(sources).glob("*.ipynb"))
    if not notebooks:
        raise ValueError(f"There are no assignments in {sources}; run this in a clone of the book's repository.")
    for path in notebooks:
        (root / "source" / path.stem).mkdir(parents=True)
        shutil.copy(path, root / "source" / path.stem)
    (root / "submitted").mkdir()
    (root / "nbgrader_config.py").write_text(CONFIG.format(name=root.resolve().name))
    (root / "students.csv").write_text(ROSTER)
    (root / ".gitignore").write_text(IGNORE)
    return Course(root)


def release(course, assignment):
    """Write release/A/A.ipynb for the students and solution/A/A.ipynb for the instructor; returns the former's path.

    Then every file under release/ is searched for solutions and hidden tests of all assignments, and so is all of
    git's history in the course's folder. Raises ValueError with the first line that students could read; then the file
    is gone again.
    """
    notebook = products.read_source(course.source(assignment))
    out, solution = (course.root / kind / assignment / f"{assignment}.ipynb" for kind in ("release", "solution"))
    for path, made in ((out, products.student(notebook)), (solution, products.solution(notebook))):
        path.parent.mkdir(parents=True, exist_ok=True)
        data = products.as_bytes(made)
        write_atomically(path, lambda part, data=data: Path(part).write_bytes(data))
    sources = sorted(course.root.glob("source/*/*.ipynb"))
    for where in [course.root / "release", *course.root.glob(".git")]:
        for name, line in products.leaks(where, *sources):
            out.unlink()
            raise ValueError(f"Students could read {line[:80]!r} in {name}; remove it there and release again.")
    return out
