import json

import bs4
import nbformat
import pytest
from graded import HIDDEN, MODEL, SECRET, course, graded, hand_in, not_graded, source, submitted

from labclip_lib.course import feedback
from labclip_lib.course.feedback import changed, harmless, marked, write
from labclip_lib.course.gradebook import Marks, entries
from labclip_lib.course.notebooks import products

pytest.importorskip("nbconvert")
MARKS = Marks({"total-test": 0, "twice-test": 2.5, "why": 0}, ["why"], {})


def made(course, student="ada"):
    return marked(source(), entries(course, "A")[student])


@pytest.fixture
def toy(tmp_path):
    """ada has one answer right, one cell that breaks, and two cells of her own; bob is rejected."""
    it = course(tmp_path)
    answers = {"title": "# My sums", "total": "def total(n):\n    return 3", "total-test": "pass", "why": "So *there*."}
    own = [nbformat.v4.new_code_cell("1 / 0", id="a"), nbformat.v4.new_markdown_cell("A *note*.", id="b")]
    reasons = ("a large n", "a part of it", "")
    result = graded(
        0, 2.5, None, reasons=reasons, cells=[[3, "raised OSError: no"], [7, "raised ZeroDivisionError: 0"]]
    )
    hand_in(it, "ada", answers, own, **result)
    hand_in(it, "bob", **not_graded("rejected", "bob.zip holds <b>0</b> files."))
    return it


def outputs(cell):
    return [(output.name, output.text) for output in cell.outputs]


def test_notebook_is_the_release_with_the_students_answers_and_our_marks(toy):
    notebook = made(toy)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert ids == ["title", "imports", "total", "total-test", "twice", "twice-test", "own-7", "own-8", "why"]
    cells = dict(zip(ids, notebook.cells, strict=True))
    assert cells["title"].source == "<div><h1>My sums</h1>&#10;</div>"
    assert cells["total"].source == "def total(n):\n    return 3"
    assert outputs(cells["total"]) == [("stderr", "This cell did not end well: raised OSError: no\n")]
    assert cells["total-test"].source == "assert total(2) == 3"  # ours, whatever the student made of it
    assert outputs(cells["total-test"]) == [("stdout", "0 of 10 points: a large n\n")]
    assert outputs(cells["twice-test"]) == [("stdout", "2.5 of 5 points: a part of it\n")]
    assert outputs(cells["own-7"]) == [("stderr", "This cell did not end well: raised ZeroDivisionError: 0\n")]
    assert cells["own-8"].source == "<div><p>A <em>note</em>.</p>&#10;</div>"
    assert "<em>there</em>" in cells["why"].source and cells["why"].metadata.nbgrader.grade
    assert products.leaks(notebook, source()) == []
    assert not [line for line in (SECRET, HIDDEN, MODEL, "HIDDEN TESTS", "SOLUTION") if line in json.dumps(notebook)]


def test_what_is_in_doubt_says_why(toy):
    reasons = ("total may stand in cell 9", "", "")
    hand_in(toy, "eve", **graded(None, 5, None, reasons=reasons))
    cells = {cell.id: cell for cell in made(toy, "eve").cells}
    said = "Up to 10 points, marked by hand: total may stand in cell 9\n"
    assert outputs(cells["total-test"]) == [("stdout", said)]


def test_cells_of_colab_are_found_without_ids(tmp_path):
    it = course(tmp_path)
    hand_in(it, "ada", {"total": "total = sum"}, **graded(0, 0, None))
    path = it.root / "submitted" / "ada" / "A" / "A.ipynb"
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        del cell["id"]
    path.write_text(json.dumps(notebook))
    assert [cell.id for cell in made(it).cells] == [cell.id for cell in submitted().cells]
    assert made(it).cells[2].source == "total = sum"


def test_cells_that_were_deleted_come_back_as_released(tmp_path):
    it = course(tmp_path)
    hand_in(it, "ada", {"total": "total = sum"}, **graded(0, 0, 0))
    path = it.root / "submitted" / "ada" / "A" / "A.ipynb"
    notebook = json.loads(path.read_text())
    del notebook["cells"][3:6]
    path.write_text(json.dumps(notebook))
    assert [cell.id for cell in made(it).cells] == [cell.id for cell in submitted().cells]
    assert made(it).cells[4].source == submitted().cells[4].source


def test_a_copy_of_a_released_cell_is_a_cell_of_ones_own(tmp_path):
    it = course(tmp_path)
    hand_in(it, "ada", own=[nbformat.v4.new_code_cell("import math", id="copy")], **graded(0, 0, None))
    assert [cell.id for cell in made(it).cells][-2:] == ["own-7", "why"]


HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "[a](javascript:alert(1))", "[a](JaVa&#x09;Script:alert(1))", "<a href='java\nscript:alert(1)'>a</a>",
    "<a href=' javascript:alert(1)'>a</a>", "[a](data:text/html;base64,PHNjcmlwdD4=)", "[a](/api/contents)",
    "<a href='https://example.org' onclick=alert(1) style='position:fixed'>a</a>", "[a]: javascript:alert(1)\n\n[a]",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>", "<form action=x><button>Log in</button></form>",
    "![a](https://example.org/seen.png)", "![a](attachment:gone.png)", "<style>body {display: none}</style>",
    "<div id=top class=panel-footer>", "</div></div></div><script>alert(1)</script>", "$<img src=x onerror=alert(1)>$",
    "`<script>alert(1)</script>`", "```python\n[a](javascript:alert(1))\n\n\n<script>alert(1)</script>\n```",
    "```html\n<b onclick=alert(1)>\n```", "```mermaid\nclick a call alert(1)\n```", "<!-- --><script>alert(1)</script>",
    "<math><mtext><table><mglyph><style><img src onerror=alert(1)>", "\\begin{a}<script>alert(1)</script>\\end{a}",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "\ud800<script>", "<scr\x00ipt>alert(1)</script>",
    "<a ping='https://example.org' href='https://example.org'>a</a>", "`a&#13;&#13;[a](javascript:alert(1))`",
    "<code>a&#13;&#10;&#13;&#10;[a](javascript:alert(1))</code>",
    "a\r\r[a](javascript:alert(1))\r\n\r\n    [a](javascript:alert(1))",
    "$$a<b$$ `$$` \\begin{a}<b\\end{a}",
    "> " * 5000 + "x", "<div>" * 4000, "[" * 20000, "x" * 10**6,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:30].encode("ascii", "replace").decode())
def test_nothing_of_a_students_text_runs(text):
    from nbconvert.filters import markdown2html

    html = harmless(text)
    assert "\n" not in html and len(html) < 300_000
    assert markdown2html(html).strip() == html  # nbgrader's second look at it changes nothing
    page = bs4.BeautifulSoup(html, "html.parser")
    for tag in page.find_all(True):
        assert tag.name in feedback.TAGS
        assert not tag.attrs or (tag.name == "a" and tag.attrs == {"href": "https://example.org"})
    html.encode()


def test_a_picture_is_named():
    shown = "<div><p><em>[picture: a plot]</em> <em>and</em></p>&#10;</div>"
    assert harmless("![a plot](attachment:gone.png) *and*") == shown
    assert harmless("![a plot](https://example.org/seen.png) *and*") == shown


def test_a_decent_text_keeps_its_looks():
    from nbconvert.filters import markdown2html

    shown = markdown2html(
        harmless("# Why\n\nAs $a<b$ and\n$$x_1*x_2$$\n\n- **one**\n\n| a | b |\n|---|---|\n| 1 | `$2` |")
    )
    for part in ("<h1>Why</h1>", "<strong>one</strong>", "<td>1</td>"):
        assert part in shown
    text = bs4.BeautifulSoup(shown, "html.parser").get_text()
    assert "$a<b$" in text and "$$x_1*x_2$$" in text and "$2" in text


def test_what_has_changed_is_told_by_answer(toy):
    notebooks = {"ada": made(toy)}
    assert changed(toy, "A", notebooks) == {"ada": {"total", "twice", "why"}}
    path = toy.root / "autograded" / "ada" / "A" / "A.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(products.as_bytes(notebooks["ada"]))
    assert changed(toy, "A", notebooks) == {"ada": set()}
    hand_in(toy, "ada", {"total": "def total(n):\n    return 3", "why": "Or so."}, **graded(0, 0, None))
    assert changed(toy, "A", {"ada": made(toy)}) == {"ada": {"why"}}


@pytest.fixture
def nbgrader(monkeypatch, tmp_path):
    """`nbgrader(code)` has `python -m nbgrader` run this code."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "nbgrader"))
    (tmp_path / "nbgrader").mkdir()
    return (tmp_path / "nbgrader" / "nbgrader.py").write_text


# In nbgrader's place, and faster: a page for each student who has none.
PAGES = """
import pathlib, sys
assert sys.argv[1:] == ["generate_feedback", "A"]
for path in sorted(pathlib.Path("autograded").glob("*/A/A.ipynb")):
    folder = pathlib.Path("feedback", path.parts[1], "A")
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "A.html").write_text("<html></html>")
        with open("generated.txt", "a") as file:
            print(path.parts[1], file=file)
"""


def write_all(course, marks):
    found = entries(course, "A")
    notebooks = {student: made(course, student) for student, entry in found.items() if entry.status == "graded"}
    write(course, "A", found, notebooks, dict.fromkeys(notebooks, marks))


def test_pages_are_made_again_where_something_changed(toy, nbgrader):
    nbgrader(PAGES)
    hand_in(toy, "eve", **graded(0, 0, 0))
    generated = toy.root / "generated.txt"
    write_all(toy, MARKS)
    assert generated.read_text().split() == ["ada", "eve"]
    write_all(toy, MARKS)
    assert generated.read_text().split() == ["ada", "eve"]
    hand_in(toy, "eve", {"total": "total = sum"}, **graded(0, 0, 0))
    write_all(toy, MARKS)
    assert generated.read_text().split() == ["ada", "eve", "eve"]
    write_all(toy, MARKS._replace(comments={"why": "Good."}))
    assert generated.read_text().split() == ["ada", "eve", "eve", "ada", "eve"]


def test_rejected_is_no_mark_and_leaves_nothing_behind(toy, nbgrader):
    nbgrader(PAGES)
    write_all(toy, MARKS)
    page = (toy.root / "feedback" / "bob" / "A" / "A.html").read_text()
    assert "bob.zip holds &lt;b&gt;0&lt;/b&gt; files." in page and "not a mark of 0" in page
    hand_in(toy, "<script>", **not_graded("rejected", "It is not JSON."))
    write_all(toy, MARKS)
    page = (toy.root / "feedback" / "<script>" / "A" / "A.html").read_text()
    assert "The submission of <strong>&lt;script&gt;</strong>" in page and "<script" not in page
    hand_in(toy, "ada", **not_graded("rejected", "It is not JSON."))
    write_all(toy, MARKS)
    assert not (toy.root / "autograded" / "ada" / "A").exists()
    assert "It is not JSON." in (toy.root / "feedback" / "ada" / "A" / "A.html").read_text()
    hand_in(toy, "ada", **not_graded("failed", "Grading broke off."))
    write_all(toy, MARKS)
    assert not (toy.root / "feedback" / "ada" / "A").exists()


def test_nbgrader_that_fails(toy, nbgrader, raises_saying):
    nbgrader("raise SystemExit(1)")
    with raises_saying(ValueError, "nbgrader generate_feedback", "it said nothing"):
        write_all(toy, MARKS)
    nbgrader("raise SystemExit('first\\nand then this')")
    with raises_saying(ValueError, "nbgrader generate_feedback stopped (and then this)"):
        write_all(toy, MARKS)
    nbgrader("")
    with raises_saying(ValueError, "ada", "nbgrader generate_feedback A"):
        write_all(toy, MARKS)
