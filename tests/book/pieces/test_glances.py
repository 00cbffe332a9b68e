import pytest
import torch
from piece_page import at_width, data_of, in_a_browser, select_next, text, texts

from labclip_lib.book.pieces.glances import glances
from labclip_lib.world.scenes import World

SCENES = World().sample(2, seed=0)
CAPTIONS = ["red circle and blue square", "pink star and green ring"]
PICTURES = torch.stack([SCENES.render(32), SCENES.swapped().render(32)], 1)
PLACES = torch.arange(2 * 2 * 6 * 4).view(2, 2, 6, 4) / 96
PHRASES = torch.arange(2 * 2 * 2 * 4).view(2, 2, 2, 4) / 40
WORDS = {
    "layer 1": torch.tril(torch.ones(2, 6, 6)) / torch.arange(1, 7)[:, None],
    "layer 2": torch.eye(6).repeat(2, 1, 1),
}


@pytest.fixture(scope="module")
def piece():
    return glances(PICTURES, CAPTIONS, PLACES, PHRASES, WORDS)


def test_without_a_script_both_pictures_stand_there_with_what_they_show(piece):
    before = piece.data.partition("<script>")[0]
    for name in ("red circle and blue square", "blue circle and red square"):
        assert f'alt="{name}"' in before and f'<p class="lc-under">{name}</p>' in before
    assert before.count("data:image/png;base64,") == 2 and 'class="lc-menus" hidden' in before
    assert "Its twin has the same words" in before


def test_captions_of_other_lengths_are_refused(raises_saying):
    with raises_saying(ValueError, "captions of 5 words", "got 3, 5"):
        glances(PICTURES, [CAPTIONS[0], "a red circle"], PLACES, PHRASES, WORDS)


def test_what_it_carries_is_what_it_was_given(piece):
    data = data_of(piece.data)
    assert torch.tensor(data["places"]).numpy() == pytest.approx(torch.cat([PLACES, PHRASES], 2).numpy(), abs=1e-3)
    assert len(data["words"]) == 2 and data["names"][1] == ["pink star and green ring", "green star and pink ring"]


@in_a_browser
class TestInABrowser:
    @pytest.mark.parametrize("by", ["mouse", "keyboard", "hover"])
    def test_a_word_shows_its_places_and_whom_it_takes_from(self, reader, root, by):
        word = f"{root} .lc-said-words button:nth-child(5)"
        if by == "hover":
            reader(f"document.querySelector('{word}').dispatchEvent(new PointerEvent('pointerenter'))")
        elif by == "mouse":
            reader.click(word)
        else:
            reader.tab_to(word)
        highest = [f"{PLACES[0, which, 4].max():.2f}" for which in (0, 1)]
        assert text(reader, f"{root} .lc-note").startswith(
            f'"square": the nearest place has a cosine of {highest[0]} on the left and {highest[1]} in the twin. In '
            "layer 1 it takes most from "
        )
        opacities = "one => [...one.children].map(place => +place.style.opacity)"
        left, right = reader(f"[...document.querySelectorAll('{root} .lc-shade')].map({opacities})")
        assert len(left) == len(right) == 4 and left[0] == pytest.approx(0.85) and right[3] == pytest.approx(0)
        assert sorted(left, reverse=True) == left  # the nearest is the lightest
        assert reader(f"document.querySelector('{word}').getAttribute('aria-pressed')") == "true"

    def test_a_phrase_is_asked_by_itself(self, reader, root):
        reader.click(f"{root} .lc-said-words:nth-of-type(3) button:nth-child(2)")
        highest = [f"{PHRASES[0, which, 1].max():.2f}" for which in (0, 1)]
        assert text(reader, f"{root} .lc-note") == (
            f'"blue square", by itself: the nearest place has a cosine of {highest[0]} on the left and {highest[1]} in '
            "the twin."
        )
        assert reader(f"[...document.querySelectorAll('{root} button')].every(word => !word.style.boxShadow)")

    def test_another_layer_and_another_scene(self, reader, root):
        select_next(reader, f"{root} select[aria-label='text layer']", "keyboard")
        reader.click(f"{root} .lc-said-words button:nth-child(6)")
        assert 'In layer 2 it takes most from "the whole caption" 1.00' in text(reader, f"{root} .lc-note")
        select_next(reader, f"{root} select[aria-label='scene']", "keyboard")
        assert texts(reader, f"{root} .lc-under") == ["pink star and green ring", "green star and pink ring"]
        assert texts(reader, f"{root} .lc-said-words button")[0] == "pink"

    def test_controls_are_named(self, reader, root):
        nodes = [node for node in reader.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        named = {(node["role"]["value"], node["name"]["value"]) for node in nodes}
        assert named >= {
            ("combobox", "scene"),
            ("combobox", "text layer"),
            ("group", "words of the caption"),
            ("group", "phrases, each by itself"),
        }
        assert ("image", "red circle and blue square") in named

    def test_it_fits_a_phone(self, reader, root):
        assert at_width(reader, 320, root) <= 320
