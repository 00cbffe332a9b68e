import pytest

from labclip_lib.operators.atoms import spans
from labclip_lib.operators.grammar import read
from labclip_lib.operators.inflection import stem
from labclip_lib.operators.on_captions import replace
from labclip_lib.operators.substitutes import WORDS, substitutes
from labclip_lib.operators.tagging import COLORS


def choices(caption, what, text, words=None):
    sentence = read(caption)
    have = {stem(word.key) for word in sentence.words}
    (span,) = (
        s for s in spans(sentence, f"{what}s") if " ".join(w.key for w in sentence.words[s.start : s.end]) == text
    )
    return substitutes(sentence, span, what, words, have)


def test_a_colour_stands_for_a_colour():
    assert set(choices("a red ball and a blue car", "attribute", "red")) == set(COLORS) - {"red", "blue"}


def test_an_adjective_of_no_known_sort_gets_a_colour():
    assert set(choices("a fluffy cat", "attribute", "fluffy")) == set(COLORS)


@pytest.mark.parametrize(("verb", "form"), [("sits", "stands"), ("sitting", "standing"), ("sit", "stand")])
def test_a_verb_comes_in_the_form_of_the_old(verb, form):
    subject = "dogs" if verb == "sit" else "a dog"
    assert form in choices(f"{subject} {verb} on a mat", "relation", verb)


def test_a_relation_of_no_known_sort_is_left_alone():
    assert choices("a man photographs a dog", "relation", "photographs") == []


def test_words_of_ones_own_but_what_is_there_already():
    assert choices("a red circle and a blue square", "attribute", "red", ("red", "blue", "pink")) == ["pink"]


def test_words_that_stand_in_are_of_one_form():
    """They are singular, and grammar gives them another number and back."""
    for word in WORDS["object"]:
        plural = replace("two trucks", words=[word]).value
        assert plural != f"two {word}" and replace("a truck", words=[word]).value.split()[1] == word
        assert stem(plural.split()[1]) == word
