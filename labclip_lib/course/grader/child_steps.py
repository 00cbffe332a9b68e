"""Run a student's code one step at a time, each within its time limit, and say what was running when that was over.

A function that took too long is replaced by one that raises at once. If a cell had called it, it comes back when all
cells are done, for a test may ask less of it; if a question had called it, it stays replaced.
"""

import contextlib
import faulthandler
import os
import signal
import types

from labclip_lib.course.grader.plain_data import NotPlain, dump, encode

LATE_SIGNAL = signal.SIGUSR2  # makes a process write where its code is


class _TooLong(BaseException):
    pass


class _NotAgain(BaseException):
    pass


class Steps:
    """Runs steps and reports each with a line of JSON.

    namespace: the student's, a dict. tell: a function that sends a line. pipe: where tracebacks go. size: of an
    answer, in bytes. late, aside: {name: [number of its cell or None, why it is not called again]} of functions that
    are replaced for good, and while cells run.
    """

    def __init__(self, namespace, tell, pipe, size, late, aside):
        self._namespace, self._tell, self._pipe, self._size = namespace, tell, pipe, size
        self._late, self._aside, self._replaced = dict(late), dict(aside), {}
        with contextlib.suppress(RuntimeError, OSError):
            faulthandler.register(LATE_SIGNAL, file=pipe)

    def cell(self, index, number, seconds, source):
        """Run one cell, of this number in the notebook."""
        self._run("cell", index, seconds, lambda: exec(compile(source, f"<cell {number}>", "exec"), self._namespace))
        for name, (cell, why) in (self._aside | self._late).items():
            self._replace(name, cell, why)

    def answer(self, index, seconds, name, work):
        """Report the value of `work()`, which uses the student's `name`."""
        for replaced, (value, stand_in) in self._replaced.items():
            if self._namespace.get(replaced) is stand_in:
                self._namespace[replaced] = value
        self._replaced = {}
        self._run("answer", index, seconds, work, name)

    def _run(self, kind, index, seconds, work, asked=None):
        process, halfway, running = os.getpid(), [], {}

        def alarm(_, frame):
            stack = []
            while frame:
                stack.append(frame)
                frame = frame.f_back
            if not halfway:  # half of the time is over
                return halfway.extend(stack)
            if not running:
                running.update(self._running(stack, halfway))
                signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)  # again, for code that catches _TooLong
            raise _TooLong

        try:
            signal.signal(signal.SIGALRM, alarm)
            signal.setitimer(signal.ITIMER_REAL, seconds / 2, seconds / 2)
            # Code that no alarm can interrupt still reports its place before it is killed.
            with contextlib.suppress(RuntimeError):
                faulthandler.dump_traceback_later(seconds + 1, file=self._pipe)
            try:
                line = dump({kind: index, "value": encode(work(), self._size)}, self._size)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                faulthandler.cancel_dump_traceback_later()
        except BaseException as error:
            reason = str(error) if type(error) in (NotPlain, _NotAgain) else _why(error)
            if running:  # it was too late, whatever error the code made of that
                reason = self._too_long(running, seconds, asked, kind == "cell")
            line = dump({kind: index, "reason": reason} | running, self._size)
        if os.getpid() != process:  # a process that the student forked ends with this step
            os._exit(0)
        self._tell(line)

    def _running(self, stack, halfway):
        """What runs in a stack, innermost frame first: {"late": the student's function or None, "line": of the cell}.

        Such a function must also be in the stack `halfway`, so that it has run all the time between.
        """
        codes, since = {}, set(map(id, halfway))
        for name, value in list(self._namespace.items()):
            codes |= dict.fromkeys(_codes(value), name)
        running = {"late": None, "line": None}
        for frame in stack:
            number = cell_of(frame.f_code.co_filename)
            if number and frame.f_code.co_name == "<module>":
                running["line"] = frame.f_lineno
            elif number and not running["late"] and id(frame) in since and frame.f_code in codes:
                running["late"] = [codes[frame.f_code], number]
        return running

    def _too_long(self, running, seconds, asked, in_cell):
        reason = f"took longer than {round(seconds, 1):g} s"
        name, cell = running["late"] or (asked, None)
        if name is None:
            return reason
        (self._aside if in_cell else self._late)[name] = [cell, f"{at(name, cell)} {reason}"]
        self._replace(name, cell, f"{at(name, cell)} {reason}")
        if name == asked:
            return f"{reason} (cell {cell})" if cell else reason
        return f"{reason} in {at(name, cell)}"

    def _replace(self, name, cell, why):
        value = self._namespace.get(name)
        if name not in self._namespace or (cell and cell not in {cell_of(code.co_filename) for code in _codes(value)}):
            return  # another function by now, or none

        def not_again(*_, **__):
            raise _NotAgain(f"was not called again: {why}")

        if name not in self._late:
            self._replaced[name] = (value, not_again)
        self._namespace[name] = not_again


def _codes(value):
    """The code objects of a function and of the functions that its decorators wrap."""
    codes = []
    while type(value) is types.FunctionType and value.__code__ not in codes:
        codes.append(value.__code__)
        value = value.__dict__.get("__wrapped__")
    return codes


def at(name, cell):
    """A function and its cell in words: "f (cell 3)"."""
    return f"{name} (cell {cell})" if cell else name


def cell_of(file):
    """The number of the cell whose code has this file name, or None."""
    return int(file[6:-1]) if file.startswith("<cell ") and file[6:-1].isdigit() else None


def _why(error):
    """An error as text, even if its own `__str__` fails."""
    try:
        return f"raised {type(error).__name__}: {error}"[:500]
    except BaseException:
        return "raised an error that cannot be told"
