"""Each assignment: its stubs fail, its reference solution passes, and each likely mistake is found and named."""

import contextlib
import copy
import io
import itertools
import json
import re
import runpy

import matplotlib.pyplot as plt
import nbformat
import pytest
from walls import walled

from labclip_lib.course.grader.grading import SETUP_TAG, _run_test, is_test, mark
from labclip_lib.course.grader.plain_data import NotPlain, decode, encode
from labclip_lib.course.grader.sandbox import Answer
from labclip_lib.course.grader.submission import read, without_magics
from labclip_lib.course.notebooks import products

pytestmark = pytest.mark.slow

ASSIGNMENTS = ["1-infonce", "2-fair-probe", "3-operators", "4-labclip", "5-capstone", "6-limits"]
WRITTEN = ["5-capstone"]  # marked by hand as a whole


@pytest.fixture(scope="module", params=ASSIGNMENTS)
def source(request, root):
    notebook = products.read_source(root / "chapters" / "assignments" / f"{request.param}.ipynb")
    notebook.metadata["name"] = request.param
    return notebook


def graded_by_machine(notebook):
    found = [(products.grading_of(cell), cell) for cell in notebook.cells]
    return {grading["grade_id"]: (cell.source, float(grading["points"])) for grading, cell in found if is_test(grading)}


def handed_in(notebook, tmp_path):
    path = tmp_path / "answer.ipynb"
    nbformat.write(notebook, path)
    return read(path, "answer", set(products.points(notebook)) | {"instructor"})


def test_all_are_here(root):
    assert sorted(path.stem for path in (root / "chapters" / "assignments").glob("*.ipynb")) == ASSIGNMENTS
    kept = {path.stem for path in (root / "tests" / "mistakes").glob("*.py")}
    assert kept == set(ASSIGNMENTS) - set(WRITTEN)


def test_points_make_100(source):
    worth = products.points(source)
    assert sum(worth.values()) == 100
    written = [cell for cell in source.cells if products.grading_of(cell).get("grade") and cell.cell_type == "markdown"]
    schemes = [cell for cell in source.cells if "instructor" in cell.metadata.get("tags", [])]
    assert len(schemes) >= bool(written)


def test_the_instructors_page_has_its_points(source, root):
    name, worth = source.metadata["name"], products.points(source)
    machine = sum(points for _, points in graded_by_machine(source).values())
    row = next(line for line in (root / "chapters" / "teaching.md").read_text().splitlines() if f"| [{name}](" in line)
    assert row.endswith(f"| {machine:g} + {sum(worth.values()) - machine:g} |") and f"/{name}.ipynb)" in row


def test_students_can_read_what_a_written_answer_is_asked(source):
    for before, cell in itertools.pairwise(products.student(source).cells):
        grading = products.grading_of(cell)
        if grading.get("grade") and grading.get("solution"):
            assert before.cell_type == "markdown" and not products.grading_of(before).get("solution")
            assert len(before.source) > 60, grading["grade_id"]


def test_students_get_no_secret(source, root):
    for made in (products.student(source), products.colab(source, "https://host/owner/name")):
        assert not products.leaks(made, source)
        text = json.dumps(made)
        assert not re.search("BEGIN SOLUTION|HIDDEN TESTS", text)


def test_one_set_up_cell_and_what_the_grader_shares(source):
    assert sum("def set_up" in cell.source for cell in source.cells) == 1
    if graded_by_machine(source):
        assert any(SETUP_TAG in cell.metadata.get("tags", []) for cell in source.cells)


@walled
def test_stubs_fail_and_the_solution_passes(source, tmp_path):
    worth, tests = products.points(source), graded_by_machine(source)
    empty = mark(source, handed_in(products.student(source), tmp_path))
    assert {m["grade_id"]: m["score"] for m in empty["marks"]} == dict.fromkeys(worth, 0)
    assert not empty["leaderboard"]
    solved = mark(source, handed_in(products.solution(source), tmp_path))
    assert solved["cells"] == []
    assert {m["grade_id"]: (m["score"], m["reason"]) for m in solved["marks"]} == {
        name: (points, "") if name in tests else (None, "") for name, points in worth.items()
    }


class Here:
    """In place of the sandbox: the same questions, put to a namespace of this process."""

    numbers = code = cells = ()

    def __init__(self, namespace):
        self.namespace = namespace

    def value(self, name):
        if name not in self.namespace:
            return Answer(None, "is missing")
        return self._plain(lambda: self.namespace[name])

    def call(self, name, /, *args, **keywords):
        args, keywords = decode(encode(list(args), 2**24)), decode(encode(keywords, 2**24))
        return self._plain(lambda: self.namespace[name](*args, **keywords))

    def _plain(self, work):
        try:
            return Answer(decode(encode(work(), 2**24)), None)
        except NotPlain as error:
            return Answer(None, str(error))
        except Exception as error:
            return Answer(None, f"raised {type(error).__name__}: {error}")


def test_likely_mistakes_are_named(source, root):
    name = source.metadata["name"]
    if name in WRITTEN:
        return
    mistakes = runpy.run_path(str(root / "tests" / "mistakes" / f"{name}.py"))["MISTAKES"]
    tests, namespace, setup = graded_by_machine(source), {"__name__": "__main__"}, {"__name__": "__main__"}
    quiet = contextlib.redirect_stdout(io.StringIO())
    for cell in products.solution(source).cells:
        if cell.cell_type == "code" and not is_test(products.grading_of(cell)):
            with quiet:
                exec(without_magics(cell.source), namespace)
                plt.close("all")
            if SETUP_TAG in cell.metadata.get("tags", []):
                exec(without_magics(cell.source), setup)
    assert {grade_id for grade_id, _, _ in mistakes} == set(tests)
    for grade_id, code, words in mistakes:
        # A mistake may change what is there as well as replace it.
        before = {k: copy.deepcopy(v) if k in code and isinstance(v, dict | list) else v for k, v in namespace.items()}
        exec(code, namespace)
        score, reason, _ = _run_test(*tests[grade_id], setup, Here(namespace))
        assert score < tests[grade_id][1] and words in reason, (grade_id, code, reason)
        namespace.clear()
        namespace.update(before)
