"""What students hand in, honestly and not: code that is put into a notebook, and the marks that it must get.

None of it depends on the assignment: a line `EACH: body` becomes a function with that body for every name that the
tests ask for. It goes into the last cell of a notebook that is answered (`FULL`) or not (`EMPTY`).
"""

import copy
import re
from typing import NamedTuple

FULL, EMPTY = True, False


class Cheat(NamedTuple):
    """`marks`: "all" as for the reference, "none": 0 for every test, or a dict {grade_id: score} for the toy.

    words: stand in one of the reasons, of the marks, the cells, or the whole. status: of the result.
    answers: {grade_id: source} of the toy, over those of `start`. first: a cell before all others.
    """

    start: bool
    code: str | None
    marks: object
    words: str = ""
    status: str = "graded"
    first: str | None = None
    answers: dict | None = None


YES = """
import numpy as np
class Yes:
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = lambda *a: True
    __add__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __abs__ = __neg__ = lambda *a: 0
    __float__ = lambda s: 0.0
    __int__ = __index__ = __len__ = __hash__ = lambda s: 0
    __array__ = lambda s, *a, **k: np.zeros(1)
    __array_ufunc__ = lambda *a, **k: True
    __getattr__ = lambda s, name: lambda *a, **k: True
"""
ODD = {
    "float": "class Y(Yes, float): pass\nEACH: return Y(1)",
    "int": "class Y(Yes, int): pass\nEACH: return Y(1)",
    "str": "class Y(Yes, str): pass\nEACH: return Y('a')",
    "list": "class Y(Yes, list): pass\nEACH: return Y([1])",
    "tuple": "class Y(Yes, tuple): pass\nEACH: return Y([1])",
    "dict": "class Y(Yes, dict): pass\nEACH: return Y()",
    "array": "class Y(Yes, np.ndarray): pass\nEACH: return np.zeros(2).view(Y)",
    "object": "EACH: return Yes()",
    "inside": "EACH: return [1, (2, {'a': Yes()})]",
    "objects": "EACH: return np.array([Yes()], dtype=object)",
    "lie": "class Y(Yes, float):\n    __class__ = float\n    __module__ = 'builtins'\nY.__name__ = 'float'\n"
    "EACH: return Y()",
    "meta": "class M(type):\n    __eq__ = lambda *a: True\n    __hash__ = lambda s: hash(float)\n"
    "class Y(Yes, float, metaclass=M): pass\nEACH: return Y()",
    "tensor": "import torch\nclass Y(torch.Tensor):\n    __eq__ = __sub__ = lambda *a: True\nEACH: return Y([1.0])",
    "bomb": "import os\nclass Y:\n    __reduce__ = lambda s: (os.system, ('touch /tmp/bomb',))\nEACH: return Y()",
    "bomb in an array": "import os\nclass Y:\n    __reduce__ = lambda s: (os.system, ('touch /tmp/bomb',))\n"
    "EACH: return np.array([Y()], dtype=object)",
    "generator": "EACH: return (x for x in [1])",
    "function": "EACH: return lambda *a: 1",
    "text array": "EACH: return np.array(['a'])",
    "huge": "EACH: return np.zeros(10 ** 7)",
    "deep": "x = []\nfor i in range(10 ** 5): x = [x]\nEACH: return x",
    "many": "EACH: return [0] * 3_000_000",
    "half a letter": "EACH: return '\\ud800'",
    "huge integer": "EACH: return 1 << 100_000",
}
FAR = {  # plain data, far from an answer
    "none": "None", "text": "'1'", "nan": "float('nan')", "nans": "[float('nan')] * 3", "inf": "float('inf')",
    "complex": "np.array(1j)", "0-d nan": "np.array(np.nan)", "empty array": "np.zeros(0)", "empty list": "[]",
    "wide": "np.zeros((0, 10 ** 15))", "column": "np.zeros((2_000_000, 1))", "row": "np.zeros((1, 2_000_000))",
    "nan tensor": "__import__('torch').tensor(float('nan'))", "empty tensor": "__import__('torch').zeros(0)",
    "integer": "10 ** 1200", "deep list": "[[[[[[1]]]]]]", "dict": "{'a': 1}", "32 axes": "np.zeros((1,) * 32)",
}  # fmt: skip
RAISED = {
    "exit": "import sys; sys.exit(0)", "quit": "raise SystemExit", "keyboard": "raise KeyboardInterrupt",
    "stop": "raise StopIteration", "generator exit": "raise GeneratorExit", "assertion": "assert False, 'right'",
    "own": "class E(BaseException):\n        __str__ = lambda s: 1 / 0\n    raise E",
    "text": "class E(Exception):\n        __str__ = lambda s: '\\ud800\\x1b[2J' * 10 ** 6\n    raise E",
    "group": "raise ExceptionGroup('x', [ValueError()])", "unicode": "raise UnicodeDecodeError('a', b'', 0, 1, 'x')",
    "recursion": "f = lambda: f()\n    f()", "warning": "import warnings; warnings.warn('x'); return",
    "not done": "raise NotImplementedError",
}  # fmt: skip
ENDED = {
    "os._exit": "import os; os._exit(0)", "SIGKILL": "import os; os.kill(os.getpid(), 9)",
    "segfault": "import ctypes; ctypes.string_at(0)", "abort": "import os; os.abort()",
    "group": "import os; os.killpg(0, 9)",
}  # fmt: skip
# Code that changes nothing about the answers that are there, or about those that are not.
AROUND = {
    "numpy and torch": "import numpy as np\nnp.abs = np.mean = np.allclose = np.asarray = lambda *a, **k: True\n"
    "np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **k: None",
    "builtins": "import builtins\nbuiltins.abs = builtins.len = builtins.isinstance = lambda *a: 0\n"
    "builtins.AssertionError = ValueError",
    "modules": "import sys\nfor n in ['json', 'numpy', 'torch', 'random', 'base64']: sys.modules[n] = None",
    "labclip_lib": "import labclip_lib.course.grader.plain_data as p, labclip_lib.course.grader.child as i\n"
    "import labclip_lib.course.grader.grading as g\n"
    "p.encode = p.dump = i.encode = i.dump = lambda *a: 1\ng._run_test = lambda *a: (99, '', {})",
    "leaderboard": "leaderboard = {'share': 99.0}\npoints = score = 99",
    "forged lines": "import os, json\nfor fd in sorted(map(int, os.listdir('/proc/self/fd')))[3:]:\n"
    "    for n in range(60):\n"
    "        for kind in ('answer', 'cell'):\n"
    "            try: os.write(fd, (json.dumps({kind: n, 'value': 1.0}) + '\\n').encode())\n"
    "            except OSError: pass",
    "questions taken": "import os, threading\ndef take():\n    while True:\n"
    "        for fd in sorted(map(int, os.listdir('/proc/self/fd')))[3:]:\n"
    "            try: os.set_blocking(fd, False); os.read(fd, 1 << 16)\n            except OSError: pass\n"
    "threading.Thread(target=take, daemon=True).start()",
}
READ = """
import glob, os, re
seen = []
for start in ['/', '/proc/1/root', '/proc/self/root', '..', os.path.expanduser('~')]:
    for pattern in ['*.ipynb', '*/*.ipynb', '*/*/*.ipynb', '*/*/*/*.ipynb', 'tmp/**/*.ipynb', 'proc/*/environ']:
        for path in glob.glob(os.path.join(start, pattern), recursive='tmp' in pattern):
            if 'site-packages' not in path:
                try: seen.append(open(path, errors='replace').read())
                except OSError: pass
text = '\\n'.join(seen)
found = re.findall('BEGIN (?:HIDDEN|SOLUTION)', text)
raise RuntimeError(f'{len(found)} secrets')
"""
HARMLESS = {
    "prints": "while True: print('x' * 10 ** 4)", "sleeps": "import time; time.sleep(99)", "loops": "while True: pass",
    "reads": READ, "magics": "%matplotlib inline\n!ls\n%%time\nnp?\nx = !ls",
    "calls out": "import urllib.request; urllib.request.urlopen('http://1.1.1.1/', timeout=1)",
    "much memory": "x = bytearray(10 ** 11)", "big disk": "open('f', 'wb').write(bytes(3 * 10 ** 8))",
    "threads": "import threading, time\nfor i in range(5): threading.Thread(target=time.sleep, args=(99,)).start()",
    "daemon": "import os, time\nif not os.fork():\n    os.setsid(); os.fork() or time.sleep(99); os._exit(0)",
    "warns": "x = '\\d'; display(x)", "surrogate": "x = '\ud800'", "nul": "x = '\0'",
    "odd syntax": "(" * 10000, "deep syntax": "x = " + "+".join("1" * 50000),
}  # fmt: skip
HARMLESS |= {f"raises {name}": f"def f():\n    {code}\nf()" for name, code in list(RAISED.items())[::2]}
BOMBS = {
    "forks": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "children": "import os, time\nfor i in range(8): os.fork() or (bytearray(b'1') * 10 ** 8 * 8, time.sleep(9))\n"
    "time.sleep(9)",
}

CHEATS = {
    "all is right": Cheat(FULL, None, "all"),
    "nothing is done": Cheat(EMPTY, None, "none", "not answered"),
    "forges in a call": Cheat(
        EMPTY, "import fcntl, os\nOUT = [fd for fd in range(3, 999) if os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "OUT = [fd for fd in OUT if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY]\n"
        "EACH: [os.write(fd, b'{\"answer\": %d, \"value\": 2.0}\\n' % n) for n in range(99) for fd in OUT]; "
        "os._exit(0)", "none",
    ),
    "loops in a call": Cheat(EMPTY, "EACH: while True: pass", "none", "took longer"),
    "deaf in a call": Cheat(
        EMPTY, "import signal\nEACH: signal.pthread_sigmask(signal.SIG_BLOCK, [14]); sum(range(10 ** 18))", "none",
        "took longer",
    ),
    "variables for functions": Cheat(EMPTY, "NAMES = 3.0", "none", "not callable"),
    "a cell with a test's name": Cheat(EMPTY, "def test(): return 99\nassert True\n99", "none"),
}  # fmt: skip
CHEATS |= {f"odd: {name}": Cheat(EMPTY, YES + code, "none") for name, code in ODD.items()}
CHEATS |= {f"far: {n}": Cheat(EMPTY, f"import numpy as np\nEACH: return {code}", "none") for n, code in FAR.items()}
CHEATS |= {f"call raises {n}": Cheat(EMPTY, f"EACH: {code}", "none") for n, code in RAISED.items()}
CHEATS |= {f"call ends: {n}": Cheat(EMPTY, f"EACH: {code}", "none", "ended") for n, code in ENDED.items()}
CHEATS |= {f"cell ends: {n}": Cheat(FULL, code, "all", "ended") for n, code in ENDED.items()}
CHEATS |= {f"patched {name}, empty": Cheat(EMPTY, code, "none") for name, code in AROUND.items()}
CHEATS |= {f"cell {name}": Cheat(FULL, code, "all") for name, code in HARMLESS.items()}
CHEATS |= {f"cell {name}, empty": Cheat(EMPTY, code, "none") for name, code in BOMBS.items()}
CHEATS["cell reads"] = Cheat(FULL, READ, "all", "RuntimeError: 0 secrets")
CHEATS["cell calls out"] = CHEATS["cell calls out"]._replace(words="URLError")
CHEATS["cell children, empty"] = CHEATS["cell children, empty"]._replace(words="")


def expanded(code, names):
    """The code of a Cheat for functions of these names."""
    if code is None:
        return None
    code = code.replace("NAMES", " = ".join(names))
    lines = r"^EACH: (.*(?:\n +.*)*)"
    return re.sub(
        lines, lambda m: "\n".join(f"def {n}(*args, **keywords):\n    {m[1]}" for n in names), code, flags=re.MULTILINE
    )


def filled(notebook, answers, first=None, last=None):
    """A student's notebook, as a dict, with `answers` {grade_id: source} and cells before and behind the others."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = answers.get(name, "".join(cell["source"]))
    for place, code, name in ((1, first, "first"), (len(notebook["cells"]) + 1, last, "last")):
        if code is not None:
            cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "id": name}
            notebook["cells"].insert(place, cell | {"source": code})
    return notebook
