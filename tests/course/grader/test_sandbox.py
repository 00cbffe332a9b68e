import os
import socket
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from walls import walled

from labclip_lib.course.grader.sandbox import Sandbox

pytestmark = walled


class Outcome(NamedTuple):
    answers: list
    cells: list
    output: str
    stopped: str | None


def ask(code, *questions, folder=None, **options):
    """Run cells, then ask for variables, as str, and calls, as (function, arguments or keywords)."""
    with Sandbox([code] if isinstance(code, str) else code, folder, **{"seconds": 20} | options) as box:
        answers = []
        for question in questions:
            if isinstance(question, str):
                answers.append(box.value(question))
            else:
                name, given = question
                answers.append(box.call(name, **given) if isinstance(given, dict) else box.call(name, *given))
    return Outcome(answers, box.cells, box.output, box.stopped)


def test_honest_answers_arrive_as_they_are():
    outcome = ask(
        ["import numpy as np, random\nx = 1.5", "1 / 0",
         "def f(a, b=2):\n    a += 1\n    return a * b, {'b': [b, None]}",
         "def draw(): return np.random.rand(3), random.random()\nprint('h\\u00e9')",
         "y = np.float32(0.1), np.arange(6)"],
        "x", ("f", [np.ones(2)]), ("f", {"a": 1, "b": 3}), ("draw", []), ("draw", []), "y", "z", "f",
        ("f", []),
    )  # fmt: skip
    x, f, keywords, draw, again, y, missing, function, raised = outcome.answers
    assert type(x.value) is float and x == (1.5, None)
    assert f.value[0].tolist() == [4, 4] and f.value[1] == {"b": [2, None]}
    assert keywords.value == (6, {"b": [3, None]})
    assert np.array_equal(draw.value[0], again.value[0]) and draw.value[1] == again.value[1]
    np.random.seed(0)
    assert np.array_equal(draw.value[0], np.random.rand(3))
    assert y.value[0] == np.float32(0.1) and type(y.value[0]) is float and y.value[1].dtype == np.int64
    assert missing == (None, "is missing") and "no plain data" in function.reason
    assert raised.reason.startswith("raised TypeError: f() missing")
    assert outcome.cells == [None, "raised ZeroDivisionError: division by zero", None, None, None]
    assert outcome.output == "hé\n" and outcome.stopped is None


def test_files_and_folder_are_copies(tmp_path):
    (tmp_path / "data.txt").write_text("the student's")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.txt").write_text("a")
    code = "x = [open(n).read() for n in ('data.txt', 'more/a.txt')]\nopen('more/a.txt', 'w').write('b')"
    outcome = ask(code, "x", folder=tmp_path, files={"data.txt": b"the course's"})
    assert outcome.answers[0].value == ["the course's", "a"]
    assert (tmp_path / "more" / "a.txt").read_text() == "a"


def test_torch_runs_within_the_limits():
    x, y = ask(
        "import torch\nx = torch.nn.Parameter(torch.eye(2))\ny = (x @ x).sum().item()\ntorch.set_num_threads(2)",
        "x",
        "y",
    ).answers
    assert torch.equal(x.value, torch.eye(2)) and type(x.value) is torch.Tensor and y.value == 2.0


def test_objects_that_are_equal_to_everything_do_not_arrive():
    outcome = ask(
        "import numpy as np\nclass Yes:\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "class F(Yes, float): pass\nclass L(Yes, list): pass\nclass A(Yes, np.ndarray): pass\nclass S(Yes, str): pass\n"
        "class I(Yes, int):\n    __class__ = int\n"
        "a, b, c, d, e = F(1), L(), np.zeros(2).view(A), [S()], {'k': I(1)}\n"
        "o, m = np.array([Yes()]), np.ma.array([1.0])",
        *"abcdeom",
    )
    assert all(answer.value is None and "no plain data" in answer.reason for answer in outcome.answers)
    assert "__main__.F" in outcome.answers[0].reason


def test_patches_forge_nothing_but_own_answers():
    outcome = ask(
        "import json, numpy as np, sys, builtins, os\n"
        "json.dumps = np.save = np.lib.format.write_array = lambda *a, **k: '{\"answer\": 0, \"value\": 1}'\n"
        "builtins.len = lambda x: 0\nsys.modules['json'] = None\nx = 3",
        "x", ("x", []),
    )  # fmt: skip
    assert {type(answer.value) for answer in outcome.answers} <= {int, type(None)}


# Its pipes have the numbers that they have in the process that asks, whatever that has open.
FORGE = (
    "import os\ndef forge(lines, end=True):\n    for fd in sorted(map(int, os.listdir('/proc/self/fd')))[3:]:\n"
    "        try: os.write(fd, lines.encode())\n        except OSError: pass\n    end and os._exit(0)\n"
)


def test_answers_that_were_not_asked_for_are_dropped():
    lines = '{"answer": 0, "value": 1}\\n{"answer": 1, "value": 1}\\n{"cell": 1}\\n'
    outcome = ask([FORGE, f"forge('{lines}', False)", "1 / 0", "os._exit(0)"], "a", "b")
    assert [answer.value for answer in outcome.answers] == [None, None] and "ZeroDivision" in outcome.cells[2]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('{"answer": 0, "value": NaN}\n{"answer": 9, "value": 1}\n', "was not han"),
        ("[" * 30000 + '\n{"answer": true}\n\x7f\n', "was not han"),
        ('{"answer": 0, "value": {"npy": "gASVAAA="}}\n', "is no plain"),
        ('{"answer": 0, "value": {"eval": 1}}\n', "is no plain"),
    ],
)
def test_what_is_written_to_the_pipe_of_answers_is_judged(lines, reason):
    answer = ask(FORGE, ("forge", [lines])).answers[0]
    assert answer.value is None and answer.reason[:11] == reason


def test_a_flood_of_answers_is_stopped():
    outcome = ask(FORGE + "def flood():\n    while True: forge('x' * 60000, False)", ("flood", []), "x")
    assert outcome.stopped == "handed back more than 64 MB" == outcome.answers[0].reason


def test_odd_values():
    outcome = ask(
        "import os, pickle, numpy as np\nn = [float('nan'), float('inf'), -0.0]\nu = '\\u00fc\\U0001f600'\n"
        "s = '\\ud800'\nclass Bomb:\n    def __reduce__(self): return os.system, ('touch /tmp/bomb',)\n"
        "p = pickle.dumps(Bomb())\nbig = np.zeros((3000, 1000))\nmany = [0] * 2_100_000\n"
        "long = 'x' * 30_000_000",
        "n", "u", "s", "p", "big", "many", "long",
    )  # fmt: skip
    n, u, *refused = outcome.answers
    assert np.isnan(n.value[0]) and n.value[1] == float("inf") and str(n.value[2]) == "-0.0"
    assert u.value == "ü😀"
    words = ["surrogate", "builtins.bytes", "larger than", "more than 2,000,000", "larger than"]
    assert all(a.value is None and word in a.reason for a, word in zip(refused, words, strict=True)), refused


def test_no_network():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        outcome = ask(f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)")
        assert "OSError" in outcome.cells[0] or "Refused" in outcome.cells[0]
        with pytest.raises(TimeoutError):
            server.accept()


def test_secrets_of_the_machine_are_not_there(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SOLUTION", "42")
    secret = tmp_path / "secret.txt"
    secret.write_text("42")
    secret.chmod(0o644)
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "link.txt").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    paths = [secret, "link.txt", "up/secret.txt", f"/proc/{os.getpid()}/environ", "/proc/1/environ", "/etc/shadow",
             root / "tests" / "conftest.py", "/proc/1/root/etc/hostname"]  # fmt: skip
    outcome = ask(
        ["import os\ndef see(path):\n    try: return open(path).read()\n    except OSError: return None",
         "processes = sum(p.isdigit() for p in os.listdir('/proc'))\nenvironment = dict(os.environ)"],
        *(("see", [str(path)]) for path in paths), "processes", "environment", folder=folder,
    )  # fmt: skip
    *seen, processes, environment = outcome.answers
    assert [answer.value for answer in seen] == [None] * len(paths) and {a.reason for a in seen} == {None}
    assert processes.value == 2 and "SOLUTION" not in environment.value


def test_walls_cannot_be_taken_down():
    outcome = ask(
        "import ctypes, os\nc = ctypes.CDLL(None)\n"
        "x = [c.unshare(1 << 28), c.unshare(1 << 17), c.mount(b'none', b'/tmp', b'tmpfs', 0, None),"
        " c.umount2(b'/proc', 2), c.memfd_create(b'x', 0), c.ptrace(16, 1, 0, 0), c.setuid(0),"
        " os.access('/usr', os.W_OK), os.statvfs('/usr').f_flag & 3]",
        "x",
    )
    assert outcome.answers[0].value == [-1] * 7 + [False, 3]  # read only, no set-user-id


def test_loops_are_stopped_and_the_rest_counts():
    start = time.monotonic()
    outcome = ask(
        ["x = 1\nwhile True: pass", "def f():\n    while True:\n        try: import time; time.sleep(9)\n"
         "        except Exception: pass"], "x", ("f", []), "x", step_seconds=0.3,
    )  # fmt: skip
    assert outcome.cells == ["took longer than 0.3 s", None]
    assert outcome.answers == [(1, None), (None, "took longer than 0.3 s (cell 2)"), (1, None)]
    stubborn = (
        "import signal\ndef f():\n    signal.pthread_sigmask(signal.SIG_BLOCK, [14])\n    while True: pass\ng = 1"
    )
    outcome = ask(stubborn, "g", ("f", []), "g", step_seconds=0.2, seconds=1.5)
    assert outcome.stopped == "took longer than 1.5 s" == outcome.answers[2].reason and outcome.answers[0].value == 1
    outcome = ask(stubborn, ("f", []), step_seconds=0.2, cpu_seconds=1)
    assert "ended early" in outcome.stopped
    assert time.monotonic() - start < 10


def test_memory_is_bounded_alone_and_together():
    alone, shared, forks = (
        ask(code, "x", memory_mb=300, disk_mb=16)
        for code in (
            "x = 1\ny = bytearray(10 ** 9)",
            "import mmap\nx = 1\nm = mmap.mmap(-1, 10 ** 9)\nfor i in range(0, 10 ** 9, 4096): m[i] = 1",
            "import os, time\nx = 1\nfor i in range(8): os.fork() or (bytearray(b'1') * 10 ** 8, time.sleep(9))\n"
            "time.sleep(5)",
        )
    )
    assert alone.cells[0].startswith("raised MemoryError") and alone.answers[0].value == 1
    assert shared.stopped == "took more than 300 MB of memory" == shared.answers[0].reason
    assert forks.stopped == "took more than 300 MB of memory"


def test_fork_bomb_and_daemon_are_gone_afterwards():
    outcome = ask("import os\nwhile True: os.fork()", "x", processes=8, seconds=5, step_seconds=1)
    assert outcome.answers[0].value is None
    start, mark = time.monotonic(), f"99.{os.getpid()}"
    daemon = (
        "import os, time\nif not os.fork():\n    os.setsid()\n"
        f"    os.fork() or os.execv('/bin/sleep', ['sleep', '{mark}'])\n    os._exit(0)\ntime.sleep(0.3)\nx = 1"
    )
    assert ask(daemon, "x").answers[0].value == 1 and time.monotonic() - start < 5
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in path.read_bytes()]


def test_output_is_cut():
    outcome = ask("while True: print('x' * 1000)", output_mb=0.5, step_seconds=0.5)
    assert len(outcome.output) == 2**19 and outcome.cells[0].startswith("took longer")


def test_disk_is_bounded():
    outcome = ask("with open('f', 'wb') as f:\n    for _ in range(1000): f.write(bytes(10 ** 6))", disk_mb=16)
    assert "raised OSError" in outcome.cells[0]
    outcome = ask("for i in range(100):\n    with open(str(i), 'wb') as f: f.write(bytes(10 ** 6))", disk_mb=16)
    assert "raised OSError" in outcome.cells[0]


@pytest.mark.parametrize(
    ("end", "answers"),
    [
        ("import sys; sys.exit('bye')", True),
        ("raise KeyboardInterrupt", True),
        ("import os; os.kill(os.getppid(), 9)", True),
        ("import os; os.kill(-1, 9)", True),
        ("import os; os._exit(0)", False),
        ("import os; os.kill(os.getpid(), 9)", False),
        ("import os; os.killpg(0, 9)", False),
        ("import ctypes; ctypes.string_at(0)", False),
    ],
)
def test_ends_of_processes(end, answers):
    outcome = ask(["x = 1", end], "x")
    assert outcome.answers[0].value == (1 if answers else None)
    assert outcome.answers[0].reason is None or "ended" in outcome.answers[0].reason
    assert outcome.cells[0] is None and (answers or "ended" in outcome.cells[1])


def test_files_stay_in_the_working_folder(raises_saying):
    for name in ("/etc/passwd", "../x", ""):
        with raises_saying(ValueError, repr(name)):
            ask("", files={name: b""})
    with raises_saying(RuntimeError, "No space"):
        ask("", files={"x": bytes(2**21)}, disk_mb=1)
