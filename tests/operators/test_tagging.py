import sys

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


def test_spacy_is_asked_by_those_who_ask_for_it(spacy):
    ask = spacy_tagger()
    assert ask(["pink", "blick"]) == [ADJECTIVE, NOUN] and ask(["blick", "pink"]) == [NOUN, NOUN]
    assert ask(["the", "shiny", "blick", "glorps", "upon", "hmm", ""]) == [
        DETERMINER, ADJECTIVE, NOUN, VERB, PREPOSITION, OTHER, OTHER,
    ]  # fmt: skip
    assert [word.kind for word in read("a blick", tagger=ask).words] == [DETERMINER, NOUN]


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
