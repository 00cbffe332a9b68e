import html
import json
import math
import re

import pytest
import torch
from torch.nn.functional import normalize

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.book.pieces.widgets import (
    caption_explorer,
    matrix_player,
    matrix_slider,
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


KINDS = ["true", "colours swapped", "colour replaced"]


@pytest.fixture(scope="module")
def scenes():
    return World().sample(2, seed=0)


@pytest.fixture(scope="module")
def aligned(tiny):
    """A LABCLIP that turns captions far."""
    labclip = LABCLIP(tiny.dim)
    labclip.set_matrix(torch.randn(tiny.dim, tiny.dim, generator=torch.Generator().manual_seed(3)))
    return labclip


def rivals(scenes):
    """Captions of each scene, as of KINDS."""
    parts = (scenes, scenes.swapped(), scenes.replaced("color", 0))
    return list(zip(*(part.captions() for part in parts), strict=True))


@pytest.fixture(scope="module")
def pieces(scenes, tiny, aligned):
    """Each piece that lives on the built page, made twice."""
    images = scenes.render(16)
    cosines = torch.tensor([[0.123, 0.456, -0.2], [0.3, 0.2, 0.1]])
    makers = {
        "temperature_slider": lambda: temperature_slider(cosines, ["a star", "a <ring>", "a moon"], images),
        "matrix_player": lambda: matrix_player(torch.rand(3, 2, 2).round() / 3, [0, 5, 10], [0.7] * 10, ["a", "b"]),
        "caption_explorer": lambda: caption_explorer(tiny, World(shapes=("star", "ring")).sample(2, seed=0)),
        "scene_composer": lambda: scene_composer(tiny, FEW),
        "matrix_slider": lambda: matrix_slider(tiny, aligned, images, rivals(scenes), KINDS),
        "quiz": lambda: quiz(QUESTIONS),
    }
    made = {}
    for name, make in makers.items():
        torch.manual_seed(0)
        first = make().data
        torch.manual_seed(0)
        made[name] = first, make().data
    return made


def numbers(page):
    """The data that a piece carries."""
    return json.loads(re.search(r"\npiece\(.*?, (.*)\);\n", page)[1])


NAMES = ["temperature_slider", "matrix_player", "caption_explorer", "scene_composer", "matrix_slider", "quiz"]


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
    data = numbers(page)
    assert data["cosines"] == [[0.123, 0.456, -0.2], [0.3, 0.2, 0.1]]
    assert data["labels"] == ["a star", "a <ring>", "a moon"]
    assert page.count("data:image/png;base64,") == 2 and "logit scale" in page


def test_player_carries_its_matrices(pieces):
    data = numbers(pieces["matrix_player"][0])
    assert data["steps"] == [0, 5, 10] and len(data["losses"]) == 10
    assert torch.tensor(data["matrices"]).shape == (3, 2, 2)


def test_explorer_carries_every_caption_s_cosine(tiny):
    scenes = World(shapes=("star", "ring")).sample(3, seed=0)
    page = caption_explorer(tiny, scenes).data
    data = numbers(page)
    cosines = torch.tensor(data["cosines"])
    assert cosines.shape == (3, 8 * 2 * 8 * 2)
    captions = scenes.captions()
    want = (tiny.encode_images(scenes.render(32)) * tiny.encode_texts(captions)).sum(1)
    for k, (c1, s1, c2, s2) in enumerate(data["truth"]):
        world = scenes.world
        assert f"{world.colors[c1]} {world.shapes[s1]} and {world.colors[c2]} {world.shapes[s2]}" == captions[k]
        assert cosines[k, ((c1 * 2 + s1) * 8 + c2) * 2 + s2] == pytest.approx(float(want[k]), abs=1e-3)


def test_composer_carries_every_scene_with_its_captions(tiny):
    data, scenes = numbers(scene_composer(tiny, FEW, seed=3).data), FEW.compositions(seed=3)
    assert data["captions"] == scenes.captions() and len(data["images"]) == len(scenes) == 6
    want = tiny.encode_images(scenes.render(32)) @ tiny.encode_texts(scenes.captions()).T
    assert torch.allclose(torch.tensor(data["cosines"]), want, atol=1e-3)
    for row, caption in zip(data["rows"], data["captions"], strict=True):
        assert " and ".join(f"{FEW.colors[c]} {FEW.shapes[s]}" for s, c in row) == caption


@pytest.mark.parametrize("theta", [0, 0.13, 0.5, 0.99, 1])
def test_slider_from_the_identity_to_a_labclip(tiny, aligned, theta):
    """Its own formula, on the numbers it carries, gives the cosines of the mixed matrix."""
    scenes = World().sample(3, seed=1)
    page, captions = matrix_slider(tiny, aligned, scenes.render(32), rivals(scenes), KINDS).data, rivals(scenes)
    data = numbers(page)
    assert data["captions"] == [list(row) for row in captions] and data["kinds"] == KINDS
    formula = re.search(r"map\(\(\[uv, um, vm, mm\]\) =>\s*(.*?)\);", page, re.S)[1]
    q = theta
    shown = [
        [eval(formula, {"Math": math}, {"p": 1 - q, "q": q, "uv": uv, "um": um, "vm": vm, "mm": mm})
         for uv, um, vm, mm in row]
        for row in data["products"]
    ]  # fmt: skip
    images = tiny.encode_images(scenes.render(32))
    texts = torch.stack([tiny.encode_texts(list(row)) for row in captions])
    matrix = aligned.linear.weight.detach()
    matrix = matrix / (texts @ matrix.T).norm(dim=-1).mean()  # so that both ends weigh alike
    mixed = (1 - q) * torch.eye(tiny.dim) + q * matrix
    want = (images[:, None] * normalize(texts @ mixed.T, dim=-1)).sum(-1)
    assert torch.allclose(torch.tensor(shown), want, atol=2e-4)
    if theta in (0, 1):
        ours = texts if theta == 0 else aligned(texts).detach()
        assert torch.allclose(torch.tensor(shown), (images[:, None] * ours).sum(-1), atol=2e-4)


def test_slider_shows_every_scene_and_says_where_it_is(pieces):
    page = pieces["matrix_slider"][0]
    assert page.count("data:image/png;base64,") == 2 and "const q = +slider.value, p = 1 - q;" in page
    assert re.search(r'<input type="range" min="0" max="1" [^>]*value="0"', page) and "from the identity to A" in page


def test_quiz_escapes_its_text_and_explains_every_answer(pieces):
    page = pieces["quiz"][0]
    assert "Is 1 &lt; 2 &amp; &lt;b&gt;bold" in page and "<b>bold" not in page
    assert numbers(page) == [[[right, why] for _, right, why in answers] for _, answers in QUESTIONS]


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
