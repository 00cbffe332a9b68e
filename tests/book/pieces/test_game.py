import pytest
from piece_page import data_of

from labclip_lib.book.pieces.game import blind_game

CAPTIONS = ["a cat on a mat", "</script> & <b>two</b> dogs", "three birds", "four cows"]
NEGATIVES = ["a mat on a cat", "two cats", "no birds", "four horses"]
KINDS = ["swap", "replace", "add", "replace"]
PLAYERS = {"shorter": ("text", [0.5, 1, 0, 0.5]), "CLIP": ("cross-modal", [0, 1, 1, 1])}


@pytest.fixture(scope="module")
def page():
    return blind_game(CAPTIONS, NEGATIVES, KINDS, PLAYERS).data


def test_each_item_holds_its_two_sentences_and_knows_the_right_one(page):
    items = data_of(page)["items"]
    assert [item["texts"][item["right"]] for item in items] == CAPTIONS
    assert [item["texts"][1 - item["right"]] for item in items] == NEGATIVES
    assert [item["kind"] for item in items] == KINDS
    assert sorted(item["right"] for item in items) == [0, 0, 1, 1]  # no side is the better guess


def test_the_players_bring_their_outcomes(page):
    assert [(name, values) for name, _, values in data_of(page)["players"]] == [
        ("shorter", [0.5, 1, 0, 0.5]), ("CLIP", [0, 1, 1, 1]),
    ]  # fmt: skip


def test_texts_cannot_end_the_script(page):
    assert page.count("</script>") == 1 and page.endswith("</script>")


def test_the_same_again_is_the_same(page):
    assert blind_game(CAPTIONS, NEGATIVES, KINDS, PLAYERS).data == page
    assert blind_game(CAPTIONS, NEGATIVES, KINDS, PLAYERS, seed=1).data != page


def test_lists_of_other_lengths_are_refused(raises_saying):
    with raises_saying(ValueError, "lengths [3, 4]"):
        blind_game(CAPTIONS, NEGATIVES[:3], KINDS, PLAYERS)
    with raises_saying(ValueError, "lengths [0]"):
        blind_game([], [], [], {})
