import base64
import json
import re
import shutil
import subprocess

import hypothesis
import nbformat
import pytest
import yaml
from hypothesis import strategies as st

from labclip_lib.course.notebooks import products
from labclip_lib.course.notebooks.products import (
    check_source,
    colab,
    leaks,
    out_of_date,
    points,
    solution,
    student,
    write_products,
)
from labclip_lib.course.notebooks.setup_cell import is_set_up_cell, set_up_cell

ADDRESS = "https://example.org/a-fork/of-the-book"
LOSS = "return float(torch.logsumexp(scores / 0.07, 1).mean())"
HIDDEN = "assert abs(loss(ones) - 2.0794415) < 1e-6"
ESSAY = "Because a bag of words cannot tell \"red circle\" from 'blue circle' \N{EM DASH} it's blind."
SCHEME = "Two points for naming the leak, one for the control."
PUBLIC = 'check("loss", loss(ones), low=0, hint="divide by the temperature")'
ANSWER = f"""\
def loss(scores):
    \"\"\"scores: (N, N).\"\"\"
    if len(scores):
        ### BEGIN SOLUTION
        # rows are images
        {LOSS}
        ### END SOLUTION


{PUBLIC}"""
TEST = f"check_shape(loss)\n### BEGIN HIDDEN TESTS\n{HIDDEN}\n### END HIDDEN TESTS"
SECRETS = [LOSS, "# rows are images", HIDDEN, ESSAY, SCHEME]


def graded(grade_id, *, grade=False, solution=False, locked=False, **rest):
    kind = {"schema_version": 3, "grade": grade, "solution": solution, "locked": locked, "task": False}
    return {"nbgrader": kind | {"grade_id": grade_id} | rest}


def code(name, source, **metadata):
    run = nbformat.v4.new_output("stream", text=f"as run: {LOSS}")
    return nbformat.v4.new_code_cell(source, id=name, metadata=metadata, outputs=[run], execution_count=3)


def text(name, source, **metadata):
    return nbformat.v4.new_markdown_cell(source, id=name, metadata=metadata)


def assignment():
    """A small source, with its solutions in every place that a notebook has."""
    picture = {"model.png": {"image/png": base64.b64encode(f"a photo of {ESSAY}".encode()).decode()}}
    essay = text("why", ESSAY, **graded("why", grade=True, solution=True, points=1.5))
    essay["attachments"] = picture
    cells = [
        text("title", "# Assignment 1"),
        text("scheme", SCHEME, tags=["instructor"]),
        code("imports", "import torch\nones = torch.zeros(8, 8)", tags=["setup-imports"]),
        code("answer", ANSWER, **graded("loss", solution=True, note=LOSS), mystnb={"figure": LOSS}, tags=["task"]),
        code("test", TEST, **graded("loss-test", grade=True, locked=True, points=2)),
        essay,
    ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python", "env": {"ANSWER": LOSS}},
        "language_info": {"name": "python", "version": "3.12.1"}, "celltoolbar": "Create Assignment", "key": HIDDEN,
    }  # fmt: skip
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "sources" / "1_info_nce.ipynb"
    path.parent.mkdir()
    nbformat.write(assignment(), path)
    return path


def stored_in_many_ways(line):
    """What a search for a line would look for, written down here without the library."""
    once = [json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1]]
    twice = [json.dumps(form)[1:-1] for form in once]
    coded = [base64.b64encode(b"x" * shift + line.encode())[4:-4] for shift in range(3)]
    return [line.encode(), *(form.encode() for form in once + twice), *coded]


# Products


def test_student_file_holds_no_solution_and_no_hidden_test(source, tmp_path):
    paths = write_products(source, tmp_path / "out", ADDRESS)
    assert [path.parent.name for path in paths] == ["student", "solution", "colab"]
    for path in (paths[0], paths[2]):
        content = path.read_bytes()
        for line in SECRETS:
            assert not [form for form in stored_in_many_ways(line) if form in content], (path, line)
        for word in (b"HIDDEN", b"BEGIN", b"instructor", b"celltoolbar", b"mystnb", b"as run", b"attachments"):
            assert word not in content
        nbformat.validate(nbformat.read(path, 4))
    assert LOSS.encode() in paths[1].read_bytes() and HIDDEN.encode() in paths[1].read_bytes()


def test_student_keeps_what_is_public():
    made = student(assignment())
    assert [cell.id for cell in made.cells] == ["title", "imports", "answer", "test", "why"]
    answer, test, why = made.cells[2:]
    lines = answer.source.split("\n")
    assert lines[2:5] == ["    if len(scores):", "        # YOUR CODE HERE", "        raise NotImplementedError()"]
    compile(answer.source, "answer", "exec")
    assert PUBLIC in lines and test.source == "check_shape(loss)" and why.source == "YOUR ANSWER HERE"
    assert answer.metadata.tags == ["task"] and made.cells[1].metadata == {"tags": ["setup-imports"]}
    assert all(cell.outputs == [] and cell.execution_count is None for cell in made.cells if cell.cell_type == "code")
    assert made.metadata.kernelspec == {"name": "python3", "display_name": "Python 3", "language": "python"}
    assert check_source(made) == [] and points(made) == points(assignment()) == {"loss-test": 2, "why": 1.5}


def test_a_solution_cell_without_markers_is_a_solution_as_a_whole():
    notebook = assignment()
    notebook.cells[3].source = "temperature = 0.07 * 1.0001"
    assert student(notebook).cells[2].source == "# YOUR CODE HERE\nraise NotImplementedError()"
    assert leaks(notebook, notebook)


def test_picture_of_a_question_stays():
    notebook = assignment()
    notebook.cells[0]["attachments"] = picture = {"a.png": {"image/png": "aGVsbG8="}}
    assert student(notebook).cells[0].attachments == picture


def test_release_is_locked_and_summed_as_by_nbgrader():
    """The two checksums are those in the release that nbgrader's own documentation shows."""
    whole = nbformat.v4.new_notebook(cells=[
        text("a", "Adds up.", **graded("part-a", grade=True, solution=True, points=1)),
        code("b", "f = sum", **graded("sum_of_squares_application", grade=True, solution=True, points=2)),
        code("c", "assert f", **graded("test", grade=True, points=1)),
    ])  # fmt: skip
    essay, answer, test = (cell.metadata for cell in student(whole).cells)
    assert essay.nbgrader.checksum == "6d5a9eb99c3e76354b6e360ce228580a" and essay.nbgrader.cell_type == "markdown"
    assert answer.nbgrader.checksum == "5a96910dbc324f5565edf92f5c98af1b" and answer.nbgrader.cell_type == "code"
    assert (answer.deletable, "editable" in answer) == (False, False)
    assert (test.deletable, test.editable) == (False, False)


def test_solution_is_for_reading():
    made = solution(assignment())
    assert len(made.cells) == 6 and made.cells[1].source == SCHEME and made.cells[5].source == ESSAY
    assert "SOLUTION" not in made.cells[3].source and LOSS in made.cells[3].source
    assert made.cells[4].source == TEST
    assert made.cells[3].outputs == []
    nbformat.validate(made)


def test_colab_opens_with_the_set_up_cell_of_the_chapters(root):
    address = yaml.safe_load((root / "_config.yml").read_text())["repository"]["url"]
    chapter = nbformat.read(root / "chapters" / "05_one_matrix.ipynb", 4)
    chapters = next(cell for cell in chapter.cells if cell.cell_type == "code")
    made = colab(assignment(), address + "/")
    assert made.cells[0].id == "title" and "Copy of" in made.cells[1].source
    assert made.cells[2].source == chapters.source and made.cells[3:] == student(assignment()).cells[1:]
    nbformat.validate(made)
    of_another = assignment()
    of_another.cells.insert(3, chapters)
    again = colab(of_another, ADDRESS)
    assert again.cells[2].source == set_up_cell(ADDRESS) and again.cells[2].id == chapters.id
    assert sum(map(is_set_up_cell, again.cells)) == 1


def test_colab_needs_an_address(raises_saying):
    for address in ("", "the-fork", 'https://example.org/a/b" torch'):
        with raises_saying(ValueError, repr(address)):
            colab(assignment(), address)


def test_same_source_same_bytes(source, tmp_path):
    first = [path.read_bytes() for path in write_products(source, tmp_path / "a", ADDRESS)]
    content = json.loads(source.read_text())
    content["cells"][3]["outputs"] = []
    source.write_text(json.dumps(dict(reversed(content.items())), indent=4))  # stored by another editor, after a run
    assert [path.read_bytes() for path in write_products(source, tmp_path / "b", ADDRESS)] == first


def test_out_of_date(source, tmp_path):
    out = tmp_path / "out"
    assert len(out_of_date(source, out, ADDRESS)) == 3
    student_file, solution_file, colab_file = write_products(source, out, ADDRESS)
    assert out_of_date(source, out, ADDRESS) == []
    assert out_of_date(source, out, ADDRESS + "-2") == [colab_file]
    solution_file.write_bytes(solution_file.read_bytes() + b"\n")
    colab_file.unlink()
    assert out_of_date(source, out, ADDRESS) == [solution_file, colab_file]
    write_products(source, out, ADDRESS)
    source.write_text(source.read_text().replace("logsumexp", "logaddexp"))
    assert out_of_date(source, out, ADDRESS) == [solution_file]
    source.write_text(source.read_text().replace("# Assignment 1", "# Assignment 2"))
    assert out_of_date(source, out, ADDRESS) == [student_file, solution_file, colab_file]


@hypothesis.given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1), st.sampled_from(["", "    ", "\t"])
)
def test_no_line_of_a_solution_survives(lines, indent):
    lines = [f"{indent}s3cret {number} {line}" for number, line in enumerate(lines)]
    hypothesis.assume(not any(products.NEARLY.search(line) for line in "\n".join(lines).split("\n")))
    notebook = assignment()
    body = "\n".join([f"{indent}### BEGIN SOLUTION", *lines, f"{indent}### END SOLUTION"])
    notebook.cells[3].source = f"if ones:\n{body}\n{PUBLIC}" if indent else f"{body}\n{PUBLIC}"
    notebook.cells[4].source = "\n".join(
        ["### BEGIN HIDDEN TESTS", *lines, "### END HIDDEN TESTS", "check_shape(loss)"]
    )
    for made in (student(notebook), colab(notebook, ADDRESS)):
        stored = nbformat.writes(made)
        assert "s3cret" not in stored and PUBLIC in made.cells[-3].source and leaks(made, notebook) == []
        compile(made.cells[-3].source, "answer", "exec")
    assert "s3cret" in nbformat.writes(solution(notebook))


# Mistakes


def wrong(number, source=None, metadata=None, **cell):
    def change(notebook):
        it = notebook.cells[number - 1]
        it.update({} if source is None else {"source": source}, **cell)
        it.metadata.get("nbgrader", {}).update(metadata or {})

    return change


BEGIN, END = "### BEGIN SOLUTION\n", "\n### END SOLUTION"
MISTAKES = {
    "unclosed": (wrong(4, BEGIN + "x = 1"), "Cell 4", "no end"),
    "nested": (wrong(4, BEGIN + BEGIN + "x = 1" + END + END), "Cell 4", "inside a SOLUTION region"),
    "mixed": (wrong(5, "### BEGIN HIDDEN TESTS\n" + BEGIN + "1" + END), "Cell 5", "inside a HIDDEN TESTS region"),
    "crossed": (wrong(4, BEGIN + "x = 1\n### END HIDDEN TESTS"), "Cell 4", "no BEGIN HIDDEN TESTS"),
    "never opened": (wrong(4, "x = 1" + END), "Cell 4", "no BEGIN SOLUTION"),
    "misspelt": (wrong(4, "# begin solution\nx = 1\n# end solution"), "Cell 4", "'# begin solution'", "reword"),
    "too few signs": (wrong(5, "# BEGIN HIDDEN TESTS\nx\n# END HIDDEN TESTS"), "Cell 5", "nearly"),
    "in the margin": (wrong(4, f"def f():\n{BEGIN}    return 1{END}"), "Cell 4", "indent"),
    "one grade_id": (wrong(6, metadata={"grade_id": "loss"}), "Cells 4 and 6", "grade_id, 'loss'"),
    "one id": (wrong(6, id="test"), "Cells 5 and 6", "id, 'test'"),
    "no points": (lambda n: n.cells[4].metadata.nbgrader.pop("points"), "Cell 5", "no points"),
    "points in words": (wrong(5, metadata={"points": "two"}), "Cell 5", "'two'"),
    "points yes": (wrong(5, metadata={"points": True}), "Cell 5", "True"),
    "points nan": (wrong(5, metadata={"points": float("nan")}), "Cell 5", "nan"),
    "points below 0": (wrong(5, metadata={"points": -1}), "Cell 5", "-1"),
    "not a solution": (wrong(3, BEGIN + "x = 1" + END), "Cell 3", "set solution"),
    "hidden in solution": (wrong(4, TEST), "Cell 4", "hidden tests"),
    "hidden, not graded": (wrong(3, TEST), "Cell 3", "not graded"),
    "Markdown": (wrong(6, BEGIN + "Because." + END), "Cell 6", "markdown", "markers"),
    "Markdown, half": (wrong(6, metadata={"grade": False}), "Cell 6", "only one of"),
    "instructor": (lambda n: n.cells[4].metadata.update(tags=["instructor"]), "Cell 5", "tagged instructor"),
    "version": (wrong(4, metadata={"schema_version": 2}), "Cell 4", "version 3"),
    "no flag": (lambda n: n.cells[3].metadata.nbgrader.pop("locked"), "Cell 4", "nbgrader metadata"),
    "task": (wrong(6, metadata={"task": True}), "Cell 6", "task"),
    "grade_id": (wrong(4, metadata={"grade_id": "a b"}), "Cell 4", "'a b'"),
    "no cell id": (lambda n: n.cells[2].pop("id"), "Cell 3", "format"),
    "old format": (lambda n: n.update(nbformat_minor=4), "The notebook", "4.5"),
    "no cells": (lambda n: n.pop("cells"), "The notebook", "4.5"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_one_sentence_with_the_cell(name, raises_saying):
    change, *parts = MISTAKES[name]
    notebook = assignment()
    assert check_source(notebook) == []
    change(notebook)
    for make in (student, solution, points):
        with raises_saying(ValueError, *parts):
            make(notebook)


def test_all_mistakes_are_told_at_once():
    notebook = assignment()
    for name in ("unclosed", "points in words", "one id"):
        MISTAKES[name][0](notebook)
    assert [re.match(r"Cells? \d( and \d)?", sentence)[0] for sentence in check_source(notebook)] == [
        "Cell 4", "Cell 5", "Cells 5 and 6"
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b'{"cells": [', b"\xff\xfe", b"", b"[]", b"null"])
def test_file_that_is_no_notebook(content, source, tmp_path, raises_saying):
    source.write_bytes(content)
    with raises_saying(ValueError, "1_info_nce.ipynb"):
        write_products(source, tmp_path / "out", ADDRESS)
    assert not (tmp_path / "out").exists()


def test_a_secret_in_a_tag_is_not_written(source, tmp_path, raises_saying):
    notebook = assignment()
    notebook.cells[3].metadata.tags.append(HIDDEN)
    nbformat.write(notebook, source)
    with raises_saying(ValueError, HIDDEN):
        write_products(source, tmp_path / "out", ADDRESS)
    assert not (tmp_path / "out").exists()


# Leaks


def test_public_and_short_lines_are_no_leaks():
    notebook = assignment()
    notebook.cells[3].source = f"ones = 1\n{BEGIN}x = 1\nimport torch\n{LOSS}{END}"
    public = student(notebook)
    public.cells[0].source += "\nx = 1"
    assert leaks(public, notebook) == []
    other = assignment()
    other.cells[0].source += f"\nA line that this one shows: {LOSS}"
    assert leaks(student(other), notebook) == [("the notebook", LOSS)]
    assert leaks(student(other), notebook, other) == []


@pytest.mark.parametrize("line", SECRETS)
@pytest.mark.parametrize(
    "plant",
    [
        lambda n, line: n.metadata.update(note={"deep": [line]}),
        lambda n, line: n.cells[2].metadata.update(old=json.dumps({"source": [line]})),
        lambda n, line: n.cells[1].outputs.append(nbformat.v4.new_output("stream", text=f"the answer: {line}\n")),
        lambda n, line: n.cells[0].update(
            attachments={"a.txt": {"x": base64.b64encode(f"__{line}_".encode()).decode()}}
        ),
        lambda n, line: n.cells[0].update(
            attachments={"b": {"x": base64.encodebytes(b"-" * 70 + line.encode()).decode()}}
        ),
    ],
)
def test_a_planted_line_is_found(plant, line):
    notebook = student(assignment())
    assert leaks(notebook, assignment()) == []
    plant(notebook, line)
    assert leaks(notebook, assignment()) == [("the notebook", line)]


def test_any_file_of_a_folder_is_searched(source, tmp_path):
    out = tmp_path / "out"
    paths = write_products(source, out, ADDRESS)
    assert {name for name, _ in leaks(out, source)} == {name for name, _ in leaks(paths[1], source)} == {str(paths[1])}
    shutil.rmtree(paths[1].parent)
    assert leaks(out, source) == leaks(paths[0], source) == []
    (out / ".ipynb_checkpoints").mkdir()
    copy = out / ".ipynb_checkpoints" / "old.bin"
    copy.write_bytes(b"\xff\x00" + HIDDEN.encode() + b"\x00")
    page = out / "page.html"
    page.write_text(
        '<pre><span class="k">assert</span> <span>abs</span>(loss(ones) - <b>2.0794415</b>) &lt; 1e-6</pre>'
    )
    assert leaks(out, source) == [(str(copy), HIDDEN), (str(page), HIDDEN)]


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "-C", str(folder)]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_deleted_from_git_later_is_found(packed, source, tmp_path, raises_saying):
    out = tmp_path / "out"
    removed = write_products(source, out, ADDRESS)[1]
    removed.rename(tmp_path / "aside")
    git(out, "init")
    git(out, "add", ".")
    git(out, "commit", "-m", "release")
    assert leaks(out, source) == []
    (tmp_path / "aside").rename(removed)
    git(out, "add", ".")
    git(out, "commit", "-m", "by mistake")
    if packed:
        git(out, "gc", "--prune=now")
    else:
        git(out, "reset", "--hard", "HEAD~1")  # no branch reaches it, and still it is there
    shutil.rmtree(removed.parent, ignore_errors=True)
    found = leaks(out, source)
    assert {line for _, line in found} == set(SECRETS) and all(".git: blob " in name for name, _ in found)
    shutil.rmtree(out / ".git" / "objects")
    (out / ".git" / "objects").mkdir()
    (out / ".git" / "HEAD").write_text("nonsense")
    with raises_saying(ValueError, "cannot be read"):
        leaks(out, source)


def test_search_that_cannot_be_made_is_no_clean_one(source, tmp_path, monkeypatch, raises_saying):
    with raises_saying(ValueError, "neither a file nor a folder"):
        leaks(tmp_path / "nowhere", source)
    git(tmp_path, "init")
    monkeypatch.setenv("PATH", "")
    with raises_saying(ValueError, "install git"):
        leaks(tmp_path, source)
