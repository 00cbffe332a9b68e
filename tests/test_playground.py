"""The directive of the playground, and what the build puts into the site for it."""

import json
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from labclip_lib.world.scenes import World

SCENE = World(("blue", "orange"), ("square", "triangle")).compositions(seed=1)[:1]
ROW = {"caption": "blue square and orange triangle", "kind": "true", "products": [0.7, 0.3, 0.1, 1.0]}
TWIN = {
    "caption": "orange square and blue triangle",
    "kind": "false: colours swapped",
    "products": [0.8, 0.2, 0.1, 1.0],
}


class Fitted:
    """A playground that is fitted in no time."""

    first = ((SCENE, {"rows": [ROW, TWIN]}),)

    def data(self):
        return {"world": "<world>", "first": []}

    def write(self, folder):
        folder.mkdir(parents=True)
        (folder / "engine.js").write_text("")


@pytest.fixture
def tool(load_tool, monkeypatch):
    tool = load_tool("playground")
    monkeypatch.setattr(tool, "Playground", lambda backbone: Fitted())
    return tool


@pytest.fixture
def app(tmp_path):
    return SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"))


def page(tool, app, options, docname="chapters/index"):
    """The directive's HTML on a page."""
    env = SimpleNamespace(docname=docname, app=app, note_dependency=lambda path: None)
    directive = object.__new__(tool.PlaygroundDirective)
    directive.options = options
    directive.state = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=env)))
    (node,) = directive.run()
    return BeautifulSoup(node.astext(), "html.parser")


@pytest.mark.parametrize(("options", "size"), [({}, "large"), ({"small": None}, "small")])
def test_a_page_holds_what_its_script_begins_with(tool, app, options, size):
    soup = page(tool, app, options)
    (panel,) = soup.select(f".lc-panel[data-playground={size}]")
    assert json.loads(panel.script.string) == Fitted().data() and "<" not in panel.script.string
    assert soup.find("script", type="module")["src"] == "../_static/live/playground.js"
    assert page(tool, app, options, "index").link["href"] == "_static/live/playground.css"


def test_without_a_script_it_shows_a_picture_a_table_and_a_sentence(tool, app):
    still = page(tool, app, {}).select_one(".lc-still")
    assert still.img["alt"] == ROW["caption"] and still.img["src"].startswith("data:image/png;base64,")
    assert [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in still.select("tbody tr")] == [
        [ROW["caption"], "0.700", "0.300"],
        [TWIN["caption"], "0.800", "0.200"],
    ]
    text = still.get_text()
    assert "CLIP prefers the swapped caption, “orange square" in text and "LABCLIP prefers the true caption" in text


def test_the_site_gets_the_files(tool, app):
    heard = {}
    tool.setup(SimpleNamespace(connect=heard.__setitem__, add_directive=heard.__setitem__))
    page(tool, app, {})
    heard["build-finished"](app, None)
    assert {path.name for path in (app.outdir / "_static" / "live").iterdir()} == {"engine.js", "playground.css"}


def test_a_failed_build_and_one_without_a_playground_get_nothing(tool, app):
    tool.write(app, None)
    page(tool, app, {})
    tool.write(app, RuntimeError())
    app.builder.format = "latex"
    tool.write(app, None)
    assert not list(app.outdir.iterdir())
