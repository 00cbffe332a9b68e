"""The parent's side of a sandbox: start its process, ask it, read its untrusted answers, end it."""

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import labclip_lib
from labclip_lib.course.grader.child import OUT_OF_MEMORY, main
from labclip_lib.course.grader.plain_data import load

MB = 2**20
ALL_ANSWERS_MB = 64  # of everything that is sent as one answer
# A line of faulthandler's traceback in a student's code: cell, line, function.
FRAME = re.compile(rb'  File "<cell (\d{1,6})>", line (\d{1,9}) in (\w{1,200}|<module>)')
GRACE = 5  # seconds, on top of its time, for an answer that cannot be interrupted


def is_root():
    """Whether this process may become any user; the root of a user namespace may not."""
    return os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]


def shown():
    """The folders that a student's code can read, besides those of the system."""
    return [sys.prefix, sys.base_prefix, str(Path(labclip_lib.__file__).resolve().parent)]


class Talk:
    """The process of a job: ask it questions and read its answers, until `end`."""

    def __init__(self, job, seconds, output_bytes):
        job = job | {"show": shown(), "root": is_root()}
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "student",
            "MPLBACKEND": "Agg", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1",
            **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")},
        }  # fmt: skip
        self._answers, child_answers = os.pipe()
        child_questions, self._questions = os.pipe()
        # Named after the function itself: a rename that missed this text would look like a machine without guards.
        start = (
            "import sys; sys.path.insert(0, sys.argv[1]); "
            f"from {main.__module__} import {main.__name__} as main; main({child_answers}, {child_questions})"
        )
        with tempfile.TemporaryFile() as stdin:
            stdin.write(json.dumps(job).encode())
            stdin.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", start, str(Path(job["show"][-1]).parent)], stdin=stdin,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[child_answers, child_questions],
                env=environment, cwd="/", start_new_session=True,
            )  # fmt: skip
        os.close(child_answers)
        os.close(child_questions)
        self._printed = self._process.stdout.fileno()
        self._texts = {self._answers: bytearray(), self._printed: bytearray()}
        self._room = {self._answers: ALL_ANSWERS_MB * MB, self._printed: output_bytes}
        self._selector = selectors.DefaultSelector()
        for pipe in self._texts:
            os.set_blocking(pipe, False)
            self._selector.register(pipe, selectors.EVENT_READ)
        os.set_blocking(self._questions, False)
        self._seconds, self._deadline = seconds, time.monotonic() + seconds
        self._step_seconds, self._allowed, self._until = job["step_seconds"], seconds, self._deadline
        self._size, self._memory, self._asked = job["size"], job["memory"], 0
        self.stopped, self.output, self.stack = None, "", []

    def line(self, kind=None, index=None, seconds=None):
        """The next line with `kind: index`, a dict; None if the process ends or these seconds pass before it comes.

        Without a kind, the next line whatever it holds, and {} if none comes.
        """
        text, self.stack = self._texts[self._answers], []
        if seconds is not None:
            self._allow(seconds)
        while True:
            while (end := text.find(b"\n")) >= 0:
                line = load(bytes(text[:end]), self._size)
                if not line and (frame := FRAME.fullmatch(text[:1000], 0, min(end, 1000))):
                    self.stack.append((int(frame[1]), int(frame[2]), frame[3].decode()))
                del text[: end + 1]
                # The student can write here too: lines that were not asked for are ignored.
                if kind is None or (type(line.get(kind)) is int and line[kind] == index):
                    return line
            if not self._listen():
                return {} if kind is None else None

    def ask(self, question):
        """Send a question; returns the line that answers it, or None."""
        index, self._asked = self._asked, self._asked + 1
        self._room[self._answers] = ALL_ANSWERS_MB * MB
        self._allow(self._step_seconds)
        data = memoryview((json.dumps({"ask": index, "question": question}) + "\n").encode())
        while data:
            try:
                data = data[os.write(self._questions, data) :]
            except BlockingIOError:
                if not self._listen():
                    return None
            except BrokenPipeError:
                break
        return self.line("answer", index)

    def end(self):
        """End all its processes within GRACE seconds, and store what they printed in `output`."""
        if self._process is None:
            return
        os.close(self._questions)
        self._until = min(self._deadline, time.monotonic() + GRACE)
        try:
            while self._listen():
                pass
        finally:
            self._kill()
            self.output = bytes(self._texts[self._printed]).decode(errors="replace")
            self._process.stdout.close()
            self._process = None
            os.close(self._answers)
            self._selector.close()

    def _allow(self, seconds):
        self._allowed, self._until = seconds, min(self._deadline, time.monotonic() + seconds + GRACE)

    def _listen(self):
        """Read what has arrived, or wait for it a moment; False when nothing more will come."""
        if self._process.returncode is not None:
            return False
        if (now := time.monotonic()) > self._until:
            took = self._seconds if now > self._deadline else self._allowed
            self.stopped = f"took longer than {round(took, 1):g} s"
            self._kill()
            return False
        # WNOWAIT leaves the process unreaped, so that its group's number is not reused before _kill.
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        ready = self._selector.select(0 if ended else 0.05)
        for key, _ in ready:
            data = os.read(key.fd, 1 << 16)
            if not data:
                self._selector.unregister(key.fd)
            elif key.fd == self._answers and len(data) > self._room[key.fd]:
                self.stopped = f"handed back more than {ALL_ANSWERS_MB} MB"
                self._kill()
                return False
            taken = data[: self._room[key.fd]]
            self._texts[key.fd] += taken
            self._room[key.fd] -= len(taken)
        if ended and not ready:
            self._kill()
            return False
        return True

    def _kill(self):
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        if self.stopped:
            return
        if status == OUT_OF_MEMORY:
            self.stopped = f"took more than {self._memory / MB:g} MB of memory"
        elif status:
            self.stopped = f"the process was ended early (status {status})"
