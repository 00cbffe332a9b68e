import json
import signal
import time

import course_toy
import nbformat
from course_cheats import filled
from walls import walled

from labclip_lib.course.grader.grading import mark
from labclip_lib.course.grader.submission import Submission, _cell
from labclip_lib.course.notebooks import products

pytestmark = walled
SETUP = "import numpy as np\nknown = [1.0, 2.0]"


def assignment(*tests, setup=SETUP):
    """An instructor's notebook with these test cells, of 10 points each, called a, b, ..."""
    cells = [("setup", setup, None)] + [(name, test, name) for name, test in zip("abcdefghijk", tests, strict=False)]
    notebook = nbformat.v4.new_notebook()
    for name, source, graded in cells:
        cell = nbformat.v4.new_code_cell(source, id=name)
        if graded:
            cell.metadata.nbgrader = {
                "schema_version": 3, "grade": True, "solution": False, "locked": True, "grade_id": name, "points": 10,
                "task": False,
            }  # fmt: skip
        else:
            cell.metadata.tags = ["setup-imports"]
        notebook.cells.append(cell)
    return nbformat.from_dict(notebook)


def marked(code, *tests, setup=SETUP, **limits):
    """The scores and reasons of a submission with one cell."""
    submission = Submission([_cell({"cell_type": "code", "source": setup + "\n" + code})])
    result = mark(assignment(*tests, setup=setup), submission, **{"seconds": 60} | limits)
    return [item["score"] for item in result["marks"]], [item["reason"] for item in result["marks"]], result


def test_plain_data_and_tensors_go_both_ways():
    scores, reasons, _ = marked(
        "import torch\ndef f(x, *, k=1): return {'x': x * k, 'k': (k, [None])}\ny = torch.ones(2)",
        "out = f(np.arange(3), k=2)\nassert out['x'].tolist() == [0, 2, 4] and out['k'] == (2, [None])",
        "import torch\nassert isinstance(f(torch.eye(2))['x'], torch.Tensor) and torch.equal(y, torch.ones(2))",
        "x = np.ones(2)\nf(x)\nassert x.tolist() == [1, 1] and f.__name__ == 'f'",
    )
    assert (scores, reasons) == ([10.0] * 3, [""] * 3)


def test_exceptions_of_the_student_arrive_as_what_they_are():
    scores, reasons, _ = marked(
        "class Own(Exception): pass\ndef f(x):\n    if x: raise ValueError(f'no {x}')\n    raise Own('mine')\n"
        "def g(): raise StopIteration\ndef h(): pass",
        "try: f(1)\nexcept ValueError as error: assert str(error) == 'no 1'\nelse: raise AssertionError",
        "f(0)",
        "assert all(map(lambda x: g() == 1, [1, 2]))",
        "import pytest\nwith pytest.raises(ValueError): h()",
        "f(1)",
        setup="import math",
    )
    assert scores == [10.0, 0.0, 0.0, 0.0, 0.0]
    assert reasons[1] == "f raised Own: mine" and reasons[2].startswith("g raised StopIteration")
    assert "DID NOT RAISE" in reasons[3] and reasons[4] == "f raised ValueError: no 1"


def test_partial_points():
    lasts = {
        "x": 4.0, "np.float32(4)": 4.0, "torch.tensor(4.0)": 4.0, "np.array(4)": 4.0, "-1": 0.0, "99": 10.0,
        "float('nan')": 0.0, "float('inf')": 0.0, "x == 4": 10.0, "None": 10.0,
    }  # fmt: skip
    tests = [f"import torch\nassert x == 4\n{last}" for last in lasts]
    scores, reasons, _ = marked("x = 4", *tests)
    assert scores == list(lasts.values()) and "a part of the points" in reasons[0]
    _, reasons, _ = marked("x = 4", "reason = f'{x} is small'\nx")
    assert reasons == ["4 is small"]


def test_leaderboard_takes_numbers_and_loses_nothing_else():
    code = "x, text, bad = 0.5, 'best', float('nan')"
    scores, _, result = marked(code, "leaderboard = {'x': x, 'n': bad}", "leaderboard = {'t': text}", "assert x == 0.5")
    assert scores == [10.0, 0.0, 10.0] and result["leaderboard"] == {"x": 0.5}


def test_what_is_missing_is_told():
    _, reasons, result = marked(
        "def stub(): raise NotImplementedError()\n1 / 0\ndef later(): pass", "later()", "stub()", "stub"
    )
    assert reasons[0] == "later is missing; cell 1 raised ZeroDivisionError: division by zero"
    assert reasons[1] == "stub is not answered yet"
    assert result["cells"] == [[1, "raised ZeroDivisionError: division by zero"]]
    _, reasons, result = marked("raise NotImplementedError()", "later()")  # as released: it has no answer and no fault
    assert reasons == ["later is missing; is its cell still there?"] and result["cells"] == []


def test_what_is_missing_is_blamed_on_its_own_cell():
    sources = ["import numpy as np\nknown = [1.0, 2.0]", "1 / 0", "def f(x: return 1"]
    cells = [_cell({"cell_type": "code", "source": source}) for source in sources]
    reason = mark(assignment("f(1)"), Submission(cells), seconds=60)["marks"][0]["reason"]
    assert reason.startswith("f is missing; cell 3 raised SyntaxError")


def test_reasons_hold_no_line_of_a_test():
    line = "secret = 12345 - len(f(54321))"
    _, reasons, _ = marked(
        "def f(x): return x if x else 0 / 0", f"{line}\nassert secret", f"secret = {{}}[f(1)]; {line}"
    )
    assert not any("12345" in reason or "secret" in reason for reason in reasons), reasons


def test_a_students_names_do_not_replace_the_courses():
    scores, _, _ = marked(
        "known = [9.0]\nnp = None\ndef abs(x): return 9\ndef f(): return 1.5",
        "assert known == [1.0, 2.0] and abs(f() - np.mean(known)) < 1e-9",
    )
    assert scores == [10.0]


def test_one_answer_that_ends_everything_costs_its_own_test():
    code = "import os\ndef f(): os._exit(0)\ndef g(): sum(range(10 ** 18))\ndef h(): return 1"
    scores, reasons, _ = marked(code, "f()", "assert h() == 1", "g()", "assert h() == 1", setup="", step_seconds=0.5)
    assert scores == [0.0, 10.0, 0.0, 10.0] and reasons[2] == "g took longer than 0.5 s (cell 1)"
    scores, reasons, _ = marked("import os\nh = 1\nos._exit(0)", "assert h", "assert h == 1", setup="")
    assert scores == [0.0, 0.0] and "ended" in reasons[0]


def test_an_endless_function_costs_the_tests_that_call_it_and_says_where_it_is():
    code = "def f():\n    while True: pass\ndef g(): return f()\ndef h(): return 1"
    tests = ["f()", "assert h() == 1", "g()", "assert h() == 1"]
    scores, reasons, _ = marked(code, *tests, setup="", step_seconds=0.5)
    assert scores == [0.0, 10.0, 0.0, 10.0] and reasons[0] == "f took longer than 0.5 s (cell 1)"
    assert reasons[2] == "g was not called again: f (cell 1) took longer than 0.5 s"


def test_what_no_time_is_left_for_goes_to_a_person():
    code = "x = 1\nimport os, time\ntime.sleep(2)\ndef f(): os._exit(0)"
    scores, reasons, _ = marked(code, "assert x == 1", "f()", "assert x == 1", setup="", seconds=6)
    assert scores == [10.0, 0.0, None] and reasons[2].startswith("no time was left to run it")


def test_comparing_is_bounded():
    start = time.monotonic()
    scores, reasons, _ = marked(
        "wide = np.zeros((0, 10 ** 15))\nn = 10 ** 18", "for row in wide.T: pass", "for i in range(n): pass",
        "wide.sum(0)", "assert n", comparing_seconds=0.3,
    )  # fmt: skip
    assert scores == [0.0, 0.0, 0.0, 10.0] and reasons[0] == "comparing the answer took longer than 0.3 s"
    assert "MemoryError" in reasons[2] and time.monotonic() - start < 30
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0  # nothing that comes after is interrupted


def test_the_same_marks_twice():
    code = "import random\ndef f(): return np.random.rand(), random.random()\ndef g(): return f()"
    ours = "3 * (np.random.rand() + random.random() + torch.rand(()).item())"
    tests = [f"import random, torch\nassert f()[0] == g()[0]\nleaderboard = {{'x': f()[0]}}\n{ours}"]
    (first, _, one), (second, _, two) = marked(code, *tests), marked(code, *tests)
    assert 0 < first[0] == second[0] and one == two


def toy_marked(answers, delete=()):
    """What `mark` says of the toy as released, with these answers in it and without some cells."""
    notebook = filled(json.loads(products.as_bytes(products.student(course_toy.toy()))), answers)
    cells = [_cell(cell) for cell in notebook["cells"]]
    return mark(course_toy.toy(), Submission([cell for cell in cells if cell["grade_id"] not in delete]), seconds=30)


def test_written_answers_wait_for_their_reader():
    def why(text, **how):
        return toy_marked(course_toy.ANSWERS | {"why": text}, **how)["marks"][-1]

    assert why("Outliers.")["score"] is None
    nothing = {"grade_id": "why", "points": 5.0, "score": 0.0, "reason": "not answered"}
    assert why(" \n") == why("YOUR ANSWER HERE\n") == why("# YOUR CODE HERE\nraise NotImplementedError()") == nothing
    assert why("", delete=["why"]) == nothing | {"reason": "the cell is not there any more"}


def test_an_untouched_notebook_is_told_from_a_wrong_one():
    assert toy_marked({})["untouched"] and toy_marked({}, delete=["why"])["untouched"]
    assert not toy_marked({"why": "Outliers."})["untouched"]


def test_released_tests_do_not_run_as_the_students_code():
    result = toy_marked(course_toy.ANSWERS | {"mean": "def mean(x): return 0"})
    assert result["marks"][0]["reason"].endswith("did you divide by n - 1?") and result["cells"] == []


def test_code_that_became_text_is_marked_and_what_cannot_be_goes_to_a_person():
    notebook = filled(json.loads(products.as_bytes(products.student(course_toy.toy()))), course_toy.ANSWERS)
    cells = [_cell(cell) for cell in notebook["cells"]]
    for cell in cells[1:5]:
        cell["type"] = "raw"
    result = mark(course_toy.toy(), Submission(cells), seconds=30)
    assert [it["score"] for it in result["marks"]] == [6.0, 4.0, None] and not result["cells"]
    assert [number for number, _ in result["notes"]] == [2, 3, 4, 5]

    cells[2]["source"] = "My answer:\ndef mean(x): return sum(x) / len(x)"
    marks = mark(course_toy.toy(), Submission(cells), seconds=30)["marks"]
    assert [it["score"] for it in marks] == [None, 4.0, None] and "cell 3 (My answer:" in marks[0]["reason"]

    lost = _cell({"cell_type": "markdown", "source": "def mean(x): return sum(x) / len(x)"})
    marks = mark(course_toy.toy(), Submission([*cells[:2], *cells[3:], lost]), seconds=30)["marks"]
    assert [it["score"] for it in marks] == [None, 4.0, None]
    assert marks[0]["reason"].endswith("(def mean(x): return sum(x) / len(x)), which is Markdown in place of code")
