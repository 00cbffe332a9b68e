"""Grade many submissions, honest and not, kill the run once, go on, and count what is not as it must be.

python tests/speed/bench_course.py --submissions 200 [--jobs 2] [--seed 0] [--assignment SOURCE.ipynb]

The submissions are those of tests/course_cheats.py and course_handed_in.py, of the toy or around the reference solution
of a real assignment, and honest ones that vary by the seed. Exit status 1 at any mismatch.
"""

import argparse
import ast
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
import course_toy  # noqa: E402
from course_cheats import FULL, Cheat  # noqa: E402
from course_handed_in import HONEST, everything, hand_in, mistakes, toys  # noqa: E402

from labclip_lib.course import folder  # noqa: E402
from labclip_lib.course.grader import batch  # noqa: E402
from labclip_lib.course.grader.grading import is_test  # noqa: E402
from labclip_lib.course.notebooks import products  # noqa: E402

SUBREAPER = 36  # of prctl: orphans become children of this process, which then can count them
TOY = {"seconds": 90, "step_seconds": 12, "memory_mb": 1024, "processes": 16, "comparing_seconds": 5}
REAL = {"seconds": 240, "step_seconds": 30}


def honest(rng, toy):
    """An honest submission: another person's variables, prints and extra cells around right answers."""
    number = int(rng.integers(10**6))
    code = f"my_{number} = [{number} % k for k in range(1, 9)]\nprint(sorted(my_{number}))"
    answers = HONEST[str(rng.choice(sorted(HONEST)))] if toy else None
    return Cheat(FULL, code, "all", answers=answers, first=f"# {number}" if rng.random() < 0.5 else None)


def rows(number, rng, toy):
    """{name: row} of a number of submissions, of which at least a quarter is honest."""
    all_rows = everything() | (toys() if toy else {})
    if not toy:
        del all_rows["answers become checks"]  # it hands in the toy's
    names = [str(name) for name in rng.permutation(sorted(all_rows))[: number * 3 // 4]]
    chosen = {"all is right": all_rows["all is right"]} | {name: all_rows[name] for name in names}
    return chosen | {f"honest {i}": honest(rng, toy) for i in range(number - len(chosen))}


def asked(notebook):
    """The names of functions and variables that the answer cells of an instructor's notebook define."""
    cells = [cell for cell in notebook.cells if products.grading_of(cell).get("solution") and cell.cell_type == "code"]
    found = []
    for node in (node for cell in cells for node in ast.parse(cell.source).body):
        targets = getattr(node, "targets", []) if isinstance(node, ast.Assign) else [node]
        found += [getattr(target, "name", getattr(target, "id", None)) for target in targets]
    return [name for name in found if name]


def run(course, name, jobs, limits, killed=None):
    """Grade in a process of its own; returns its results, or kills it once `killed` files are written."""
    out = course.root / "results.json"
    process = subprocess.Popen(
        [sys.executable, __file__, "--run", str(course.root), name, str(jobs), json.dumps(limits)]
    )
    if killed:
        graded = course.root / "graded" / name
        while len(list(graded.glob("*.json"))) < killed and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    if process.wait() and not killed:
        raise SystemExit("grading stopped with an error")
    return None if killed else json.loads(out.read_text())


def left_over():
    """What of the graders' is still there: processes, as (number, name), after a moment to end."""
    for _ in range(50):
        while True:
            try:
                if not os.waitpid(-1, os.WNOHANG)[0]:
                    break
            except ChildProcessError:
                return []
        time.sleep(0.1)
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        parents[int(path.parent.name)] = (int(rest.split()[1]), f"{name}) {rest.split()[0]}")
    known, before = {os.getpid()}, 0
    while len(known) > before:
        before = len(known)
        known |= {number for number, (parent, _) in parents.items() if parent in known}
    return [(number, parents[number][1]) for number in sorted(known - {os.getpid()})]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--submissions", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--assignment", type=Path)
    args = parser.parse_args()
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    rng, toy = np.random.default_rng(args.seed), args.assignment is None
    with tempfile.TemporaryDirectory() as home:
        home = Path(home).resolve()
        os.environ["TMPDIR"] = str(home / "tmp")
        (home / "tmp").mkdir()
        (home / "source").mkdir()
        name = "toy" if toy else args.assignment.stem
        source = home / "source" / f"{name}.ipynb"
        source.write_text(nbformat.writes(course_toy.toy()) if toy else args.assignment.read_text())
        course, notebook = folder.new(home / "a course", source.parent), products.read_source(source)
        student = json.loads(products.as_bytes(products.student(notebook)))
        graded = {cell.metadata.nbgrader["grade_id"]: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
        right = {key: cell.source for key, cell in graded.items() if cell.metadata.nbgrader["solution"]}
        right = course_toy.ANSWERS if toy else right
        names = ["mean", "best"] if toy else asked(notebook)
        worth = products.points(notebook)
        reference = {key: float(worth[key]) if is_test(graded[key].metadata.nbgrader) else None for key in worth}
        expected = hand_in(course, name, student, right, names, rows(args.submissions, rng, toy))
        limits, mounts = TOY if toy else REAL, Path("/proc/self/mountinfo").read_text()

        start = time.monotonic()
        killed = int(rng.integers(1, len(expected)))
        run(course, name, args.jobs, limits, killed)
        processes = left_over()
        before = {path: path.stat().st_mtime_ns for path in course.root.glob("graded/*/*.json")}
        results = run(course, name, args.jobs, limits)
        took = time.monotonic() - start
        again = [path.stem for path, when in before.items() if path.stat().st_mtime_ns != when]
        start = time.monotonic()
        third = run(course, name, args.jobs, limits)
        nothing = time.monotonic() - start

        wrong = mistakes(expected, results, reference)
        wrong += [f"{student!r}: graded twice" for student in again if results[student]["status"] != "failed"]
        changed = [key for key in results if results[key] != third.get(key)]
        wrong += [f"{key!r}: another run gives {third.get(key)}" for key in changed]
        wrong += [f"left over: the process {process}" for process in processes + left_over()]
        if mounts != Path("/proc/self/mountinfo").read_text():
            wrong.append("left over: mounts")
        # Python's own, pymp-*, has nobody to take it away after a SIGKILL, and torch keeps a cache.
        temporary = sorted(path.name for path in (home / "tmp").iterdir())
        wrong += [f"left over: {path}" for path in temporary if not path.startswith(("pymp-", "torchinductor"))]
        wrong += [f"left over: {path}" for path in Path("/tmp").glob("bomb")]
        wrong += [f"left over: {path}" for path in course.root.glob("graded/*/.*.json.*")]
    kinds = sorted({result["status"] for result in results.values()})
    counts = {kind: sum(result["status"] == kind for result in results.values()) for kind in kinds}
    seconds = np.array([result["seconds"] for result in results.values() if "seconds" in result])
    right_ones = np.array([results[key]["seconds"] for key in results if key.startswith(("honest", "all is"))])
    print(f"{len(results)} of {len(expected)} submissions of {name} have a result: {counts}.")
    print(f"The run was killed after {killed} results, of which {len(before) - len(again)} were kept as they were.")
    print(
        f"{took:.0f} s in all with {args.jobs} jobs, {took / len(expected):.2f} s per submission; alone: median ",
        end="",
    )
    print(f"{np.median(seconds):.1f} s, most {seconds.max():.1f} s, an honest one {np.median(right_ones):.1f} s.")
    print(f"Graded again, nothing to do: {nothing:.1f} s.")
    print(f"Left over: {len(processes)} processes after the kill, {temporary} in the temporary folder.")
    print(f"{len(wrong)} mismatches.", *wrong, sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        root, assignment, jobs, limits = sys.argv[2:]
        found = batch.grade(folder.Course(root), assignment, int(jobs), shows=False, **json.loads(limits))
        Path(root, "results.json").write_text(json.dumps(found))
        sys.exit()
    sys.exit(main())
