import html
import re

import pytest
import torch
from piece_page import data_of

from labclip_lib.book.pieces.widgets import (
    caption_explorer,
    matrix_player,
    quiz,
    scene_composer,
    temperature_slider,
    try_captions,
)
from labclip_lib.world.scenes import World

QUESTIONS = [
    ("Is 1 < 2 & <b>bold</b>?", [("yes", True, "It is </script><!-- <script> -->"), ("no", False, "Count.")]),
    ("What do we NAME it?", [("a bag", True, "Right so."), ("a list", False, "No order in it.")]),
]


FEW = World(colors=("red", "blue", "green"), shapes=("star", "ring"))


@pytest.fixture(scope="module")
def scenes():
    return World().sample(2, seed=0)


@pytest.fixture(scope="module")
def pieces(scenes, tiny):
    """Each piece that lives on the built page, made twice."""
    images = scenes.render(16)
    cosines = torch.tensor([[0.123, 0.456, -0.2], [0.3, 0.2, 0.1]])
    makers = {
        "temperature_slider": lambda: temperature_slider(cosines, ["a star", "a <ring>", "a moon"], images),
        "matrix_player": lambda: matrix_player(torch.rand(3, 2, 2).round() / 3, [0, 5, 10], [0.7] * 10, ["a", "b"]),
        "caption_explorer": lambda: caption_explorer(tiny, World(shapes=("star", "ring")).sample(2, seed=0)),
        "scene_composer": lambda: scene_composer(tiny, FEW),
        "quiz": lambda: quiz(QUESTIONS),
    }
    made = {}
    for name, make in makers.items():
        torch.manual_seed(0)
        first = make().data
        torch.manual_seed(0)
        made[name] = first, make().data
    return made


NAMES = ["temperature_slider", "matrix_player", "caption_explorer", "scene_composer", "quiz"]


def test_the_composer_opens_where_the_twin_s_caption_is_ahead(pieces):
    for page in pieces["scene_composer"]:
        data = data_of(page)
        leads = []
        for k, ((s, c), (t, d)) in enumerate(data["rows"]):
            twin = data["rows"].index([[s, d], [t, c]])
            leads.append(data["cosines"][k][twin] - data["cosines"][k][k])
        clear = [k for k, lead in enumerate(leads) if lead > 0.01]
        assert data["start"] == (clear[0] if clear else 0)


@pytest.mark.parametrize("name", NAMES)
def test_same_input_same_page(pieces, name):
    assert pieces[name][0] == pieces[name][1]


@pytest.mark.parametrize("name", NAMES)
def test_script_is_not_ended_by_its_data(pieces, name):
    page = pieces[name][0]
    assert page.count("</script>") == 1 and "<!--" not in page and page.endswith("</script>")


@pytest.mark.parametrize("name", NAMES)
def test_script_finds_its_own_panel(pieces, name):
    page = pieces[name][0]
    (panel,) = re.findall(r'<div class="lc-panel" id="([\w-]+)">', page)
    assert f'getElementById("{panel}")' in page
    assert len({re.search(r'id="([\w-]+)"', page)[1] for page, _ in pieces.values()}) == len(NAMES)


def test_slider_carries_its_cosines(pieces):
    page = pieces["temperature_slider"][0]
    data = data_of(page)
    assert data["cosines"] == [[0.123, 0.456, -0.2], [0.3, 0.2, 0.1]]
    assert data["labels"] == ["a star", "a <ring>", "a moon"]
    assert page.count("data:image/png;base64,") == 2 and "logit scale" in page


def test_player_carries_its_matrices(pieces):
    data = data_of(pieces["matrix_player"][0])
    assert data["steps"] == [0, 5, 10] and len(data["losses"]) == 10
    assert torch.tensor(data["matrices"]).shape == (3, 2, 2)


def test_explorer_carries_every_caption_s_cosine(tiny):
    scenes = World(shapes=("star", "ring")).sample(3, seed=0)
    page = caption_explorer(tiny, scenes).data
    data = data_of(page)
    cosines = torch.tensor(data["cosines"])
    assert cosines.shape == (3, 8 * 2 * 8 * 2)
    captions = scenes.captions()
    want = (tiny.encode_images(scenes.render(32)) * tiny.encode_texts(captions)).sum(1)
    for k, (c1, s1, c2, s2) in enumerate(data["truth"]):
        world = scenes.world
        assert f"{world.colors[c1]} {world.shapes[s1]} and {world.colors[c2]} {world.shapes[s2]}" == captions[k]
        assert cosines[k, ((c1 * 2 + s1) * 8 + c2) * 2 + s2] == pytest.approx(float(want[k]), abs=1e-3)


def test_composer_carries_every_scene_with_its_captions(tiny):
    data, scenes = data_of(scene_composer(tiny, FEW, seed=3).data), FEW.compositions(seed=3)
    assert data["captions"] == scenes.captions() and len(data["images"]) == len(scenes) == 6
    want = tiny.encode_images(scenes.render(32)) @ tiny.encode_texts(scenes.captions()).T
    assert torch.allclose(torch.tensor(data["cosines"]), want, atol=1e-3)
    for row, caption in zip(data["rows"], data["captions"], strict=True):
        assert " and ".join(f"{FEW.colors[c]} {FEW.shapes[s]}" for s, c in row) == caption


def test_quiz_escapes_its_text_and_explains_every_answer(pieces):
    page = pieces["quiz"][0]
    assert "Is 1 &lt; 2 &amp; &lt;b&gt;bold" in page and "<b>bold" not in page
    assert data_of(page) == [[[right, why] for _, right, why in answers] for _, answers in QUESTIONS]


def test_quiz_keeps_its_words(pieces):
    for question, answers in QUESTIONS:
        for text in (question, *(answer for answer, _, _ in answers)):
            assert html.escape(text) in pieces["quiz"][0]


def test_questions_do_not_share_their_buttons(pieces):
    groups = re.findall(r"type='radio' name='([\w-]+)'", pieces["quiz"][0])
    assert len(groups) == 4 and len(set(groups)) == 2


@pytest.mark.parametrize("rights", [(False, False), (True, True)])
def test_quiz_wants_one_right_answer(rights, raises_saying):
    with raises_saying(ValueError, "question 2"):
        quiz([QUESTIONS[0], ("Really?", [(str(k), right, "") for k, right in enumerate(rights)])])


class TestTryCaptions:
    @pytest.fixture
    def piece(self, tiny, scenes):
        """Its text field and its button."""
        _, controls, _ = try_captions(tiny, scenes.render(32)[0]).children
        return controls.children

    def test_it_lists_every_caption(self, piece, capsys):
        text, button = piece
        text.value = "a red star\n\na blue ring"
        button.click()
        out = capsys.readouterr().out
        assert out.count("\n") == 2 and "a red star" in out and "a blue ring" in out

    def test_it_survives_an_unknown_word(self, piece, capsys):
        text, button = piece
        text.value = "a red hexagon"
        button.click()
        assert "'hexagon'" in capsys.readouterr().out

    def test_it_survives_no_caption(self, piece):
        text, button = piece
        text.value = "\n"
        button.click()
