"""The cards of the chapters on the landing page."""

import json
from types import SimpleNamespace

import pytest
import yaml
from bs4 import BeautifulSoup
from docutils.utils import new_document


@pytest.fixture
def tool(load_tool, root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "tools"))
    return load_tool("chapter_cards")


def test_every_chapter_has_a_card_with_a_picture_that_is_quickly_there(tool, root):
    (block,) = tool.BLOCK.findall((root / "chapters" / "index.md").read_text())
    cards = yaml.safe_load(block)
    assert list(cards) == sorted(path.stem for path in (root / "chapters").glob("0*.ipynb"))
    for stem, about in cards.items():
        assert about.keys() == {"says", "figure", "alt"}
        assert about["figure"] in (root / "chapters" / f"{stem}.ipynb").read_text(), "the chapter has no such figure"
        assert tool.picture(stem).stat().st_size < 25 * 1024


def test_a_card_leads_to_its_chapter_and_tells_what_it_takes(tool, tmp_path):
    runs = tmp_path / "jupyter_execute" / "chapters"
    runs.mkdir(parents=True)
    output = {"data": {"text/plain": "'38'"}}
    (runs / "01_clip_basics.glue.json").write_text(json.dumps({"ch1_seconds": output, "ch1_machine": output}))
    app = SimpleNamespace(outdir=tmp_path / "html", builder=SimpleNamespace(format="html"))
    document = new_document("a")
    about = {"says": "Sees & reads.", "figure": "fig", "alt": "A <table>."}
    document += tool.Cards(cards={"01_clip_basics": about, "02_linear_probes": about})
    tool.lay_out(app, document, "chapters/index")
    first, second = BeautifulSoup(document.astext(), "html.parser").select("a.lc-chapter")
    assert first["href"] == "01_clip_basics.html" and first.strong.get_text().startswith("1. ")
    assert first.img["alt"] == "A <table>." and first.span.get_text() == "Sees & reads."
    assert first.small.get_text().endswith("to read and try; runs in 40 seconds")
    assert second.small.get_text().endswith("to read and try")  # its page has no run
    assert int(first["data-predictions"]) > 0 and int(first["data-questions"]) > 0
    tool.write(app, None)
    assert (tmp_path / "html" / "_static" / first.img["src"].removeprefix("../_static/")).is_file()


@pytest.mark.parametrize(
    ("minutes", "took", "said"),
    [
        (62, 38.2, "60 minutes to read and try; runs in 40 seconds"),
        (83, 200, "85 minutes to read and try; runs in 4 minutes"),
    ],
)
def test_times_are_round(tool, minutes, took, said):
    assert tool.times(minutes, took) == said
