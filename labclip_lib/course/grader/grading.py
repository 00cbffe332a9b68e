"""Mark one submission: its code runs in a sandbox, and the tests run here, where no student code ever runs.

A test cell sees what the set-up cells of the instructor's notebook define and, under the names that it mentions, what
the student wrote: a variable as a copy in plain data, a function as a stand-in that sends its arguments to the sandbox
and returns the answer in plain data. So an object that equals everything, a patched numpy or a rewritten check
have no effect here.
"""

import ast
import builtins
import contextlib
import io
import math
import random
import re
import signal

import numpy as np
import torch

from labclip_lib.course.grader.matching import KINDS, defined, definitions, listed, match, untouched, written
from labclip_lib.course.grader.plain_data import NotPlain
from labclip_lib.course.grader.running import Notebook
from labclip_lib.course.grader.sandbox import on_one_line
from labclip_lib.course.grader.submission import Submission, without_magics
from labclip_lib.course.notebooks import products

SETUP_TAG = "setup-imports"
RAISED = re.compile(r"raised (\w+): ?(.*)", re.DOTALL)


COMPARING_SECONDS = 30  # of processor time, for the checks of one test cell, without the student's code


class NoAnswer(Exception):
    """The student's function or variable has no value; the message says why."""


def is_test(grading):
    """Whether a cell, by its nbgrader metadata, is a test, which is marked by running it."""
    return bool(grading.get("grade")) and not grading.get("solution")


def mark(source, submission, comparing_seconds=COMPARING_SECONDS, **limits):
    """Run and mark one Submission against the instructor's notebook `source`.

    limits: of LIMITS, which `running.Notebook` and the sandbox explain; in all a submission takes no longer than
    `most_seconds` and the comparing.
    Code that loops, crashes or exits fails its own tests only: the notebook is run again for the others.
    Returns a dict: marks, a list of {grade_id, points, score, reason}, where score is None for what a person must
    mark: written answers, and all that is in doubt; cells, a list of [number, reason] of the student's cells that
    failed; notes, a list of [number, what was corrected] of other cells; leaderboard, {name: float}, what test cells
    put into a variable of that name; untouched, whether every answer is as released, so that it may be the wrong file.
    The same submission gives the same marks.
    Raises ValueError and RuntimeError like the sandbox, and what the set-up cells raise.
    """
    tests = {}
    setup = [without_magics(cell.source) for cell in source.cells if SETUP_TAG in cell.metadata.get("tags", [])]
    for cell in source.cells:
        if is_test(grading := products.grading_of(cell)):
            tests[grading["grade_id"]] = cell.source
    matched = match(source, submission)
    places = {products.grading_of(cell).get("grade_id"): place for place, cell in enumerate(matched.released)}
    numbers, code = Submission(matched.cells).code(skip=tests)
    marks, leaderboard = [], {}
    with Notebook(numbers, code, len(tests), **limits) as box:
        base = _quietly(lambda: _run_setup(setup))
        failed = {n for n, reason in zip(numbers, box.cells, strict=True) if reason and not _is_stub(reason)}
        elsewhere = definitions(matched, failed)
        for cell in source.cells:
            grading = products.grading_of(cell)
            if not grading.get("grade"):
                continue
            points, name = float(grading["points"]), grading["grade_id"]
            if name in tests:
                box.begin()
                with _at_most(comparing_seconds):
                    score, reason, board = _quietly(lambda s=cell.source, p=points: _run_test(s, p, base, box))
                leaderboard |= board
                if box.spent and score < points:
                    score, reason = None, f"no time was left to run it: {reason}"
                names = set(re.findall(r"\w+", f"{cell.source} {reason}")) & elsewhere.keys()
                if names and score is not None and score < points:
                    score, reason = None, f"{reason}; but {_elsewhere(names, elsewhere, matched)}"
            else:
                waits, reason = written(matched, places[name])
                score = None if waits else 0.0
            marks.append({"grade_id": name, "points": points, "score": score, "reason": on_one_line(reason)})
    ended = [[n, reason] for n, reason in zip(numbers, box.cells, strict=True) if reason and not _is_stub(reason)]
    about = {"cells": ended, "notes": matched.notes, "untouched": untouched(matched)}
    return {"marks": marks, "leaderboard": leaderboard} | about


class _TooLong(Exception):
    pass


@contextlib.contextmanager
def _at_most(seconds):
    """Interrupt a test whose comparing takes longer than so many seconds of processor time; waiting does not count."""

    def alarm(*_):
        raise _TooLong(f"comparing the answer took longer than {seconds:g} s")

    signal.signal(signal.SIGPROF, alarm)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _quietly(work):
    """Run trusted code with the same random numbers for every submission, and drop what it prints."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return work()


def _run_setup(cells):
    namespace = {"__name__": "__main__"}
    for cell in cells:
        exec(compile(cell, "<set-up>", "exec"), namespace)
    return namespace


def _run_test(source, points, base, box):
    """Score, reason and leaderboard of one test cell."""
    tree = ast.parse(source)
    namespace = dict(base)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    for name in sorted({node.id for node in names} - bound - namespace.keys() - set(dir(builtins))):
        with contextlib.suppress(NoAnswer):
            namespace[name] = _theirs(name, box)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    score = points
    try:
        exec(compile(tree, "<test>", "exec"), namespace)
        if last:
            value = eval(compile(ast.Expression(last.value), "<test>", "eval"), namespace)
            if isinstance(value, np.ndarray | torch.Tensor) and value.ndim == 0:
                value = value.item()
            if isinstance(value, int | float | np.number) and not isinstance(value, bool):
                score = min(max(float(value), 0.0), points) if math.isfinite(value) else 0.0
        values = {name: float(value) for name, value in namespace.get("leaderboard", {}).items()}
    except BaseException as error:  # the error of pytest.raises is no Exception
        return 0.0, _reason(error, box), {}
    board = {name: value for name, value in values.items() if math.isfinite(value)}
    reason = namespace["reason"] if "reason" in bound else "how well it does is worth a part of the points"
    return score, "" if score == points else str(reason), board


def _theirs(name, box):
    """What a test cell sees under a name that the student defined. Raises NoAnswer if it is missing."""
    answer = box.value(name)
    if answer.reason is None:
        return answer.value
    if answer.reason == "is missing":
        raise NoAnswer

    return StandIn(name, box, answer.reason)


class StandIn:
    """A student's function as the tests see it; any other use of it raises NoAnswer with the reason."""

    def __init__(self, name, box, reason):
        self.__name__, self._box, self._reason = name, box, reason

    def __call__(self, *args, **keywords):
        name = self.__name__
        try:
            answer = self._box.call(name, *args, **keywords)
        except NotPlain as error:
            raise TypeError(f"a test gives {name} an argument that {error}") from None
        if answer.reason is None:
            return answer.value
        raised = RAISED.fullmatch(answer.reason)
        kind = getattr(builtins, raised[1], None) if raised else None
        error = NoAnswer(f"{name} {answer.reason}")
        # A StopIteration would silently end a loop of the test, and skip its checks.
        if isinstance(kind, type) and issubclass(kind, Exception) and kind is not StopIteration:
            with contextlib.suppress(TypeError):  # some errors need more arguments than a message
                error = kind(raised[2])
        error.theirs = f"{name} {answer.reason}"
        raise error

    def _no_value(self, *_):
        error = NoAnswer(f"{self.__name__} {self._reason}")
        error.theirs = str(error)
        raise error

    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _no_value
    __len__ = __iter__ = __getitem__ = __contains__ = __array__ = __float__ = _no_value
    __hash__ = object.__hash__


def _reason(error, box):
    """Why a test failed, without showing its code: what its author wants to be read is in the message."""
    message = " ".join(str(error).split())[:600]
    if answer := getattr(error, "theirs", None):
        return f"{answer.split()[0]} is not answered yet" if _is_stub(answer) else answer
    if isinstance(error, AssertionError):
        return message or "a check failed"
    if isinstance(error, NameError) and error.name:
        cells = zip(box.numbers, box.code, box.cells, strict=True)
        failed = [(n, code, reason) for n, code, reason in cells if reason and not _is_stub(reason)]
        defining = [it for it in failed if error.name in defined(it[1])]
        after = "; is its cell still there?"
        for number, _, reason in (defining or failed)[:1]:
            after = f"; cell {number} {reason}"
        return f"{error.name} is missing{after}"
    if isinstance(error, _TooLong):
        return message
    return f"a check stopped with {type(error).__name__}: {message}"


def _elsewhere(names, elsewhere, matched):
    numbers = sorted({elsewhere[name] for name in names})
    kinds = {KINDS[cell["type"]] for number, cell in enumerate(matched.original, 1) if number in numbers}
    return (
        f"{' and '.join(sorted(names))} may stand in {listed(matched, [number - 1 for number in numbers])}, "
        f"which is {' and '.join(sorted(kinds))} in place of code"
    )


def _is_stub(reason):
    return "raised NotImplementedError" in reason
