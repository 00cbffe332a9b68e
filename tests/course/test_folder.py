import shutil
import subprocess

import course_toy
import nbformat
import pytest

from labclip_lib.course.folder import Course, new, release
from labclip_lib.course.notebooks.products import read_source, student


@pytest.fixture
def course(tmp_path):
    nbformat.write(course_toy.toy(), tmp_path / "toy.ipynb")
    return new(tmp_path / "a course", tmp_path)


def git(course, *command):
    setting = ["-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", "-C", course.root, *setting, *command], check=True, capture_output=True)


def test_a_new_course_has_what_is_needed(course):
    assert read_source(course.source("toy")) == course_toy.toy()
    assert course.students() == {} and course.submitted("toy") == {}
    assert "a course" in (course.root / "nbgrader_config.py").read_text()
    assert Course(str(course.root)).source("toy") == course.source("toy")


def test_nothing_is_overwritten(course, tmp_path, raises_saying):
    with raises_saying(ValueError, str(course.root), "not empty"):
        new(course.root, tmp_path)
    (tmp_path / "none").mkdir()
    (tmp_path / "empty").mkdir()
    assert new(tmp_path / "empty", tmp_path).source("toy").is_file()
    with raises_saying(ValueError, "no assignments"):
        new(tmp_path / "other", tmp_path / "none")
    assert not (tmp_path / "other").exists()


def test_wrong_names_are_told(course, tmp_path, raises_saying):
    with raises_saying(ValueError, "no course folder"):
        Course(tmp_path)
    for name in ("tox", "", "../source/toy"):
        with raises_saying(ValueError, repr(name), "there are: toy"):
            course.source(name)


def test_students_and_what_they_handed_in(course, raises_saying):
    (course.root / "students.csv").write_bytes("\ufeffid,last_name\nada,Love\u0142ace\n,\n".encode())
    assert course.students() == {"ada": {"id": "ada", "last_name": "Love\u0142ace"}}
    for path in ("ada/toy", "ada/other", "bob jones/toy"):
        (course.root / "submitted" / path).mkdir(parents=True)
    assert course.submitted("toy") == {name: course.root / f"submitted/{name}/toy" for name in ("ada", "bob jones")}
    (course.root / "submitted/eve").mkdir()
    (course.root / "submitted/eve/toy").symlink_to(course.source("toy").parent)
    loose = [course.root / "submitted" / name for name in ("bob jones/toy.zip", "eve/toy", "notes.txt", "toy.ipynb")]
    for path in (loose[0], *loose[2:]):
        path.touch()
    assert "eve" not in course.submitted("toy") and list(course.left_out("toy")) == loose
    assert course.result("toy", "ada") == course.root / "graded" / "toy" / "ada.json"
    (course.root / "students.csv").write_text("name\nada\n")
    with raises_saying(ValueError, "no column 'id'"):
        course.students()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("ada,Ada\nbob,Bob\nada,Eve\n", ["Line 4", "'ada' again", "line 2"]),
        ("Ada,Ada\nada,Eve\n", ["Line 3", "'ada' again", "line 2 as 'Ada'"]),
        ("zoe\u0308,Ada\nzo\u00eb,Eve\n", ["Line 3", "again", "line 2"]),
        ("ada,Ada\n ada\u200b ,Eve\n", ["Line 3", "'ada' again"]),
        ("ada,Ada\n ,Eve\n", ["Line 3", "no id"]),
        ("ada,Ada,x\n", ["Line 2", "more fields"]),
        ("ada\n", ["Line 2", "no last_name"]),
        *((f"{name},Ada\n", ["Line 2", "cannot be the name"]) for name in ("a/b", "..", "a\\b", ".x", "a" * 201)),
    ],
)  # fmt: skip
def test_a_roster_that_mixes_people_up_is_refused(course, rows, said, raises_saying):
    (course.root / "students.csv").write_text(f"id,last_name\n{rows}", encoding="utf-8")
    for read in (course.students, lambda: course.submitted("toy")):
        with raises_saying(ValueError, "students.csv", *said):
            read()


def test_a_roster_that_is_no_table(course, raises_saying):
    path = course.root / "students.csv"
    for data, said in (
        (b"id,email,email\nada,a@b.edu,z@z\n", "'email' twice"),
        ("id,name\nzo\u00eb,Zo\u00eb\n".encode("cp1252"), "save it as UTF-8"),
        ("id,name\nada,Ada\n".encode("utf-16"), "it is UTF-16; save it as UTF-8"),
        (b"id;name\nada;Ada\n", "no column 'id'"),
        (b"", "no column 'id'"),
        (b'id,name\nada,"Ada\nbob,Bob\neve,Eve"\n', "Line 2"),
    ):
        path.write_bytes(data)
        with raises_saying(ValueError, "students.csv", said):
            course.students()
    path.unlink()
    with raises_saying(ValueError, "There is no", "students.csv", "id,first_name"):
        course.students()


def test_a_folder_is_a_student_s_in_any_spelling(course, raises_saying):
    (course.root / "students.csv").write_text("id,last_name\nzo\u00eb ng,Ng\nada,Lovelace\n", encoding="utf-8")
    for name in ("Zoe\u0308  Ng", "ADA ", "eve"):
        (course.root / "submitted" / name / "toy").mkdir(parents=True)
    found = course.submitted("toy")
    assert set(found) == {"zo\u00eb ng", "ada", "eve"} and found["ada"] == course.root / "submitted/ADA /toy"
    assert course.unknown("toy") == ["eve"]
    (course.root / "submitted/ada/other").mkdir(parents=True)
    assert set(course.submitted("toy")) == set(found)
    (course.root / "submitted/ada/toy").mkdir()
    with raises_saying(ValueError, "submitted/ADA ", "submitted/ada", "both of the student 'ada'"):
        course.submitted("toy")
    (course.root / "students.csv").write_text("id,last_name\n")
    shutil.rmtree(course.root / "submitted/ada")
    assert course.unknown("toy") == [] and set(course.submitted("toy")) == {"Zoe\u0308  Ng", "ADA ", "eve"}


@pytest.mark.parametrize("name", ["TOY", "Toy", "toy ", " toy"])
def test_a_folder_in_other_capitals_or_with_spaces_is_found(course, name):
    (course.root / "submitted/ada" / name).mkdir(parents=True)
    (course.root / "submitted/ada" / name / "toy.ipynb").touch()
    assert course.submitted("toy") == {"ada": course.root / "submitted/ada" / name} and not course.left_out("toy")
    (course.root / "submitted/ada/toy").mkdir()
    assert course.submitted("toy") == {"ada": course.root / "submitted/ada/toy"}
    assert list(course.left_out("toy")) == [course.root / "submitted/ada" / name / "toy.ipynb"]


def test_all_that_was_handed_in_is_graded_or_named(course):
    (course.root / "source/other").mkdir()
    (course.root / "source/other/other.ipynb").touch()
    graded = ["ada/toy/toy.ipynb", "bob/other/other.ipynb", "ada/other/x.py"]
    junk = ["ada/.DS_Store", "ada/toy/._toy.ipynb", "ada/toy/.ipynb_checkpoints/toy-checkpoint.ipynb",
            "ada/toy/timestamp.txt", "ada/__MACOSX/toy.ipynb", "ada/mine/__MACOSX/toy.ipynb"]  # fmt: skip
    rest = ["toy.zip", "essay.docx", "ada/toy.html", "ada/toy.py", "ada/tooy/toy.ipynb", "ada/Assignment 1/toy.ipynb",
            "ada/Assignment 1/data/x.csv", "ada/toy/toy.zip", "ada/toy/data/y.csv", "toy/ada/toy.ipynb"]  # fmt: skip
    for name in graded + junk + rest:
        path = course.root / "submitted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    out = {str(path.relative_to(course.root / "submitted")): why for path, why in course.left_out("toy").items()}
    assert set(out) == set(rest)
    assert out["ada/tooy/toy.ipynb"].endswith("submitted/STUDENT/toy/ (did you mean toy?)")
    assert out["ada/toy/toy.zip"] == "toy.ipynb beside it is graded" and "did you" not in out["toy.zip"]
    for number in range(30):
        (course.root / "submitted/ada/Assignment 1" / str(number)).touch()
    assert course.root / "submitted/ada/Assignment 1" in course.left_out("toy")


def test_release_gives_the_students_notebook(course):
    path = release(course, "toy")
    assert path == course.root / "release/toy/toy.ipynb"
    assert nbformat.read(path, 4) == student(course_toy.toy()) and course_toy.SECRET not in path.read_text()
    assert course_toy.SECRET in (course.root / "solution/toy/toy.ipynb").read_text()


def test_release_refuses_a_leak_beside_it(course, raises_saying):
    """Of its own solution, or of another assignment's."""
    other = course.root / "source/other/other.ipynb"
    other.parent.mkdir()
    other.write_text(nbformat.writes(course_toy.toy()).replace(course_toy.SECRET, "what the other one hides"))
    notes = course.root / "release" / "notes.md"
    notes.parent.mkdir()
    for secret in (course_toy.SECRET, "what the other one hides"):
        notes.write_text(f"# {secret}")
        with raises_saying(ValueError, "notes.md", secret):
            release(course, "toy")
        assert not (course.root / "release/toy/toy.ipynb").exists()


def test_release_refuses_a_leak_in_the_history(course, raises_saying):
    git(course, "init", "-q")
    git(course, "add", "-A")
    git(course, "commit", "-qm", "ignored files stay out")
    release(course, "toy")
    git(course, "add", "-f", "source")
    git(course, "commit", "-qm", "a mistake")
    git(course, "rm", "-qr", "--cached", "source")
    git(course, "commit", "-qm", "undone")
    with raises_saying(ValueError, "Students could read", ".git"):
        release(course, "toy")
    assert not (course.root / "release/toy/toy.ipynb").exists()
