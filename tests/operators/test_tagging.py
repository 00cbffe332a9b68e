import sys
import types

import pytest

from labclip_lib.operators import tagging
from labclip_lib.operators.grammar import read
from labclip_lib.operators.tagging import (
    ADJECTIVE,
    AND,
    DETERMINER,
    NOUN,
    NUMBER,
    OTHER,
    PREPOSITION,
    VERB,
    spacy_tagger,
    world_tagger,
)
from labclip_lib.world.scenes import World


def kinds(caption):
    return [word.kind for word in read(caption).words]


# Kinds of words


def test_kinds_of_a_captions_words():
    assert kinds("A white cat sits on two chairs, and is asleep")[:-1] == [
        DETERMINER, ADJECTIVE, NOUN, VERB, PREPOSITION, NUMBER, NOUN, OTHER, AND, VERB,
    ]  # fmt: skip


def test_next_to_and_on_top_of_relate_and_a_front_is_a_thing():
    assert kinds("a cup next to a plate")[2:4] == [PREPOSITION] * 2
    assert kinds("a cup on top of a plate")[2:5] == [PREPOSITION] * 3
    assert kinds("the front of a bus")[1] == NOUN


def test_an_orange_is_a_colour_only_before_a_noun():
    assert kinds("an orange square")[1] == ADJECTIVE
    assert kinds("an orange on a plate")[1] == NOUN


def test_the_verb_of_a_short_sentence_is_found():
    assert VERB in kinds("A man arrests a woman") and VERB in kinds("the people row a boat")
    assert VERB not in kinds("a dog bed with a cat")


def test_the_worlds_words_are_known_for_certain():
    world = World()
    tagger = world_tagger(world)
    for color in world.colors:
        assert tagger(["a", color]) == [DETERMINER, ADJECTIVE]
    assert all(tagger(["the", shape]) == [DETERMINER, NOUN] for shape in world.shapes)
    assert tagger(["an", "orange", "thing"]) == [DETERMINER, ADJECTIVE, NOUN]
    assert tagger(["orange", "moon", "near", "two", "stars"]) == [ADJECTIVE, NOUN, PREPOSITION, NUMBER, NOUN]


# Which tagger


@pytest.fixture
def spacy(monkeypatch):
    """A module in spaCy's place, whose model gives each word the part of speech that it is told."""
    parts = {
        "shiny": "ADJ", "glorps": "VERB", "blick": "PROPN", "upon": "ADP", "hmm": "INTJ", "the": "VERB", "pink": "NOUN",
    }  # fmt: skip

    def load(name, **options):
        if name != "en_core_web_sm":
            raise OSError("no such model")
        return nlp

    def nlp(words):
        return [types.SimpleNamespace(pos_=parts.get(word, "VERB")) for word in words]

    nlp.vocab = None
    module, tokens = types.ModuleType("spacy"), types.ModuleType("spacy.tokens")
    module.load, module.tokens = load, tokens
    tokens.Doc = lambda vocab, words: words
    monkeypatch.setitem(sys.modules, "spacy", module)
    monkeypatch.setitem(sys.modules, "spacy.tokens", tokens)


def test_what_else_is_installed_changes_nothing(spacy):
    """The stand-in would call every word of this a verb."""
    tagging._tag.cache_clear()
    assert kinds("a white cat sits") == [DETERMINER, ADJECTIVE, NOUN, VERB]


def test_spacy_or_its_model_is_missing(spacy, monkeypatch, raises_saying):
    with raises_saying(ValueError, "'en_core_web_lg'", "spacy download en_core_web_lg"):
        spacy_tagger("en_core_web_lg")
    monkeypatch.setitem(sys.modules, "spacy", None)  # what makes an import fail
    with raises_saying(ValueError, "pip install spacy"):
        spacy_tagger()
