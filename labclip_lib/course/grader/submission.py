"""Read a student's notebook, which is not trusted, or say in a sentence why it cannot be graded."""

import ast
import contextlib
import json
import re
import stat
import warnings
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from labclip_lib.base.text_files import folded

LARGEST_MB = 20
LARGEST_SOURCE_MB, MOST_CELLS = 2, 2000  # people write far less, and reading more takes minutes
# %ls, !ls, ?f and f?; and files = !ls
MAGIC, VALUE = re.compile(r"^(\s*)(?=!|\?|%+[A-Za-z]|[\w.]+\?+\s*$)"), re.compile(r"^(\s*[\w.]+\s*=\s*)(?=!|%[A-Za-z])")
RUNNING = ("%%time", "%%capture", "%%prun")  # cell magics that run the cell as Python and keep what it defines


class Rejected(ValueError):
    """Why a submission is not graded: a sentence for the student and the instructor. It is never a score of 0."""


class Submission(NamedTuple):
    """`cells`: a dict each, with its type ("code", "markdown", "raw"), its source, and its grade_id or None."""

    cells: list

    def code(self, skip=()):
        """The code cells to run, without those of the grade_ids `skip`: (numbers counted from 1, sources).

        Magics and shell commands, which only a notebook server understands, are replaced by `pass`.
        """
        to_run = [
            (i, c["source"]) for i, c in enumerate(self.cells, 1) if c["type"] == "code" and c["grade_id"] not in skip
        ]
        return [number for number, _ in to_run], [without_magics(source) for _, source in to_run]


def same_name(one, other):
    """Whether two file names are the same but for case, spaces, and how accents are encoded."""
    return _plain(one) == _plain(other)


def find(folder, name):
    """The submitted file in a student's folder: NAME.ipynb, or one .zip that holds it. Raises Rejected."""
    files = sorted(path for path in Path(folder).iterdir() if not path.name.startswith("."))
    notebooks = [path for path in files if same_name(path.name, f"{name}.ipynb")]
    notebooks = [path for path in notebooks if path.name == f"{name}.ipynb"] or notebooks
    wanted = notebooks or [path for path in files if _is_zip(path)]
    if not wanted:
        deeper = [path for path in sorted(Path(folder).rglob("*")) if same_name(path.name, f"{name}.ipynb")]
        if deeper:
            raise Rejected(f"{name}.ipynb lies too deep, at {str(deeper[0].relative_to(folder))[:200]!r}; move it up.")
        seen = ", ".join(repr(path.name)[:80] for path in files[:5]) or "nothing"
        how = "give the file this name again"
        if files and not any(".ipynb" in _plain(path.name) for path in files):
            how = "hand in the notebook itself, the file that ends in .ipynb"
        raise Rejected(f"There is {seen} in place of {name}.ipynb; {how}.")
    if len(wanted) > 1:
        if notebooks:
            raise Rejected(f"There are {len(wanted)} files called {name}.ipynb in other capitals; hand in one file.")
        raise Rejected(f"There are {len(wanted)} zip files and no {name}.ipynb; hand in one file.")
    if not stat.S_ISREG(wanted[0].lstat().st_mode):
        raise Rejected(f"{wanted[0].name} is a link or no plain file; hand in the notebook itself.")
    return wanted[0]


def read(path, name, known):
    """The Submission in a file that `find` found.

    name: of the assignment. known: the grade_ids of its source, some of which must be there. Raises Rejected.
    """
    path = Path(path)
    try:
        data = _unzipped(path, name) if _is_zip(path) else _bounded(path).read_bytes()
    except OSError as error:
        raise Rejected(f"{path.name} cannot be read ({error.strerror}); hand it in again.") from None
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        raise Rejected(f"{path.name} is not JSON, as a notebook is; save it again from Jupyter or Colab.") from None
    del data
    if not _is_notebook(notebook):
        raise Rejected(f"{path.name} is not a notebook of format 4; save it again from Jupyter or Colab.")
    if len(notebook["cells"]) > MOST_CELLS:
        raise Rejected(
            f"{path.name} has {len(notebook['cells']):,} cells, and {MOST_CELLS:,} are the most; delete some."
        )
    cells = [_cell(cell) for cell in notebook["cells"]]
    if (written := sum(len(cell["source"]) for cell in cells)) > LARGEST_SOURCE_MB * 2**20:
        raise Rejected(
            f"The cells of {path.name} hold {written / 2**20:,.0f} MB of text, and {LARGEST_SOURCE_MB} are the most; "
            f"take out what nobody wrote."
        )
    answers = {}
    for number, cell in enumerate(cells, 1):
        if cell["type"] != "code" or cell["grade_id"] is None:
            continue
        first, before = answers.setdefault(cell["grade_id"], (number, cell["source"]))
        if before.strip() != cell["source"].strip():
            raise Rejected(
                f"{path.name} has two copies of one graded cell, {described(first, before)} and "
                f"{described(number, cell['source'])}; delete the one that should not be marked."
            )
    if not any(cell["grade_id"] in known for cell in cells):
        raise Rejected(
            f"No cell of {path.name} has the metadata of {name} any more; copy your answers into the notebook that was "
            f"released, and hand that in."
        )
    return Submission(cells)


def described(number, source):
    """A cell in words: its number, counted from 1, and how it begins."""
    start = " ".join(source.split())
    return f"cell {number} ({start[:40]}{'...' * (len(start) > 40)})" if start else f"cell {number}"


def _plain(name):
    return folded(name).replace(" ", "")


def _is_zip(path):
    return _plain(path.suffix) == ".zip"


def _bounded(path):
    size = path.stat().st_size
    if size > LARGEST_MB * 2**20:
        raise Rejected(
            f"{path.name} has {size / 2**20:,.0f} MB, and {LARGEST_MB} are the most; clear its outputs and save it."
        )
    return path


def _unzipped(path, name):
    """The bytes of the one notebook in a zip file, read in memory: nothing is unpacked to disk."""
    try:
        with zipfile.ZipFile(_bounded(path)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
            for member in members:
                if ".." in PurePosixPath(member.filename.replace("\\", "/")).parts or member.filename[:1] in "/\\":
                    raise Rejected(
                        f"{path.name} holds the path {member.filename[:80]!r}, which leads out of it; zip it again."
                    )
            names = [PurePosixPath(m.filename.replace("\\", "/")).name for m in members]
            matches = [m for m, it in zip(members, names, strict=True) if same_name(it, f"{name}.ipynb")]
            if len(matches) != 1:
                others = f", but {', '.join(repr(it)[:80] for it in names[:5])}" if names and not matches else ""
                raise Rejected(
                    f"{path.name} holds {len(matches)} files called {name}.ipynb{others}; hand in a zip file with one "
                    f"notebook of this name, or the notebook itself."
                )
            if matches[0].flag_bits & 1:
                raise Rejected(f"{path.name} has a password; hand it in without one.")
            with archive.open(matches[0]) as file:
                data = file.read(LARGEST_MB * 2**20 + 1)
    except Rejected:
        raise
    except Exception as error:  # zipfile and its decompressors raise many kinds
        raise Rejected(
            f"{path.name} cannot be unpacked ({type(error).__name__}); hand in the notebook itself."
        ) from None
    if len(data) > LARGEST_MB * 2**20:
        raise Rejected(
            f"{name}.ipynb in {path.name} has more than {LARGEST_MB} MB; clear its outputs and save it again."
        )
    return data


def _is_notebook(notebook):
    return (
        type(notebook) is dict
        and notebook.get("nbformat") == 4
        and type(notebook.get("cells")) is list
        and all(
            type(cell) is dict
            and cell.get("cell_type") in ("code", "markdown", "raw")
            and type(cell.get("metadata", {})) is dict
            and (type(cell.get("source")) is str or _is_lines(cell.get("source")))
            for cell in notebook["cells"]
        )
    )


def _is_lines(source):
    return type(source) is list and all(type(line) is str for line in source)


def _cell(cell):
    metadata = cell.get("metadata", {})
    grading = metadata.get("nbgrader")
    grade_id = grading.get("grade_id") if type(grading) is dict else None
    cell_id = cell.get("id", metadata.get("id"))  # Colab keeps ids in the metadata
    return {
        "type": cell["cell_type"],
        "source": "".join(cell["source"]),
        "grade_id": grade_id if type(grade_id) is str else None,
        "id": cell_id if type(cell_id) is str else None,
    }


def without_magics(source):
    """The source of a code cell as Python: magics and shell commands are replaced by `pass`."""
    if _parses(source):
        return source
    first, _, rest = source.lstrip().partition("\n")
    if first.startswith("%%"):
        if first.split()[0] not in RUNNING:
            return "pass"
        source = rest
    if _parses(source):
        return source
    lines = (MAGIC.sub(r"\1pass  # ", line, count=1) for line in source.split("\n"))
    return "\n".join(VALUE.sub(r"\1None  # ", line, count=1) for line in lines)


def _parses(source):
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in a student's text
        return bool(ast.parse(source))
