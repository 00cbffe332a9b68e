import errno
import json
import os
from pathlib import Path

import course_toy
import pytest
from course_cheats import filled
from course_handed_in import EDITED, RAW, WRITTEN

from labclip_lib.course.grader.submission import Rejected, find, read, without_magics
from labclip_lib.course.notebooks import products

KNOWN = {"mean", "mean-test", "best", "best-test", "why"}


@pytest.fixture
def notebook():
    return filled(json.loads(products.as_bytes(products.student(course_toy.toy()))), course_toy.ANSWERS)


@pytest.fixture
def handed_in(tmp_path):
    """Read what `write(folder)` leaves in a student's folder, as toy.ipynb where it gives a notebook."""

    def get(write):
        folder = tmp_path / "submitted" / "ada" / "toy"
        folder.mkdir(parents=True)
        if content := write(folder):
            (folder / "toy.ipynb").write_text(json.dumps(content))
        return read(find(folder, "toy"), "toy", KNOWN)

    return get


def has_why(submission):
    return course_toy.ANSWERS["why"] in [cell["source"] for cell in submission.cells]


def test_cells_in_their_order(handed_in, notebook):
    submission = handed_in(lambda folder: notebook)
    named = {cell["grade_id"]: cell["source"] for cell in submission.cells}
    assert named["best"] == course_toy.ANSWERS["best"] and set(named) == KNOWN | {None}
    numbers, sources = submission.code(skip={"mean-test", "best-test"})
    assert numbers == [2, 3, 5] and sources[1] == course_toy.ANSWERS["mean"]


@pytest.mark.parametrize("name", EDITED)
def test_edited(name, handed_in, notebook, raises_saying):
    edit, cheat = EDITED[name]
    edit(notebook)
    if cheat.status == "rejected":
        with raises_saying(Rejected, cheat.words):
            handed_in(lambda folder: notebook)
    else:
        assert has_why(handed_in(lambda folder: notebook))


def test_copies_are_named_by_what_a_teacher_sees(handed_in, notebook, raises_saying):
    answer = notebook["cells"][2]
    notebook["cells"].append(answer | {"source": "def mean(x):\n    return 0"})
    with raises_saying(Rejected, "cell 3 (def mean(x): return sum", "cell 8 (def mean(x): return 0)", "delete the one"):
        handed_in(lambda folder: notebook)


def test_ids_are_found_where_colab_keeps_them(handed_in, notebook):
    ids = [cell["id"] for cell in notebook["cells"]]
    EDITED["Colab"][0](notebook)
    assert [cell["id"] for cell in handed_in(lambda folder: notebook).cells] == ids


@pytest.mark.parametrize("name", [name for name in WRITTEN if name not in RAW] + list(RAW))
def test_written(name, handed_in, notebook, raises_saying):
    write, cheat = WRITTEN[name]
    given = json.dumps(notebook).encode()
    if cheat.status == "rejected":
        with raises_saying(Rejected, cheat.words):
            handed_in(lambda folder: write(folder, "toy", given))
    else:
        assert has_why(handed_in(lambda folder: write(folder, "toy", given)))


def test_a_zip_with_a_password(handed_in, notebook, raises_saying):
    def write(folder):
        WRITTEN["zip"][0](folder, "toy", json.dumps(notebook).encode())
        data = bytearray((folder / "toy.zip").read_bytes())
        data[6] |= 1
        data[data.index(b"PK\1\2") + 8] |= 1
        (folder / "toy.zip").write_bytes(data)

    with raises_saying(Rejected, "has a password"):
        handed_in(write)


def test_a_file_that_may_not_be_read(handed_in, notebook, monkeypatch, raises_saying):
    """As root has it, too, who reads every file."""

    def refused(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_bytes", refused)
    with raises_saying(Rejected, "cannot be read (Permission denied)"):
        handed_in(lambda folder: notebook)


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("%matplotlib inline\nx = 1", "pass  # %matplotlib inline\nx = 1"),
        ("if x:\n    !ls\ny = !pwd", "if x:\n    pass  # !ls\ny = None  # !pwd"),
        ("np.mean?\n?np", "pass  # np.mean?\npass  # ?np"),
        ("%%time\nx = 1", "x = 1"),
        ("%%capture out\n%time f()", "pass  # %time f()"),
        ("%%bash\nrm x", "pass"),
        ("x = (7\n% 5)", "x = (7\n% 5)"),
        ("x = (7\n  % 5)\n!ls", "x = (7\n  % 5)\npass  # !ls"),
    ],
)
def test_magics_give_way(source, python):
    assert without_magics(source) == python


@pytest.mark.parametrize(
    "source", ["-" * 10**5 + "1", "(" * 10**5, "x" + ".a" * 10**5, "x\0", "x = '\ud800'", "%%\n" * 9]
)
def test_odd_text_is_read(source):
    assert isinstance(without_magics(source), str)
