import csv

import bs4
import nbformat
import pytest
from graded import PARTS, course, graded, hand_in, not_graded, source

from labclip_lib.course.gradebook import Entry, Marks
from labclip_lib.course.notebooks import products
from labclip_lib.course.report_page import _anonymous, leaderboard, marks_table, page, report

ROSTER = {"ada": {"id": "ada", "first_name": "Ada", "last_name": "=1+1", "email": None}, "cy": {"id": "cy"}}


def entry(*scores, **more):
    return Entry("graded", "", graded(*scores, **more) | {"seconds": 2.0})


def classroom():
    """ada waits for a mark by hand, eve is done and not in the list, bob is rejected, cy has not submitted."""
    found = {
        "ada": entry(10, 0, None, reasons=("", "is <i>missing</i>", ""), leaderboard={"swap": 0.5, "replace": 0.9}),
        "bob": Entry("rejected", "It is <b>not</b> JSON.", {"seconds": 0.1}),
        "cy": Entry("not submitted"),
        "eve": entry(5, 0, 4, reasons=("", "is <i>missing</i>", ""), leaderboard={"swap": 0.75}),
    }
    marks = {
        "ada": Marks({"total-test": 10, "twice-test": 0, "why": 0}, ["why"], {}),
        "eve": Marks({"total-test": 5.25, "twice-test": 0, "why": 4}, [], {}),
    }
    return found, marks


def test_a_line_for_everybody_and_a_score_for_the_graded_alone():
    heads, *rows = marks_table(*classroom(), PARTS, ROSTER)
    assert heads == ["id", "first_name", "last_name", "email", "status", "score", "max",
                     "waiting for marking by hand", "total-test", "twice-test", "why"]  # fmt: skip
    assert rows == [
        ["ada", "Ada", "=1+1", "", "graded", "10", "19", 1, "10", "0", "0"],
        ["bob", "", "", "", "rejected", "", "19", "", "", "", ""],
        ["cy", "", "", "", "not submitted", "", "19", "", "", "", ""],
        ["eve", "", "", "", "graded", "9.25", "19", 0, "5.25", "0", "4"],
    ]


def test_leaderboard_is_by_the_first_value_with_ties():
    values = {"a": 0.5, "b": 0.75, "c": 0.5, "d": float("nan"), "h": -1.0}
    found = {name: entry(0, 0, 0, leaderboard={"swap": value}) for name, value in values.items()}
    found |= {"e": entry(0, 0, 0, leaderboard={"other": 1.0}), "f": entry(0, 0, 0), "g": Entry("rejected", "", {})}
    assert [(rank, name) for rank, name, _ in leaderboard(found)] == [(1, "b"), (2, "a"), (2, "c"), (4, "h"), (5, "e")]


def test_names_before_others_can_be_made_by_no_other_course(tmp_path):
    first, second = (course(tmp_path / name) for name in "ab")
    names = _anonymous(first, ["ada", "bob"])
    assert names == _anonymous(first, ["ada", "bob"]) and names["ada"] != names["bob"]
    assert not set(names.values()) & set(_anonymous(second, ["ada", "bob"]).values())


def test_page_tells_the_instructor_who_and_why():
    found, marks = classroom()
    board = leaderboard(found)
    text = page("A", found, marks, PARTS, board, {"ada": "0f0f", "eve": "1e1e"})
    shown = bs4.BeautifulSoup(text, "html.parser")
    assert not shown.find_all(["b", "i", "script", "link"])
    tables = [[[cell.get_text() for cell in row.find_all("td")] for row in it.find_all("tr")[1:]]
              for it in shown.find_all("table")]  # fmt: skip
    assert tables == [
        [["bob", "rejected", "It is <b>not</b> JSON."], ["ada", "waiting", "why"], ["cy", "not submitted", ""]],
        [["total-test", "10", "76\xa0%", "1 of 2", ""],
         ["twice-test", "5", "0\xa0%", "0 of 2", "2 x is <i>missing</i>"],
         ["why", "4", "100\xa0%", "1 of 1", ""]],
        [["1", "eve", "0.75", ""], ["2", "ada", "0.5", "0.9"]],
        [["1", "1e1e", "0.75", ""], ["2", "0f0f", "0.5", "0.9"]],
    ]  # fmt: skip
    assert [item.get_text() for item in shown.find_all("li")] == [
        "graded: 2", "rejected: 1", "not submitted: 1", "waiting for marking by hand: 1",
    ]  # fmt: skip
    assert "2 scores out of 19 points: the lowest is 9.25, the median 9.625, the highest 10." in shown.img["alt"]
    assert "Waiting for marking by hand: 1." in text and "2.0 s for the slowest, ada" in text
    assert all(tag["src"].startswith("data:image/svg+xml;base64,") for tag in shown.find_all(src=True))
    assert page("A", found, marks, PARTS, board, {"ada": "0f0f", "eve": "1e1e"}) == text
    assert "right file" not in text
    found["eve"].result["untouched"] = True
    assert "Nothing in it is answered; ask whether it is the right file." in page("A", found, marks, PARTS, [], {})


def test_a_name_in_the_page_is_text():
    found, marks = ({name.replace("ada", "<script>"): it for name, it in part.items()} for part in classroom())
    board = leaderboard(found)
    shown = bs4.BeautifulSoup(page("<i>", found, marks, PARTS, board, dict.fromkeys(found, "<b>")), "html.parser")
    assert not shown.find_all(["script", "i", "b"])
    assert shown.get_text().count("<script>") == 3 and shown.title.string == "<i>: report"


def test_page_says_what_is_in_doubt():
    found, marks = classroom()
    found["ada"].result["marks"][2]["reason"] = "it stands in cell 7 and cell 8"
    found["ada"].result["notes"] = [[3, "is Markdown in place of code"]]
    text = page("A", found, marks, PARTS, [], {})
    assert "why: it stands in cell 7 and cell 8" in text and "Cell 3 is Markdown in place of code." in text


def test_page_before_anybody_has_submitted():
    assert "Nothing is graded yet." in page("A", {"cy": Entry("not submitted")}, {}, PARTS, [], {})


def files(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_from_results_to_gradebook_feedback_marks_and_page(tmp_path):
    """All of it, with pages by nbgrader's own command line; eve writes what should not run."""
    pytest.importorskip("nbgrader")
    it = course(tmp_path)
    (it.root / "students.csv").write_text("id,first_name,last_name,email\nada,Ada,=1+1,\nbob,,,\ncy,,,\n")
    attack = "Because.\n\n<script>alert(1)</script> <img src=x onerror=alert(1)>\n\n[a](javascript:alert(1))"
    own = [nbformat.v4.new_markdown_cell(attack), nbformat.v4.new_code_cell("'</pre><script>alert(1)</script>'")]
    reasons = ("raised ValueError: <script>alert(1)</script>", "", "")
    hand_in(it, "ada", {"total": "def total(n):\n    return 3"}, **graded(10, 5, None, leaderboard={"swap": 0.5}))
    hand_in(it, "@eve", {"why": attack}, own, **graded(0, 2.5, None, reasons=reasons, cells=[[3, reasons[0]]],
                                                     leaderboard={"swap": 0.75}))  # fmt: skip
    hand_in(it, "bob", **not_graded("rejected", "It is not JSON."))
    assert report(it, "A") == it.root / "report" / "A.html"

    pages = {path.parts[-3]: path.read_text() for path in it.root.glob("feedback/*/A/A.html")}
    assert set(pages) == {"ada", "@eve", "bob"} and "It is not JSON." in pages["bob"]
    assert "A (Score: 15.0 / 19.0)" in pages["ada"] and "A (Score: 2.5 / 19.0)" in pages["@eve"]
    body = bs4.BeautifulSoup(pages["@eve"], "html.parser").body
    assert body.get_text().count("alert(1)") == 8 and not body.find_all(["script", "img"])
    assert not [tag for tag in body.find_all(True) if any(name.startswith("on") for name in tag.attrs)]
    assert {link.get("href", "")[:1] for link in body.find_all("a")} == {"", "#"}
    assert products.leaks(it.root / "autograded", source()) == products.leaks(it.root / "feedback", source()) == []

    with open(it.root / "marks" / "A.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert [[row[0], row[2], row[4], row[5]] for row in rows[1:]] == [
        ["'@eve", "", "graded", "2.5"], ["ada", "'=1+1", "graded", "15"], ["bob", "", "rejected", ""],
        ["cy", "", "not submitted", ""],
    ]  # fmt: skip
    board = (it.root / "marks" / "A-leaderboard.csv").read_text()
    assert [line.split(",")[::2] for line in board.splitlines()] == [["rank", "swap"], ["1", "0.75"], ["2", "0.5"]]
    assert "ada" not in board and "eve" not in board

    before = files(it.root)
    report(it, "A")
    after = files(it.root)
    assert {path: data for path, (_, data) in before.items()} == {path: data for path, (_, data) in after.items()}
    slow = [path for path in before if path.parts[-4] in ("autograded", "feedback") and "bob" not in path.parts]
    assert len(slow) == 4 and all(before[path] == after[path] for path in slow)
