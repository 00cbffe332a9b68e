"""A course on disk, in nbgrader's layout: making it, releasing an assignment, finding what was handed in."""

import shutil
import unicodedata
from pathlib import Path

import labclip_lib
from labclip_lib.base.csv_tables import check_filled, read_table
from labclip_lib.base.files import write_bytes
from labclip_lib.base.messages import closest
from labclip_lib.base.text_files import folded, trimmed
from labclip_lib.course.grader.submission import Rejected, find, same_name
from labclip_lib.course.notebooks import products

SOURCES = Path(labclip_lib.__file__).resolve().parents[1] / "chapters" / "assignments"
CONFIG = """\
# nbgrader's settings for this course; `nbgrader --help` lists more. Run nbgrader in this folder.
c = get_config()
c.CourseDirectory.root = "."
c.CourseDirectory.course_id = {name!r}
"""
# Files that operating systems and nbgrader leave in folders.
JUNK = {".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", ".ipynb_checkpoints", ".gitkeep", "timestamp.txt"}
MOST_NAMED = 20  # files of one folder that are listed one by one
ROSTER = "id,first_name,last_name,email\n"
IGNORE = """\
# All but release/ is for the instructor alone: never put it where students can see it.
/*
!/.gitignore
!/release/
"""


class Course:
    """The folder of a course and the paths in it. Raises ValueError if it is no course folder."""

    def __init__(self, root):
        self.root = Path(root)
        if not (self.root / "nbgrader_config.py").is_file():
            raise ValueError(
                f"{root} is no course folder; give --course, or make one with `python -m labclip_lib course new`."
            )

    def source(self, assignment):
        """The path of the instructor's notebook. Raises ValueError for an unknown name, with the known ones."""
        path = self.root / "source" / assignment / f"{assignment}.ipynb"
        if not path.is_file():
            known = ", ".join(sorted(p.parent.name for p in self.root.glob("source/*/*.ipynb"))) or "none"
            raise ValueError(f"There is no assignment {assignment!r} in {self.root / 'source'}; there are: {known}.")
        return path

    def students(self):
        """{id: row} of students.csv; ids are normalised (NFC) and have no spaces around them.

        Raises ValueError, in one sentence, for a table without the column id, for an id that is missing, cannot name a
        folder or occurs twice (also in another case or spelling), and like `csv_tables.read_table`.
        """
        path = self.root / "students.csv"
        if not path.is_file():
            raise ValueError(f"There is no {path}; write one whose first line is {ROSTER.strip()}.")
        table, rows, lines = read_table(path, ["id"]), {}, {}
        check_filled(table.rows, ["id"], path)
        for line, row in table.rows:
            student = trimmed(row["id"])
            if not _names_a_folder(student):
                raise ValueError(
                    f"Line {line} of {path} has the id {student[:80]!r}, which cannot be the name of a folder in "
                    "submitted/; write it without slashes and the like."
                )
            other = lines.setdefault(folded(student), (line, student))
            if other[0] != line:
                also = "" if other[1] == student else f" as {other[1]!r}"
                raise ValueError(
                    f"Line {line} of {path} has the student {student!r} again, who is in line {other[0]}{also}; each "
                    "has one line and an id of their own."
                )
            rows[student] = row | {"id": student}
        return rows

    def submitted(self, assignment):
        """{student: folder} of the submissions; a folder's name may differ in case and spaces.

        Raises ValueError like `students`, and for two folders of one student.
        """
        folders = {}
        for path in sorted(self.root.glob("submitted/*/*")):
            is_one = path.is_dir() and not path.is_symlink() and same_name(path.name, assignment)
            if is_one and (path.parent not in folders or path.name == assignment):
                folders[path.parent] = path
        return self._by_student(folders.values())

    def _by_student(self, folders):
        """{student: folder}: the id in students.csv, in any case and spelling, else the folder's name."""
        known = {folded(student): student for student in self.students()}
        out = {}
        for folder in folders:
            name = folder.parent.name
            student, other = out.setdefault(folded(name), (known.get(folded(name), name), folder))
            if other != folder:
                raise ValueError(
                    f"{other.parent} and {folder.parent} are both of the student {student!r}; put what counts into one "
                    "of them, and take the other out of submitted/."
                )
        return dict(out.values())

    def unknown(self, assignment):
        """The names of students who submitted but are not in students.csv; [] while that is empty."""
        students = self.students()
        return [student for student in self.submitted(assignment) if students and student not in students]

    def left_out(self, assignment):
        """{path: what to do} of all files in submitted/ that will not be graded, as this assignment or another."""
        names = {path.parent.name for path in self.root.glob("source/*/*.ipynb")} | {assignment}
        graded, out = set(self.submitted(assignment).values()), {}
        where = f"put the notebook into submitted/STUDENT/{assignment}/"
        for path in sorted([*self.root.glob("submitted/*"), *self.root.glob("submitted/*/*")]):
            depth = len(path.relative_to(self.root / "submitted").parts)
            if _is_junk(path) or (depth == 1 and path.is_dir()):
                continue
            alike = [name for name in names if depth == 2 and same_name(path.name, name)]
            if path in graded:
                out |= _beside(path, assignment)
            elif alike in ([], [assignment]) or not path.is_dir() or path.is_symlink():
                close = closest(path.stem.casefold(), sorted(names))
                meant = f" (did you mean {close}?)" if close and depth == 2 and path.is_dir() else ""
                out |= dict.fromkeys(_files(path), where + meant)
        return out

    def result(self, assignment, student):
        """The file of one student's marks."""
        return self.root / "graded" / assignment / f"{student}.json"


def _beside(folder, assignment):
    """{path: why} of the files beside the one that is graded; {} if the submission is rejected."""
    try:
        taken = find(folder, assignment)
    except Rejected:
        return {}
    others = [path for path in sorted(folder.iterdir()) if path != taken and not _is_junk(path)]
    return {path: f"{taken.name} beside it is graded" for other in others for path in _files(other)}


def _files(path):
    """The files in a folder, or the folder itself if they are many; a path that is no folder itself."""
    if path.is_symlink() or not path.is_dir():
        return [path]
    files = [it for it in sorted(path.rglob("*")) if not it.is_dir() and not any(map(_is_junk, [it, *it.parents]))]
    return files if len(files) <= MOST_NAMED else [path]


def _is_junk(path):
    return path.name in JUNK or path.name.startswith("._")


def new(root, sources=SOURCES):
    """Make a course folder with all assignments in it; returns its Course. Raises ValueError if it is not empty."""
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

    Then every file under release/ and the git history of the course's folder are searched for solutions and hidden
    tests of all assignments. Raises ValueError with the first such line, after removing the file in release/.
    """
    notebook = products.read_source(course.source(assignment))
    out, solution = (course.root / kind / assignment / f"{assignment}.ipynb" for kind in ("release", "solution"))
    for path, made in ((out, products.student(notebook)), (solution, products.solution(notebook))):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, products.as_bytes(made))
    sources = sorted(course.root.glob("source/*/*.ipynb"))
    for where in [course.root / "release", *course.root.glob(".git")]:
        for name, line in products.leaks(where, *sources):
            out.unlink()
            raise ValueError(f"Students could read {line[:80]!r} in {name}; remove it there and release again.")
    return out


def _names_a_folder(name):
    control = any(unicodedata.category(char)[0] == "C" for char in name)
    return not (control or name.startswith(".") or "/" in name or "\\" in name or len(name.encode()) > 200)
