"""Run a student's code in a process of its own and get plain data back: what the student claims to have computed.

The right answers are never in that process: compare in the process that asks, which imports no student code and
unpickles nothing. On Linux 5.14 or later, as root or where users may make namespaces, the code sees the interpreter,
this library, /usr and a folder of its own that is gone afterwards; no network, no other process, no variable of the
environment, no disk, no device; its memory, processor time, processes, files and output are bounded; and the kernel
ends every process of it together with the first.

What this does not stop:

- bugs in the kernel: it is made of namespaces, not a virtual machine; use one for code of strangers;
- reading what lies in /usr, in the interpreter's folder and in labclip_lib: keep solutions and hidden tests elsewhere;
- side channels (timing, load, names of the host in /proc), and slowing down what runs beside it, within its limits;
- learning the arguments of the calls, which the code must see, and printing them;
- forging its own answers, or leaving its own functions uncalled: only the answers count.

If this machine lacks a guard, `guards()` does not name it, and `Sandbox` raises.
"""

import base64
import functools
import os
import sys
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from labclip_lib.course.grader.child_steps import at
from labclip_lib.course.grader.pipe import MB, Talk
from labclip_lib.course.grader.plain_data import NotPlain, decode, encode

GUARDS = ("network", "files", "processes", "limits")
ANSWER_MB = 16  # of one answer


class Answer(NamedTuple):
    """`value` if `reason` is None, else `reason` says why there is no value, such as "is missing"."""

    value: Any
    reason: str | None


class Sandbox:
    """Runs a student's cells one after the other in one namespace, and then answers questions about it one at a time.

    Use it in a `with` statement: entering runs the cells `code`, a list of str; leaving ends every process.

    folder: its content is copied into the working folder (symbolic links stay links, and lead nowhere).
    files: {relative path: bytes} written there afterwards, over what the folder brought.
    seconds: of the clock, for all; cells_seconds: for all cells, of which none gets more than half of what is left;
    step_seconds: for each cell and each answer, which are interrupted then;
    cpu_seconds: of each process; memory_mb: of all processes together; processes: threads count too;
    disk_mb: in all; output_mb: what is printed beyond is thrown away.

    numbers: of the cells, used in messages; by default from 1.
    late, aside: {name: [number of its cell or None, why]} of functions not to be called, at all and by the cells.
    offered: what `guards()` returned, if that is known already.

    cells: per cell None, or why it failed. lines: {place of a cell in `code`: the line where it was
    interrupted}. late, aside: grow by what took too long. ended_in: the place of the cell in which everything ended.
    stopped: what ended everything early, or None. over: whether no answer will come any more.
    output: what was printed, whole only after leaving.

    Raises ValueError for a guard that this machine lacks and for files that go elsewhere, RuntimeError when the sandbox
    cannot be set up; nothing that the code does raises anything.
    """

    def __init__(
        self, code, folder=None, *, files=None, seconds=60, cells_seconds=None, step_seconds=20, cpu_seconds=60,
        memory_mb=2048, processes=16, output_mb=5, disk_mb=256, numbers=None, late=None, aside=None, offered=None,
    ):  # fmt: skip
        offered = guards() if offered is None else offered
        if missing := sorted(set(GUARDS) - offered):
            raise ValueError(
                f"this machine offers no guard of {', '.join(missing)}: grade on Linux 5.14 or later, as root or where "
                f"users may make namespaces."
            )
        for name in files or {}:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or not PurePosixPath(name).name:
                raise ValueError(f"files must lie in the working folder, not at {name!r}: give relative paths.")
        self._job = {
            "code": list(code), "folder": folder and str(Path(folder).resolve(strict=True)),
            "files": {name: base64.b64encode(data).decode() for name, data in (files or {}).items()},
            "step_seconds": step_seconds, "cpu_seconds": cpu_seconds, "memory": memory_mb * MB,
            "processes": processes, "disk": disk_mb * MB, "size": ANSWER_MB * MB,
            "numbers": numbers or [*range(1, len(code) + 1)], "late": late or {}, "aside": aside or {},
            "cells_seconds": 2 * seconds if cells_seconds is None else cells_seconds,
        }  # fmt: skip
        self._seconds, self._output_bytes = seconds, int(output_mb * MB)
        self.cells, self.stopped, self.output, self.over = [None] * len(self._job["code"]), None, "", False
        self.lines, self.late, self.aside, self.ended_in = {}, dict(late or {}), dict(aside or {}), None

    def __enter__(self):
        self._talk = Talk(self._job, self._seconds, self._output_bytes)
        try:
            self._run_cells()
        except BaseException:
            self._talk.end()
            raise
        return self

    def __exit__(self, *_):
        self._talk.end()
        self.stopped, self.output = self._talk.stopped, self._talk.output

    def value(self, name):
        """The Answer with the value of the variable `name`."""
        return self._ask(name)

    def call(self, name, /, *args, **keywords):
        """The Answer with what the function `name` returns; random, numpy and torch are seeded with 0 before.

        Raises NotPlain for arguments that are no plain data.
        """
        size = self._job["size"]
        return self._ask([name, encode(list(args), size), encode(keywords, size)])

    def _run_cells(self):
        first = self._talk.line()
        if "ready" not in first:
            raise RuntimeError(f"the sandbox could not be set up: {_text(first.get('failed'), self._talk.stopped)}.")
        end = time.monotonic() + self._job["cells_seconds"]
        for index in range(len(self.cells)):
            seconds = max(min(self._job["step_seconds"], (end - time.monotonic()) / 2), 1e-3)
            line = self._talk.line("cell", index, seconds)
            if line is None:
                late = self._ended("was not finished before the process ended", self.aside)
                self.cells[index:] = [late] * (len(self.cells) - index)
                self.over, self.ended_in = True, index
                top_level = (self._job["numbers"][index], "<module>")
                if ended := next((line for cell, line, name in self._talk.stack if (cell, name) == top_level), None):
                    self.lines[index] = ended
                break
            if "reason" in line:
                self.cells[index] = self._learned(line, "raised an error", self.aside)
                if type(line.get("line")) is int:
                    self.lines[index] = line["line"]
        self.stopped = self._talk.stopped

    def _ask(self, question):
        line = self._talk.ask(question)
        self.stopped = self._talk.stopped
        if line is None:
            self.over = True
            return Answer(None, self._ended("was not handed back before the process ended", self.late, question))
        if "reason" in line:
            return Answer(None, self._learned(line, "is no plain data", self.late))
        return _answer(line.get("value"))

    def _learned(self, line, other, known):
        """The reason in a line; adds a function that took too long to `known`."""
        reason = _text(line["reason"], other)
        match line.get("late"):
            case [str(name), int() | None as cell]:
                known[on_one_line(name)] = [cell, f"{at(on_one_line(name), cell)} {reason}"]
        return reason

    def _ended(self, other, known, question=None):
        """Why no answer came, with the function that ran, if any; adds that to `known` if it took too long."""
        reason = self._talk.stopped or other
        ran = next(((name, cell) for cell, _, name in reversed(self._talk.stack) if name != "<module>"), None)
        if type(question) is list:  # a call: its function is known for sure
            ran = question[0], next((cell for cell, _, name in self._talk.stack if name == question[0]), None)
        if not ran or not self._talk.stopped or "took" not in reason:
            return reason
        known[ran[0]] = [ran[1], f"{at(*ran)} {reason}"]
        if question is None:
            return f"{reason} in {at(*ran)}"
        return f"{reason} (cell {ran[1]})" if ran[1] else reason


@functools.cache
def guards():
    """Which of GUARDS this machine offers, tested in a sandbox: a frozenset of str."""
    if sys.platform != "linux":
        return frozenset()
    with tempfile.NamedTemporaryFile() as secret:
        os.chmod(secret.name, 0o644)
        job = {
            "code": ["import os, resource, socket"], "folder": None, "files": {}, "step_seconds": 10, "cpu_seconds": 10,
            "memory": 512 * MB, "processes": 4, "disk": MB, "size": MB, "numbers": [1, 2], "late": {}, "aside": {},
            "cells_seconds": 20,
        }  # fmt: skip
        job["code"].append(
            "network = [name for _, name in socket.if_nameindex()] == ['lo']\n"
            f"files = not os.path.exists({secret.name!r})\n"
            "processes = sum(name.isdigit() for name in os.listdir('/proc')) == 2\n"
            "limits = resource.getrlimit(resource.RLIMIT_DATA)[1] == 512 << 20\n"
            "for _ in range(8):\n    if not os.fork():\n        import time; time.sleep(9)\n"
        )
        talk = Talk(job, 20, MB)
        try:
            if "ready" not in (talk.line() or {}):
                return frozenset()
            talk.line("cell", 0)
            bomb = talk.line("cell", 1) or {}
            offered = {name for name in GUARDS if (talk.ask(name) or {}).get("value") is True}
        finally:
            talk.end()
    if "reason" not in bomb:  # the fifth process should have been refused
        offered.discard("limits")
    return frozenset(offered)


def _answer(value):
    try:
        return Answer(decode(value), None)
    except NotPlain as error:
        return Answer(None, str(error))
    except Exception:  # numpy's reader of headers raises many kinds of errors
        return Answer(None, "is no plain data")


def on_one_line(text):
    """A reason without line ends and control characters, cut to 600 characters."""
    return "".join(c if c.isprintable() else " " for c in text[:600])


def _text(text, other):
    return on_one_line(text) if type(text) is str else str(other)
