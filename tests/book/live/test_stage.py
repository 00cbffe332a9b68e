"""The stage as its reader has it: live/js/stage.js in a browser, by mouse, by finger and by keyboard."""

import copy
import itertools
import json
import math
import random
import time

import pytest
from browser import CHROMIUM
from live_page import write_page
from served import served

from labclip_lib.world.geometry import LIMITS, MOST, plain
from labclip_lib.world.scenes import World

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
MARGIN = LIMITS["margin"]
SCENE = {
    "objects": [
        {"color": "blue", "shape": "square", "x": 0.3, "y": 0.5, "radius": 0.2, "angle": 0, "tint": [0, 0, 0]},
        {"color": "orange", "shape": "triangle", "x": 0.7, "y": 0.5, "radius": 0.18, "angle": 0, "tint": [0, 0, 0]},
    ],
    "backdrop": [0.8, 0.8, 0.8], "slope": [0, 0],
}  # fmt: skip
SQUARE, TRIANGLE = ".lc-disc:nth-of-type(1)", ".lc-disc:nth-of-type(2)"
SCRIPT = """
import {World} from "./scene.js";
import {Stage} from "./stage.js";
import {decode, encode} from "./address.js";
import {nearest} from "./layout.js";
const world = new World(geometry);
Object.assign(window, {world, nearest, heard: [], frames: 0});
window.encode = scene => encode(world, scene);
window.decode = text => decode(world, text);
window.begin = (scene, limits = {}) => {
  const root = document.querySelector(".lc-panel"), allowed = {...geometry.limits, ...limits};
  let seed = 0;
  root.replaceChildren();
  window.heard = [];
  window.stage = new Stage(root, new World({...geometry, limits: allowed}), scene, {
    onchange: heard => window.heard.push(heard), random: () => (seed = (seed + 0.381966) % 1)});
};
"""
BODY = "<p>Before.</p><div class=lc-panel></div><button id=after>after</button><div style='height: 3000px'></div>"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    write_page(folder, SCRIPT, BODY)
    with served(folder) as address:
        yield address


@pytest.fixture
def reader(browser, address):
    """A browser that has just opened a page with SCENE on its stage; the page may not complain."""
    browser.open(f"{address}/index.html")
    browser.wait_until("Boolean(window.begin)")
    begin(browser, SCENE)
    yield browser
    assert browser.complaints() == []
    assert all(asked.startswith((address, "data:")) for asked in browser.requests())


def begin(reader, scene, limits=None):
    reader(f"begin({json.dumps(scene)}, {json.dumps(limits or {})})")
    settle(reader)


def settle(reader):
    reader.wait_until("!stage.waiting")


def objects(reader):
    return reader("stage.get().objects")


def note(reader):
    return reader("document.querySelector('.lc-note').textContent")


def key(reader, *keys, shift=False, control=False):
    """Presses keys that type something, or arrows with Shift."""
    numbers = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Delete": 46}
    for one in keys:
        about = {"key": one, "modifiers": 8 * shift + 2 * control, "windowsVirtualKeyCode": numbers.get(one, 0)}
        text = {} if one in numbers or control else {"text": one}
        reader.send("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        reader.send("Input.dispatchKeyEvent", type="keyUp", **about)


def on_screen(reader, x, y):
    """Where a place of the scene is."""
    left, top, width, height = reader("""(({left, top, width, height}) => [left, top, width, height])(
        document.querySelector(".lc-scene").getBoundingClientRect())""")
    return {"x": left + x * width, "y": top + y * height}


def drag(reader, by, *places):
    """Takes what lies at the first place along the others, and lets go of it at the last."""
    reader.drag(*(tuple(on_screen(reader, *place).values()) for place in places), by=by)
    settle(reader)


def assert_allowed(scene):
    """Every disc keeps its distance from the others and from the frame."""
    for one in scene["objects"]:
        assert min(one["x"], one["y"], 1 - one["x"], 1 - one["y"]) - one["radius"] >= MARGIN - 1e-6
    for one, other in itertools.combinations(scene["objects"], 2):
        gap = math.hypot(one["x"] - other["x"], one["y"] - other["y"]) - one["radius"] - other["radius"]
        assert gap >= MARGIN - 1e-6, scene


def near(place, x, y):
    return place["x"] == pytest.approx(x, abs=2e-3) and place["y"] == pytest.approx(y, abs=2e-3)


@pytest.mark.parametrize("by", ["mouse", "touch"])
class TestDragging:
    def test_an_object_follows(self, reader, by):
        drag(reader, by, (0.35, 0.5), (0.35, 0.45), (0.36, 0.32))
        square, triangle = objects(reader)
        assert near(square, 0.31, 0.32) and triangle == SCENE["objects"][1]
        assert note(reader) == "blue square moved up."
        assert reader("heard.at(-1).objects[0].y") == pytest.approx(0.32, abs=2e-3)

    def test_it_stops_at_the_frame(self, reader, by):
        drag(reader, by, (0.3, 0.5), (0.1, 0.3), (-0.5, -0.2))
        assert near(objects(reader)[0], 0.2 + MARGIN, 0.2 + MARGIN)
        assert note(reader) == "blue square moved up."

    def test_it_stops_at_another_object_and_slides_round_it(self, reader, by):
        drag(reader, by, (0.3, 0.5), (0.4, 0.5))
        square, triangle = objects(reader)
        assert near(square, 0.7 - 0.2 - 0.18 - MARGIN, 0.5) and triangle == SCENE["objects"][1]
        drag(reader, by, (0.3, 0.5), (0.45, 0.3), (0.6, 0.2))
        square, triangle = objects(reader)
        assert square["y"] < 0.25 and square["x"] > 0.4 and triangle == SCENE["objects"][1]
        assert_allowed(reader("stage.get()"))

    def test_nothing_touches_wherever_the_hand_goes(self, reader, by):
        (crowd,) = plain(World().sample(1, objects=4, seed=6))
        begin(reader, crowd)
        dice = random.Random(1)
        for _ in range(8):
            one = dice.choice(objects(reader))
            drag(reader, by, (one["x"], one["y"]), *((dice.uniform(0, 1), dice.uniform(0, 1)) for _ in range(6)))
        heard = reader("heard")
        assert len(heard) > 16
        for scene in heard:
            assert_allowed(scene)

    def test_a_click_chooses_and_moves_nothing(self, reader, by):
        drag(reader, by, (0.7, 0.5))
        assert reader("stage.get()") == SCENE
        assert reader("document.querySelector('.lc-chosen').textContent") == "orange triangle"
        assert reader(f"document.activeElement.matches('{TRIANGLE}')")

    def test_beside_the_objects_nothing_is_held(self, reader, by):
        drag(reader, by, (0.5, 0.1), (0.3, 0.5), (0.3, 0.2))
        assert reader("stage.get()") == SCENE


def test_a_finger_scrolls_the_page_beside_an_object_and_not_on_one(reader):
    up = [k / 20 for k in range(9)]
    drag(reader, "touch", *((0.3, 0.5 - step) for step in up))
    time.sleep(0.2)  # a scroll would begin by itself
    assert reader("window.scrollY") == 0 and near(objects(reader)[0], 0.3, 0.2 + MARGIN)
    drag(reader, "touch", *((0.55, 0.9 - step) for step in up))
    reader.wait_until("window.scrollY > 30")
    assert near(objects(reader)[0], 0.3, 0.2 + MARGIN) and objects(reader)[1] == SCENE["objects"][1]


def test_two_fingers_hold_two_objects(reader):
    ids = [{"id": k, **on_screen(reader, x, 0.5)} for k, x in enumerate((0.3, 0.7))]
    up = [{"id": k, **on_screen(reader, x, y)} for k, (x, y) in enumerate(((0.3, 0.4), (0.7, 0.6)))]
    for kind, points in (("Start", ids), ("Move", up), ("End", [])):
        reader.send("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=points)
    square, triangle = objects(reader)
    assert near(square, 0.3, 0.4) and near(triangle, 0.7, 0.6)


class TestKeys:
    def test_tab_goes_from_object_to_object_and_on(self, reader):
        stops = [SQUARE, TRIANGLE, ".lc-head button", ".lc-colors [data-value=blue]", ".lc-shapes [data-value=square]"]
        sliders = [f"label:nth-of-type({k}) input" for k in (1, 2)]
        buttons = [f".lc-buttons button:nth-child({k})" for k in (1, 2, 3)]
        reader.tab_to(SQUARE)
        for stop in (*stops, *sliders, *buttons, "#after"):
            assert reader(f"document.activeElement.matches('{stop}')"), stop
            if stop != "#after":
                assert reader("getComputedStyle(document.activeElement).outlineStyle") == "solid"
                assert reader("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 3
            reader.press("Tab")

    def test_arrows_move_and_say_so(self, reader):
        reader.tab_to(SQUARE)
        for arrow, word, x, y in (
            ("Left", "left", 0.29, 0.5), ("Up", "up", 0.29, 0.49), ("Right", "right", 0.3, 0.49),
            ("Down", "down", 0.3, 0.5),
        ):  # fmt: skip
            reader.press(arrow)
            square = objects(reader)[0]
            assert (square["x"], square["y"]) == pytest.approx((x, y))
            assert note(reader) == f"blue square moved {word}."
        key(reader, "ArrowUp", shift=True)
        assert objects(reader)[0]["y"] == pytest.approx(0.45)
        assert reader("window.scrollY") == 0

    def test_keys_change_the_object_in_focus_and_tools_the_one_that_was_changed_last(self, reader):
        reader("stage.add()")
        reader.tab_to(TRIANGLE)
        reader.press("Down")
        square, triangle, added = objects(reader)
        assert triangle["y"] > 0.5 and square == SCENE["objects"][0]
        reader.tab_to("label:nth-of-type(2) input")  # by way of the new one
        reader.press("Home")
        assert [one["angle"] for one in objects(reader)] == [0, -LIMITS["angle"], added["angle"]]

    def test_what_is_in_the_way_is_said(self, reader):
        reader.tab_to(SQUARE)
        reader.press(*["Right"] * 9)
        assert objects(reader)[0]["x"] == pytest.approx(0.7 - 0.38 - MARGIN)
        assert note(reader) == "blue square cannot go further right."
        key(reader, *["ArrowLeft"] * 3, shift=True)
        assert objects(reader)[0]["x"] == pytest.approx(0.2 + MARGIN)
        assert note(reader) == "blue square cannot go further left."

    def test_brackets_turn_as_far_as_the_world_does(self, reader):
        reader.tab_to(SQUARE)
        key(reader, "]")
        assert objects(reader)[0]["angle"] == pytest.approx(0.05) and note(reader) == "blue square turned clockwise."
        key(reader, *"[" * 9)
        assert objects(reader)[0]["angle"] == -LIMITS["angle"] and note(reader) == "blue square turns no further."

    def test_plus_and_minus_size_within_the_world(self, reader):
        reader.tab_to(SQUARE)
        key(reader, "-")
        assert objects(reader)[0]["radius"] == pytest.approx(0.19) and note(reader) == "blue square is smaller."
        key(reader, *"-" * 5)
        assert objects(reader)[0]["radius"] == LIMITS["radius"][0] and note(reader) == "blue square gets no smaller."
        key(reader, *"+" * 9)
        radius = objects(reader)[0]["radius"]
        assert radius == pytest.approx(0.4 - 0.18 - MARGIN) and note(reader) == "blue square has no room to grow."
        reader.tab_to(TRIANGLE)
        key(reader, *["ArrowRight", *"-" * 9], shift=True)
        reader.tab_to("#after")
        assert_allowed(reader("stage.get()"))

    def test_letters_give_the_next_colour_and_shape_that_are_free(self, reader):
        reader.tab_to(TRIANGLE)
        key(reader, "c", "c", "c")
        assert objects(reader)[1]["color"] == "cyan" and note(reader) == "green triangle is now a cyan triangle."
        key(reader, "c")
        assert objects(reader)[1]["color"] == "purple"  # blue is the square's
        key(reader, *"s" * 6)
        assert objects(reader)[1]["shape"] == "circle"

    def test_delete_removes_and_the_focus_stays_on_the_stage(self, reader):
        reader.tab_to(TRIANGLE)
        key(reader, "Delete")
        assert objects(reader) == SCENE["objects"][:1] and note(reader) == "orange triangle removed."
        assert reader(f"document.activeElement.matches('{SQUARE}')")
        key(reader, "Delete")
        assert objects(reader) == SCENE["objects"][:1] and note(reader) == "One object has to stay."

    def test_what_is_the_browser_s_is_left_to_it(self, reader):
        reader.tab_to(SQUARE)
        key(reader, "+", "-", "c", "ArrowLeft", control=True)
        assert reader("stage.get()") == SCENE


class TestTools:
    @pytest.mark.parametrize("by", ["mouse", "keyboard"])
    def test_a_swatch_recolours_the_chosen_object(self, reader, by):
        if by == "mouse":
            reader.click(TRIANGLE)
            reader.click(".lc-colors [data-value=green]")
        else:
            reader.tab_to(TRIANGLE)
            reader.press("Enter")
            assert note(reader) == "orange triangle chosen."
            reader.press("Tab", "Tab", "Right", "Right", "Enter")
        assert [one["color"] for one in objects(reader)] == ["blue", "green"]
        assert note(reader) == "orange triangle is now a green triangle."
        pressed = "[...document.querySelectorAll('.lc-colors [aria-pressed=true]')].map(one => one.ariaLabel)"
        assert reader(pressed) == ["green"]
        assert reader("document.querySelector('.lc-colors').ariaLabel") == "colour of the green triangle"

    def test_an_icon_reshapes_the_chosen_object(self, reader):
        reader.click(".lc-shapes [data-value=moon]")
        assert [one["shape"] for one in objects(reader)] == ["moon", "triangle"]
        assert note(reader) == "blue square is now a blue moon."

    def test_what_another_object_has_is_refused_and_said(self, reader):
        reader.click(".lc-colors [data-value=orange]")
        assert reader("stage.get()") == SCENE and note(reader) == "The orange triangle has this colour already."
        taken = "[...document.querySelectorAll('.lc-palette [aria-disabled=true]')].map(one => one.ariaLabel)"
        assert reader(taken) == ["orange", "triangle"]

    def test_sliders_size_and_turn(self, reader):
        reader.tab_to("label:nth-of-type(2) input")
        reader.press("Right", "Right")
        assert 0.01 < objects(reader)[0]["angle"] < 0.03
        assert note(reader) == "blue square: 1° clockwise."
        reader.press("End")
        assert objects(reader)[0]["angle"] == pytest.approx(LIMITS["angle"], abs=0.01)
        reader.tab_to("label:nth-of-type(1) input")
        reader.press("End")  # larger than there is room for
        radius, shown = objects(reader)[0]["radius"], "document.querySelector('label:nth-of-type(1) input')"
        assert radius == pytest.approx(0.4 - 0.18 - MARGIN)
        assert float(reader(f"{shown}.value")) == pytest.approx(radius, abs=0.005)
        assert reader(f"{shown}.getAttribute('aria-valuetext')") == "41 % of the frame"
        assert_allowed(reader("stage.get()"))

    def test_buttons_swap_add_and_remove(self, reader):
        reader.click(".lc-buttons button:nth-child(1)")
        assert [one["color"] for one in objects(reader)] == ["orange", "blue"]
        assert note(reader) == "Colours swapped: orange square and blue triangle."
        reader.click(".lc-buttons button:nth-child(2)")
        added = objects(reader)[2]
        assert note(reader) == f"{added['color']} {added['shape']} added."
        reader.click(".lc-buttons button:nth-child(3)")  # the chosen one is the new one
        assert [one["shape"] for one in objects(reader)] == ["square", "triangle"]

    def test_everything_has_a_name_for_those_who_do_not_see_it(self, reader):
        nodes = [node for node in reader.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        named = [(node["role"]["value"], node["name"]["value"].strip()) for node in nodes if node.get("name")]
        assert not [role for role, name in named if role in ("button", "slider", "toolbar", "application") and not name]
        assert {
            ("application", "the scene: blue square and orange triangle"), ("button", "blue square"),
            ("button", "cyan"), ("button", "heart"), ("button", "keys"), ("slider", "size"), ("slider", "turn"),
        } <= set(named)  # fmt: skip
        (stage,) = (node for node in nodes if node["role"]["value"] == "application")
        assert stage["description"]["value"].startswith("Drag an object")
        assert reader("document.querySelector('.lc-note').ariaLive") == "polite"
        assert reader("document.querySelector('.lc-help').checkVisibility()") is False
        reader.click(".lc-head button")
        assert reader("document.querySelector('.lc-help').checkVisibility()") is True


class TestTheScene:
    def test_the_canvas_shows_it(self, reader):
        for change in ("0", "stage.swapColors()", "stage.add()"):
            reader(change)
            settle(reader)
            assert reader("""(({data}) => {
                const expected = world.image(stage.get(), 320).data;
                return data.every((byte, k) => byte === expected[k]);
            })((() => {
                const paper = new OffscreenCanvas(320, 320).getContext("2d", {willReadFrequently: true});
                paper.drawImage(stage.canvas, 0, 0);
                return paper.getImageData(0, 0, 320, 320);
            })())""")

    def test_what_is_got_is_a_copy(self, reader):
        assert reader("stage.get().objects[0].tint[0] = stage.get().objects[0].x = 9")
        assert reader("stage.get()") == SCENE

    def test_it_is_heard_of_once_a_frame(self, reader):
        assert len(reader("heard")) == 1  # the first scene
        assert reader("stage.swapColors(), stage.add(), stage.remove(), stage.swapColors(), heard.length") == 1
        settle(reader)
        assert reader("heard.length") == 2 and reader("heard[1]") == SCENE

    def test_adding_finds_room_until_there_are_enough(self, reader):
        assert reader("[stage.add(), stage.add(), stage.add()]") == [True, True, False]
        scene = reader("stage.get()")
        assert_allowed(scene)
        for part in ("color", "shape"):
            assert len({one[part] for one in scene["objects"]}) == MOST
        for one in scene["objects"][2:]:
            assert one["radius"] <= 0.17 and abs(one["angle"]) <= LIMITS["angle"]
        assert note(reader) == f"A scene holds {MOST} objects at most."

    def test_where_there_is_no_room_nothing_is_added(self, reader):
        full = copy.deepcopy(SCENE)
        full["objects"].append(full["objects"][0] | {"color": "red", "shape": "ring"})
        for one, (x, y) in zip(full["objects"], ((0.25, 0.25), (0.75, 0.25), (0.5, 0.7)), strict=True):
            one |= {"x": x, "y": y, "radius": 0.23}
        begin(reader, full, {"shrink": [1, 1, 1, 1]})
        assert reader("stage.add()") is False and len(objects(reader)) == 3
        assert note(reader).startswith("There is no room for another object.")

    def test_one_object_has_no_twin(self, reader):
        assert reader("[stage.remove(), stage.swapColors(), stage.remove()]") == [True, False, False]
        assert [one["color"] for one in objects(reader)] == ["orange"]  # the first one was chosen

    def test_another_scene_is_set(self, reader):
        (other,) = plain(World().sample(1, objects=3, seed=8))
        assert reader(f"stage.set({json.dumps(other)})") is True
        assert [one["shape"] for one in objects(reader)] == [one["shape"] for one in other["objects"]]
        assert reader("document.querySelectorAll('.lc-disc').length") == 3

    @pytest.mark.parametrize(
        "spoil",
        [
            {"x": 0.4}, {"color": "orange"}, {"shape": "triangle"}, {"color": "mauve"}, {"shape": "toString"},
            {"x": None}, {"y": "0.5"}, {"tint": [0, 0]}, {"radius": {}},
        ],
        ids=str,
    )  # fmt: skip
    def test_what_the_world_does_not_allow_is_refused(self, reader, spoil):
        scene = copy.deepcopy(SCENE)
        scene["objects"][0] |= spoil
        assert reader(f"stage.set({json.dumps(scene)})") is False
        assert reader("stage.get()") == SCENE

    def test_what_is_no_scene_is_refused(self, reader):
        for value in ("null", "{}", "7", "'red'", "{objects: []}", "{objects: [null]}", "{objects: {length: 2}}"):
            assert reader(f"stage.set({value})") is False

    def test_numbers_out_of_range_are_put_into_it(self, reader):
        scene = copy.deepcopy(SCENE)
        scene["objects"][0] |= {"x": -4, "y": -4, "radius": 9, "angle": 3, "tint": [1, 0, -1]}
        assert reader(f"stage.set({json.dumps(scene | {'slope': [5, 0]})})") is True
        assert objects(reader)[0] == SCENE["objects"][0] | {
            "x": 0.26 + MARGIN, "y": 0.26 + MARGIN, "radius": 0.26, "angle": LIMITS["angle"], "tint": [0.07, 0, -0.07],
        }  # fmt: skip
        assert reader("stage.get().slope") == [LIMITS["slope"], 0]


class TestNearest:
    def test_no_free_place_is_nearer(self, reader):
        """Beside a fine grid of places, for crowds and targets everywhere."""
        dice, grid = random.Random(2), [k / 200 for k in range(201)]
        for scene in plain(World().sample(40, objects=4, seed=9)):
            (one, *others), x, y = scene["objects"], dice.uniform(0, 1), dice.uniform(0, 1)
            asked = {"x": x, "y": y, "radius": one["radius"]}
            found = reader(f"nearest({json.dumps(asked)}, {json.dumps(others)}, {MARGIN})")
            assert_allowed({"objects": [one | found]})
            reach, edge = one["radius"] + MARGIN, one["radius"] + MARGIN
            clear = [(other["x"], other["y"], other["radius"] + reach) for other in others]
            assert all(math.dist((found["x"], found["y"]), ring[:2]) >= ring[2] - 1e-6 for ring in clear)
            target = min(max(x, edge), 1 - edge), min(max(y, edge), 1 - edge)
            best = min(
                math.dist(place, target)
                for place in itertools.product(grid, grid)
                if edge <= min(place) and max(place) <= 1 - edge
                if all(math.dist(place, ring[:2]) >= ring[2] for ring in clear)
            )
            assert math.dist((found["x"], found["y"]), target) <= best + 1e-9

    def test_a_disc_that_fits_nowhere_has_none(self, reader):
        assert reader("nearest({x: 0.5, y: 0.5, radius: 0.3}, [{x: 0.5, y: 0.5, radius: 0.4}], 0.015)") is None
        assert reader("nearest({x: 0.5, y: 0.5, radius: 0.6}, [], 0.015)") is None


class TestAddress:
    def test_a_scene_comes_back(self, reader):
        for objects_ in range(1, MOST + 1):
            scenes = plain(World().sample(50, objects_, seed=[10, objects_]))
            texts, back, again, worst = reader(f"""(() => {{
                const scenes = {json.dumps(scenes)}, texts = scenes.map(encode), back = texts.map(decode);
                const worst = Math.max(...scenes.map((scene, n) => {{
                    const other = world.render(back[n], 64);
                    return Math.max(...world.render(scene, 64).map((byte, k) => Math.abs(byte - other[k])));
                }}));
                return [texts, back, back.map(encode), worst];
            }})()""")
            assert again == texts and worst <= 3
            assert {len(text) for text in texts} == {10 + 13 * objects_}
            assert all(text.replace("-", "").replace("_", "").isalnum() for text in texts)
            for scene, other in zip(scenes, back, strict=True):
                for one, copied in zip(scene["objects"], other["objects"], strict=True):
                    assert (one["color"], one["shape"]) == (copied["color"], copied["shape"])
                    for part, close in (("x", 5e-4), ("y", 5e-4), ("radius", 1e-4), ("angle", 2e-4)):
                        assert one[part] == pytest.approx(copied[part], abs=close)
                    assert one["tint"] == pytest.approx(copied["tint"], abs=2e-3)
                assert reader(f"stage.set({json.dumps(other)})") is True

    def test_garbage_is_no_scene(self, reader):
        good, dice = reader("encode(stage.get())"), random.Random(3)
        letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_#%&<>\"'\\ é\0"
        garbage = [
            "", "#", "null", "[]", "-1", good[:-1], good + "0", good[:10], good + good, good.replace("5", "%"),
            " " + good[1:], good[:-1] + "\n", "💙" * 18, "__proto__", "0" * 36, "_" * 36, "z" * 23, "0" * 10**5,
        ]  # fmt: skip
        garbage += ["".join(dice.choices(letters, k=dice.choice((5, 23, 36, 49, 62)))) for _ in range(40)]
        for text in garbage:
            assert reader(f"decode({json.dumps(text)})") is None, text
        for value in ("undefined", "null", "36", "{}", "[]", "{length: 36}", "encode"):
            assert reader(f"decode({value})") is None, value

    def test_any_letters_give_nothing_or_a_scene_that_is_allowed(self, reader):
        """Of the lengths that scenes have; the names of the first object are good ones."""
        dice, read = random.Random(4), 0
        letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
        for _ in range(200):
            text = "".join([*dice.choices(letters, k=10), *dice.choices("01234567", k=2), *dice.choices(letters, k=11)])
            scene = reader(f"decode({json.dumps(text)})")
            read += scene is not None
            if scene:
                assert_allowed(scene)
                assert reader(f"stage.set({json.dumps(scene)})") is True
        assert read > 100


@pytest.mark.parametrize("width", [320, 400, 700])
def test_it_fits_its_page(reader, width):
    reader.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
    try:
        assert reader("(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.documentElement)") == 0
        side, height = reader("""(({width, height}) => [width, height])(
            document.querySelector(".lc-scene").getBoundingClientRect())""")
        assert side == pytest.approx(height, abs=0.5) and side >= 250
        small = reader("Math.min(...[...document.querySelectorAll('.lc-palette button')].map(one => one.offsetWidth))")
        assert small >= 24
    finally:
        reader.send("Emulation.clearDeviceMetricsOverride")


def test_nothing_moves_by_itself(reader):
    reader.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    drag(reader, "mouse", (0.3, 0.5), (0.3, 0.3))
    assert reader("stage.add(), document.getAnimations().length") == 0
    reader.send("Emulation.setEmulatedMedia", features=[])
