"""A page that lacks what a reader counts on does not pass the build."""

import json
from types import SimpleNamespace

import pytest

PIECE = (
    '<div class="lc-panel"><fieldset><legend>pictures of</legend><label class="lc-answer">CLIP</label></fieldset></div>'
)
QUIZ = '<div class="lc-panel"><fieldset><legend>1. Why?</legend><label class="lc-answer">So</label></fieldset></div>'
PREDICTION = '<div class="lc-panel"><form data-prediction="ch9-one"><label class="lc-answer">Yes</label></form></div>'
FIGURE = '<figure id="fig-one"><img alt="Two bars." src="one.png"></figure>'
NEEDS = {"live piece": 1, "quiz": 1}


@pytest.fixture(scope="module")
def tool(load_tool):
    return load_tool("complete_pages")


def test_a_whole_page_passes(tool):
    assert list(tool.faults(PIECE + QUIZ + PREDICTION + FIGURE, NEEDS, ["fig-one"])) == []


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (QUIZ + PREDICTION + FIGURE, ["1 of the kind 'live piece' should be there, and 0 are"]),
        (PIECE + PREDICTION + FIGURE, ["1 of the kind 'quiz' should be there, and 0 are"]),
        (
            PIECE + QUIZ,
            ["the figure 'fig-one' of its source is not there", "its source has 1 figures, and 0 are there"],
        ),
        (PIECE + QUIZ + FIGURE.replace("Two bars.", ""), ["no words stand for the picture one.png"]),
        (PIECE + QUIZ + FIGURE.replace("Two bars.", "../_images/one.png"), ["no words stand for the picture one.png"]),
    ],
)
def test_a_page_that_lost_something(tool, page, says):
    assert list(tool.faults(page, NEEDS, ["fig-one"])) == says


def test_a_picture_on_a_button_that_has_a_name_needs_no_words(tool):
    picture = '<button aria-label="scene 1"><img alt="" src="data:"></button>'
    assert list(tool.faults(picture, {}, [])) == []
    assert len(list(tool.faults(picture.replace("aria-label", "data-x"), {}, []))) == 1


def test_the_figures_of_a_source(tool, tmp_path):
    text = "# One\n\n:::{figure} one.png\n:name: fig-one\n:alt: Bars.\n\nA caption.\n:::\n\n```{figure} two.png\n```\n"
    page, notebook = tmp_path / "page.md", tmp_path / "page.ipynb"
    page.write_text(text)
    assert tool.figures(page) == ["fig-one", None]
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)},
        {"cell_type": "code", "metadata": {"mystnb": {"figure": {"name": "fig-three"}}}, "source": []},
        {"cell_type": "code", "metadata": {}, "source": []},
    ]
    notebook.write_text(json.dumps({"cells": cells}))
    assert tool.figures(notebook) == ["fig-one", None, "fig-three"]


def test_the_build_warns_and_names_the_page(tool, tmp_path, monkeypatch):
    path = tmp_path / "chapters" / "playground.md"
    path.parent.mkdir()
    path.write_text("# Play\n")
    said = []
    monkeypatch.setattr(tool.LOGGER, "warning", lambda text, *parts, location: said.append(text % parts))
    app = SimpleNamespace(env=SimpleNamespace(doc2path=lambda name: str(tmp_path / f"{name}.md")))
    tool.look(app, "chapters/playground", "page.html", {"body": "<p>Nothing.</p>"}, object())
    tool.look(app, "genindex", "page.html", {}, None)  # no page of ours
    assert said == ["chapters/playground: 1 of the kind 'live piece' should be there, and 0 are."]


def test_every_chapter_stands_in_the_table(tool, root):
    chapters = {f"chapters/{path.stem}" for path in (root / "chapters").glob("[0-9]*.ipynb")}
    assert chapters <= set(tool.NEEDS)
    assert all((root / f"{name}{end}").is_file() for name, end in
               ((name, ".ipynb" if name in chapters else ".md") for name in tool.NEEDS))  # fmt: skip
