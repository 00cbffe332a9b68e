"""Run a student's code in a process of its own and get plain data back, as his claim about his own answers.

The right answers are never in that process: compare in the process that calls `run`, which imports no student code and
unpickles nothing. On Linux 5.14 or later, as root or where users may make namespaces, the code sees the interpreter,
this library, /usr and a folder of its own that is gone afterwards; no network, no other process, no variable of the
environment, no disk, no device; its memory, processor time, processes, files and output are bounded; and the kernel
ends every process of it together with the first.

What this does not stop:

- holes in the kernel: it is a wall of namespaces, not a virtual machine; use one for code of strangers;
- reading what lies in /usr, in the interpreter's folder and in labclip_lib: keep solutions and hidden tests elsewhere;
- side channels (timing, load, names of the host in /proc), and slowing down what runs beside it, within its limits;
- learning the arguments of the calls, which the code must see, and printing them;
- forging its own answers, or leaving its own functions uncalled: only the answers count.

Where namespaces are missing, `guards()` says so, and `run` refuses unless `require` asks for less: then nothing hides
the network or any file that the user may read, and a daemon may survive.
"""

import base64
import contextlib
import functools
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import labclip_lib
from labclip_lib.course.inside import OUT_OF_MEMORY
from labclip_lib.course.plain import NotPlain, decode, encode, load

GUARDS = ("network", "files", "processes", "limits")
ANSWER_MB = 16  # of one answer
ALL_ANSWERS_MB = 64
_MB = 2**20


class Answer(NamedTuple):
    """`value` where `reason` is None, else the reason why there is none, such as "is missing"."""

    value: Any
    reason: str | None


class Outcome(NamedTuple):
    """What came back: an Answer per name; per cell None or why it did not end well; the output; what stopped it all."""

    answers: list
    cells: list
    output: str
    stopped: str | None


def run(
    code, folder=None, *, names, files=None, seconds=60, step_seconds=20, cpu_seconds=60, memory_mb=2048, processes=16,
    output_mb=5, disk_mb=256, require=GUARDS,
):  # fmt: skip
    """Run the cells `code`, a list of str, one after the other in one namespace, then ask for `names`.

    names: variables, as str, and calls, as (function, arguments, seed) with a list of arguments or a dict of keywords.
    folder: its content is copied into the working folder (symbolic links stay links, and lead nowhere).
    files: {relative path: bytes} written there afterwards, over what the folder brought.
    seconds: of the clock, for all; step_seconds: for each cell and each call, which are interrupted then;
    cpu_seconds: of each process; memory_mb: of all processes together; processes: threads count too;
    disk_mb: in all; output_mb: what is printed beyond is thrown away.

    Returns an Outcome, whatever the code does. Raises ValueError for a guard of `require` that this machine lacks and
    for files that go elsewhere, RuntimeError when the sandbox cannot be set up.
    """
    if missing := sorted(set(require) - guards()):
        raise ValueError(
            f"this machine offers no guard of {', '.join(missing)}: grade on Linux 5.14 or later, as root or where "
            f"users may make namespaces, or leave out of require what you can do without."
        )
    for name in files or {}:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or not PurePosixPath(name).name:
            raise ValueError(f"files must lie in the working folder, not at {name!r}: give relative paths.")
    job = {
        "code": list(code), "folder": folder and str(Path(folder).resolve(strict=True)),
        "names": [name if isinstance(name, str) else _call(*name) for name in names],
        "files": {name: base64.b64encode(data).decode() for name, data in (files or {}).items()},
        "step_seconds": step_seconds, "cpu_seconds": cpu_seconds, "memory": memory_mb * _MB, "processes": processes,
        "disk": disk_mb * _MB, "size": ANSWER_MB * _MB, "walls": "files" in guards(),
    }  # fmt: skip
    return _outcome(job, *_run(job, seconds, int(output_mb * _MB)))


@functools.cache
def guards():
    """Which of GUARDS this machine offers, found by trying: a set of str; "user" where only another user is left."""
    if sys.platform != "linux":
        return frozenset()
    with tempfile.NamedTemporaryFile() as secret:
        os.chmod(secret.name, 0o644)
        job = {
            "code": ["import os, resource, socket"], "folder": None, "files": {}, "step_seconds": 10, "cpu_seconds": 10,
            "memory": 512 * _MB, "processes": 4, "disk": _MB, "size": _MB,
        }  # fmt: skip
        job["code"].append(
            "network = [name for _, name in socket.if_nameindex()] == ['lo']\n"
            f"files = not os.path.exists({secret.name!r})\n"
            "processes = sum(name.isdigit() for name in os.listdir('/proc')) == 2\n"
            "limits = resource.getrlimit(resource.RLIMIT_DATA)[1] == 512 << 20\n"
            "for _ in range(8):\n    if not os.fork():\n        import time; time.sleep(9)\n"
        )
        for walls in (True, False):
            job |= {"names": list(GUARDS), "walls": walls}
            with contextlib.suppress(RuntimeError):
                outcome = _outcome(job, *_run(job, 20, _MB))
                found = {name for name, answer in zip(GUARDS, outcome.answers, strict=True) if answer.value is True}
                if outcome.cells[1] is None:  # the fifth process should have been refused
                    found.discard("limits")
                return frozenset(found | {"user"} if _is_root() and not walls else found)
    return frozenset()


def _is_root():
    """Whether this process may become any user; the root of a namespace may not."""
    return os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]


def _call(name, args, seed):
    return [name, encode(dict(args) if isinstance(args, dict) else list(args), ANSWER_MB * _MB), seed]


def _run(job, seconds, output_bytes):
    """Start the process of the job and read until it ends: (lines of its answers, output, what stopped it)."""
    library = str(Path(labclip_lib.__file__).resolve().parent)
    job |= {"show": [sys.prefix, sys.base_prefix, library], "root": _is_root()}
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "student",
        "MPLBACKEND": "Agg", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1",
        **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="student-") as home, tempfile.TemporaryFile() as stdin:
        stdin.write(json.dumps(job | {"home": home}).encode())
        stdin.seek(0)
        read, write = os.pipe()
        start = "import sys; sys.path.insert(0, sys.argv[1]); from labclip_lib.course import inside; inside.main(%d)"
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", start % write, str(Path(library).parent)], stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[write], env=environment, cwd="/",
            start_new_session=True,
        )  # fmt: skip
        os.close(write)
        texts = {read: bytearray(), process.stdout.fileno(): bytearray()}
        most = {read: ALL_ANSWERS_MB * _MB, process.stdout.fileno(): output_bytes}
        try:
            stopped = _listen(process, texts, most, time.monotonic() + seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
            output = bytes(texts[process.stdout.fileno()])
            process.stdout.close()
            os.close(read)
    if stopped == "late":
        stopped = f"took longer than {seconds:g} s"
    elif status == OUT_OF_MEMORY:
        stopped = f"took more than {job['memory'] / _MB:g} MB of memory"
    elif status:
        stopped = f"the process was ended early (status {status})"
    return bytes(texts[read]).split(b"\n")[:-1], output, stopped


def _listen(process, texts, most, deadline):
    """Read the pipes of `texts` until the process has ended, and no more of each than `most`."""
    with selectors.DefaultSelector() as selector:
        for pipe in texts:
            os.set_blocking(pipe, False)
            selector.register(pipe, selectors.EVENT_READ)
        while True:
            if time.monotonic() > deadline:
                return "late"
            # WNOWAIT keeps the number of the group from another's use until it is killed.
            ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            ready = selector.select(0 if ended else 0.05)
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                texts[key.fd] += data[: most[key.fd] - len(texts[key.fd])]
                if not data:
                    selector.unregister(key.fd)
            if ended and not ready:
                return None


def _outcome(job, lines, output, stopped):
    """Read the lines with distrust: what is malformed or out of place is as if it had not come."""
    first = load(lines[0], job["size"]) if lines else {}
    if "ready" not in first:
        raise RuntimeError(f"the sandbox could not be set up: {_text(first.get('failed'), stopped)}.")
    late = stopped or "was not handed back before the process ended"
    cells, answers = [late for _ in job["code"]], [Answer(None, late) for _ in job["names"]]
    told = set()
    for line in (load(line, job["size"]) for line in lines[1:]):
        kind = "cell" if "cell" in line else "answer"
        index = line.get(kind)
        if (
            type(index) is not int
            or not 0 <= index < len(job["code" if kind == "cell" else "names"])
            or (kind, index) in told
        ):
            continue
        told.add((kind, index))
        reason = _text(line["reason"], "is no plain data") if "reason" in line else None
        if kind == "cell":
            cells[index] = reason
        else:
            answers[index] = Answer(None, reason) if reason else _answer(line.get("value"))
    return Outcome(answers, cells, output.decode(errors="replace"), stopped)


def _answer(value):
    try:
        return Answer(decode(value), None)
    except NotPlain as error:
        return Answer(None, str(error))
    except Exception:  # numpy's reader of headers has many ways to fail
        return Answer(None, "is no plain data")


def _text(text, other):
    """A reason on one line that any file can hold."""
    if type(text) is not str:
        return str(other)
    return "".join(c if c.isprintable() else " " for c in text[:500])
