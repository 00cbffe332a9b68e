import json
import shutil
import sqlite3
import sys

import nbformat
import pytest
from graded import HIDDEN, course, graded, hand_in, not_graded

from labclip_lib.course.folder import Course
from labclip_lib.course.gradebook import Marks, entries, fill, marks, opened


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """The folder of a course with an empty gradebook: nbgrader takes seconds to make one."""
    pytest.importorskip("nbgrader")
    it = course(tmp_path_factory.mktemp("empty"))
    with opened(it):
        return it.root


@pytest.fixture
def toy(empty, tmp_path):
    return Course(shutil.copytree(empty, tmp_path / "course"))


def fill_all(course, changed=None):
    """Fill with answers of which {student: grade_ids} have changed; returns the marks."""
    found = entries(course, "A")
    fill(course, "A", found, changed or {})
    return marks(course, "A", found)


def rows(course):
    with sqlite3.connect(course.root / "gradebook.db") as database:
        return list(database.iterdump())


def by_hand(course, score=None, comment=None, part="why"):
    """What `nbgrader formgrader` stores when the instructor marks ada's `part`."""
    with opened(course) as (book, _):
        if score is not None:
            grade = book.find_grade(part, "A", "A", "ada")
            grade.manual_score, grade.needs_manual_grade = score, False
        if comment:
            book.find_comment("why", "A", "A", "ada").manual_comment = comment
        book.db.commit()


def test_who_is_graded_and_who_is_not(tmp_path):
    it = course(tmp_path)
    hand_in(it, "ada", **graded(10, 5, None))
    hand_in(it, "bob", **not_graded("rejected", "It is not JSON."))
    hand_in(it, "zoe", **not_graded("failed", "Grading broke off."))
    for student in ("late", "gone", "old", "odd"):
        hand_in(it, student, **graded(10, 5, 0))
    hand_in(it, "short", **graded(10, 5, 0, cells=[[99, "raised ValueError: of a cell that is gone"]]))
    it.result("A", "late").unlink()
    (it.root / "submitted" / "gone" / "A" / "A.ipynb").write_text("other")
    old = json.loads(it.result("A", "old").read_text())
    old["marks"][0]["points"] = 11
    it.result("A", "old").write_text(json.dumps(old))
    it.result("A", "odd").write_text("{")
    found = entries(it, "A")
    assert {student: entry.status for student, entry in found.items()} == {
        "ada": "graded", "bob": "rejected", "cy": "not submitted", "gone": "not graded", "late": "not graded",
        "odd": "not graded", "old": "not graded", "short": "not graded", "zoe": "failed",
    }  # fmt: skip
    assert found["bob"].reason == "It is not JSON."
    assert all(found[name].reason.endswith("grade again.") for name in ("late", "gone", "old", "odd", "short"))


def test_scores_arrive_and_nobody_has_a_0_for_nothing(toy):
    reasons = ("", "a part of it", "")
    hand_in(toy, "ada", **graded(10, 2.5, None, reasons=reasons, cells=[[3, "raised ValueError: `x` <b>"]]))
    hand_in(toy, "eve", **graded(0, 0, 0, reasons=("total is missing", "", "not answered")))
    hand_in(toy, "bob", **not_graded("rejected", "It is not JSON."))
    found = fill_all(toy)
    assert found["ada"] == Marks({"total-test": 10, "twice-test": 2.5, "why": 0}, ["why"], {
        "total": "This cell did not end well: `raised ValueError: 'x' <b>`", "why": "Not marked yet.",
    })  # fmt: skip
    assert found["eve"] == Marks(
        {"total-test": 0, "twice-test": 0, "why": 0}, [], {"why": "0 of 4 points: `not answered`"}
    )
    with opened(toy) as (book, _):
        assert {student.id: student.email for student in book.students} == {
            "ada": "ada@example.org", "bob": None, "cy": None, "eve": None
        }  # fmt: skip
        assert {it.student.id: it.score for it in book.assignment_submissions("A")} == {"ada": 12.5, "eve": 0}
        assert book.find_assignment("A").max_score == 19
        assert HIDDEN in book.find_source_cell("total-test", "A", "A").source  # for `nbgrader autograde`


def test_doubt_waits_for_a_person_and_says_what_to_look_at(toy):
    reasons = ("total may stand in cell 9", "", "not answered, but perhaps the answer stands in cell 8")
    hand_in(toy, "ada", **graded(None, 5, None, reasons=reasons) | {"notes": [[5, "is Markdown in place of code"]]})
    found = fill_all(toy)["ada"]
    assert found.waiting == ["total-test", "why"] and found.scores["twice-test"] == 5
    assert found.comments["why"] == f"Not marked yet.\n\nTo be marked by hand: `{reasons[2]}`"
    assert found.comments["twice"] == "This cell `is Markdown in place of code`"


def test_the_same_again_changes_nothing(toy):
    hand_in(toy, "ada", **graded(10, 5, None))
    hand_in(toy, "bob", **graded(0, 5, 0))
    fill_all(toy)
    by_hand(toy, 3, "Nearly.")
    before = rows(toy)
    fill_all(toy)
    after = rows(toy)
    # Only what said that the answer was not marked yet may go.
    assert [row for row in before if "Not marked yet." not in row] == [row for row in after if "Nearly." not in row]
    fill_all(toy)
    assert rows(toy) == after


def test_marks_by_hand_outlive_a_regrading(toy):
    hand_in(toy, "ada", **graded(0, 5, None))
    fill_all(toy)
    by_hand(toy, 3, "Nearly.")
    by_hand(toy, 8, part="total-test")
    assert fill_all(toy)["ada"] == Marks({"total-test": 8, "twice-test": 5, "why": 3}, [], {"why": "Nearly."})
    hand_in(toy, "ada", **graded(5, 0, None))
    again = fill_all(toy)["ada"]
    assert again.scores == {"total-test": 8, "twice-test": 0, "why": 3} and again.comments == {"why": "Nearly."}
    assert again.waiting == ["total-test"]  # its automatic score is another, the answer to "why" is not


@pytest.mark.parametrize(("answer", "waiting"), [("why", ["total-test", "why"]), ("total", ["total-test"])])
def test_a_changed_answer_is_looked_at_again(toy, answer, waiting):
    hand_in(toy, "ada", **graded(0, 5, None))
    fill_all(toy)
    by_hand(toy, 3)
    by_hand(toy, 8, part="total-test")
    assert fill_all(toy)["ada"].waiting == []
    assert fill_all(toy, {"ada": {answer}})["ada"].waiting == waiting


def test_rejected_after_it_was_graded(toy):
    hand_in(toy, "ada", **graded(10, 5, None))
    fill_all(toy)
    by_hand(toy, 3, "Nearly.")
    hand_in(toy, "ada", **not_graded("rejected", "It is not JSON."))
    assert fill_all(toy) == {}
    with opened(toy) as (book, _):
        assert book.find_submission("A", "ada").score == 3  # automatic scores are gone, those by hand are kept
    hand_in(toy, "ada", **graded(10, 5, None))
    assert fill_all(toy, {"ada": {"total", "twice", "why"}})["ada"] == Marks(
        {"total-test": 10, "twice-test": 5, "why": 3}, ["why"], {"why": "Nearly."}
    )


def test_parts_taken_out_after_a_report(toy, raises_saying):
    hand_in(toy, "ada", **graded(10, 5, None))
    fill_all(toy)
    path = toy.source("A")
    notebook = nbformat.read(path, 4)
    notebook.cells.pop()
    nbformat.write(notebook, path)
    with raises_saying(ValueError, "Parts of A", "nbgrader db assignment remove A --force"):
        fill_all(toy)


def test_half_a_character_breaks_nothing(toy):
    hand_in(toy, "ada", **graded(0, 0, 0, reasons=("\ud800", "", ""), cells=[[3, "raised \udfff"]]))
    assert fill_all(toy)["ada"].comments["total"] == "This cell did not end well: `raised ?`"


def test_without_nbgrader(tmp_path, monkeypatch, raises_saying):
    monkeypatch.setitem(sys.modules, "nbgrader.api", None)
    with raises_saying(ValueError, 'pip install -e ".[course]"'), opened(course(tmp_path)):
        pass
    assert not (tmp_path / "course" / "gradebook.db").exists()
