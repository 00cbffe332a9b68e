import pytest
from walls import walled

from labclip_lib.course.grader.running import LIMITS, Notebook, most_seconds

GOOD = "def good(): return 1"
LOOP = "while True: pass"
DEAF = "while True:\n        try:\n            while True: pass\n        except: pass"
QUICK = {"step_seconds": 1, "seconds": 30, "memory_mb": 512}


def asked(cells, *names, **limits):
    """The reasons, None for an answer, of calls of these names, and of the cells, which have the numbers 11, 12, ..."""
    with Notebook([*range(11, 11 + len(cells))], cells, len(names), **QUICK | limits) as notebook:
        reasons = []
        for name in names:
            notebook.begin()
            reasons.append(notebook.call(name).reason)
    return reasons, notebook.cells


@pytest.mark.parametrize("loop", [LOOP, DEAF, "return sum(iter(int, 1))", "import time; time.sleep(99)"])
@walled
def test_an_endless_function_is_called_once_by_cells_and_once_by_tests(loop):
    cells = [f"def bad():\n    {loop}", "bad()", *(["x = bad()"] * 20), GOOD]
    reasons, ended = asked(cells, "bad", "good", "bad", "good")
    assert reasons == ["took longer than 1 s (cell 11)", None,
                       "was not called again: bad (cell 11) took longer than 1 s", None]  # fmt: skip
    assert ended[:2] == [None, "took longer than 1 s in bad (cell 11)"] and ended[-1] is None
    assert set(ended[2:-1]) == {"was not called again: bad (cell 11) took longer than 1 s"}


@walled
def test_a_helper_is_to_blame_for_all_who_call_it_and_nobody_for_what_it_calls():
    cells = [GOOD, "def aux():\n    while True: good()", "def f(): return aux()\ndef g(): return aux()"]
    reasons, _ = asked(cells, "f", "g", "good")
    assert reasons == ["took longer than 1 s in aux (cell 12)",
                       "was not called again: aux (cell 12) took longer than 1 s", None]  # fmt: skip


@walled
def test_decorated_functions_and_methods_are_told_by_what_was_called():
    decorated = "import functools\ndef same(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)\n    return g\n"
    decorated += f"@same\ndef bad():\n    {LOOP}"
    method = f"class M:\n    def go(self):\n        {LOOP}\ndef bad(): return M().go()"
    library = f"import contextlib\n@contextlib.contextmanager\ndef f(): yield\n@f()\ndef bad():\n    {LOOP}"
    for cell in (decorated, method, library):
        assert asked([cell, GOOD], "bad", "good") == (["took longer than 1 s (cell 11)", None], [None, None])


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (LOOP, "took longer than 1 s"),
        ("try:\n    while True: pass\nexcept: sum(iter(int, 1))", "took longer than 1 s"),
        ("import os\nwhile True: os.fork()", "raised BlockingIOError"),
        ("import sys; sys.exit()", "raised SystemExit"),
        ("x = [0] * 10 ** 10", "raised MemoryError"),
        (
            "import mmap\nm = mmap.mmap(-1, 10 ** 10)\nwhile True: m.write(bytes(10 ** 8))",
            "took more than 512 MB of memory",
        ),
        ("while True: print('x' * 10000)", "took longer than 1 s"),
    ],
)
@walled
def test_a_cell_that_loops_crashes_or_ends_leaves_what_stands_around_it(end, said):
    cells = [GOOD, f"def before(): return 1\n{end}", "def behind(): return 1"]
    reasons, ended = asked(cells, "good", "before", "behind", step_seconds=10 if "of memory" in said else 1)
    assert reasons == [None] * 3 and ended[0] is ended[2] is None and ended[1].startswith(said)


@walled
def test_a_cell_that_ends_the_process_costs_itself():
    reasons, ended = asked([GOOD, "import os; os._exit(0)", "def behind(): return 1"], "good", "behind")
    assert reasons == [None] * 2 and ended[1] == "was not finished before the process ended"


@walled
def test_many_endless_cells_leave_time_for_those_behind():
    reasons, ended = asked([LOOP] * 30 + [GOOD], "good", seconds=4, step_seconds=1)
    assert reasons == [None] and ended[0] == "took longer than 1 s" and all(ended[:-1])


@walled
def test_what_is_made_of_the_interruption_is_no_reason():
    cells = [f"def bad():\n    try:\n        {LOOP}\n    except BaseException as e: raise ValueError('mine')"]
    late = "took longer than 1 s (cell 11)"
    assert asked(cells, "bad", "bad")[0] == [
        late,
        f"was not called again: bad (cell 11) {late.removesuffix(' (cell 11)')}",
    ]


@walled
def test_what_was_too_much_for_a_cell_may_be_little_for_a_test():
    slow = "import time\ndef wait(seconds=0.1): time.sleep(seconds)"
    assert asked([slow, "wait(99)"], "wait") == ([None], [None, "took longer than 1 s in wait (cell 11)"])


@walled
def test_a_function_that_is_written_anew_is_another_one():
    cells = [f"def f():\n    {LOOP}", "f()", "def f(): return 1", "f()"]
    assert asked(cells, "f") == ([None], [None, "took longer than 1 s in f (cell 11)", None, None])


@walled
def test_each_test_has_its_own_time_and_says_when_it_is_over():
    cells = ["import time\ndef f(): time.sleep(0.3)"]
    with Notebook([1], cells, 2, **QUICK | {"step_seconds": 20}, test_seconds=0.5) as notebook:
        for _ in range(2):
            notebook.begin()
            reasons = [notebook.call("f").reason for _ in range(4)]
            assert reasons == [None] * 2 + ["was not called again: the calls of this test had taken its 0.5 s"] * 2


@walled
def test_without_time_for_the_cells_no_answer_is_the_students_fault():
    cells = ["import os, time\ntime.sleep(2)\ndef f(): os._exit(0)"]
    with Notebook([1], cells, 2, **QUICK | {"seconds": 6, "step_seconds": 5}) as notebook:
        assert notebook.call("f").reason == "was not handed back before the process ended" and not notebook.spent
        assert notebook.call("f").reason == "was not asked: its process ended" and notebook.spent


def test_all_of_a_submissions_time_is_bounded():
    assert most_seconds(40, {}) == LIMITS["seconds"] + 40 * (LIMITS["test_seconds"] + LIMITS["step_seconds"])
    assert most_seconds(2, {"seconds": 10, "test_seconds": 2, "step_seconds": 1}) == 16
