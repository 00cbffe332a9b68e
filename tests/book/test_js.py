"""The interactive pieces as readers have them: all on one page, in a browser, by mouse and by keyboard."""

import copy
import itertools
import json
import re
import shutil
import subprocess
import tomllib

import numpy as np
import pytest
import torch
from browser import CHROMIUM
from piece_page import select_next

from labclip_lib.book.pieces.accuracies import LABELS, dial_slider, probe_switch
from labclip_lib.book.pieces.game import blind_game
from labclip_lib.book.pieces.panel import SCRIPTS
from labclip_lib.book.pieces.plane import preference_plane
from labclip_lib.book.pieces.scatter import score_scatter
from labclip_lib.book.pieces.widgets import (
    caption_explorer,
    matrix_player,
    quiz,
    scene_composer,
    temperature_slider,
)
from labclip_lib.measures.intervals import Estimate
from labclip_lib.world.scenes import World

FEW = World(colors=("red", "blue", "green"), shapes=("star", "ring"))
COSINES = torch.tensor([[0.9, 0.8, 0.5], [0.1, 0.8, 0.3]])
MATRICES = torch.tensor([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
QUIZ = [
    ("Is 1 < 2 & <b>bold</b>?", [("yes", True, "It is </script> so."), ("no", False, "Count again.")]),
    ("A bag?", [("ordered", False, "No order in it."), ("not.", True, "Only a count.")]),
]
LONG_QUIZ = [("Which?", [("a", False, "No."), ("b", True, "Yes."), ("c", False, "Nor this.")])]
OTHER_QUIZ = [("Why?", [("because", True, "Indeed."), ("never", False, "Ever.")])]
CAPTIONS, NEGATIVES = (
    ["a cat on a mat", "two </script> dogs", "three birds"],
    ["a mat on a cat", "two cats", "no birds"],
)
SCORES = ["ImageNet", "swaps", "relations"]
MODELS = [
    ("A", "small", False, [0, 0.5, 1]),
    ("B </script>", "small", True, [0.5, 1, 0.5]),
    ("C", "large", False, [1, 0, 0]),
]
CORRELATIONS = torch.tensor([[[1, 1, 1], [-0.5, -0.9, 0.1], [-1, -1, -0.8]]] * 3)
# Of two splits, random and true labels, pictures and captions; only the first split has a leak.
PROBED = {
    key: Estimate(mean, mean - 0.05, mean + 0.05)
    for key, mean in zip(
        itertools.product(["by picture", "by pair"], LABELS, ["pictures", "captions"]),
        [0.32, 0.53, 0.95, 0.94, 0.13, 0.14, 0.9, 0.8],
        strict=True,
    )
}
DIAL = {
    (share, step): (Estimate(mean, mean - 0.04, mean + 0.04), [mean - 0.02, mean, mean + 0.02])
    for (share, step), mean in zip(itertools.product([0.0, 1.0], [0, 300]), [0.5, 0.48, 0.51, 0.89], strict=True)
}
# Three pictures right of three twins, all a little below the line that is at right angles to the captions' move.
PLACES = np.array([[0.1, -0.02], [0.12, -0.03], [0.11, -0.01], [-0.1, -0.02], [-0.12, -0.03], [-0.11, -0.01]])
UP = np.array([[0.0, 0.2]])
PLAYERS = {"shorter": ("text", [0.5, 1, 0]), "CLIP": ("cross-modal", [0, 1, 1])}

both_ways = pytest.mark.parametrize("by", ["mouse", "keyboard"])
in_a_browser = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def deaf(tiny):
    """A backbone that gives every caption the same embedding."""
    deaf = copy.copy(tiny)
    deaf.encode_texts = lambda texts: tiny.encode_texts(["a star"]).expand(len(texts), -1)
    return deaf


@pytest.fixture(scope="module")
def pieces(tiny, deaf):
    """Each piece's HTML, as a cell of a notebook puts it out."""
    scenes = FEW.sample(2, seed=0)
    images = scenes.render(32)
    losses = [0.7 - 0.05 * step for step in range(10)]
    made = {
        "temperature_slider": temperature_slider(COSINES, ["a star", "a <ring>", "a moon"], images),
        "switch": probe_switch(PROBED, {"by picture": 1.0, "by pair": 0.0}, 0.125, 0.5),
        "plane": preference_plane(PLACES[:3], PLACES[3:], UP, ("a red star", "a blue star")),
        "dial": dial_slider(DIAL),
        "matrix_player": matrix_player(MATRICES, [0, 5, 10], losses, ["a", "b"]),
        "caption_explorer": caption_explorer(tiny, scenes),
        "scene_composer": scene_composer(tiny, FEW),
        "explorer_of_ties": caption_explorer(deaf, scenes),
        "composer_of_ties": scene_composer(deaf, FEW),
        "quiz": quiz(QUIZ),
        "other_quiz": quiz(OTHER_QUIZ),
        "long_quiz": quiz(LONG_QUIZ),
        "game": blind_game(CAPTIONS, NEGATIVES, ["swap", "replace", "add"], PLAYERS),
        "scatter": score_scatter(SCORES, MODELS, CORRELATIONS),
    }
    return {name: piece.data for name, piece in made.items()}


@pytest.fixture(scope="module")
def at(pieces):
    """The selector of each piece's panel."""
    return {name: "#" + re.search(r'class="lc-panel" id="([\w-]+)"', page)[1] for name, page in pieces.items()}


@pytest.fixture(scope="module")
def page(pieces, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(f"<!doctype html><html lang=en><meta charset=utf-8><body>{''.join(pieces.values())}", "utf-8")
    return path


@pytest.fixture
def reader(browser, page):
    """A browser that has just opened the page; the page may not complain whatever the reader does."""
    browser.open(page)
    yield browser
    assert browser.complaints() == []


def texts(reader, selector):
    """What a reader sees at each place."""
    return reader(f"[...document.querySelectorAll({selector!r})].map(element => element.innerText)")


def text(reader, selector):
    (only,) = texts(reader, selector)
    return only


def widths(reader, selector):
    """How long the bars of a panel are, in pixels of the screen."""
    return reader(f"[...document.querySelectorAll('{selector} .lc-bar i')].map(bar => bar.clientWidth)")


def picture(reader, selector):
    """What is painted on a canvas."""
    return reader(f"document.querySelector('{selector}').toDataURL()")


def slide_to_the_end(reader, selector, by, end="End"):
    if by == "mouse":
        reader.click(selector, along={"Home": 0.001, "End": 0.999}[end])
    else:
        reader.tab_to(selector)
        reader.press(end)


def answer(reader, question, number, by):
    if by == "mouse":
        reader.click(f"{question} .lc-answer:nth-of-type({number + 1})", along=0.02)
    else:
        reader.tab_to(f"{question} input")
        reader.press(*["Down"] * number or ["Space"])


@in_a_browser
class TestThePage:
    def test_it_asks_for_nothing_but_itself(self, reader):
        assert {address.partition(":")[0] for address in reader.requests()} == {"file", "data"}

    def test_the_pieces_leave_no_names_on_it(self, reader):
        names = ["piece", "bar", "choose", "draw", "drawing", "gauge", "store", "stored", "tell"]
        assert reader(f"[{', '.join(f'typeof {name}' for name in names)}]") == ["undefined"] * len(names)

    def test_every_control_is_reached_by_tab_in_order_and_shows_it(self, reader):
        # Of the answers to a question only the first is a stop; the arrows lead to the others.
        controls = """[...document.querySelectorAll("button, select, input")].filter(
            element => element.offsetParent && !(element.type === "radio" && element.value !== "0"))"""
        for place in range(reader(f"{controls}.length")):
            reader.press("Tab")
            assert reader(f"{controls}.indexOf(document.activeElement)") == place
            assert reader("document.activeElement.matches(':focus-visible')")
            style, width = reader("""(({outlineStyle, outlineWidth}) => [outlineStyle, parseFloat(outlineWidth)])(
                getComputedStyle(document.activeElement))""")
            assert style != "none" and width > 0

    def test_every_control_has_a_name_for_those_who_do_not_see_it(self, reader):
        nodes = [node for node in reader.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        named = {
            (node["role"]["value"], node["name"]["value"].strip())
            for node in nodes
            if node["role"]["value"] in ("button", "slider", "combobox", "radio", "image")
        }
        assert not [role for role, name in named if not name]
        assert named >= {
            ("button", "scene 1"), ("slider", "logit scale"), ("slider", "training step"),
            ("image", "similarity matrix, images down, captions across"), ("combobox", "first colour"),
            ("radio", "yes"), ("button", "a cat on a mat"),
        }  # fmt: skip

    def test_without_scripts_a_first_state_stands_there_and_no_control(self, browser, page, at):
        browser.send("Emulation.setScriptExecutionDisabled", value=True)
        try:
            browser.open(page)
            for name, says in {
                "switch": "Accuracy 0.32", "plane": "Right: 3 of 6", "dial": "Swap accuracy 0.48", "scatter": "-0.50",
            }.items():  # fmt: skip
                assert says in text(browser, at[name])
                controls = f"[...document.querySelectorAll('{at[name]} :is(input, button, select)')]"
                assert not browser(f"{controls}.some(control => control.checkVisibility())"), name
        finally:
            browser.send("Emulation.setScriptExecutionDisabled", value=False)

    def test_a_piece_in_use_leaves_the_others_alone(self, reader, at):
        panels = "[...document.querySelectorAll('.lc-panel')].map(panel => ['#' + panel.id, panel.innerHTML])"
        for name, selector in {
            "temperature_slider": ".lc-pick:last-child", "other_quiz": "input",
        }.items():  # fmt: skip
            before = dict(reader(panels))
            reader.click(f"{at[name]} {selector}", along=0.8)
            after = dict(reader(panels))
            assert [panel for panel in after if after[panel] != before[panel]] == [at[name]]


@in_a_browser
@both_ways
class TestTemperatureSlider:
    def test_the_scale_sharpens_the_softmax(self, reader, at, by):
        root = at["temperature_slider"]
        assert text(reader, f"{root} output") == "20" and len(widths(reader, root)) == 3
        softer, before = texts(reader, f"{root} .lc-bar span"), widths(reader, root)
        slide_to_the_end(reader, f"{root} input", by)
        assert text(reader, f"{root} output") == "99"
        reader.wait_until(f"document.querySelector('{root} input').getAttribute('aria-valuetext') === '99'")
        sharper, after = texts(reader, f"{root} .lc-bar span"), widths(reader, root)
        assert [line.split(": ")[0] for line in sharper] == [
            "a star (cosine 0.90)", "a <ring> (cosine 0.80)", "a moon (cosine 0.50)",
        ]  # fmt: skip
        for lines, scale in ((softer, 20), (sharper, 99.48)):
            shown = torch.tensor([float(line.split(": ")[1]) for line in lines])
            assert torch.allclose(shown, (scale * COSINES[0]).softmax(0), atol=2e-3)
        assert after[0] > before[0] and after[1] < before[1]

    def test_another_picture_has_other_bars(self, reader, at, by):
        root = at["temperature_slider"]
        before = widths(reader, root)
        reader.use(f"{root} .lc-pick:nth-child(2)", by)
        assert before.index(max(before)) == 0 and widths(reader, root).index(max(widths(reader, root))) == 1
        pressed = f"[...document.querySelectorAll('{root} .lc-pick')].map(pick => pick.ariaPressed)"
        assert reader(pressed) == ["false", "true"]


def on_the_axis(reader, root):
    """Where the bar ends, the interval begins and ends, chance, the ceiling and trainings stand: shares of the axis."""
    return reader(f"""(() => {{
        const axis = document.querySelector("{root} .lc-scale"), {{left, width}} = axis.getBoundingClientRect();
        const boxes = name => [...axis.querySelectorAll(name)].map(part => part.getBoundingClientRect());
        const [whisker] = boxes(".lc-whisker");
        const levels = [...boxes("[data-level=chance]"), ...boxes("[data-level^=bag]"), ...boxes(".lc-dots i")];
        return [boxes(".lc-fill")[0].right, whisker.left, whisker.right,
            ...levels.map(box => box.left + box.width / 2)].map(x => (x - left) / width);
    }})()""")


def tick(reader, question, place, by):
    """Ticks an answer of a question whose first answer is ticked."""
    if by == "mouse":
        reader.click(f"{question} .lc-answer:nth-of-type({place + 1}) input")
    else:
        reader.tab_to(f"{question} input")
        reader.press(*["Down"] * place)


@in_a_browser
@both_ways
class TestProbeSwitch:
    def test_labels_move_the_bar_and_its_reading_and_leave_the_levels(self, reader, at, by):
        root = at["switch"]
        assert on_the_axis(reader, root) == pytest.approx([0.32, 0.27, 0.37, 0.125, 0.5], abs=0.005)
        number, reading = texts(reader, f"{root} .lc-said p")
        assert number.startswith("Accuracy 0.320 (95 % interval 0.270 to 0.370).") and "100 %" in number
        assert reading.startswith("Nonsense, and still it can be read")
        tick(reader, f"{root} fieldset:nth-of-type(2)", 1, by)
        assert on_the_axis(reader, root) == pytest.approx([0.95, 0.9, 1, 0.125, 0.5], abs=0.005)
        number, reading = texts(reader, f"{root} .lc-said p")
        assert number.startswith("Accuracy 0.95") and "part of it may be learnt by heart" in reading

    def test_a_fair_split_and_another_source_have_their_own_numbers(self, reader, at, by):
        root = at["switch"]
        color = f"getComputedStyle(document.querySelector('{root} .lc-fill')).backgroundColor"
        before = reader(color)
        for question, (number, says) in enumerate(
            [("0.130", "Not above chance"), ("0.900", "the embedding holds"), ("0.800", "the embedding holds")], 1
        ):
            tick(reader, f"{root} fieldset:nth-of-type({question})", 1, by)
            shown, reading = texts(reader, f"{root} .lc-said p")
            assert shown.startswith(f"Accuracy {number} ") and says in reading
        assert reader(color) != before and "training: 0 %" in shown


def told(reader, root):
    """The sentences of the plane, and which pictures prefer their own caption."""
    spots = reader(f"""[...document.querySelectorAll("{root} .lc-plane .lc-spot")].map(
        spot => getComputedStyle(spot).fill !== "none")""")
    return text(reader, f"{root} .lc-found"), text(reader, f"{root} .lc-note"), spots


@in_a_browser
@both_ways
class TestPreferencePlane:
    def test_turned_to_the_pictures_own_move_each_prefers_its_caption(self, reader, at, by):
        root = at["plane"]
        found, note, spots = told(reader, root)
        assert found == "Right: 3 of 6 pictures. Chance and a bag of words: 3." and spots == [False] * 3 + [True] * 3
        assert note.startswith('All pictures prefer "a blue star", so half') and "its twin's: 0.000, whatever" in note
        angle = f"{root} input[aria-label='angle of the arrow']"
        assert reader(f"document.querySelector(`{angle}`).ariaValueText") == "90°"
        slide_to_the_end(reader, angle, by, "Home")
        assert text(reader, f"{root} label:first-of-type output") == "0°"
        assert reader(f"document.querySelector(`{angle}`).ariaValueText") == "0°"
        found, note, spots = told(reader, root)
        assert found.startswith("Right: 6 of 6") and spots == [True] * 6
        assert note.startswith("Every picture prefers its own caption.") and "its twin's: 0.044, whatever" in note

    def test_b_moves_the_line_and_not_the_difference(self, reader, at, by):
        root = at["plane"]
        line = f"document.querySelector('{root} .lc-pushed').getBoundingClientRect().bottom"
        before = reader(line)
        slide_to_the_end(reader, f"{root} input[aria-label=b]", by, "End")
        found, note, spots = told(reader, root)
        assert found.startswith("Right: 3 of 6") and spots == [True] * 3 + [False] * 3  # the other caption, by all
        assert reader(line) > before and "its twin's: 0.000, whatever" in note

    def test_a_button_brings_the_captions_own_arrow_back(self, reader, at, by):
        root = at["plane"]
        before, html = told(reader, root), f"document.querySelector('{root} svg').innerHTML"
        drawn = reader(html)
        slide_to_the_end(reader, f"{root} input[aria-label='angle of the arrow']", by, "End")
        assert told(reader, root)[0].startswith("Right: 0 of 6") and "the other's" in told(reader, root)[1]
        slide_to_the_end(reader, f"{root} input[aria-label=b]", by, "Home")
        assert reader(html) != drawn
        reader.use(f"{root} button", by)
        assert told(reader, root) == before and reader(html) == drawn


@in_a_browser
@both_ways
class TestDialSlider:
    def test_the_share_of_captions_that_bind_moves_accuracy_and_matrix(self, reader, at, by):
        root, share = at["dial"], "input[aria-label='share of captions that bind']"
        start = [0.48, 0.44, 0.52, 0.5, 0.5, 0.46, 0.48, 0.5]
        assert on_the_axis(reader, root) == pytest.approx(start, abs=0.005)
        assert texts(reader, f"{root} output") == ["0 %", "300"]
        assert "The interval holds one half" in texts(reader, f"{root} .lc-said p")[1]
        slide_to_the_end(reader, f"{root} {share}", by)
        assert reader(f"document.querySelector(`{root} {share}`).ariaValueText") == "100 %"
        all_bind = [0.89, 0.85, 0.93, 0.5, 0.5, 0.87, 0.89, 0.91]
        assert on_the_axis(reader, root) == pytest.approx(all_bind, abs=0.005)
        assert texts(reader, f"{root} .lc-said p") == [
            "Swap accuracy 0.890 (95 % interval 0.850 to 0.930) over 3 trainings.",
            "Above one half: of 100 choices 89 are right, where a coin has 50.",
        ]
        assert texts(reader, f"{root} th + td, {root} td + td") == ["0.89", "0.11", "0.11", "0.89"]

    def test_steps_have_their_own_numbers(self, reader, at, by):
        root = at["dial"]
        slide_to_the_end(reader, f"{root} input[aria-label='training step']", by, "Home")
        assert texts(reader, f"{root} output") == ["0 %", "0"]
        assert texts(reader, f"{root} .lc-said p")[0].startswith("Swap accuracy 0.50")


@in_a_browser
@both_ways
class TestMatrixPlayer:
    def test_a_step_paints_its_matrix_and_the_loss_so_far(self, reader, at, by):
        root = at["matrix_player"]
        canvases = [f"{root} canvas:first-child", f"{root} canvas:last-child"]
        before = [picture(reader, canvas) for canvas in canvases]
        assert text(reader, f"{root} output") == "0" and "0 of 2" in text(reader, f"{root} .lc-note")
        slide_to_the_end(reader, f"{root} input", by)
        assert text(reader, f"{root} output") == "10" and "2 of 2" in text(reader, f"{root} .lc-note")
        for canvas, painted in zip(canvases, before, strict=True):
            assert picture(reader, canvas) != painted

    def test_it_plays_to_the_end_and_begins_again(self, reader, at, by):
        root = at["matrix_player"]
        reader(f"""{{
            const step = document.querySelector("{root} output");
            window.seen = [];
            new MutationObserver(() => window.seen.push(step.textContent)).observe(step, {{childList: true}});
        }}""")
        for seen in (["5", "10"], ["5", "10", "5", "10"]):
            reader.use(f"{root} button", by)
            reader.wait_until(f"document.querySelector('{root} button').innerText === 'play'")
            assert reader("window.seen") == seen

    def test_it_pauses_and_goes_on(self, reader, at, by):
        root = at["matrix_player"]
        # A clock that the test moves, since a busy machine can be late for the pause.
        reader("window.setInterval = tick => { window.tick = tick; return 1; }")
        reader("window.clearInterval = () => { window.tick = null; }")
        reader.use(f"{root} button", by)
        assert text(reader, f"{root} button") == "pause"
        reader("window.tick()")
        assert text(reader, f"{root} output") == "5"
        reader.use(f"{root} button", by)
        assert text(reader, f"{root} button") == "play" and reader("window.tick === null")
        reader.use(f"{root} button", by)
        reader("window.tick()")
        assert text(reader, f"{root} output") == "10" and text(reader, f"{root} button") == "play"


@in_a_browser
@both_ways
class TestCaptionExplorer:
    def test_menus_make_a_caption(self, reader, at, by):
        root = at["caption_explorer"]
        true, own = texts(reader, f"{root} .lc-bar span")
        assert own == true.replace("true", "yours") and "same caption" in text(reader, f"{root} .lc-note")
        reader(f"document.querySelector('{root} select').selectedIndex = 0")
        select_next(reader, f"{root} select", by)
        assert texts(reader, f"{root} .lc-bar span")[1].startswith("yours: blue ")

    def test_buttons_swap_the_colours_and_bring_the_true_caption_back(self, reader, at, by):
        root = at["caption_explorer"]
        words = texts(reader, f"{root} .lc-bar span")[0].split(": ")[1].split()
        reader.use(f"{root} p button:last-child", by)
        swapped = [words[3], words[1], "and", words[0], words[4]]
        assert texts(reader, f"{root} .lc-bar span")[1].startswith("yours: " + " ".join(swapped))
        assert "the model prefers" in text(reader, f"{root} .lc-note")
        reader.use(f"{root} p button:first-child", by)
        assert "same caption" in text(reader, f"{root} .lc-note")

    def test_another_scene_has_its_own_true_caption(self, reader, at, by):
        root = at["caption_explorer"]
        before = texts(reader, f"{root} .lc-bar span")
        reader.use(f"{root} .lc-pick:last-child", by)
        assert texts(reader, f"{root} .lc-bar span") != before
        assert "same caption" in text(reader, f"{root} .lc-note")

    def test_a_tie_is_called_a_tie(self, reader, at, by):
        root = at["explorer_of_ties"]
        reader.use(f"{root} p button:last-child", by)
        assert text(reader, f"{root} .lc-note") == "A tie to four decimals."


@in_a_browser
@both_ways
class TestSceneComposer:
    @pytest.fixture(autouse=True)
    def red_star_and_blue_ring(self, reader, at):
        reader(f"""document.querySelectorAll("{at["scene_composer"]} select").forEach((menu, k) => {{
            menu.selectedIndex = k < 2 ? 0 : 1;
            menu.dispatchEvent(new Event("change"));
        }})""")

    def test_menus_compose_a_scene(self, reader, at, by):
        root = at["scene_composer"]
        shown = f"document.querySelector('{root} img').src"
        before, image = texts(reader, f"{root} .lc-bar span"), reader(shown)
        assert [line.split(":")[0] for line in before] == ["true", "colours swapped", *["one colour replaced"] * 2]
        select_next(reader, f"{root} select:nth-of-type(3)", by)
        after = texts(reader, f"{root} .lc-bar span")
        assert "red star" in after[0] and "green ring" in after[0] and reader(shown) != image
        assert reader(f"document.querySelector('{root} img').naturalWidth") == 32
        assert re.match("The true caption is closest|The model prefers", text(reader, f"{root} .lc-note"))

    def test_a_button_swaps_the_colours(self, reader, at, by):
        root = at["scene_composer"]
        caption = f"{root} .lc-bar:nth-of-type({{}}) span"
        own, twin = (text(reader, caption.format(k)).split(": ")[1] for k in (1, 2))
        reader.use(f"{root} button", by)
        assert [text(reader, caption.format(k)).split(": ")[1] for k in (1, 2)] == [twin, own]

    def test_two_of_a_colour_are_no_scene(self, reader, at, by):
        root = at["scene_composer"]
        select_next(reader, f"{root} select:nth-of-type(1)", by)
        assert not reader(f"document.querySelector('{root} img').checkVisibility()")
        assert texts(reader, f"{root} .lc-bar span") == []
        assert text(reader, f"{root} .lc-note") == "Choose two different colours and two different shapes."

    def test_a_tie_is_called_a_tie(self, reader, at, by):
        root = at["composer_of_ties"]
        assert text(reader, f"{root} .lc-note") == (
            "A tie to four decimals: true, colours swapped, one colour replaced, one colour replaced."
        )


def noted(reader, root, *notes):
    """Waits until the notes of a quiz say this: an answer that the arrows came to counts when they rest."""
    shown = f"[...document.querySelectorAll('{root} .lc-note')].map(note => note.innerText)"
    reader.wait_until(f"JSON.stringify({shown}) === {json.dumps(json.dumps(notes, separators=(',', ':')))}")


@in_a_browser
class TestQuiz:
    @pytest.fixture(autouse=True)
    def fresh(self, reader):
        reader("localStorage.clear()")
        reader.send("Page.reload")
        reader.wait_until("document.readyState === 'complete' && !localStorage.length")

    @both_ways
    def test_each_answer_is_explained(self, reader, at, by):
        root = at["quiz"]
        assert "Is 1 < 2 & <b>bold</b>?" in text(reader, f"{root} fieldset:first-of-type legend")
        answer(reader, f"{root} fieldset:nth-of-type(1)", 0, by)
        noted(reader, root, "Right. It is </script> so.", "")
        right = reader(f"getComputedStyle(document.querySelector('{root} .lc-note')).color")
        answer(reader, f"{root} fieldset:nth-of-type(1)", 1, by)
        noted(reader, root, "Not this one. Count again. It is: yes.", "")
        assert reader(f"getComputedStyle(document.querySelector('{root} .lc-note')).color") != right

    @both_ways
    def test_it_keeps_the_score_and_remembers(self, reader, at, by):
        root = at["quiz"]
        assert text(reader, f"{root} .lc-score") == ""
        answer(reader, f"{root} fieldset:nth-of-type(1)", 0, by)
        noted(reader, root, "Right. It is </script> so.", "")
        answer(reader, f"{root} fieldset:nth-of-type(2)", 0, by)
        noted(reader, root, "Right. It is </script> so.", "Not this one. No order in it.")
        score = "Right at the first try: 1 of 2. Answered: 2 of 2."
        assert text(reader, f"{root} .lc-score") == score
        reader.send("Page.reload")
        noted(reader, root, "Right. It is </script> so.", "Not this one. No order in it.")
        assert text(reader, f"{root} .lc-score") == score
        reader.use(f"{root} .lc-buttons button", by)
        noted(reader, root, "", "")
        assert text(reader, f"{root} .lc-score") == "" and not reader(f"document.querySelector('{root} :checked')")

    @both_ways
    def test_it_points_out_the_right_answer_when_asked(self, reader, at, by):
        root = at["quiz"]
        reader.use(f"{root} fieldset:nth-of-type(2) button", by)
        noted(reader, root, "", "It is: not. Only a count.")
        assert text(reader, f"{root} .lc-is-right").strip() == "not."
        assert text(reader, f"{root} .lc-score") == "Right at the first try: 0 of 2. Answered: 1 of 2."

    def test_it_points_out_the_right_answer_after_two_wrong_ones(self, reader, at):
        root = at["long_quiz"]
        for wrong, note in ((0, "Not this one. No."), (2, "Not this one. Nor this. It is: b.")):
            answer(reader, f"{root} fieldset", wrong, "mouse")
            noted(reader, root, note)
        assert text(reader, f"{root} .lc-is-right").strip() == "b"

    def test_answers_that_the_arrows_pass_do_not_count(self, reader, at):
        root = at["long_quiz"]
        answer(reader, f"{root} fieldset", 2, "keyboard")
        noted(reader, root, "Not this one. Nor this.")

    def test_a_page_without_storage_has_a_quiz_as_well(self, reader, at):
        reader("Storage.prototype.setItem = Storage.prototype.getItem = () => { throw new Error(); }, 1")
        answer(reader, f"{at['quiz']} fieldset:nth-of-type(1)", 0, "mouse")
        noted(reader, at["quiz"], "Right. It is </script> so.", "")


@in_a_browser
@both_ways
def test_game(reader, at, by):
    root = at["game"]
    assert text(reader, f"{root} .lc-place") == "Item 1 of 3. Which one is the caption?"
    for number, (caption, negative) in enumerate(zip(CAPTIONS, NEGATIVES, strict=True), 1):
        shown = texts(reader, f"{root} .lc-row button")
        assert sorted(shown) == sorted([caption, negative])
        wanted = caption if number != 2 else negative  # the second is answered wrongly
        reader.use(f"{root} .lc-row button:nth-child({shown.index(wanted) + 1})", by)
        assert f'caption is "{caption}"' in text(reader, f"{root} .lc-note")
        if number == 1:
            assert texts(reader, f"{root} .lc-bar span") == ["you: 1 of 1", "shorter: 0.5 of 1", "CLIP: 0 of 1"]
        if number < 3:
            assert reader(f"document.activeElement.matches('{root} .lc-next')")
            reader.use(f"{root} .lc-next", by)
            assert reader(f"document.activeElement.matches('{root} .lc-row button:first-child')")
    assert text(reader, f"{root} .lc-place") == "That was the last one. You were right in 2 of 3."
    assert texts(reader, f"{root} .lc-bar span") == ["you: 2 of 3", "shorter: 1.5 of 3", "CLIP: 2 of 3"]
    assert reader(f"document.querySelectorAll('{root} .lc-row button:disabled').length") == 2
    assert text(reader, f"{root} .lc-next") == "play again" and reader(
        f"document.activeElement.matches('{root} .lc-next')"
    )
    reader.use(f"{root} .lc-next", by)
    assert text(reader, f"{root} .lc-place") == "Item 1 of 3. Which one is the caption?"
    assert texts(reader, f"{root} .lc-bar span") == [] and not reader(f"document.querySelector('{root} :disabled')")


def point_at(reader, selector):
    """Moves the mouse onto an element."""
    x, y = reader(f"""(() => {{
        const element = document.querySelector({selector!r});
        element.scrollIntoView({{block: "center"}});
        const box = element.getBoundingClientRect();
        return [box.left + box.width / 2, box.top + box.height / 2];
    }})()""")
    reader.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)


@in_a_browser
class TestScatter:
    @both_ways
    def test_menus_choose_the_scores(self, reader, at, by):
        root = at["scatter"]
        places = f"[...document.querySelectorAll('{root} .lc-mark')].map(mark => mark.getBoundingClientRect().left)"
        before = reader(places)
        assert before == sorted(before)  # by the first score
        assert text(reader, f"{root} .lc-found") == "Rank correlation -0.50 (95 % interval -0.90 to 0.10)."
        select_next(reader, f"{root} select[aria-label='score across']", by)
        select_next(reader, f"{root} select[aria-label='score up']", by)
        after = reader(places)
        assert sorted(range(3), key=after.__getitem__) == [2, 0, 1]
        assert text(reader, f"{root} .lc-found") == "Rank correlation -1.00 (95 % interval -1.00 to -0.80)."
        shown = f"[...document.querySelectorAll('{root} .lc-x, {root} .lc-y')].map(label => label.textContent)"
        assert reader(shown) == ["swaps", "relations"]

    @both_ways
    def test_a_model_is_named(self, reader, at, by):
        root = at["scatter"]
        assert text(reader, f"{root} .lc-note").startswith("Point at a mark")
        if by == "mouse":
            point_at(reader, f"{root} .lc-mark:nth-of-type(3)")  # the first path is the frame
        else:
            select_next(reader, f"{root} select[aria-label='model']", by)
            reader.press("Down")
        said = "B </script>. Of the other models it beats 50 % on ImageNet, 100 % on swaps."
        reader.wait_until(f"document.querySelector('{root} .lc-note').innerText === {said!r}")
        boxes = reader(f"""[".lc-ring", ".lc-rim"].map(mark => {{
            const box = document.querySelector(`{root} ${{mark}}`).getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2];
        }})""")
        assert boxes[0] == pytest.approx(boxes[1], abs=1)

    def test_far_from_all_marks_nothing_is_named(self, reader, at):
        root = at["scatter"]
        point_at(reader, f"{root} .lc-plot")
        assert text(reader, f"{root} .lc-note").startswith("Point at a mark")


@in_a_browser
@pytest.mark.parametrize("piece", ["scatter", "switch", "plane", "dial"])
def test_it_fits_a_phone(reader, at, piece):
    reader.send("Emulation.setDeviceMetricsOverride", width=320, height=600, deviceScaleFactor=1, mobile=False)
    try:
        root = at[piece]  # the plane cuts off what it draws beyond its edge
        parts = f"[...document.querySelectorAll('{root}, {root} *:not(.lc-plane *)')]"
        assert max(reader(f"{parts}.map(part => part.getBoundingClientRect().right)")) <= 320
    finally:
        reader.send("Emulation.clearDeviceMetricsOverride")


# The files


@pytest.mark.parametrize("path", sorted(SCRIPTS.iterdir()), ids=lambda path: path.name)
def test_no_file_ends_the_element_that_it_is_put_into(path):
    assert not re.search(r"</(script|style)|<!--", path.read_text(), re.I)


def test_the_library_is_packaged_with_them(root):
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["labclip_lib"]
    packaged = {path for pattern in patterns for path in (root / "labclip_lib").glob(pattern)}
    assert set(SCRIPTS.iterdir()) <= packaged


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_every_piece_is_javascript(pieces, tmp_path):
    scripts = [re.search(r"<script>(.*)</script>", piece, re.S)[1] for piece in pieces.values()]
    (tmp_path / "pieces.js").write_text("\n".join(scripts))
    assert subprocess.run(["node", "--check", str(tmp_path / "pieces.js")]).returncode == 0
