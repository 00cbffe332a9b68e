import pytest

from labclip_lib.operators.inflection import article_of, conjugated, form_of, inflected, participle, stem, third_person


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("dog", "dogs"), ("child", "children"), ("person", "people"), ("woman", "women"), ("box", "boxes"),
        ("glass", "glasses"), ("bus", "buses"), ("gas", "gases"), ("lens", "lenses"), ("canvas", "canvases"),
        ("walrus", "walruses"), ("menu", "menus"), ("ski", "skis"), ("knife", "knives"), ("city", "cities"),
    ],
)  # fmt: skip
def test_forms_of_a_noun(one, many):
    assert (form_of(one), form_of(many)) == ("one", "many")
    assert inflected(one, "many") == inflected(many, "many") == many
    assert inflected(many, "one") == inflected(one, "one") == one
    assert stem(one) == stem(many) == one


def test_what_is_no_word_is_not_inflected():
    assert inflected("3", "many") == "3" and inflected("x-ray", "many") == "x-ray" and inflected("", "many") == ""
    assert stem("8-year-old") == "8-year-old" and stem("") == ""


@pytest.mark.parametrize(
    ("word", "article"), [("apple", "an"), ("hour", "an"), ("uniform", "a"), ("dog", "a"), ("8", "an"), ("110", "a")]
)
def test_article(word, article):
    assert article_of(word) == article


@pytest.mark.parametrize(
    ("one", "many"),
    [("runs", "run"), ("tries", "try"), ("catches", "catch"), ("is", "are"), ("was", "were"), ("has", "have")],
)
def test_a_verb_goes_with_its_subject(one, many):
    assert conjugated(many, "one") == conjugated(one, "one") == one
    assert conjugated(one, "many") == conjugated(many, "many") == many


@pytest.mark.parametrize("verb", ["can", "slept", "walked", "walking"])
def test_forms_that_serve_both_stay(verb):
    assert conjugated(verb, "one") == conjugated(verb, "many") == verb


def test_forms_of_a_verb():
    assert [third_person(verb) for verb in ("sit", "catch", "carry")] == ["sits", "catches", "carries"]
    assert [participle(verb) for verb in ("sit", "run", "lie", "wave", "hold")] == [
        "sitting", "running", "lying", "waving", "holding",
    ]  # fmt: skip


def test_stems_compare_up_to_person_and_pronoun():
    assert stem("is") == stem("are") == stem("were") and stem("her") == stem("their") and stem("an") == stem("a")
    assert stem("red") != stem("blue")


def test_what_is_no_single_word_is_left_alone():
    assert conjugated("to guide", "one") == conjugated("to guide", "many") == "to guide"
