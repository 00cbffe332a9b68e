"""The slides, cut from the page of a small chapter that is built as the book is."""

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

from labclip_lib.book.checks import check
from labclip_lib.book.pieces.widgets import quiz

pytestmark = pytest.mark.slow

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
GLUE = "application/papermill.record/"


def shows(data, **metadata):
    return nbformat.v4.new_output("display_data", data, metadata=metadata)


def prints(function, *args, **options):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        function(*args, **options)
    return nbformat.v4.new_output("stream", text=text.getvalue())


def passes(*args, **options):
    with mock.patch("labclip_lib.book.checks.display") as shown:
        check(*args, **options)
    (passed,) = shown.call_args.args
    return shows({"text/html": passed._repr_html_(), "text/plain": repr(passed)})


def table(rows):
    return shows({"text/markdown": "| a |\n|---|\n" + "\n".join(f"| {n} |" for n in range(rows))})


def chapter():
    """A chapter as the book's are, and already run: prose, and cells as (source, outputs, metadata)."""
    glued = shows({f"{GLUE}text/plain": "42"}, scrapbook={"name": "times", "mime_prefix": GLUE})
    questions = quiz([("Is it?", [("Yes.", True, "!"), ("No.", False, "?")]), ("Was it?", [("So.", True, "!")])])
    figure = {"figure": {"caption": "A ball.", "name": "fig-ball"}, "image": {"alt": 'A "ball".'}}
    return [
        "# Who holds the ball?\n\n*Can a slide say it?*\n\n:::{admonition} Before you start\n**You need** a pen.\n:::",
        ("import labclip_lib", [], {}),
        """## The first section

Whose is the ball? It is {glue:text}`times` times round, say {cite:t}`doe2020ball`; see {numref}`fig-ball` and $x^2$.

**Predict.** How round is $r$?""",
        (
            "roundness = 42\ncheck('round', roundness)\nif roundness:\n    glue('times', roundness)\nprint('round')",
            [glued, passes("the roundness of the ball", 42, low=40), prints(print, "it is round")],
            {},
        ),
        ("print('a hidden cell')", [prints(print, "printed in hiding")], {"tags": ["hide-input"]}),
        ("\n".join(f"long_{n} = {n}" for n in range(16)), [], {}),
        ("draw()", [shows({"image/png": PNG})], {"mystnb": figure}),
        "Then why?\n\n$$E = mc^2.$$\n\n- one point\n- another\n\n**Predict.** What now?",
        ("small_table()", [table(3)], {}),
        ("long_table()", [table(20)], {}),
        """### A subsection

```{exercise-start} Roll it
:label: ex-roll
```
Roll the ball.""",
        ("stub = None", [], {"tags": ["exercise-stub"]}),
        """```{exercise-end}
```

```{solution} ex-roll
:class: dropdown
The secret way to roll.
```

:::{prf:theorem} Balls
Balls roll.
:::

:::{prf:proof}
They are round.
:::""",
        "## Quiz",
        ("quiz()", [shows({"text/html": questions.data})], {"tags": ["remove-input"]}),
        "## What we learned\n\n- Balls roll.\n\n**What this does not show.** The sky.",
    ]


@pytest.fixture(scope="module")
def tool(load_tool):
    return load_tool("slides")


@pytest.fixture(scope="module")
def book(root, tmp_path_factory):
    """A built book of one chapter: the folder of its pages, and that of its notebooks."""
    folder = tmp_path_factory.mktemp("book")
    chapters = folder / "chapters"
    chapters.mkdir()
    config = yaml.safe_load((root / "_config.yml").read_text())
    del config["sphinx"]["local_extensions"], config["sphinx"]["config"]["html_static_path"]
    config["execute"] = {"execute_notebooks": "off"}
    (folder / "_config.yml").write_text(yaml.safe_dump(config))
    part = {"numbered": True, "chapters": [{"file": "chapters/01_ball"}]}
    toc = {"format": "jb-book", "root": "chapters/index", "parts": [part]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    (chapters / "index.md").write_text("# A book\n\n```{bibliography}\n```\n")
    (chapters / "references.bib").write_text("@book{doe2020ball, title={Ball}, author={Doe, D}, year={2020}}")
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for cell in chapter():
        if isinstance(cell, str):
            notebook.cells.append(nbformat.v4.new_markdown_cell(cell))
        else:
            source, outputs, metadata = cell
            notebook.cells.append(nbformat.v4.new_code_cell(source, outputs=outputs, metadata=metadata))
    nbformat.write(notebook, chapters / "01_ball.ipynb")
    command = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run([command, "build", folder, "--all"], capture_output=True, text=True)
    assert (folder / "_build/html/chapters/01_ball.html").is_file(), done.stdout + done.stderr
    return folder / "_build" / "html", chapters


@pytest.fixture(scope="module")
def page(tool, book):
    page, _ = tool.deck((book[0] / "chapters" / "01_ball.html").read_text(), "01_ball")
    return BeautifulSoup(page, "html.parser")


@pytest.fixture
def bodies(page):
    return page.select(".body")


@pytest.fixture
def notes(page):
    return " ".join(note.get_text(" ") for note in page.select(".notes"))


def kinds(bodies):
    return [body["class"][1] for body in bodies]


def test_chapter_opens_with_its_title_and_question_and_a_link(bodies, notes):
    first = bodies[0]
    assert first.h1.get_text() == "1. Who holds the ball?" and "Can a slide say it?" in first.get_text()
    assert first.a["href"] == "../chapters/01_ball.html" and "a pen" in notes


def test_section_opens_with_its_question_and_the_prediction(bodies):
    opening = bodies[1]
    assert opening.h2.get_text() == "1.1. The first section"
    asked = [question.get_text() for body in bodies for question in body.select(".asks")]
    assert asked == ["Can a slide say it?", "Whose is the ball?"]
    assert "How round" in opening.select_one(".predicts").get_text()


def test_later_predictions_and_subsections_have_slides(bodies):
    assert [body.get_text().strip() for body in bodies if body.select_one(".predicts")][1:] == ["Predict. What now?"]
    assert [body.h2.get_text() for body in bodies if body.h2][1] == "1.1.1. A subsection"


def test_prose_is_in_the_notes_as_readable_text(page, notes):
    assert "It is 42 times round, say Doe" in re.sub(r"\s+", " ", notes)
    assert "Fig. 1.1" in notes and "They are round" in notes
    assert page.select_one(".notes .tex") and not page.select(".notes .math")
    for mark in (":::", "```", "{glue", "{cite", "{numref", "{admonition", "{exercise"):
        assert mark not in page.get_text()


def test_cell_shows_its_lines_and_what_they_print_but_no_bookkeeping(bodies):
    shown = bodies[kinds(bodies).index("code")]
    assert shown.select_one(".highlight").get_text().split("\n")[:2] == ["roundness = 42", "print('round')"]
    assert shown.select_one(".printed").get_text() == "it is round"


def test_set_up_hidden_and_long_cells_are_left_out(page):
    text = page.select_one(".slides").get_text()
    for left_out in ("labclip_lib", "a hidden cell", "in hiding", "long_0", "small_table"):
        assert left_out not in text


def test_figure_is_large_with_caption_and_alternative_text(bodies):
    [body] = [body for body in bodies if "figure" in body["class"]]
    assert body.img["alt"] == 'A "ball".' and "A ball." in body.figcaption.get_text()


def test_formulas_lists_and_theorems_have_slides_and_proofs_have_none(bodies):
    found = dict(zip(kinds(bodies), bodies, strict=True))
    assert "E = mc^2" in found["formula"].get_text() and len(found["list"].select("li")) == 2
    assert "Balls roll." in found["statement"].get_text() and kinds(bodies).count("statement") == 1


def test_small_table_is_shown_and_a_long_one_linked(bodies):
    tables = [body for body in bodies if "table" in body["class"]]
    assert [len(body.select("tr")) for body in tables] == [4, 0, 2]
    assert tables[1].a["href"].startswith("../chapters/01_ball.html#") and "20 rows" in tables[1].get_text()


def test_checks_close_their_section(bodies):
    cells = [cell.get_text() for cell in bodies[kinds(bodies).index("exercise") + 2].select("td")]
    assert cells == ["the roundness of the ball", "42", "at least 40"]


def test_exercise_is_stated_and_its_solution_is_nowhere(page, bodies):
    [body] = [body for body in bodies if "exercise" in body["class"]]
    assert "Roll the ball." in body.get_text() and body.a["href"] == "../chapters/01_ball.html#ex-roll"
    assert "stub" not in body.get_text()
    assert not body.section and not page.select(".slide [id]")  # reveal.js would take a section for a slide
    assert "secret way" not in str(page) and "Solution" not in str(page)


def test_quiz_has_a_slide_a_question_under_the_id_that_its_script_seeks(bodies):
    questions = [body for body in bodies if "quiz" in body["class"]]
    assert ["Is it?" in questions[0].legend.get_text(), "Was it?" in questions[1].legend.get_text()] == [True, True]
    assert "lc-panel" in questions[0].style.get_text()
    script = questions[-1].script.get_text()
    above = questions[0].find_parent("section").find_parent("section")
    assert f'getElementById("{above["id"]}")' in script
    assert all(above in question.parents for question in questions)


def test_chapter_closes_with_what_it_learned_and_what_it_does_not_show(bodies):
    assert bodies[-2].li.get_text() == "Balls roll." and "The sky." in bodies[-1].get_text()


def test_page_names_its_language_and_borrows_the_chapters_formulas_and_code_style(page):
    assert page.html["lang"] == "en" and "Who holds the ball?" in page.title.get_text()
    head = str(page.head)
    assert "window.MathJax" in head and "_static/mathjax/" in head and "../_static/pygments.css" in head
    assert "http" not in " ".join(tag.get("src", "") + tag.get("href", "") for tag in page.head.find_all(True))


def test_slides_are_written_and_every_link_in_them_leads_somewhere(tool, book):
    index = tool.make_slides(*book)
    for written in (index, index.parent / "01_ball.html"):
        soup = BeautifulSoup(written.read_text(), "html.parser")
        for address in [tag.get("href") or tag.get("src") for tag in soup.select("[href], [src]")]:
            path = address.split("#")[0].split("?")[0]
            assert (written.parent / path).is_file(), address
    assert "RevealNotes" in index.parent.joinpath("reveal", "notes.js").read_text()


def test_book_that_was_not_built_from_these_notebooks_is_refused(tool, book, tmp_path, raises_saying):
    with raises_saying(SystemExit, "01_ball.ipynb", "make book"):
        tool.make_slides(tmp_path, book[1])
    changed = json.loads((book[1] / "01_ball.ipynb").read_text())
    changed["cells"].pop()
    (tmp_path / "01_ball.ipynb").write_text(json.dumps(changed))
    with raises_saying(SystemExit, "01_ball.ipynb", "make book"):
        tool.make_slides(book[0], tmp_path)
