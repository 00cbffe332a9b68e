import json

import course_toy
import nbformat
import pytest
from course_cheats import filled

from labclip_lib.course.grader.matching import definitions, match, places, untouched, written
from labclip_lib.course.grader.submission import Submission, _cell
from labclip_lib.course.notebooks import products

RELEASED = products.student(course_toy.toy()).cells
WHY = 6  # its place, and in an unchanged notebook its index


def notebook(answers=course_toy.ANSWERS):
    """The cells of a student's notebook, as dicts."""
    return filled(json.loads(products.as_bytes(products.student(course_toy.toy()))), answers)["cells"]


def matched(cells):
    return match(course_toy.toy(), Submission([_cell(cell) for cell in cells]))


def text(source, kind="markdown", **more):
    return {"cell_type": kind, "metadata": {}, "source": source} | more


def why(cells):
    return written(matched(cells), WHY)


def test_cells_are_found_by_grade_id_then_id_then_text():
    cells = notebook()
    assert places(RELEASED, [_cell(cell) for cell in cells]) == list(range(7))
    cells[2]["id"] = cells[3]["id"] = "x"  # known by their grade_ids
    cells[1]["metadata"] = {}  # by its id
    del cells[0]["id"]  # by its text
    assert places(RELEASED, [_cell(cell) for cell in cells[::-1]]) == list(range(7))[::-1]
    copy = text("import numpy as np", "code")
    assert places(RELEASED, [_cell(cell) for cell in [copy, *cells]]) == [None, *range(7)]


def test_of_two_cells_with_one_id_or_one_name_the_answer_is_found():
    cells = notebook()
    stub = cells[WHY] | {"source": "YOUR ANSWER HERE"}
    assert places(RELEASED, [_cell(cell) for cell in [stub, *cells]])[-1] == WHY
    for cell in cells:
        cell["id"] = "same"
    assert places(RELEASED, [_cell(cell) for cell in cells]) == list(range(7))


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_code_that_became_text_is_code_again(kind):
    cells = notebook()
    cells[2]["cell_type"] = cells[1]["cell_type"] = kind
    found = matched(cells)
    assert [cell["type"] for cell in found.cells[:3]] == ["markdown", "code", "code"]
    assert [number for number, _ in found.notes] == [2, 3]
    assert "in place of code, and was run as the code" in found.notes[0][1]
    assert definitions(found, set()) == {} and definitions(found, {3}) == {"mean": 3}


def test_text_that_became_code_is_text_again():
    cells = notebook()
    cells[WHY]["cell_type"] = "code"
    found = matched(cells)
    assert found.cells[WHY]["type"] == "markdown" and written(found, WHY) == (True, "")


def test_code_in_a_text_of_ones_own_is_told_by_what_it_defines():
    cells = [*notebook(), text("My answer:\n\ndef mean(x):\n    total = sum(x)"), text("class Best: pass", "raw")]
    assert definitions(matched(cells), set()) == {"mean": 8, "total": 8, "Best": 9}


def test_an_answer_in_its_place_needs_no_reason():
    assert why(notebook()) == (True, "")
    cells = notebook()
    cells[WHY]["metadata"] = {}
    assert why(cells) == (True, "")  # by its id
    cells.insert(0, cells.pop())
    assert why(cells) == (True, "")


def test_no_answer_anywhere_is_no_answer():
    for stub in ("YOUR ANSWER HERE", " \n"):
        assert why(notebook({"why": stub})) == (False, "not answered")
    assert why(notebook()[:WHY]) == (False, "the cell is not there any more")
    own = [text("1 / 0", "code"), text(""), text("# A toy")]  # code, nothing, and what was released
    assert why([*notebook({}), *own]) == (False, "not answered")


@pytest.mark.parametrize("kind", ["markdown", "raw", "code"])
@pytest.mark.parametrize("stub", ["YOUR ANSWER HERE", "", None])
@pytest.mark.parametrize("place", [0, 4, 7])
def test_an_answer_elsewhere_goes_to_a_person(kind, stub, place):
    cells = notebook({} if stub is None else {"why": stub})
    if stub is None:
        del cells[WHY]
    cells.insert(place, text("# Because of outliers.", kind))
    waits, reason = why(cells)
    number = min(place, len(cells) - 1) + 1
    assert waits and f"perhaps the answer stands in cell {number} (# Because of outliers.)" in reason


def test_an_answer_that_was_merged_split_or_copied_goes_to_a_person():
    question = nbformat.v4.new_markdown_cell("Why?", id="question")
    source = course_toy.toy()
    source.cells.insert(WHY, question)
    merged = [_cell(cell) for cell in [*notebook()[:WHY], text("Why?\n\nOutliers.", id="question")]]
    waits, reason = written(match(source, Submission(merged)), WHY + 1)
    assert waits and reason.endswith("but perhaps the answer stands in cell 7 (Why? Outliers.)")
    split = [*notebook({"why": "Because"}), text("of outliers."), text("And more.")]
    assert why(split) == (True, "it stands in cell 7 (Because) and cell 8 (of outliers.) and cell 9 (And more.);"
                          " read all of them")  # fmt: skip
    copied = [*notebook({"why": "One."}), notebook({"why": "Two."})[WHY]]
    assert why(copied) == (True, "it stands in cell 7 (One.) and cell 8 (Two.); read all of them")


def test_what_the_instructor_wrote_is_no_answer():
    scheme = text("Two points for the outlier.")
    assert why([*notebook(), scheme]) == (True, "") and why([*notebook({}), scheme]) == (False, "not answered")


def test_what_colab_adds_is_no_answer():
    cells = json.loads(products.as_bytes(products.colab(course_toy.toy(), "https://host/owner/name")))["cells"]
    assert why(cells) == (False, "not answered") and untouched(matched(cells))


def test_untouched_has_no_answer_and_nothing_that_might_be_one():
    assert untouched(matched(notebook({}))) and untouched(matched(notebook({})[:WHY]))
    assert not untouched(matched(notebook({"why": "So."})))
    assert not untouched(matched([*notebook({}), text("So.")]))
