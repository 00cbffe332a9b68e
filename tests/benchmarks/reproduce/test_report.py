import html.parser
import re

import pytest
from markdown_it import MarkdownIt

from labclip_lib.benchmarks.reproduce.report import alt_text, as_markdown, verdict, write_report
from labclip_lib.benchmarks.reproduce.tables import Row, Table
from labclip_lib.measures.intervals import Estimate

OURS = Estimate(0.9, 0.87, 0.93)
HEADING, TOLD = "Theirs & ours", ["Backbone: *pocket*.", "Made by `python -m labclip_lib <reproduce>`."]


@pytest.fixture
def tables():
    return [
        Table("crossmodal", "Choosing <i>", "A note with **bold** and 1 < 2.", [
            Row("CLEVR, swap", "CLIP", OURS, 1200, 0.5, 0.5, 0.58, "ViT-L/14", "a paper", True),
            Row("CLEVR, swap", "<script>alert(1)</script>|x", OURS, 1200, 0.5, 0.5),
            Row("CLEVR, swap", "fine-tuned", None, reported=1.0, reported_by="ViT-L/14", source="another"),
        ]),
        Table("aro", "ARO", "", [], "There is no visual_genome_relation.json; `get aro` says how to get it."),
    ]  # fmt: skip


class TestVerdict:
    @pytest.mark.parametrize(
        ("reported", "comparable", "said"),
        [
            (0.9, True, "agrees"), (0.935, True, "agrees"), (0.865, True, "agrees"),
            (0.936, True, "differs by -.04"), (0.8, True, "differs by +.10"), (None, True, ""),
            (0.9, False, "another model or other data"),
        ],
    )  # fmt: skip
    def test_by_the_interval_and_rounding(self, reported, comparable, said):
        assert verdict(Row("a", "b", OURS, reported=reported, comparable=comparable)) == said

    def test_without_ours(self):
        assert verdict(Row("a", "b", None, reported=0.9, comparable=True)) == ""


class TestMarkdown:
    def test_cells(self, tables):
        text = as_markdown(tables, HEADING, TOLD)
        (line,) = [line for line in text.splitlines() if line.startswith("| CLEVR, swap | CLIP")]
        assert [cell.strip() for cell in line.strip("|").split("|")] == [
            "CLEVR, swap", "CLIP", "0.900 (0.870 to 0.930)", "0.58, ViT-L/14 \\[1\\]", "**differs by +.32**", "0.50",
            "0.50", "1,200",
        ]  # fmt: skip

    def test_a_name_cannot_break_the_table(self, tables):
        text = as_markdown(tables, HEADING, TOLD)
        rows = [line for line in text.splitlines() if line.startswith("| CLEVR")]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9}

    @pytest.mark.parametrize("name", ["swap_att", "_a_ *b* `c` $d$", "<b>|</b> &lt; \\|", "[x](y) ~~z~~ # 1"])
    def test_a_name_reads_as_it_is(self, name):
        text = as_markdown([Table("x", name, "", [Row(name, "CLIP", OURS)])], HEADING, TOLD)
        parsed = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
        shown = ["".join(part.content for part in token.children) for token in parsed if token.type == "inline"]
        assert shown.count(name) == 2  # as a heading and in a cell

    def test_the_run_and_the_contents_are_two_lists(self, tables):
        told, contents = as_markdown(tables, HEADING, TOLD).split("\n## How")[0].split("\n## Contents\n")
        assert told.count("\n- ") == len(TOLD) and contents.count("\n- ") == len(tables)

    def test_missing_data_are_told(self, tables):
        text = as_markdown(tables, HEADING, TOLD)
        assert "**Not run.** There is no visual_genome_relation.json" in text and "1 differ" in text


class Page(html.parser.HTMLParser):
    """Which tags a page opens, and whether each is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.data = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "!doctype"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data += data


class TestPage:
    @pytest.fixture
    def page(self, tables, tmp_path):
        return Page(write_report(tables, tmp_path / "new", HEADING, TOLD).read_text(encoding="utf-8"))

    def test_names_are_text(self, page):
        assert "script" not in {tag for tag, _ in page.seen} and "i" not in {tag for tag, _ in page.seen}
        assert "<script>alert(1)</script>|x" in page.data and "Choosing <i>" in page.data and "1 < 2" in page.data

    def test_it_needs_nothing_else(self, page):
        addresses = [
            value for _, attributes in page.seen for name, value in attributes.items() if name in ("src", "href")
        ]
        assert addresses and all(address.startswith(("#", "data:image/svg+xml")) for address in addresses)
        assert ("html", {"lang": "en"}) in page.seen

    def test_a_figure_with_words_for_it_and_a_table_with_headers(self, page, tables):
        (figure,) = [attributes for tag, attributes in page.seen if tag == "img"]
        assert figure["alt"] == alt_text(tables[0]) and "0.90" in figure["alt"]
        scopes = [attributes.get("scope") for tag, attributes in page.seen if tag == "th"]
        assert scopes.count("col") == 8 and scopes.count("row") == 3 and scopes.count("rowgroup") == 1
        assert "Not run." in page.data and "caption" in {tag for tag, _ in page.seen}


class TestWriting:
    def test_all_files_are_there(self, tables, tmp_path):
        path = write_report(tables, tmp_path / "new", HEADING, TOLD)
        assert path == tmp_path / "new" / "report.html"
        assert sorted(file.name for file in path.parent.iterdir()) == ["crossmodal.svg", "report.html", "report.md"]
        assert "](crossmodal.svg)" in (path.parent / "report.md").read_text()

    def test_the_same_again_is_the_same_to_the_byte(self, tables, tmp_path):
        first, again = (write_report(tables, tmp_path / name, HEADING, TOLD).read_bytes() for name in "ab")
        assert first == again

    def test_nothing_is_written_when_a_table_cannot_be_shown(self, tables, tmp_path, raises_saying):
        with raises_saying(ValueError, "'empty'", "no rows"):
            write_report([*tables, Table("empty", "x", "", [])], tmp_path / "new", HEADING, TOLD)
        with raises_saying(ValueError, "'aro'"):
            write_report([*tables, tables[1]], tmp_path / "new", HEADING, TOLD)
        assert not (tmp_path / "new").exists()

    def test_a_folder_that_cannot_be_written(self, tables, tmp_path, raises_saying):
        (tmp_path / "file").write_text("")
        with raises_saying(OSError, "Cannot write to", "choose another folder"):
            write_report(tables, tmp_path / "file", HEADING, TOLD)

    def test_a_write_that_fails_leaves_no_half_file(self, tables, tmp_path, raises_saying):
        (tmp_path / "report.md").mkdir()
        with raises_saying(OSError, "Cannot write to", str(tmp_path)):
            write_report(tables, tmp_path, HEADING, TOLD)
        assert {path.name for path in tmp_path.iterdir()} == {"crossmodal.svg", "report.md"}
