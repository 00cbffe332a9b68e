import math
import re

import numpy as np
import pytest
from piece_page import at_width, both_ways, in_a_browser, select_next, text

from labclip_lib.book.pieces.strength_slider import LEFT, SIZE, TOP, strength_slider
from labclip_lib.measures.measure import Measure

STRENGTHS = 0, 2.5, math.inf
ASKED = {"in the fixed order": "swap", "in the other order": "swap, the other order"}
COSTS = {"recall@1": "image to text", "zero-shot": "singles"}
LEVELS = {"swap": (0.5, 0.5), "swap, the other order": (0.5, 0.5), "image to text": (0.01, 0.5), "singles": (0.1, 1.0)}
RIGHT = {  # of ten, at each strength
    "formula": {
        "swap": (5, 7, 9), "swap, the other order": (5, 4, 6), "image to text": (4, 8, 6), "singles": (9, 8, 1),
    },
    "64 </script>": {
        "swap": (5, 6, 8), "swap, the other order": (5, 5, 5), "image to text": (4, 5, 3), "singles": (9, 9, 7),
    },
}  # fmt: skip
ROADS = {
    label: [
        {name: Measure(np.arange(10) < counts[k], np.arange(10), *LEVELS[name]) for name, counts in measures.items()}
        for k in range(3)
    ]
    for label, measures in RIGHT.items()
}


@pytest.fixture(scope="module")
def piece():
    return strength_slider(STRENGTHS, ROADS, ASKED, COSTS)


def place(x, y):
    """Where in the drawing ten times these shares are."""
    return [LEFT + SIZE * x / 10, TOP + SIZE * (1 - y / 10)]


def stops(reader, root, mark=".lc-stop"):
    return reader(f"""[...document.querySelectorAll("{root} {mark}")].map(
        mark => [mark.cx.baseVal.value, mark.cy.baseVal.value])""")


def said(line, strength, swap, cost, spent):
    """The sentence about a point."""

    def told(name, right):
        mean, low, high = Measure(np.arange(10) < right, np.arange(10)).estimate()
        return f"{name} {mean:.2f} (95 % interval {low:.2f} to {high:.2f})"

    chance, ceiling = ("0.01", "0.50") if cost == "recall@1" else ("0.10", "1.00")
    return (
        f"{line}, {strength}: {told('swap accuracy', swap)}, {told(cost, spent)}. "
        f"Chance is 0.50 and {chance}; a bag of words has at most 0.50 and {ceiling}."
    )


def test_the_first_road_stands_there_without_a_script(piece):
    before = piece.data.partition("<script>")[0]
    points = re.search(r'<polyline [^>]*points="([^"]+)"', before)[1]
    shown = [list(map(float, point.split(","))) for point in points.split()]
    for point, want in zip(shown, (place(5, 4), place(7, 8), place(9, 6)), strict=True):
        assert point == pytest.approx(want, abs=0.1)
    assert 'class="lc-menus" hidden' in before and "The line goes from the identity, in the ring, to W alone." in before
    assert piece.data.count("</script>") == 1


def test_a_matrix_lacks_a_strength(raises_saying):
    with raises_saying(ValueError, "'formula' at 3 strengths", "got 2"):
        strength_slider(STRENGTHS, {"formula": ROADS["formula"][:2]}, ASKED, COSTS)


@in_a_browser
class TestInABrowser:
    @both_ways
    def test_the_strength_moves_the_point_along_the_road(self, reader, root, by):
        assert text(reader, f"{root} .lc-note") == said("formula", "strength 0", 5, "recall@1", 4)
        road, slider = stops(reader, root), f"{root} input"
        assert stops(reader, root, ".lc-here")[0] == pytest.approx(road[0])
        if by == "mouse":
            reader.click(slider, along=0.5)
        else:
            reader.tab_to(slider)
            reader.press("Right")
        assert text(reader, f"{root} output") == "strength 2.5"
        assert text(reader, f"{root} .lc-note") == said("formula", "strength 2.5", 7, "recall@1", 8)
        if by == "mouse":
            reader.click(slider, along=0.999)
        else:
            reader.press("End")
        assert text(reader, f"{root} .lc-note") == said("formula", "W alone", 9, "recall@1", 6)
        assert stops(reader, root, ".lc-here")[0] == pytest.approx(road[2])
        assert reader(f"document.querySelector('{slider}').getAttribute('aria-valuetext')") == "W alone"

    @both_ways
    def test_menus_choose_another_road(self, reader, root, by):
        select_next(reader, f"{root} select[aria-label='matrix W']", by)
        assert text(reader, f"{root} .lc-note") == said("64 </script>", "strength 0", 5, "recall@1", 4)
        for found, want in zip(stops(reader, root), (place(5, 4), place(6, 5), place(8, 3)), strict=True):
            assert found == pytest.approx(want, abs=0.1)
        select_next(reader, f"{root} select[aria-label='swap test']", by)
        select_next(reader, f"{root} select[aria-label='cost']", by)
        assert text(reader, f"{root} .lc-note") == said("64 </script>", "strength 0", 5, "zero-shot", 9)
        for found, want in zip(stops(reader, root), (place(5, 9), place(5, 9), place(5, 7)), strict=True):
            assert found == pytest.approx(want, abs=0.1)
        assert reader(f"document.querySelector('{root} .lc-y').textContent") == "zero-shot"

    def test_chance_and_ceiling_are_drawn_for_what_is_asked(self, reader, root):
        drawn = f"[...document.querySelectorAll('{root} .lc-level')].map(level => level.getAttribute('d'))"
        middle, bottom, top = LEFT + SIZE / 2, TOP + SIZE, TOP
        across = [f"M{middle:g} {top}v{SIZE}"] * 2
        heights = [f"M{LEFT} {bottom - SIZE * share:g}h{SIZE}" for share in (0.01, 0.5, 0.1, 1)]
        assert reader(drawn) == across + heights[:2]
        select_next(reader, f"{root} select[aria-label='cost']", "keyboard")
        assert reader(drawn) == across + heights[2:]

    def test_the_interval_is_drawn(self, reader, root):
        d = reader(f"document.querySelector('{root} .lc-reach').getAttribute('d')")
        left, right, low, high = map(float, re.fullmatch(r"M(\S+) \S+H(\S+)M\S+ (\S+)V(\S+)", d).groups())
        swap = ROADS["formula"][0]["swap"].estimate()
        assert [left, right] == pytest.approx([LEFT + SIZE * swap.low, LEFT + SIZE * swap.high], abs=0.1)
        assert high < low

    def test_controls_are_named(self, reader, root):
        nodes = [node for node in reader.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        named = {(node["role"]["value"], node["name"]["value"]) for node in nodes}
        assert named >= {("slider", "strength of W"), ("image", "swap accuracy against what it costs")}
        assert named >= {("combobox", name) for name in ("matrix W", "swap test", "cost")}

    def test_it_fits_a_phone(self, reader, root):
        assert at_width(reader, 320, root) <= 320
