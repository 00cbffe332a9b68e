"""Predictions as readers of a built page have them: by mouse, by keyboard, and without JavaScript."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, PATIENCE
from piece_page import tick_box

from labclip_lib.book.pieces import predictions
from labclip_lib.book.pieces.predictions import answer, predict_choice, predict_curve, predict_number
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure

SWAP = Measure(np.array([0.0, 1.0] * 100), np.arange(200), 0.5, 0.5)


@pytest.fixture
def answered(monkeypatch):
    """What an answer hands to the page."""
    pages = []
    monkeypatch.setattr(predictions, "display", pages.append)

    def call(*args, **how):
        answer(*args, **how)
        name, data = re.fullmatch(
            '<span hidden class="lc-truth" data-name="(.*)" data-truth="(.*)"></span>', pages[-1].data
        ).groups()
        return name, json.loads(data.replace("&quot;", '"'))

    return call


def test_an_answer_holds_the_numbers_and_their_intervals(answered):
    name, data = answered("swap", SWAP, Estimate(0.9, 0.8, 1.0), 3, chance=0.5)
    assert name == "swap" and data["levels"] == [["chance", 0.5]]
    measured, estimated, plain = data["truth"]
    assert measured["value"] == 0.5 and measured["low"] < 0.5 < measured["high"]
    assert estimated == {"value": 0.9, "low": 0.8, "high": 1.0} and plain == {"value": 3, "low": None, "high": None}


def test_an_answer_may_be_a_choice(answered):
    assert answered("order", "no, none") == ("order", {"truth": ["no, none"], "levels": []})


def test_an_answer_may_bring_two_levels(answered):
    assert answered("probe", 0.9, chance=0.125, bag_of_words=0.5)[1]["levels"] == [
        ["chance", 0.125],
        ["bag of words", 0.5],
    ]


def test_an_answer_that_nobody_could_choose_is_refused(answered, raises_saying):
    predict_choice("side", ["left", "right"])
    assert answered("side", "right")[1]["truth"] == ["right"]
    with raises_saying(ValueError, "'side'", "'up'", "left, right"):
        answered("side", "up")


def test_what_is_asked_is_text():
    assert "<label class='lc-answer'><input type='radio'" in predict_choice("order", ["a < b"]).data
    assert "a &lt; b</label>" in predict_choice("order", ["a < b"]).data
    assert "5 &lt; 6: <output>" in predict_number("n", "5 < 6").data


# On a page


def page(tmp_path, name, monkeypatch):
    """A chapter's section as the site has it: two predictions, what follows each, and the section after them."""
    pages = []
    monkeypatch.setattr(predictions, "display", lambda piece: pages.append(piece.data))

    def cell(*outputs):
        return "".join(f'<div class="cell">{output}</div>' for output in outputs)

    swap = predict_number("swap", high=1.0)
    why = predict_choice("why", ["a coin", "a preference"])
    dial = predict_curve("dial", ["0 %", "30 %", "100 %"], "captions that bind")
    answer("swap", SWAP, chance=0.5)
    answer("why", "a preference")
    answer("dial", 0.5, 0.6, 0.9, chance=0.5)
    path = tmp_path / name
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><body><article><section><h2>The swap test</h2>'
        f"<p>Question one.</p>{cell(swap.data)}<p id='first'>It is one half.</p>{cell(pages[0])}"
        f"<p>Question two.</p>{cell(why.data)}<p id='second'>It prefers a caption.</p>{cell(pages[1])}</section>"
        f"<section><h2>The dial</h2>{cell(dial.data)}<p id='third'>It climbs.</p>{cell(pages[2])}</section>"
        "<section><h2>Quiz</h2><p id='after'>Pick one.</p></section></article>",
        "utf-8",
    )
    return path


@pytest.fixture
def reader(browser, tmp_path, monkeypatch):
    if not CHROMIUM:
        pytest.skip("there is no Chromium here")
    path = page(tmp_path, "page.html", monkeypatch)
    browser.open(path)
    browser("localStorage.clear()")
    browser.open(path)
    yield browser
    assert browser.complaints() == []


def panel(number):
    """The selector of the n-th prediction."""
    return f".lc-panel:has([data-prediction='{('swap', 'why', 'dial')[number]}'])"


def seen(reader):
    """Which of the page's marked paragraphs a reader sees, once the page has been painted anew."""
    reader(
        "window.painted = false; requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = true; }))"
    )
    reader.wait_until("window.painted")
    return reader("""["first", "second", "third", "after"].filter(
        id => document.getElementById(id).checkVisibility({contentVisibilityAuto: true}))""")


def note(reader, number):
    return reader(f'document.querySelector("{panel(number)} [role=status]").innerText')


def drawn(reader, number):
    return reader(f'[...document.querySelectorAll("{panel(number)} svg text")].map(one => one.textContent)')


def open_again(reader):
    """Open the page anew with what it stored; Chromium may hand the store to the new page's process a moment late."""
    page, stored = Path(reader("location.pathname")), reader("JSON.stringify(localStorage)")
    end = time.monotonic() + PATIENCE
    reader.open(page)
    while reader("JSON.stringify(localStorage)") != stored:
        assert time.monotonic() < end, f"the page forgot {stored}"
        reader.open(page)


def move(reader, number, by):
    """Move the first slider to its end and back to the middle, as somebody who thinks about it."""
    slider = f"{panel(number)} input[type=range]"
    if by == "mouse":
        reader.click(slider, along=0.999)
        reader.click(slider)
    else:
        reader.tab_to(slider)
        reader.press("Right", "Left")


def commit(reader, number, by):
    reader.use(f"{panel(number)} button[type=submit]", by)


in_a_browser = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
both_ways = pytest.mark.parametrize("by", ["mouse", "keyboard"])


@in_a_browser
@both_ways
class TestAPrediction:
    def test_what_follows_waits_and_then_unfolds_up_to_the_next_one(self, reader, by):
        assert seen(reader) == ["after"]
        commit(reader, 0, by)  # nobody has said anything yet
        assert note(reader, 0) == "Move a slider first." and seen(reader) == ["after"]
        move(reader, 0, by)
        commit(reader, 0, by)
        assert seen(reader) == ["first", "after"]
        assert note(reader, 0) == "You said 0.50; it is 0.50."
        assert reader("document.activeElement.getAttribute('role')") == "status"  # where a screen reader goes on

    def test_a_number_is_drawn_beside_what_was_measured(self, reader, by):
        slider = f"{panel(0)} input[type=range]"
        if by == "mouse":
            reader.click(slider, along=0.999)
        else:
            reader.tab_to(slider)
            reader.press("End")
        commit(reader, 0, by)
        assert note(reader, 0) == "You said 1.00; it is 0.50."
        assert drawn(reader, 0) == ["0", "1", "chance", "you"]
        guess, truth = reader(f"""["path", "circle"].map(
            shape => document.querySelector("{panel(0)} svg " + shape).getBBox()).map(box => box.x + box.width / 2)""")
        width = reader(f'document.querySelector("{panel(0)} svg").clientWidth')
        assert guess == pytest.approx(width - 12, abs=1) and truth == pytest.approx(width / 2, abs=1)

    def test_a_choice_has_to_be_made(self, reader, by):
        move(reader, 0, by)
        commit(reader, 0, by)
        commit(reader, 1, by)
        assert note(reader, 1) == "Choose one first." and seen(reader) == ["first", "after"]
        if by == "mouse":
            reader.click(f"{panel(1)} .lc-answer", along=0.05)
        else:
            reader.tab_to(f"{panel(1)} .lc-answer input")
            reader.press("Space")
        commit(reader, 1, by)
        assert note(reader, 1) == "You said: a coin. It is: a preference."
        assert seen(reader) == ["first", "second", "after"]

    def test_a_curve_is_drawn_beside_the_measured_one(self, reader, by):
        last = f"{panel(2)} .lc-sketch label:last-child input"
        if by == "mouse":
            reader(f"""{{
                const slider = document.querySelector("{last}");
                slider.value = 1;
                slider.dispatchEvent(new Event("input"));
            }}""")
        else:
            reader.tab_to(f"{panel(2)} .lc-sketch input")
            reader.press("Tab", "Tab", "End")
        commit(reader, 2, by)
        assert note(reader, 2) == (
            "0 %: you said 0.50, it is 0.50; 30 %: you said 0.50, it is 0.60; 100 %: you said 1.00, it is 0.90."
        )
        assert {"you", "chance", "0 %", "100 %"} <= set(drawn(reader, 2)) and seen(reader) == ["third", "after"]

    def test_who_only_reads_is_shown_and_may_be_asked_again(self, reader, by):
        reader.use(f"{panel(0)} [data-do=show]", by)
        assert note(reader, 0) == "It is 0.50." and seen(reader) == ["first", "after"]
        assert "you" not in drawn(reader, 0)
        reader.use(f"{panel(0)} [data-do=again]", by)
        assert note(reader, 0) == "" and drawn(reader, 0) == [] and seen(reader) == ["after"]

    def test_who_asks_once_is_shown_everything(self, reader, by):
        box = f"{panel(0)} .lc-always input"
        tick_box(reader, box, by)
        reader.wait_until("!!document.querySelector('svg')")
        assert seen(reader) == ["first", "second", "third", "after"]
        open_again(reader)
        assert seen(reader) == ["first", "second", "third", "after"] and note(reader, 1) == "It is: a preference."


@in_a_browser
def test_an_interval_beyond_the_axis_ends_in_an_arrow_and_a_value_beyond_it_lengthens_the_axis(
    browser, tmp_path, monkeypatch
):
    pages = []
    monkeypatch.setattr(predictions, "display", lambda piece: pages.append(piece.data))
    asked = [predict_number(name).data for name in ("inside", "above", "below", "beyond")]
    asked.append(predict_curve("loss", ["1", "2"], "step", high=3.0).data)
    for name, found in {
        "inside": Estimate(0.9, 0.8, 1.0), "above": Estimate(0.98, 0.95, 1.02), "below": Estimate(0.02, -0.1, 0.14),
        "beyond": 1.25,
    }.items():  # fmt: skip
        answer(name, found)
    answer("loss", 4.5, 2.0)
    path = tmp_path / "beyond.html"
    path.write_text(f'<!doctype html><html lang="en"><meta charset="utf-8"><body>{"".join(asked + pages)}', "utf-8")
    browser.open(path)
    browser("document.querySelectorAll('[data-do=show]').forEach(button => button.click())")
    arrows = browser("""[...document.querySelectorAll(".lc-panel svg")].map(
        svg => [...svg.querySelectorAll(".lc-beyond")].map(
            arrow => arrow.getBBox().x > svg.clientWidth / 2 ? "right" : "left"))""")
    assert arrows == [[], ["right"], ["left"], [], []]
    ends = browser("""[...document.querySelectorAll(".lc-panel svg")].map(
        svg => [...svg.querySelectorAll("text")].slice(0, 2).map(text => text.textContent))""")
    assert ends == [["0", "1"]] * 3 + [["0", "1.25"], ["0", "4.5"]]
    cut = browser("""[...document.querySelectorAll(".lc-panel svg > *")].filter(one => {
        const box = one.getBBox(), {width, height} = one.ownerSVGElement.viewBox.baseVal;
        return box.x < 0 || box.y < 0 || box.x + box.width > width || box.y + box.height > height;
    }).length""")
    assert cut == 0 and browser.complaints() == []


@in_a_browser
def test_a_prediction_is_remembered(reader):
    move(reader, 0, "mouse")
    commit(reader, 0, "mouse")
    open_again(reader)
    assert note(reader, 0) == "You said 0.50; it is 0.50." and seen(reader) == ["first", "after"]


@in_a_browser
def test_a_link_into_what_waits_opens_it(reader):
    path = reader("location.pathname")
    reader.send("Page.navigate", url="about:blank")
    reader.send("Page.navigate", url=f"file://{path}#second")
    reader.wait_until("document.readyState === 'complete' && !!document.querySelector('svg')")
    assert {"first", "second"} <= set(seen(reader)) and "third" not in seen(reader)


@in_a_browser
def test_in_print_all_is_there(reader):
    reader.send("Emulation.setEmulatedMedia", media="print")
    assert seen(reader) == ["first", "second", "third", "after"]
    reader.send("Emulation.setEmulatedMedia", media="")


@in_a_browser
def test_without_javascript_all_is_there(browser, tmp_path, monkeypatch):
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page(tmp_path, "plain.html", monkeypatch))
        root = browser.send("DOM.getDocument")["root"]["nodeId"]
        for name in ("first", "second", "third", "after"):
            found = browser.send("DOM.querySelector", nodeId=root, selector=f"#{name}")["nodeId"]
            assert browser.send("DOM.getBoxModel", nodeId=found)["model"]["height"] > 0
        form = browser.send("DOM.querySelector", nodeId=root, selector=".lc-panel form")["nodeId"]
        with pytest.raises(AssertionError, match="box model"):  # a form that does nothing is not shown
            browser.send("DOM.getBoxModel", nodeId=form)
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


@in_a_browser
def test_where_a_kernel_runs_the_answer_comes_later(browser, tmp_path, monkeypatch):
    pages = []
    monkeypatch.setattr(predictions, "display", lambda piece: pages.append(piece.data))
    answer("swap", SWAP)
    path = tmp_path / "live.html"
    path.write_text(f'<!doctype html><meta charset="utf-8"><body>{predict_number("swap").data}<div id="next">', "utf-8")
    browser.open(path)
    browser("localStorage.clear()")
    move(browser, 0, "mouse")
    commit(browser, 0, "mouse")
    assert note(browser, 0) == "Noted. Now run the cells that follow."
    browser(f"document.getElementById('next').innerHTML = {json.dumps(pages[0])}")
    browser.wait_until("!!document.querySelector('svg')")
    assert note(browser, 0) == "You said 0.50; it is 0.50."
