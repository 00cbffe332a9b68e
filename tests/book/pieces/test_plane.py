import re

import numpy as np
import pytest
from piece_page import data_of

from labclip_lib.book.pieces.plane import preference_plane

CAPTIONS = "red star & blue ring", "blue star and red ring"
DICE = np.random.default_rng(0)
MOVE = DICE.normal(size=12)
PICTURES = DICE.normal(size=(5, 12)) + MOVE
TWINS = DICE.normal(size=(5, 12)) - MOVE
MOVES = DICE.normal(size=(3, 12))


@pytest.fixture(scope="module")
def page():
    return preference_plane(PICTURES, TWINS, MOVES, CAPTIONS).data


def test_the_plane_loses_nothing_of_a_preference(page):
    """From a picture's place alone: its cosine with the one caption minus that with the other, mean over wordings."""
    found, move = data_of(page), MOVES.mean(0)
    across = (PICTURES - TWINS).mean(0)
    cosine = across @ move / np.linalg.norm(across) / np.linalg.norm(move)
    places = np.array(found["points"])
    shown = found["length"] * places[:, :2] @ [cosine, np.sqrt(1 - cosine**2)]
    assert np.allclose(shown, np.concatenate([PICTURES, TWINS]) @ move, atol=1e-3)
    assert places[:, 2].tolist() == [1] * 5 + [-1] * 5
    assert found["angle"] == round(np.degrees(np.arccos(cosine)))


def test_without_a_script_the_captions_own_arrow_stands_there(page):
    before = page.partition("<script>")[0]
    right = int((PICTURES @ MOVES.mean(0) > 0).sum() + (TWINS @ MOVES.mean(0) < 0).sum())
    assert '<div hidden class="lc-sliders">' in before
    assert f"Right: {right} of 10 pictures. Chance and a bag of words: 5." in before
    drawn = before.partition("<svg")[2].partition("</svg>")[0]
    assert drawn.count('class="lc-spot"') == right and drawn.count('class="lc-spot lc-off"') == 10 - right
    assert f'transform="rotate({-data_of(page)["angle"]})"' in drawn


def test_all_marks_and_the_arrow_lie_in_the_drawing(page):
    wide, tall = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', page).groups())
    for x, y in re.findall(r'class="lc-spot[^>]*translate\(([\d.-]+) ([\d.-]+)\)', page):
        assert 4 <= float(x) <= wide - 4 and 4 <= float(y) <= tall - 4
    middle = float(re.search(r'<g transform="translate\(\S+ ([\d.]+)\)', page)[1])
    assert float(re.search(r'lc-arrow" d="M0 0h(\d+)', page)[1]) <= middle


def test_captions_are_written_as_text(page):
    assert "red star &amp; blue ring" in page and page.count("</script>") == 1


def test_other_shapes_are_refused(raises_saying):
    with raises_saying(ValueError, "(5, 12), (4, 12) and (3, 12)"):
        preference_plane(PICTURES, TWINS[:4], MOVES, CAPTIONS)
    with raises_saying(ValueError, "moves as wide as they are"):
        preference_plane(PICTURES, TWINS, MOVES[:, :5], CAPTIONS)


@pytest.mark.parametrize("moves", [PICTURES - TWINS, 0 * MOVES])
def test_moves_that_span_no_plane_are_refused(moves, raises_saying):
    with raises_saying(ValueError, "do not span a plane"):
        preference_plane(PICTURES, TWINS, moves, CAPTIONS)
