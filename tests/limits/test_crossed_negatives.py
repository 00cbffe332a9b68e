import pytest
import torch
from synthetic import SMALL, Binder
from torch.nn.functional import normalize

from labclip_lib.limits.crossed_negatives import (
    CONTROL,
    HARD_POSITIVES,
    crossed_negatives,
    is_english,
    make_negatives,
    says_the_same,
)
from labclip_lib.operators.on_captions import shuffle_words
from labclip_lib.operators.tagging import world_tagger
from labclip_lib.world.layouts import Layouts

DRAWN = Layouts.draw(SMALL, 1)
TOLD = DRAWN.captions("random")


class Turned(Binder):
    """Both sides know the words, and who wears what in other directions. Captions know what comes first, too."""

    def encode_images(self, scenes):
        binding, words, first = torch.stack(list(map(self.of, scenes.captions()))).split([25, 10, 5], 1)
        return normalize(torch.cat([binding, words, 0 * first], 1), dim=-1)

    def encode_texts(self, captions):
        binding, rest = torch.stack(list(map(self.of, captions))).split([25, 15], 1)
        turn = torch.linalg.qr(torch.randn(25, 25, generator=torch.Generator().manual_seed(0)))[0]
        return normalize(torch.cat([binding @ turn, rest], 1), dim=-1)

    def of(self, caption):
        words, colors = caption.split(), self.world.colors
        bag = torch.tensor([2.0 * words.count(name) for name in (*colors, *self.world.shapes)])
        first = torch.eye(len(colors))[next(colors.index(word) for word in words if word in colors)]
        return torch.cat([super().of(caption), bag, first / 2])


@pytest.fixture(scope="module")
def tree():
    return crossed_negatives(Turned(), world=SMALL, layouts=2)


@pytest.fixture(scope="module")
def made():
    return make_negatives(DRAWN, TOLD, seed=0)


def test_no_negative_is_true_but_the_controls(made):
    for kind, texts in made[0].items():
        same = [says_the_same(text, caption, SMALL) for text, caption in zip(texts, TOLD, strict=True)]
        assert all(same) if kind == CONTROL else not any(same), kind
    # Nouns and adjectives fall into one of three other arrangements, and one of these names the same objects.
    assert made[1][CONTROL].all() and 0.2 < made[1]["shuffle nouns and adjectives"].mean() < 0.5


def test_with_two_objects_a_shuffle_of_one_sort_is_a_swap(made):
    for what in ("attributes", "objects"):
        tagger = world_tagger(SMALL)
        assert made[0][f"swap {what}"] == [shuffle_words(text, what, tagger=tagger).value for text in TOLD]


def test_texts_are_read():
    assert says_the_same("blue square and red circle", "red circle and blue square", SMALL)
    assert says_the_same("circle red and blue square", "red circle and blue square", SMALL)
    assert not says_the_same("blue circle and red square", "red circle and blue square", SMALL)
    assert is_english("red circle and blue square and pink star", SMALL)
    assert not is_english("circle red and blue square", SMALL) and not is_english("and red circle blue square", SMALL)


def test_a_fit_on_swaps_finds_what_the_cosine_does_not(tree):
    clip, fitted = tree["fits"]["CLIP as it is"], tree["fits"]["swap attributes"]
    assert clip["swap attributes"].values.mean() < 0.7
    for name in ("swap attributes", "swap objects", "replace object", "true in the other order"):
        assert fitted[name].values.mean() > 0.9, name


def test_whoever_reads_words_alone_cannot_tell_a_swap(tree):
    for row in tree["fits"].values():
        for name in ("shuffle all words", "swap attributes", "swap objects", CONTROL, *HARD_POSITIVES):
            assert row[name].bag_of_words == row[name].chance == 0.5
        assert row["replace object"].bag_of_words == row["add object"].bag_of_words == 1
