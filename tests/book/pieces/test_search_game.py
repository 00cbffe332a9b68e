import itertools
import json
import re

import numpy as np
import pytest
from piece_page import at_width, both_ways, by_the_script, data_of, in_a_browser, text, texts

from labclip_lib.book.pieces.search_game import KINDS, LAYOUTS, LOOKS, REPEATS, search_game
from labclip_lib.measures.intervals import Estimate
from labclip_lib.measures.measure import Measure
from labclip_lib.world.shapes import COLORS

COUNTS = (4, 12, 24, 35)
CURVES = {
    "linear classifier": {str(n): {"accuracy": {"mean": 0.9, "low": 0.85, "high": 0.951}} for n in COUNTS},
    "LABCLIP": {n: {"accuracy": Estimate(0.75, 0.7, 0.8)} for n in COUNTS},
    "CLIP, zero-shot": {n: {"accuracy": 0.512} for n in COUNTS},
}
CONJUNCTION, FEATURE = 0, 1
ALL = len(KINDS) * len(COUNTS) * 2 * REPEATS
# A clock that a script turns, and no waiting for the next picture.
CLOCK = """(() => {
    const real = setTimeout;
    window.clock = 0;
    performance.now = () => clock;
    window.setTimeout = then => real(then, 0);
})()"""
# Reads each picture as a reader does, lets the clock run for delay(kind, n), and presses the key of answer(there, kind,
# n), until the run is over or it has pressed as many keys as it may. Comes to the number of pressed keys.
READER = """(async (root, colors, delay, answer, most) => {
    const [search, go, stage] = ["search", "go", "stage"].map(name => root.querySelector(`.lc-${name}`));
    let pressed = 0;
    while (!search.hidden && pressed < most) {
        await new Promise(requestAnimationFrame);
        if (!go.hidden) go.click();
        if (stage.children.length < 2) continue;
        const [, color, shape] = /there an? (\\w+) (\\w+)\\?/.exec(root.querySelector(".lc-asked").textContent);
        const tag = {circle: "circle", square: "rect"}[shape], things = [...stage.children];
        const seen = things.map(one => `${one.getAttribute("fill")} ${one.tagName}`);
        const target = `${colors[color]} ${tag}`, others = seen.filter(one => one !== target);
        const kind = new Set(others).size > 1 ? "conjunction" : "feature";
        clock += delay(kind, seen.length);
        const key = answer(seen.includes(target), kind, seen.length) ? "j" : "f";
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
        pressed += 1;
    }
    return pressed;
})"""
PAINTS = {name: "#" + "".join(f"{round(255 * part):02x}" for part in rgb) for name, rgb in COLORS.items()}
STEADY = "(kind, n) => kind === 'conjunction' ? 500 + 30 * n : 450 + 2 * n"


@pytest.fixture(scope="module")
def piece():
    return search_game(CURVES)


@pytest.fixture
def reader(reader, root):
    """A reader who has no times yet, and the same pictures each time."""
    reader("localStorage.clear()")
    reader.send("Page.reload")
    reader.wait_until(f"document.querySelector('{root} .lc-begin')?.hidden === false")
    reader(f"document.querySelector('{root}').dataset.seed = 7")
    return reader


def search(reader, root, answer="there => there", delay=STEADY, most=1000):
    """Searches to the end, or as many pictures as given; the first four are to practise."""
    reader(CLOCK)
    reader.use(f"{root} .lc-start", "mouse")
    return reader(f"{READER}(document.querySelector('{root}'), {json.dumps(PAINTS)}, {delay}, {answer}, {most})")


def mine(reader, root):
    """What the table says of the reader: {row: its cells}."""
    rows = texts(reader, f"{root} .lc-you tr")
    return {row.split("\t")[0].strip(): [cell.strip() for cell in row.split("\t")[1:]] for row in rows}


def press(reader, key, modifiers=0):
    for kind in ("keyDown", "keyUp"):
        reader.send("Input.dispatchKeyEvent", type=kind, key=key, modifiers=modifiers)


def shown(reader, root):
    """Waits for the next picture."""
    reader.wait_until(f"document.querySelectorAll('{root} .lc-stage > *').length > 1")


# What Python hands over


def test_without_a_script_the_models_table_stands_there(piece):
    before = piece.data.partition("<script>")[0]
    assert re.findall(r'<th scope="row">(.*?)</th>', before) == list(CURVES)
    assert re.findall(r'<th scope="col">(\d+)</th>', before) == [str(n) for n in COUNTS]
    assert before.count("<td>0.90<br><small>0.85 to 0.95</small></td>") == len(COUNTS)
    assert before.count("<td>0.51</td>") == len(COUNTS) and "Chance is 0.50." in before
    assert '<div class="lc-begin" hidden>' in before and re.search(r'class="lc-search"[^>]* hidden>', before)


def test_objects_lie_apart_and_inside(piece):
    layouts = data_of(piece.data)["layouts"]
    for n, some in zip(COUNTS, layouts, strict=True):
        spots = np.array(some)
        assert spots.shape == (LAYOUTS, n, 4)
        center, radius = spots[..., :2], spots[..., 2]
        assert (center - radius[..., None] > 0).all() and (center + radius[..., None] < 1).all()
        for one, other in itertools.combinations(range(n), 2):
            gap = np.linalg.norm(center[:, one] - center[:, other], axis=-1)
            assert (gap > radius[:, one] + radius[:, other]).all()


def test_it_is_small_and_the_seed_is_of_the_layouts(piece):
    data = data_of(piece.data)
    assert len(json.dumps(data)) < 60_000
    assert search_game(CURVES).data == piece.data
    assert data_of(search_game(CURVES, seed=1).data)["layouts"] != data["layouts"]


def test_a_measure_brings_its_interval():
    measure = Measure(np.array([1.0, 0.0, 1.0, 1.0]), np.arange(4), chance=0.5)
    (model,) = data_of(search_game({"LABCLIP": {n: {"accuracy": measure} for n in (2, 3)}}).data)["models"]
    assert model[-1][0] == pytest.approx(list(measure.estimate()))


def test_what_cannot_be_drawn_is_refused(raises_saying):
    with raises_saying(ValueError, *LOOKS, "'CLIP'"):
        search_game({"CLIP": CURVES["LABCLIP"]})
    with raises_saying(ValueError, "'none'"):
        search_game({})
    with raises_saying(ValueError, "4, 12, 24, 35; 4, 12"):
        search_game({**CURVES, "LABCLIP": {n: {"accuracy": 0.5} for n in (4, 12)}})
    with raises_saying(ValueError, "two or more", "got 4."):
        search_game({"LABCLIP": {4: {"accuracy": 0.5}}})


# The plan of a run


def plan(browser, piece, seed):
    pick = f"(state => n => (state = state * 48271 % 2147483647) % n)({seed})"
    return by_the_script(browser, "search_game", f"plan({json.dumps(data_of(piece.data))}, {pick})")


@pytest.fixture(scope="module")
def blocks(browser, piece):
    return plan(browser, piece, 5)


@in_a_browser
class TestPlan:
    def test_each_kind_number_and_answer_comes_alike_often(self, blocks):
        practice, *counted = blocks
        assert not practice["counted"] and all(block["counted"] for block in counted)
        cells = [(one["kind"], one["place"], one["there"]) for block in counted for one in block["trials"]]
        every = sorted(itertools.product((CONJUNCTION, FEATURE), range(len(COUNTS)), (False, True)))
        half = len(cells) // 2
        assert sorted(cells[:half]) == sorted(cells[half:]) == every
        assert cells[:half] != sorted(cells[:half])
        assert sorted((one["kind"], one["there"]) for one in practice["trials"]) == sorted(
            itertools.product((CONJUNCTION, FEATURE), (False, True))
        )

    def test_each_target_has_a_block_and_no_layout_comes_twice(self, blocks):
        targets = [block["things"][0]["said"] for block in blocks[1:]]
        assert sorted(targets) == ["a blue square", "a purple circle", "a red circle", "an orange square"]
        radii = [sorted(spot[2] for spot in one["spots"]) for block in blocks[1:] for one in block["trials"]]
        assert len({tuple(one) for one in radii}) == ALL

    def test_the_others_are_what_the_kind_of_search_says(self, blocks):
        for block in blocks:
            look = lambda thing: (thing["color"], thing["shape"])  # noqa: E731
            target, opposite = map(look, block["things"])
            assert target[0] != opposite[0] and target[1] != opposite[1]
            for one in block["trials"]:
                things = [look(thing) for thing in one["things"]]
                assert len(things) == len(one["spots"]) == COUNTS[one["place"]]
                assert things.count(target) == one["there"]
                others = [thing for thing in things if thing != target]
                color, shape = (sum(thing[k] == target[k] for thing in others) for k in (0, 1))
                assert color + shape == len(others) and opposite not in others
                assert abs(color - shape) <= 1 if one["kind"] == CONJUNCTION else color == 0

    def test_runs_differ_and_a_seed_fixes_them(self, browser, piece, blocks):
        assert plan(browser, piece, 5) == blocks
        assert plan(browser, piece, 6) != blocks

    def test_numbers_of_a_run(self, browser):
        ask = lambda expression: by_the_script(browser, "search_game", expression)  # noqa: E731
        assert ask("[[3, 1, 2], [4, 1, 3, 2], [5], []].map(median)") == [2, 2.5, 5, None]
        times = [500.0, 700.0, 950.0, 1300.0]
        assert ask(f"slope({list(COUNTS)}, {times})") == pytest.approx(np.polyfit(COUNTS, times, 1)[0])
        assert ask("slope([4, 12, 24], [null, 500, 620])") == pytest.approx(10)
        assert ask("slope([4, 12], [null, 500])") is None


# A reader


@in_a_browser
class TestInABrowser:
    def test_medians_of_a_run_stand_in_table_plot_and_words(self, reader, root):
        assert search(reader, root) == ALL + 4
        conjunction, feature = [500 + 30 * n for n in COUNTS], [450 + 2 * n for n in COUNTS]
        assert mine(reader, root) == {
            "you, conjunction": ["1.00"] * 4, "you, feature": ["1.00"] * 4,
            "your median time in ms, conjunction": [str(ms) for ms in conjunction],
            "your median time in ms, feature": [str(ms) for ms in feature],
        }  # fmt: skip
        found = text(reader, f"{root} .lc-found")
        assert f"You answered {ALL} of {ALL} pictures, {ALL} of them right." in found
        assert re.search(r"In conjunction search, .*, each further object takes you 30 ms\.", found)
        assert re.search(r"In feature search, .*, each further object takes you 2 ms\.", found)
        lines = reader(f"""[...document.querySelectorAll('{root} .lc-plot:first-child g')].map(line => [
            line.dataset.of, line.querySelector("polyline").getAttribute("points")])""")
        assert [name for name, _ in lines] == ["you, conjunction", "you, feature"]
        for (_, points), times in zip(lines, (conjunction, feature), strict=True):
            x, y = np.array([point.split(",") for point in points.split()], float).T
            assert np.corrcoef(x, COUNTS)[0, 1] == pytest.approx(1)
            assert (186 - y) / 174 * 1600 == pytest.approx(times)  # the axis ends at the next 400 ms
        assert reader(f"document.activeElement.matches('{root} .lc-found')")

    def test_the_share_right_stands_beside_the_models_and_chance(self, reader, root):
        entries = lambda: [entry.strip() for entry in texts(reader, f"{root} .lc-key li")]  # noqa: E731
        before = entries()
        assert before == [*(f"{name}, conjunction" for name in CURVES), "dotted: chance"]
        search(reader, root)
        assert entries() == ["you, conjunction", "you, feature", *before]
        names = reader(f"[...document.querySelectorAll('{root} .lc-plot:last-child g')].map(line => line.dataset.of)")
        assert names == [*(f"{name}, conjunction" for name in CURVES), "you, conjunction", "you, feature"]
        assert reader(f"document.querySelector('{root} .lc-level').getAttribute('d')") == "M62 99h230"

    def test_wrong_answers_count_and_their_times_do_not(self, reader, root):
        slow = "(kind, n) => 400 + 10 * n"
        search(reader, root, answer="(there, kind, n) => there && !(kind === 'conjunction' && n === 35)", delay=slow)
        rows = mine(reader, root)
        assert rows["you, conjunction"] == ["1.00", "1.00", "1.00", "0.50"] and rows["you, feature"] == ["1.00"] * 4
        search(reader, root, answer="(there, kind, n) => n === 4 ? !there : there", delay=slow)
        rows = mine(reader, root)
        assert rows["you, feature"] == ["0.00", "1.00", "1.00", "1.00"]
        assert rows["your median time in ms, feature"] == ["-", "520", "640", "750"]

    @both_ways
    def test_one_stops_when_one_likes(self, reader, root, by):
        assert search(reader, root, most=9) == 9
        if by == "mouse":
            reader.click(f"{root} .lc-stop")
        else:
            reader.press("Escape")
        assert f"You answered 5 of {ALL} pictures, 5 of them right." in text(reader, f"{root} .lc-found")
        assert reader(f"document.querySelector('{root} .lc-search').hidden")

    def test_practice_does_not_count(self, reader, root):
        search(reader, root, most=3)
        reader.press("Escape")
        assert text(reader, f"{root} .lc-found") == "You stopped before the first picture that counts."
        assert reader("localStorage.length") == 0 and mine(reader, root) == {}

    def test_a_run_is_kept_until_it_is_forgotten(self, reader, root):
        search(reader, root, most=20)
        reader.press("Escape")
        before = mine(reader, root), text(reader, f"{root} .lc-found")
        reader.send("Page.reload")
        reader.wait_until(f"document.querySelectorAll('{root} .lc-you tr').length")
        assert (mine(reader, root), text(reader, f"{root} .lc-found")) == before
        reader.click(f"{root} .lc-forget")
        assert mine(reader, root) == {} and text(reader, f"{root} .lc-found") == ""
        assert len(texts(reader, f"{root} .lc-plot")) == 1
        reader.send("Page.reload")
        reader.wait_until(f"document.querySelector('{root} .lc-begin')?.hidden === false")
        assert mine(reader, root) == {}

    @both_ways
    def test_real_keys_and_buttons_answer(self, reader, root, by):
        reader.use(f"{root} .lc-start", by)
        assert reader(f"document.activeElement.matches('{root} .lc-go')")
        reader.use(f"{root} .lc-go", by)
        note, no, yes = f"{root} .lc-search .lc-note", *(f"{root} .lc-give:nth-of-type({k})" for k in (2, 3))
        assert texts(reader, f"{root} .lc-give") == ["no (F)", "yes, it is there (J)"]
        for key, button in (("j", yes), ("F", no)):
            shown(reader, root)
            if by == "mouse":
                reader.click(button)
            else:
                press(reader, key)
            assert re.fullmatch(r"Right, after \d+ ms\.|Not right\.", text(reader, note))
        assert reader(f"document.querySelector('{root} .lc-search').contains(document.activeElement)")

    def test_neither_a_key_too_early_nor_a_browser_s_own_is_an_answer(self, reader, root):
        reader.use(f"{root} .lc-start", "mouse")
        reader.use(f"{root} .lc-go", "mouse")
        press(reader, "j")
        shown(reader, root)
        press(reader, "f", modifiers=2)  # Ctrl
        assert text(reader, f"{root} .lc-search .lc-note") == ""
        press(reader, "f")
        assert text(reader, f"{root} .lc-search .lc-note") != ""

    def test_what_was_on_while_the_page_was_hidden_is_asked_again(self, reader, root):
        search(reader, root, most=6)
        asked = text(reader, f"{root} .lc-asked")
        assert asked.startswith(f"Pictures 1 to 8 of {ALL}: is there a")
        reader("""Object.defineProperty(document, "hidden", {value: true, configurable: true})""")
        reader("document.dispatchEvent(new Event('visibilitychange'))")
        assert text(reader, f"{root} .lc-asked") == asked.replace("1 to", "3 to")
        assert reader(f"!document.querySelector('{root} .lc-go').hidden")

    def test_without_scripts_the_table_and_no_control(self, browser, page, root):
        browser.send("Emulation.setScriptExecutionDisabled", value=True)
        try:
            browser.open(page[0])
            assert text(browser, f"{root} .lc-counts").count("0.90") == len(COUNTS)
            sizes = (
                f"[...document.querySelectorAll('{root} :is(button, .lc-stage, .lc-begin)')].map(x => x.clientWidth)"
            )
            assert set(browser(sizes)) == {0}
        finally:
            browser.send("Emulation.setScriptExecutionDisabled", value=False)

    def test_it_can_be_skipped(self, reader, root):
        reader.use(f"{root} .lc-begin a", "keyboard")
        assert reader(f"document.activeElement.matches('{root} .lc-counts')")

    def test_it_fits_a_phone(self, reader, root):
        assert at_width(reader, 320, root) <= 320
        search(reader, root)
        assert at_width(reader, 320, root) <= 320
