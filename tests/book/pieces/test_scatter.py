import re

import numpy as np
import pytest
from piece_page import data_of

from labclip_lib.book.pieces.scatter import LEFT, LOOKS, SIZE, TOP, score_scatter

SCORES = ["ImageNet", "swaps & <b>more</b>", "relations"]
MODELS = [
    ("A / openai", "OpenAI", False, [0.0, 0.5, 1.0]),
    ("B </script>", "OpenAI", True, [0.5, 1.0, 0.5]),
    ("C / laion", "LAION", False, [1.0, 0.0, 0.0]),
]
CORRELATIONS = np.zeros((3, 3, 3))
CORRELATIONS[0, 1] = CORRELATIONS[1, 0] = [-0.5, -0.9, 0.123]


@pytest.fixture(scope="module")
def page():
    return score_scatter(SCORES, MODELS, CORRELATIONS).data


def test_the_picture_of_the_first_two_scores_stands_there_without_a_script(page):
    before = page.partition("<script>")[0]
    places = re.findall(r'class="lc-mark[^>]*translate\(([\d.]+) ([\d.]+)\)', before)
    assert [(float(x), float(y)) for x, y in places] == [
        (LEFT, TOP + SIZE / 2), (LEFT + SIZE / 2, TOP), (LEFT + SIZE, TOP + SIZE),
    ]  # fmt: skip
    assert "Rank correlation -0.50 (95 % interval -0.90 to 0.12)." in before
    assert before.count('class="lc-menus" hidden') == 2  # menus that would do nothing


def test_kinds_differ_in_colour_and_in_shape_and_tuned_models_have_a_rim(page):
    marks = re.findall(r'class="lc-mark( lc-rim)?" fill="(#\w+)" d="([^"]+)"', page)
    assert [(color, shape) for _, color, shape in marks] == [LOOKS[0], LOOKS[0], LOOKS[1]]
    assert [bool(rim) for rim, *_ in marks] == [False, True, False]
    assert len({color for color, _ in LOOKS}) == len({shape for _, shape in LOOKS}) == len(LOOKS)


@pytest.mark.parametrize("ground", ["#FCFBF7", "#17191C"])
def test_each_colour_can_be_told_from_paper_and_from_a_dark_page(ground):
    def light(color):
        parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    for color, _ in LOOKS:
        bright, dark = sorted([light(color), light(ground)], reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 3, color


def test_names_cannot_end_the_script_or_become_markup(page):
    assert page.count("</script>") == 1 and "<b>more" not in page
    assert "swaps &amp; &lt;b&gt;more" in page


def test_the_script_gets_all_ranks(page):
    data = data_of(page)
    assert data["ranks"] == [model[-1] for model in MODELS]
    assert np.array_equal(data["correlations"], CORRELATIONS)


def test_another_pair_of_scores_can_stand_first():
    page = score_scatter(SCORES, MODELS, CORRELATIONS, start=(2, 0)).data
    assert f"translate({LEFT + SIZE:.1f} {TOP + SIZE:.1f})" in page.partition("<title>A")[0]


def test_lengths_that_differ_are_refused(raises_saying):
    with raises_saying(ValueError, "each of 2 scores", "(3, 3)"):
        score_scatter(SCORES[:2], MODELS, CORRELATIONS)


def test_more_kinds_than_marks_are_refused(raises_saying):
    many = [(str(i), str(i), False, [0.0, 0.5, 1.0]) for i in range(7)]
    with raises_saying(ValueError, "6 kinds", "got 7"):
        score_scatter(SCORES, many, CORRELATIONS)
