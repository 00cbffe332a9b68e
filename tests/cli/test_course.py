import json
import shutil

import nbformat
import pytest
from course_toy import answered, toy
from walls import WHY, missing

from labclip_lib.__main__ import main
from labclip_lib.course.notebooks import products


@pytest.fixture
def course(tmp_path, capsys, monkeypatch):
    """A course that the command made, with the toy as its only assignment; the working folder is the course."""
    course = tmp_path / "my course"
    assert main(["course", "new", str(course)]) == 0
    capsys.readouterr()
    shutil.rmtree(course / "source")
    (course / "source" / "toy").mkdir(parents=True)
    nbformat.write(toy(), course / "source" / "toy" / "toy.ipynb")
    monkeypatch.chdir(course)
    return course


def test_new_takes_the_books_assignments(tmp_path, root, capsys):
    assert main(["course", "new", str(tmp_path / "a")]) == 0
    made = sorted(path.stem for path in (tmp_path / "a").glob("source/*/*.ipynb"))
    assert made == sorted(path.stem for path in (root / "chapters" / "assignments").glob("*.ipynb"))
    assert f"with the assignments {', '.join(made)}." in capsys.readouterr().out


def test_release_and_grade(course, capsys):
    assert main(["course", "release", "toy"]) == 0
    released = course / "release" / "toy" / "toy.ipynb"
    assert "No line of a solution" in capsys.readouterr().out and not products.leaks(released, toy())
    if missing:
        pytest.skip(WHY)
    for student in ("ada", "bob", "cem"):
        (course / "submitted" / student / "toy").mkdir(parents=True)
    notebook = answered(nbformat.read(released, 4))
    (course / "submitted" / "ada" / "toy" / "toy.ipynb").write_text(json.dumps(notebook))
    (course / "submitted" / "bob" / "toy" / "toy (1).ipynb").write_text(json.dumps(notebook))
    shutil.copy(released, course / "submitted" / "cem" / "toy" / "toy.ipynb")
    (course / "submitted" / "eve").mkdir()
    (course / "submitted" / "eve" / "toy.ipynb").write_text(json.dumps(notebook))
    (course / "students.csv").write_text("id,first_name\nada,Ada\nbob,Bob\nCemal,Cem\n")
    assert main(["course", "grade", "toy", "--jobs", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    unknown = [line for line in lines if line.startswith("Not in students.csv")]
    assert unknown == ["Not in students.csv: cem; add a line for them, or call the folder in submitted/ by their id."]
    lines.remove(*unknown)
    assert lines.pop(0).startswith("Not graded: submitted/eve/toy.ipynb; put the notebook into submitted/STUDENT/toy/")
    assert lines[0] == "ada  graded    10 of 10 points, and 5 to be marked by hand"
    assert lines[1].startswith("bob  rejected  There is 'toy (1).ipynb' in place of toy.ipynb")
    assert lines[2] == "cem  graded    0 of 15 points; nothing in it is answered: is it the right file?"
    assert lines[-1] == "2 graded, 1 rejected, 0 failed."


def test_a_report_needs_something_to_report(course, mistake):
    assert "Nothing was handed in for toy" in mistake("course", "report", "toy")
    (course / "submitted" / "ada" / "toy").mkdir(parents=True)
    (course / "submitted" / "ada" / "toy" / "toy.ipynb").write_text("{}")
    said = mistake("course", "report", "toy")
    assert "Nothing of toy is graded; run `python -m labclip_lib course grade toy` first." in said
    assert f"grade toy --course '{course}'` first." in mistake("course", "report", "toy", "--course", str(course))
    assert not (course / "report").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["release", "tox"], "There is no assignment 'tox'"),
        (["grade", "tox"], "There is no assignment 'tox'"),
        (["report", "tox"], "There is no assignment 'tox'"),
        (["grade", "toy"], "Nothing was handed in for toy"),
        (["grade", "toy", "--course", "/"], "/ is no course folder; name one with --course FOLDER"),
        (["grade", "toy", "--job", "2"], "it takes no '--job'; did you mean '--jobs'?"),
        (["grade", "toy", "--jobs", "0"], "--jobs must be above 0, got 0."),
        (["grade", "toy", "--seconds", "-1"], "--seconds must be above 0, got -1."),
        (["grade"], "course grade: it needs ASSIGNMENT; `"),
        (["new", "."], ". is not empty"),
    ],
)
def test_mistakes_are_one_sentence(course, words, said, mistake):
    before = sorted(course.rglob("*"))
    assert said in mistake("course", *words)
    assert sorted(course.rglob("*")) == before
