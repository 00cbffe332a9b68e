import json

import course_toy
import nbformat
import pytest
from course_handed_in import everything, hand_in, is_slow, mistakes, toys
from walls import walled

from labclip_lib.course import folder
from labclip_lib.course.grader import batch
from labclip_lib.course.notebooks import products

pytestmark = [walled, pytest.mark.slow]
REFERENCE = {"mean-test": 6.0, "best-test": 4.0, "why": None}
LIMITS = {"seconds": 20, "memory_mb": 1024, "processes": 16, "comparing_seconds": 2}


@pytest.mark.parametrize("slow", [False, True])
def test_each_gets_what_it_did_and_no_more(tmp_path, slow):
    source = tmp_path / "toy.ipynb"
    nbformat.write(course_toy.toy(), source)
    course = folder.new(tmp_path / "a course", tmp_path)
    student = json.loads(products.as_bytes(products.student(products.read_source(source))))
    rows = {name: row for name, row in (everything() | toys()).items() if is_slow(row) == slow}
    expected = hand_in(course, "toy", student, course_toy.ANSWERS, ["mean", "best"], rows)
    results = batch.grade(course, "toy", jobs=2, shows=False, **LIMITS, step_seconds=30 if slow else 1)
    assert not mistakes(expected, results, REFERENCE)
    assert set(results) == set(expected) == set(course.submitted("toy"))
