import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import course_toy
import nbformat
import pytest
from course_cheats import filled
from course_handed_in import LONG
from walls import walled

from labclip_lib.course import folder
from labclip_lib.course.grader import batch
from labclip_lib.course.grader.batch import grade
from labclip_lib.course.notebooks import products

LIMITS = {"seconds": 20}
HALF = {"mean": course_toy.ANSWERS["mean"]}
RUN = (
    "import sys; from labclip_lib.course import folder; from labclip_lib.course.grader import batch\n"
    "if __name__ == '__main__': batch.grade(folder.Course(sys.argv[1]), 'toy', 2, shows=False, seconds=20)"
)


@pytest.fixture
def course(tmp_path):
    nbformat.write(course_toy.toy(), tmp_path / "toy.ipynb")
    return folder.new(tmp_path / "a course", tmp_path)


def hand_in(course, name, answers=course_toy.ANSWERS, last=None):
    student = json.loads(products.as_bytes(products.student(course_toy.toy())))
    path = course.root / "submitted" / name / "toy"
    path.mkdir(parents=True, exist_ok=True)
    (path / "toy.ipynb").write_text(json.dumps(filled(student, answers, None, last)))


def scores(results):
    return {name: [mark["score"] for mark in result.get("marks", [])] for name, result in results.items()}


def times(course):
    return {path.stem: path.stat().st_mtime_ns for path in course.root.glob("graded/toy/*.json")}


@walled
def test_what_changed_is_graded_again_and_nothing_else(course, monkeypatch):
    hand_in(course, "ada")
    hand_in(course, "bob", {**course_toy.ANSWERS, "mean": course_toy.ANSWERS["mean"].replace("/", "*")})
    hand_in(course, "cy")
    (course.root / "submitted" / "cy" / "toy" / "toy.ipynb").write_text("{")
    first = grade(course, "toy", shows=False, **LIMITS)
    assert scores(first) == {"ada": [6.0, 4.0, None], "bob": [0.0, 4.0, None], "cy": []}
    assert first["cy"]["status"] == "rejected" and "toy.ipynb is not JSON" in first["cy"]["reason"]
    before = times(course)
    assert grade(course, "toy", jobs=2, shows=False, **LIMITS) == first and times(course) == before
    hand_in(course, "bob")  # as long as before
    again = grade(course, "toy", shows=False, **LIMITS)
    assert scores(again)["bob"] == [6.0, 4.0, None] and again["ada"] == first["ada"] and list(again) == list(first)
    assert {name for name, when in times(course).items() if when != before[name]} == {"bob"}
    for name in ("bob", "cy"):
        shutil.rmtree(course.root / "submitted" / name)
    path = course.result("toy", "ada")

    def graded_again(**limits):
        before = path.stat().st_mtime_ns
        assert scores(grade(course, "toy", shows=False, **LIMITS | limits)) == {"ada": [6.0, 4.0, None]}
        return path.stat().st_mtime_ns != before

    assert not graded_again()
    assert graded_again(seconds=21) and not graded_again(seconds=21)
    with monkeypatch.context() as patch:
        patch.setattr("labclip_lib.__version__", "another")
        assert graded_again(seconds=21)
    course.source("toy").write_text(course.source("toy").read_text() + "\n")
    assert graded_again() and not graded_again()


def holds(path, text):
    try:
        return text.encode() in path.read_bytes()
    except OSError:
        return False


def wait_until(done, seconds=30):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


@walled
def test_killed_midway_it_goes_on(course, tmp_path, root):
    for i in range(6):
        hand_in(course, f"s{i}", last=f"import time; time.sleep({9 if i == 2 else 0.5})")
    before = set(tmp_path.iterdir())
    environment = os.environ | {"PYTHONPATH": str(root), "TMPDIR": str(tmp_path)}
    run = subprocess.Popen([sys.executable, "-c", RUN, course.root], env=environment)
    while len(times(course)) < 2:
        assert run.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    run.kill()
    run.wait()
    kept = times(course)
    wait_until(lambda: not [path for path in Path("/proc").glob("[0-9]*/environ") if holds(path, str(tmp_path))])
    results = grade(course, "toy", jobs=2, shows=False, **LIMITS)
    assert len(results) == 6 and set(map(tuple, scores(results).values())) == {(6.0, 4.0, None)}
    assert kept.items() <= times(course).items() and len(kept) < 6
    left = {path.name for path in set(tmp_path.iterdir()) - before if not path.name.startswith("pymp-")}  # Python's
    assert not left and [path.name for path in course.root.glob("graded/toy/.*")] == [".lock"]


@walled
def test_a_grader_that_crashes_harms_nobody_and_is_tried_again(course, monkeypatch):
    hand_in(course, "ada", last="import time; time.sleep(2)")
    with monkeypatch.context() as patch:
        patch.setattr(batch, "SLACK_SECONDS", -20)  # with a test for each of three parts, no time is left
        first = grade(course, "toy", shows=False, **LIMITS, step_seconds=10, test_seconds=10)["ada"]
    assert first["status"] == "failed" and "took longer than 0 s" in first["reason"]
    hand_in(course, "bob")
    hand_in(course, LONG)
    results = grade(course, "toy", shows=False, **LIMITS)
    assert results[LONG]["status"] == "failed" and "grade again" in results[LONG]["reason"]
    assert scores(results)["ada"] == scores(results)["bob"] == [6.0, 4.0, None]


@walled
def test_a_fault_of_the_course_is_no_students(course):
    hand_in(course, "ada")
    notebook = nbformat.read(course.source("toy"), 4)
    notebook.cells[1].source = "raise RuntimeError('no data')"
    nbformat.write(notebook, course.source("toy"))
    result = grade(course, "toy", shows=False, **LIMITS)["ada"]
    assert result["status"] == "failed" and "RuntimeError: no data" in result["reason"]
    nbformat.write(course_toy.toy(), course.source("toy"))
    assert grade(course, "toy", shows=False, **LIMITS)["ada"]["status"] == "graded"


@walled
def test_two_at_once_agree(course, root):
    for i in range(4):
        hand_in(course, f"s{i}", HALF if i % 2 else course_toy.ANSWERS)
    command = [sys.executable, "-c", RUN, course.root]
    runs = [subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(root)}) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    found = {name: json.loads(course.result("toy", name).read_bytes()) for name in ("s0", "s1", "s2", "s3")}
    assert scores(found) == {f"s{i}": [6.0, 0.0, 0.0] if i % 2 else [6.0, 4.0, None] for i in range(4)}


@walled
def test_a_course_that_students_could_read_is_refused(course, monkeypatch, raises_saying):
    monkeypatch.setattr(sys, "prefix", str(course.root.parent))
    with raises_saying(ValueError, str(course.root), "move the course"):
        grade(course, "toy")
