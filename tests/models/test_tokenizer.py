import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labclip_lib.models.tokenizer import WordTokenizer
from labclip_lib.world.captions import FILLERS
from labclip_lib.world.scenes import World

WORLD = World()


@pytest.fixture(scope="module")
def tokenizer():
    return WordTokenizer((*FILLERS, *WORLD.colors, *WORLD.shapes), context_length=24)


def test_tokens_of_a_caption(tokenizer):
    row = tokenizer(["A red circle, and a star."])[0].tolist()
    words = [tokenizer.words[i - 2] for i in row[1:7]]
    assert words == ["a", "red", "circle", "and", "a", "star"]
    assert row[0] == 1 and row[7] == tokenizer.end and not any(row[8:])
    assert tokenizer("a star").shape == (1, 24)  # a single str is a batch of one


def test_end_of_text_is_the_largest_id(tokenizer):
    assert tokenizer.end == max([*tokenizer.ids.values(), tokenizer.end]) == tokenizer.vocab_size - 1
    assert len({0, 1, tokenizer.end, *tokenizer.ids.values()}) == tokenizer.vocab_size


@given(words=st.lists(st.sampled_from((*FILLERS, *WORLD.colors, *WORLD.shapes)), min_size=1, max_size=22))
def test_open_clip_reads_the_embedding_off_at_the_end_of_text(words):
    tokenizer = WordTokenizer((*FILLERS, *WORLD.colors, *WORLD.shapes), 24)
    tokens = tokenizer([" ".join(words)])
    places = torch.arange(24.0)[None, :, None]
    assert open_clip.transformer.text_global_pool(places, tokens).item() == len(words) + 1


def test_unknown_word_is_named(tokenizer, raises_saying):
    with raises_saying(ValueError, "'hexagon'", "a red hexagon", "circle"):
        tokenizer(["a star", "a red hexagon"])


@pytest.mark.parametrize("caption", ["", "  ", " . "])
def test_caption_without_a_word_is_refused(tokenizer, caption, raises_saying):
    with raises_saying(ValueError, "1", "empty"):
        tokenizer(["a star", caption])


def test_caption_that_is_too_long_is_refused(tokenizer, raises_saying):
    assert tokenizer(["red " * 22]).shape == (1, 24)
    with raises_saying(ValueError, "23 words", "22"):
        tokenizer(["red " * 23])
