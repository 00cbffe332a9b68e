"""A student's code one step at a time, in their own process: each step within its time, and what ran when it was over.

A function that took too long gives way to one that says so at once. Where a cell had called it, that lasts until the
cells are done, for a test may ask less of it; where a question had called it, for good.
"""

import contextlib
import faulthandler
import os
import signal
import types

from labclip_lib.course.grader.plain_data import NotPlain, dump, encode

LATE_SIGNAL = signal.SIGUSR2  # to a process: say what it is doing


class _TooLong(BaseException):
    pass


class _NotAgain(BaseException):
    pass


class Steps:
    """Runs steps and tells what came of each, a line of JSON.

    namespace: the student's, a dict. late, aside: {name: [number of its cell or None, why it is not called again]},
    for good and while cells run.
    """

    def __init__(self, namespace, tell, pipe, size, late, aside):
        self._namespace, self._tell, self._pipe, self._size = namespace, tell, pipe, size
        self._late, self._aside, self._kept = dict(late), dict(aside), {}
        with contextlib.suppress(RuntimeError, OSError):
            faulthandler.register(LATE_SIGNAL, file=pipe)

    def cell(self, index, number, seconds, source):
        """Run one cell, of this number in the notebook."""
        self._run("cell", index, seconds, lambda: exec(compile(source, f"<cell {number}>", "exec"), self._namespace))
        for name, (cell, why) in (self._aside | self._late).items():
            self._put_away(name, cell, why)

    def answer(self, index, seconds, name, work):
        """Tell what `work` gives, which asks for the student's `name`."""
        for kept, (value, stand_in) in self._kept.items():
            if self._namespace.get(kept) is stand_in:
                self._namespace[kept] = value
        self._kept = {}
        self._run("answer", index, seconds, work, name)

    def _run(self, kind, index, seconds, work, asked=None):
        me, held, found = os.getpid(), [], {}

        def alarm(_, frame):
            stack = []
            while frame:
                stack.append(frame)
                frame = frame.f_back
            if not held:  # half of the time is over
                return held.extend(stack)
            if not found:
                found.update(self._running(stack, held))
                signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)  # for code that catches it
            raise _TooLong

        try:
            signal.signal(signal.SIGALRM, alarm)
            signal.setitimer(signal.ITIMER_REAL, seconds / 2, seconds / 2)
            # Where no alarm can interrupt it, this still says where it is before it is killed.
            with contextlib.suppress(RuntimeError):
                faulthandler.dump_traceback_later(seconds + 1, file=self._pipe)
            try:
                line = dump({kind: index, "value": encode(work(), self._size)}, self._size)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                faulthandler.cancel_dump_traceback_later()
        except BaseException as error:
            reason = str(error) if type(error) in (NotPlain, _NotAgain) else _why(error)
            if found:  # whatever the code made of it
                reason = self._too_long(found, seconds, asked, kind == "cell")
            line = dump({kind: index, "reason": reason} | found, self._size)
        if os.getpid() != me:  # a process that the student forked goes no further than this step
            os._exit(0)
        self._tell(line)

    def _running(self, stack, held):
        """Of a stack, innermost first: the function of the student's that ran all along, and the line of the cell."""
        codes, since = {}, set(map(id, held))
        for name, value in list(self._namespace.items()):
            codes |= dict.fromkeys(_codes(value), name)
        found = {"late": None, "line": None}
        for frame in stack:
            number = cell_of(frame.f_code.co_filename)
            if number and frame.f_code.co_name == "<module>":
                found["line"] = frame.f_lineno
            elif number and not found["late"] and id(frame) in since and frame.f_code in codes:
                found["late"] = [codes[frame.f_code], number]
        return found

    def _too_long(self, found, seconds, asked, in_cell):
        reason = f"took longer than {round(seconds, 1):g} s"
        name, cell = found["late"] or (asked, None)
        if name is None:
            return reason
        (self._aside if in_cell else self._late)[name] = [cell, f"{at(name, cell)} {reason}"]
        self._put_away(name, cell, f"{at(name, cell)} {reason}")
        if name == asked:
            return f"{reason} (cell {cell})" if cell else reason
        return f"{reason} in {at(name, cell)}"

    def _put_away(self, name, cell, why):
        value = self._namespace.get(name)
        if name not in self._namespace or (cell and cell not in {cell_of(code.co_filename) for code in _codes(value)}):
            return  # another function by now, or none

        def not_again(*_, **__):
            raise _NotAgain(f"was not called again: {why}")

        if name not in self._late:
            self._kept[name] = (value, not_again)
        self._namespace[name] = not_again


def _codes(value):
    """The code of a function and of all that its decorators wrap."""
    found = []
    while type(value) is types.FunctionType and value.__code__ not in found:
        found.append(value.__code__)
        value = value.__dict__.get("__wrapped__")
    return found


def at(name, cell):
    """A function with its cell, in words."""
    return f"{name} (cell {cell})" if cell else name


def cell_of(file):
    """The number of a cell by the name under which its code runs, or None."""
    return int(file[6:-1]) if file.startswith("<cell ") and file[6:-1].isdigit() else None


def _why(error):
    """What a cell or a call raised, as text, whatever its own `__str__` does."""
    try:
        return f"raised {type(error).__name__}: {error}"[:500]
    except BaseException:
        return "raised an error that cannot be told"
