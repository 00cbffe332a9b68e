"""In which forms students hand in, and what a toy's answers are worth; `hand_in` writes them, `mistakes` judges."""

import io
import json
import os
import zipfile
from pathlib import Path

from course_cheats import CHEATS, EMPTY, FULL, Cheat, expanded, filled
from course_toy import ANSWERS

EDITED = {}  # {name: (what is done to a notebook that is a dict, its Cheat)}
WRITTEN = {}  # {name: (how a notebook, as bytes, is written as an assignment of this name into a folder, its Cheat)}
REJECTED = Cheat(FULL, None, None, status="rejected")


def edits(name, marks="all", words="", status="graded", start=FULL):
    return lambda edit: EDITED.update({name: (edit, Cheat(start, None, marks, words, status))})


def writes(name, words=None):
    cheat = Cheat(FULL, None, "all") if words is None else REJECTED._replace(words=words)
    return lambda write: WRITTEN.update({name: (write, cheat)})


def grading(cell):
    return cell["metadata"].get("nbgrader", {})


def tests_of(notebook):
    return [cell for cell in notebook["cells"] if grading(cell).get("grade") and not grading(cell)["solution"]]


def answers_of(notebook):
    return [cell for cell in notebook["cells"] if grading(cell).get("solution") and cell["cell_type"] == "code"]


def code(source, **metadata):
    return {"cell_type": "code", "metadata": metadata, "outputs": [], "execution_count": None, "source": source}


@edits("checks rewritten", "none", start=EMPTY)
def _(notebook):
    for cell in tests_of(notebook):
        cell["source"] = "assert True\n99"
        cell["metadata"]["nbgrader"]["points"] = 99


@edits("checks deleted")
def _(notebook):
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in tests_of(notebook)]


@edits("answers deleted", "none")
def _(notebook):
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in answers_of(notebook)]


@edits("answers become checks", "none")
def _(notebook):
    for cell in answers_of(notebook):
        cell["source"] = ""
    for cell in tests_of(notebook):
        cell["source"] = "\n".join(ANSWERS.values())


@edits("answers below")
def _(notebook):
    cells = answers_of(notebook)
    notebook["cells"] += [code(cell["source"], nbgrader={"grade_id": 7}) for cell in cells]
    for cell in cells:
        cell["source"] = "# see below"


@edits("Colab")
def _(notebook):
    notebook["nbformat_minor"] = 0
    for cell in notebook["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
        cell["source"] = cell["source"].splitlines(keepends=True)


@edits("numbers that are none")
def _(notebook):
    notebook["metadata"]["x"] = float("nan")


@edits("own cells")
def _(notebook):
    for kind in ("markdown", "raw", "code"):
        notebook["cells"].insert(3, {"cell_type": kind, "metadata": {}, "source": ""})


@edits("metadata lost", None, "metadata", "rejected")
def _(notebook):
    for cell in notebook["cells"]:
        cell["metadata"] = {}


@edits("a check of one's own", None, "two copies of one graded cell", "rejected")
def _(notebook):
    own = grading(tests_of(notebook)[0]) | {"grade_id": grading(answers_of(notebook)[0])["grade_id"]}
    notebook["cells"].append(code("assert True", nbgrader=own))


@edits("two of one id")
def _(notebook):
    notebook["cells"].append(notebook["cells"][2] | {"metadata": {}})


@edits("all of one id")
def _(notebook):
    for cell in notebook["cells"]:
        cell["id"] = "x"


@edits("cells copied")
def _(notebook):
    notebook["cells"] += [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@edits("code became text")
def _(notebook):
    for number, cell in enumerate(cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        cell["cell_type"] = ("markdown", "raw")[number % 2]


@edits("text became code")
def _(notebook):
    for cell in notebook["cells"]:
        cell["cell_type"] = "code"


@edits("answers lost their metadata")
def _(notebook):
    for cell in notebook["cells"]:
        if grading(cell).get("solution"):
            cell["metadata"] = {}
            del cell["id"]


@edits("a written answer below")
def _(notebook):
    answer = notebook["cells"][-1]
    notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": answer["source"]})
    answer["source"] = "YOUR ANSWER HERE"


@edits("a written answer moved")
def _(notebook):
    notebook["cells"].insert(0, notebook["cells"].pop())


@edits("many cells", None, "cells", "rejected")
def _(notebook):
    notebook["cells"] += [code("1 / 0")] * 100_000


@edits("much code", None, "MB of text", "rejected")
def _(notebook):
    notebook["cells"].append(code("x=1\n" * 2**20))


@edits("much output", None, "clear its outputs", "rejected")
def _(notebook):
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 10**8}]


@edits("old format", None, "format 4", "rejected")
def _(notebook):
    notebook["nbformat"] = 3


@edits("cells of other kinds", None, "format 4", "rejected")
def _(notebook):
    notebook["cells"] = {"0": notebook["cells"]}


def zipped(folder, name, *members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(folder / f"{name}.zip", "w", method) as archive:
        for member, data in members:
            archive.writestr(member, data)


@writes("zip")
def _(folder, name, data):
    zipped(folder, name, (f"{name}.ipynb", data), ("notes.txt", "x"), (f"__MACOSX/{name}.ipynb", "x"))


@writes("zip of a Windows folder")
def _(folder, name, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"home/{name}.ipynb", data)
    (folder / "home.zip").write_bytes(buffer.getvalue().replace(b"home/", b"home\\"))


@writes("other capitals")
def _(folder, name, data):
    (folder / f"{name.upper()} .IPYNB").write_bytes(data)


@writes("zip in other capitals")
def _(folder, name, data):
    zipped(folder, name, (f"{name}/{name.title()}.IPYNB", data))
    (folder / f"{name}.zip").rename(folder / f"{name.upper()}.ZIP")


@writes("zip beside it")
def _(folder, name, data):
    (folder / f"{name}.ipynb").write_bytes(data)
    zipped(folder, name, (f"{name}.ipynb", b"old"))


@writes("zip in a zip", "but 'inner.zip'; hand in a zip file with one notebook")
def _(folder, name, data):
    zipped(folder, name, ("inner.zip", data))


@writes("in a folder of its own", "lies too deep, at")
def _(folder, name, data):
    (folder / "home").mkdir()
    (folder / "home" / f"{name}.ipynb").write_bytes(data)


@writes("in two capitals", "2 files called")
def _(folder, name, data):
    for file in (f"{name.upper()}.ipynb", f"{name}.IPYNB"):
        (folder / file).write_bytes(data)


@writes("another kind of file", "the file that ends in .ipynb")
def _(folder, name, data):
    for ending in ("py", "html", "docx"):
        (folder / f"{name}.{ending}").write_bytes(data)


@writes("text file", ".ipynb.txt' in place of")
def _(folder, name, data):
    (folder / f"{name}.ipynb.txt").write_bytes(data)


@writes("zip with a way out", "leads out")
def _(folder, name, data):
    zipped(folder, name, (f"../../{name}.ipynb", data))


@writes("zip bomb", "more than 20 MB")
def _(folder, name, data):
    zipped(folder, name, (f"{name}.ipynb", bytes(2 * 10**8)))


@writes("large zip", "20 are the most")
def _(folder, name, data):
    zipped(folder, name, (f"{name}.ipynb", data), ("x", bytes(3 * 10**7)), method=zipfile.ZIP_STORED)


@writes("zip with two", "holds 2 files")
def _(folder, name, data):
    zipped(folder, name, (f"{name}.ipynb", data), (f"old/{name}.ipynb", data))


@writes("broken zip", "cannot be unpacked")
def _(folder, name, data):
    (folder / f"{name}.zip").write_bytes(b"PK\3\4")


@writes("two zips", "2 zip files")
def _(folder, name, data):
    zipped(folder, name, (f"{name}.ipynb", data))
    zipped(folder, "other", (f"{name}.ipynb", data))


@writes("others beside it")
def _(folder, name, data):
    for file in (f"{name}.ipynb", "copy.ipynb", "data.csv", ".hidden"):
        (folder / file).write_bytes(data)
    (folder / "more").mkdir()


@writes("renamed", "give the file this name again")
def _(folder, name, data):
    (folder / f"{name} (1).ipynb").write_bytes(data)


@writes("nothing", "nothing in place")
def _(folder, name, data):
    pass


@writes("folder", "is a link or no plain file")
def _(folder, name, data):
    (folder / f"{name}.ipynb").mkdir()


@writes("pipe", "is a link or no plain file")
def _(folder, name, data):
    os.mkfifo(folder / f"{name}.ipynb")


@writes("link to the source", "is a link or no plain file")
def _(folder, name, data):
    (folder / f"{name}.ipynb").symlink_to(folder.parents[2] / "source" / name / f"{name}.ipynb")


@writes("zipped link", "is not JSON")
def _(folder, name, data):
    member = zipfile.ZipInfo(f"{name}.ipynb")
    member.external_attr = 0o120777 << 16
    zipped(folder, name, (member, "/etc/passwd"))


RAW = {
    "empty file": b"", "no JSON": b"{", "deep JSON": b"[" * 10**6, "no UTF-8": b'{"cells": "\xff"}', "list": b"[1]",
    "long number": b"9" * 10**5, "null": b"null", "no cells": b'{"nbformat": 4}', "wide JSON": b"[[]" + b",[]" * 10**6,
}  # fmt: skip
for _name, _data in RAW.items():
    writes(_name, "is not")(lambda folder, name, data, raw=_data: (folder / f"{name}.ipynb").write_bytes(raw))

NAMES = [
    "Ada Lovelace",
    "Zo\u00eb \u00c5ngstr\u00f6m",
    "-rf",
    ".hidden",
    "x" * 200,
    "\u5b66\u751f",
    "a'b\"c;$(x)",
    "name\udce9",
    "50%",
]
LONG = "y" * 250  # its result has no room for the name of a file

HALF = {"mean-test": 6.0}
HONEST = {
    "lists": {}, "arrays": {"mean": "def mean(x): return np.array([sum(x) / len(x)])"},
    "numpy": {"mean": "def mean(x): return np.mean(x)", "best": "def best(x): return np.argmax(x)"},
    "0-d": {"mean": "def mean(x): return np.array(sum(x) / len(x))", "best": "best = lambda x: np.array(np.argmax(x))"},
    "torch": {"mean": "import torch\ndef mean(x): return torch.as_tensor(x, dtype=torch.float64).mean()",
              "best": "def best(x): return torch.as_tensor(x).argmax()"},
    "objects": {"mean": "class Mean:\n    def __call__(self, x): return sum(x) / len(x)\nmean = Mean()"},
    "prints": {"mean": "def mean(x):\n    print(x); display(x)\n    return sum(x) / len(x)"},
    "timed": {"mean": "%%time\ndef mean(x): return sum(x) / len(x)\n%matplotlib inline"},
    "changes its argument": {"mean": "def mean(x):\n    x[0] += sum(x[1:]); return x[0] / len(x)"},
}  # fmt: skip
PARTLY = {
    "half": ({"best": ""}, HALF, "best is missing"),
    "a constant": ({"best": "def best(x): return 1"}, HALF | {"best-test": 0.8}, "a part of the points"),
    "n - 1": ({"mean": "def mean(x): return sum(x) / (len(x) - 1)"}, {"best-test": 4.0}, "divide by n - 1"),
    "lists only": ({"mean": "def mean(x): return 2 if type(x) is list else 0"}, {"best-test": 4.0}, "for an array"),
    "differs by call": (
        {"mean": "n = []\ndef mean(x):\n    n.append(1); return 2 if len(n) == 1 else 0"}, {"best-test": 4.0}, "array",
    ),
    "a syntax error": ({"mean": "def mean(x: return 1"}, {"best-test": 4.0}, "SyntaxError"),
    "one ends all": ({"mean": "import os\ndef mean(x): os._exit(0)"}, {"best-test": 4.0}, "ended"),
    "one crashes": ({"mean": "import ctypes\ndef mean(x): ctypes.string_at(0)"}, {"best-test": 4.0}, "ended early"),
    "one is deaf": ({"mean": "def mean(x): return sum(range(10 ** 18))"}, {"best-test": 4.0}, "took longer"),
    "one eats all": (
        {"mean": "import mmap\ndef mean(x):\n    m = mmap.mmap(-1, 10 ** 10)\n"
         "    while True: m.write(bytes(10 ** 8))"}, {"best-test": 4.0}, "",
    ),
    "stops at import": (
        {"mean": "import time; time.sleep(60)\ndef mean(x): return 2"}, {"best-test": 4.0}, "took longer",
    ),
}  # fmt: skip


def toys():
    """{name: Cheat} of the toy's own answers."""
    rows = {f"right: {name}": Cheat(FULL, None, "all", answers=answers) for name, answers in HONEST.items()}
    for name, (answers, marks, words) in PARTLY.items():
        rows[f"partly: {name}"] = Cheat(FULL, None, marks, words, answers=answers)
    return rows


def hand_in(course, assignment, student, answers, names, rows):
    """Write each of `rows`, {name: Cheat or (edit or write, Cheat)}, into submitted/.

    student: the notebook that students got, a dict. answers: {grade_id: source}. names: what the tests ask for.
    Returns {student: Cheat}.
    """
    for name, row in rows.items():
        change, cheat = row if type(row) is tuple else (None, row)
        written = (answers if cheat.start else {}) | (cheat.answers or {})
        notebook = filled(student, written, cheat.first, expanded(cheat.code, names))
        folder = Path(course.root, "submitted", name, assignment)
        folder.mkdir(parents=True)
        if name in EDITED:
            change(notebook)
        data = json.dumps(notebook).encode()
        if name in WRITTEN:
            change(folder, assignment, data)
        else:
            (folder / f"{assignment}.ipynb").write_bytes(data)
    return {name: row[1] if type(row) is tuple else row for name, row in rows.items()}


def is_slow(row):
    """Whether it imports torch, which takes longer than the limits of the others."""
    return type(row) is not tuple and any(word in repr(row) for word in ("torch", "course.grading"))


def everything():
    """All that depends on no assignment: {name: row}."""
    return CHEATS | EDITED | WRITTEN | {name: Cheat(FULL, None, "all") for name in NAMES}


def mistakes(expected, results, reference):
    """What is not as it must be, a sentence each. reference: {grade_id: score} of the right answers, None by hand."""
    found = [f"{name!r}: lost" for name in expected.keys() - results.keys()]
    for name, result in results.items():
        cheat = expected[name]
        wanted = None
        if cheat.status == "graded":
            others = {key: None if value is None and cheat.start else 0.0 for key, value in reference.items()}
            wanted = reference if cheat.marks == "all" else others | (cheat.marks if cheat.marks != "none" else {})
        marks = {mark["grade_id"]: mark["score"] for mark in result.get("marks", [])} or None
        told = json.dumps(result, ensure_ascii=False)
        if (result["status"], marks) != (cheat.status, wanted):
            found.append(f"{name!r}: {result['status']} {marks} in place of {cheat.status} {wanted}: {told[:1500]}")
        elif cheat.words not in told:
            found.append(f"{name!r}: no {cheat.words!r} in {told[:1500]}")
    return found
