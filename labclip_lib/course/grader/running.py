"""A student's notebook in a sandbox, which goes on without the code that took too long, crashed or ended the process.

If its process ends, the cells run again in a new one, without the statement that ended it and the rest of that cell,
and without calling functions that took too long.
"""

import ast
import contextlib
import math
import time

from labclip_lib.course.grader.sandbox import Answer, Sandbox

# All cells together, one cell or call, and all calls of one test; a notebook that imports torch needs 1 GB.
LIMITS = {"seconds": 300, "step_seconds": 60, "test_seconds": 120, "memory_mb": 3072, "processes": 32}


class Notebook:
    """The code cells of a submission, for use in a `with` statement; answers questions like a Sandbox.

    numbers, code: of the cells, as `Submission.code` gives them. tests: their number.
    limits: seconds, for all cells, however often they run; step_seconds, for each cell and each call; test_seconds,
    after which no call begins until the next `begin`; and the sandbox's.

    cells: per cell None, or why it failed. spent: whether no time was left to run the cells again; then an answer says
    nothing about the student's code.
    """

    def __init__(self, numbers, code, tests, **limits):
        most = most_seconds(tests, limits)
        limits = LIMITS | {"cpu_seconds": math.ceil(most)} | limits
        self._left, self._test_seconds = (limits.pop(name) for name in ("seconds", "test_seconds"))
        self.numbers, self.code, self._code, self._limits = numbers, code, list(code), limits
        self._asking, self._left_of_test = most - self._left, self._test_seconds
        self._late, self._aside, self._needs = {}, {}, 0
        self.cells, self.spent = [None] * len(self._code), False

    def __enter__(self):
        self._boxes = contextlib.ExitStack()
        try:
            self._run()
        except BaseException:
            self._boxes.close()
            raise
        return self

    def __exit__(self, *_):
        self._boxes.close()

    def begin(self):
        """Start the time of the next test."""
        self._left_of_test = self._test_seconds

    def value(self, name):
        """The Answer with the value of the variable `name`."""
        return self._ask(lambda box: box.value(name))

    def call(self, name, /, *args, **keywords):
        """The Answer with what the function `name` returns. Raises NotPlain like `Sandbox.call`."""
        return self._ask(lambda box: box.call(name, *args, **keywords))

    def _ask(self, question):
        if self._left_of_test <= 0:
            return Answer(None, f"was not called again: the calls of this test had taken its {self._test_seconds:g} s")
        if self._box.over:
            if self._left > 2 * self._needs:  # no cell gets more than half of what is left
                self._run()
            if self._box.over:
                self.spent = True
                return Answer(None, f"was not asked: {self._box.stopped or 'its process ended'}")
        start = time.monotonic()
        answer = question(self._box)
        self._left_of_test -= time.monotonic() - start
        self._late |= self._box.late
        return answer

    def _run(self):
        """Run the cells, again and again until all have run or no time is left."""
        while True:
            self._boxes.close()
            start = time.monotonic()
            box = Sandbox(
                self._code, numbers=self.numbers, late=self._late, aside=self._aside, cells_seconds=self._left,
                seconds=self._left + self._asking, **self._limits,
            )  # fmt: skip
            self._box = self._boxes.enter_context(box)
            self._left -= (took := time.monotonic() - start)
            reached = len(self._code) if box.ended_in is None else box.ended_in + 1
            for place, reason in enumerate(box.cells[:reached]):
                self.cells[place] = self.cells[place] or reason
            self._aside |= box.aside
            for place, line in box.lines.items():
                self._code[place] = _before(self._code[place], line)
            if box.ended_in is None:
                self._needs = took
                return
            if box.ended_in not in box.lines:
                self._code[box.ended_in] = "pass"
            if self._left <= 0:
                for place in range(reached, len(self._code)):
                    self.cells[place] = self.cells[place] or "was not run: the cells before it took all of the time"
                return


def most_seconds(tests, limits):
    """The most seconds that running a submission with this number of tests may take."""
    limits = LIMITS | limits
    return limits["seconds"] + tests * (limits["test_seconds"] + limits["step_seconds"])


def _before(source, line):
    """The statements of a cell that end before this line."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        ends = [node.end_lineno for node in ast.parse(source).body if node.end_lineno < line]
        return "\n".join(source.split("\n")[: max(ends, default=0)])
    return "pass"
