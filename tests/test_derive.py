import json
import shutil

import nbformat
import pytest
import yaml

from labclip_lib import __version__
from labclip_lib.course.notebooks.setup_cell import set_up_cell

OLD, NEW = "https://github.com/them/the-book", "https://github.com/us/our.fork"
NAME = OLD.removeprefix("https://github.com/")
CONFIG = """\
title: A book  # in which
repository:
  # where it lives
  url: {address}  # no other place says so
  branch: main
url: https://example.org/other
"""
PAGE = """\
{address}, {address}. [Issues]({address}/issues), `git clone {address}.git`, <{address}/>
https://colab.research.google.com/github/{name}/blob/{branch}/chapters/01.ipynb
https://mybinder.org/v2/gh/{name}/{branch}?labpath=x https://{owner}.github.io/{book}/index.html
https://github.com/them/the-book-2 https://github.com/them/the-book.js https://github.com/them/other
"""


@pytest.fixture
def tool(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "tools")
    import derive

    return derive


def page(address, branch):
    owner, book = address.split("/")[-2:]
    return PAGE.format(address=address, name=f"{owner}/{book}", owner=owner, book=book, branch=branch)


def cells(path):
    return nbformat.read(path, 4).cells


@pytest.fixture
def book(tmp_path, tool, capsys):
    """A small book that lived at the old address and is as it should be there."""
    (tmp_path / "chapters" / "assignments").mkdir(parents=True)
    (tmp_path / ".github").mkdir()
    (tmp_path / "_config.yml").write_text(CONFIG.format(address=OLD))
    (tmp_path / "README.md").write_text(page(OLD, "main"))
    (tmp_path / "CITATION.cff").write_text(f"cff-version: 1.2.0\nversion: {__version__}\nrepository-code: {OLD}\n")
    (tmp_path / ".github" / "form.yml").write_text(f"url: {OLD}/discussions\n")
    title = nbformat.v4.new_markdown_cell(f"# \N{GREEK SMALL LETTER TAU}\n\n[Source]({OLD}).", id="title")
    opening = nbformat.v4.new_code_cell(set_up_cell(OLD), id="set-up", metadata={"tags": ["hide-input"]})
    told = nbformat.v4.new_code_cell("### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION", id="a")
    told.metadata["nbgrader"] = {
        "grade": False, "grade_id": "a", "locked": False, "schema_version": 3, "solution": True, "task": False,
    }  # fmt: skip
    nbformat.write(nbformat.v4.new_notebook(cells=[title, opening]), tmp_path / "chapters" / "01.ipynb")
    source = tmp_path / "chapters" / "assignments" / "1.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[title, opening, told]), source)
    tool.main([], tmp_path)
    written = capsys.readouterr().out.split("\n")
    assert written == [
        f"chapters/assignments/{kind}/1.ipynb is written" for kind in ("student", "solution", "colab")
    ] + [""]
    tool.main(["--check"], tmp_path)
    assert capsys.readouterr().out == ""
    return tmp_path


@pytest.mark.parametrize("said", [NEW, NEW + "/", NEW + ".git"])
def test_new_address_comes_everywhere(said, book, tool, capsys):
    tool.main(["--address", said], book)
    tool.main(["--check"], book)
    assert (book / "_config.yml").read_text() == CONFIG.format(address=NEW)
    assert (book / "README.md").read_text() == page(NEW, "main")
    assert f"repository-code: {NEW}\n" in (book / "CITATION.cff").read_text()
    assert (book / ".github" / "form.yml").read_text() == f"url: {NEW}/discussions\n"
    for path in [*book.glob("chapters/*.ipynb"), *book.glob("chapters/assignments/**/*.ipynb")]:
        title, opening, *_ = (cell for cell in cells(path) if cell.id != "colab")
        assert (title.id, opening.id, opening.source) == ("title", "set-up", set_up_cell(NEW)), path
        assert NEW in title.source and OLD not in path.read_text()
    assert cells(book / "chapters" / "01.ipynb")[1].metadata.tags == ["hide-input"]


def test_address_that_was_written_by_hand_and_a_branch(book, tool):
    config = (book / "_config.yml").read_text()
    (book / "_config.yml").write_text(config.replace(OLD, NEW).replace("main", "autumn"))
    tool.main([], book)
    assert (book / "README.md").read_text() == page(NEW, "autumn")


def test_check_names_what_is_out_of_date_and_writes_nothing(book, tool, capsys):
    source = book / "chapters" / "assignments" / "1.ipynb"
    source.write_text(source.read_text().replace("42", "43"))
    (book / "CITATION.cff").write_text(f"version: 0.0.1\nrepository-code: {OLD}\n")
    gone = source.parent / "student" / "0.ipynb"
    gone.write_text("{}")
    before = {path: path.read_bytes() for path in book.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as caught:
        tool.main(["--check"], book)
    assert caught.value.code == "Run `make derive`."
    named = ["CITATION.cff", "chapters/assignments/solution/1.ipynb", "chapters/assignments/student/0.ipynb"]
    assert capsys.readouterr().out.splitlines() == [f"{name} is out of date" for name in named]
    assert before == {path: path.read_bytes() for path in book.rglob("*") if path.is_file()}
    tool.main([], book)
    tool.main(["--check"], book)
    assert not gone.exists() and f"version: {__version__}\n" in (book / "CITATION.cff").read_text()


def test_cell_of_an_older_edition_is_replaced_and_another_is_not(book, tool, raises_saying):
    path = book / "chapters" / "01.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][1]["source"] = [
        "# Set-up: the same cell opens every chapter. It installs the library only\n",
        "if True:\n", f'    %pip install --quiet "labclip_lib @ git+{OLD}"',
    ]  # fmt: skip
    path.write_text(json.dumps(notebook))
    tool.main([], book)
    assert cells(path)[1].source == set_up_cell(OLD)
    notebook["cells"][1]["source"] = set_up_cell(OLD) + "\nmine = 1"
    path.write_text(json.dumps(notebook))
    with raises_saying(ValueError, "01.ipynb", "copy that of another chapter"):
        tool.derived(book)


@pytest.mark.parametrize("address", ["git@github.com:us/our-fork.git", "us/our-fork", ""])
def test_what_is_no_address_changes_nothing(address, book, tool, raises_saying):
    before = (book / "_config.yml").read_bytes()
    with raises_saying(ValueError, "https://host/owner/name"):
        tool.set_address(book, address)
    assert (book / "_config.yml").read_bytes() == before
    (book / "_config.yml").write_text("title: A book\n")
    with raises_saying(ValueError, "_config.yml"):
        tool.set_address(book, NEW)


def test_other_hosts_have_no_colab(book, tool, raises_saying):
    tool.set_address(book, "https://gitlab.com/us/our-fork")
    with raises_saying(ValueError, "README.md", f"colab.research.google.com/github/{NAME}/blob/main"):
        tool.derived(book)
    (book / "README.md").write_text(OLD)
    tool.derive(book)
    assert (book / "README.md").read_text() == "https://gitlab.com/us/our-fork"


def test_this_book_itself_is_derived(root, tool, tmp_path):
    """From another address and back: every file that holds the address is as it was."""
    address, _ = tool.config(root)
    for path in tool.derived(root):
        (tmp_path / path.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / path.relative_to(root))
    shutil.copy(root / "_config.yml", tmp_path)
    tool.derive(tmp_path)
    kept = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.*") if path.is_file()}
    tool.set_address(tmp_path, NEW)
    tool.derive(tmp_path)
    assert yaml.safe_load((tmp_path / "_config.yml").read_text())["repository"]["url"] == NEW
    assert not [path for path in kept if address in path.read_text(encoding="utf-8")]
    tool.set_address(tmp_path, address)
    tool.derive(tmp_path)
    assert kept == {path: path.read_text(encoding="utf-8") for path in kept}
