import functools
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labclip_lib.operators.grammar import canonical, read
from labclip_lib.operators.inflection import stem
from labclip_lib.operators.negatives import Negative
from labclip_lib.operators.on_captions import ADDITIONS, OPERATORS, WORDS, add, compose, replace, shuffle_words, swap
from labclip_lib.operators.tagging import world_tagger
from labclip_lib.world.captions import TEMPLATES
from labclip_lib.world.scenes import World

WORLD = World()
FIELDS = ("color", "shape", "center", "radius", "angle", "tint", "backdrop", "slope")
SEEDS = st.integers(0, 2**32 - 1)
NAMES = sorted(OPERATORS)
SWAPPED = [name for name in NAMES if name.startswith("swap")]
# Captions of a small grammar, right or wrong: "the two old dogs's hat , near an apple"
PIECES = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["a", "an", "the", "A", "no", "two", "three", "some", ""]),
            st.sampled_from(["red", "old", "big wooden", "8-year-old", "orange", "red, wet", ""]),
            st.sampled_from(["dog", "dogs", "apple", "children", "bus", "dog bed", "boy's hat", "hat"]),
        ).map(lambda parts: " ".join(filter(None, parts))),
        st.sampled_from(
            ["is", "are", "holds", "sitting on", "near", "next to", "in front of", "and", "with", "to guide", ",", "."]
        ),
    ),
    max_size=8,
)
CAPTIONS = st.one_of(PIECES.map(" ".join), st.text(max_size=40), st.lists(st.text(max_size=5), max_size=6), PIECES)
STREET = "Two old men in red hats sit on a long bench next to a small dog, and a white bus stops behind them."


@pytest.fixture(scope="module")
def pairs():
    return WORLD.sample(40, 2, seed=1)


@pytest.fixture(scope="module")
def real_captions(real_data):
    rows = json.loads((real_data / "sugarcrepe" / "swap_att.json").read_text())
    return [row["caption"] for row in rows.values()]


def same(first, second):
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in FIELDS)


def bag(caption):
    return sorted(stem(word) for word in canonical(caption))


def check(negative, source, name):
    """What holds for every result: it tells its operator, and has a new value or one sentence why not."""
    assert isinstance(negative, Negative) and negative.operator == name
    if negative.value is None:
        assert negative.reason.endswith(".") and len(negative.reason) < 250 and "\n" not in negative.reason
        assert not negative.reason.startswith("Nothing changes")  # an operator that applies finds what changes
    else:
        assert negative.reason == "" and type(negative.value) is type(source)
        assert canonical(negative.value) != canonical(source)


# Every operator


@pytest.mark.parametrize("name", NAMES)
@given(source=CAPTIONS, seed=SEEDS)
def test_a_result_is_new_or_has_a_reason(name, source, seed):
    check(OPERATORS[name](source, seed=seed), source, name)


@pytest.mark.parametrize("name", NAMES)
@given(source=CAPTIONS, seed=SEEDS)
def test_the_bag_of_words_tells_the_operators_apart(name, source, seed):
    """SWAP and the shuffles keep it, REPLACE and ADD change it."""
    value = OPERATORS[name](source, seed=seed).value
    if value is None:
        return
    if name.startswith("shuffle"):
        words = value if isinstance(value, list) else [word.text for word in read(value).words]
        before = source if isinstance(value, list) else [word.text for word in read(source).words]
        assert sorted(word.lower() for word in words) == sorted(word.lower() for word in before)
    elif name.startswith("swap"):
        assert bag(value) == bag(source)
    else:
        assert bag(value) != bag(source)


@pytest.mark.parametrize("what", ADDITIONS)
@given(source=CAPTIONS, seed=SEEDS)
def test_add_takes_no_word_away_but_articles(what, source, seed):
    value = add(source, what, seed).value
    if value is None:
        return
    new = bag(value)
    for word in bag(source):
        new.remove(word)  # ValueError where a word is lost
    if what == "negation":
        assert new == ["no"]
    elif what == "attribute":
        assert len(new) == 1 and new[0] in WORDS["attribute"][0]
    else:
        assert len(new) == 2 and "and" in new and (set(new) - {"and"}) <= set(WORDS["object"])


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_again_and_others_something_else(name):
    again = [OPERATORS[name](STREET, seed=seed) for seed in (0, 1, 2, 3, 4, 5, 6, 7)]
    assert again == [OPERATORS[name](STREET, seed=seed) for seed in (0, 1, 2, 3, 4, 5, 6, 7)]
    assert len({negative.value for negative in again}) > 1 and None not in {negative.value for negative in again}


def test_the_verb_behind_a_replaced_noun_stays():
    caption = "a striped cat sleeps on a green sofa while a spotted dog watches"
    for seed in range(30):
        assert canonical(replace(caption, "object", seed).value)[-1] == "watches"


@pytest.mark.parametrize("name", NAMES)
def test_words_in_a_list_fare_like_words_in_a_caption(name):
    caption = "a white cat near two black dogs , with an old hat"
    value = OPERATORS[name](caption, seed=3).value
    assert OPERATORS[name](caption.split(), seed=3).value == value.split()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("caption", ["", " ", "!?", "the", [], [""]])
def test_no_words_no_negative(name, caption):
    negative = OPERATORS[name](caption)
    check(negative, caption, name)
    assert negative.value is None


@pytest.mark.parametrize("name", NAMES)
def test_a_single_word(name):
    value = OPERATORS[name]("flowers").value
    assert (value is not None) == (name in ("replace object", "add object", "add attribute", "add negation"))


@pytest.mark.parametrize("name", ["swap attributes", "swap objects", "replace object", "add attribute", "shuffle all"])
def test_a_caption_of_five_thousand_words(name):
    caption = " and ".join(["a red dog is on two old tables"] * 560)
    check(OPERATORS[name](caption), caption, name)
    assert OPERATORS[name](caption).value is not None


def test_one_word_five_thousand_times():
    assert shuffle_words("dog " * 5000).value is None and add("dog " * 5000).value is not None


@pytest.mark.parametrize(
    ("operator", "seen"), [(swap, "attributes"), (replace, "relation"), (add, "negation"), (shuffle_words, "objects")]
)
@pytest.mark.parametrize("source", ["a dog", WORLD.sample(2)])
def test_another_what_is_refused(operator, seen, source, raises_saying):
    with raises_saying(ValueError, "'colour'", seen):
        operator(source, "colour")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_caption_is_refused(name, raises_saying):
    with raises_saying(TypeError, "caption", "int"):
        OPERATORS[name](3)


def test_operators_are_called_by_their_names():
    assert len(OPERATORS) == 15
    assert all(operator("a dog").operator == name for name, operator in OPERATORS.items())


@pytest.mark.parametrize(
    ("name", "floor"),
    [("swap attributes", 130), ("swap objects", 145), ("swap phrases", 145), ("swap arguments", 90),
     ("swap relations", 20), ("replace object", 148), ("replace attribute", 130), ("replace relation", 100),
     ("add object", 148), ("add attribute", 148), ("add negation", 140), ("shuffle all", 150)],
)  # fmt: skip
def test_operators_on_real_captions(name, floor, real_captions):
    applied = 0
    for seed, caption in enumerate(real_captions[:150]):
        negative = OPERATORS[name](caption, seed=seed)
        check(negative, caption, name)
        applied += negative.value is not None
    assert applied >= floor


# SWAP


@pytest.mark.parametrize("template", TEMPLATES.values())
@pytest.mark.parametrize("what", ["attributes", "objects", "phrases"])
@given(seed=SEEDS)
def test_swap_undoes_itself_on_captions_of_the_book(template, what, seed):
    tagger = world_tagger(WORLD)
    for caption in WORLD.sample(4, 2, seed).captions("random", seed, template):
        twin = swap(caption, what, seed, tagger).value
        assert twin != caption and swap(twin, what, seed, tagger).value == caption
        if "photo" not in caption:  # two objects leave nothing to draw
            assert swap(twin, what, seed + 1, tagger).value == caption


def test_swap_of_attributes_describes_the_twin(pairs):
    twins = pairs.swapped().captions("random", 3, TEMPLATES["article"])
    captions = pairs.captions("random", 3, TEMPLATES["article"])
    assert [swap(caption, tagger=world_tagger(WORLD)).value for caption in captions] == twins


@pytest.mark.parametrize(
    ("caption", "what", "twin"),
    [
        ("A white cat and an orange dog. ", "attributes", "An orange cat and a white dog. "),
        ("two dogs and a man", "objects", "two men and a dog"),
        ("A dog and 3 cats", "phrases", "3 cats and a dog"),
        ("a man holds two dogs", "arguments", "two dogs hold a man"),
        ("a man holds a hat near a lake", "relations", "a man near a hat holds a lake"),
    ],
)
def test_swap_examples(caption, what, twin):
    assert swap(caption, what) == (twin, f"swap {what}", "")


def test_swap_takes_whole_atoms_before_parts_of_them():
    caption = "a big dog bed and a cat"
    assert {swap(caption, "objects", seed).value for seed in range(20)} == {"a big cat and a dog bed"}


# REPLACE


@pytest.mark.parametrize("what", WORDS)
@given(seed=SEEDS)
def test_replace_changes_one_atom(what, seed):
    """A single place in the caption differs, and what stands there was not in the caption."""
    new, old = canonical(replace(STREET, what, seed).value), canonical(STREET)
    start = next(i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    rest = next(i for i, (a, b) in enumerate(zip(old[::-1], new[::-1], strict=False)) if a != b)
    atom = new[start : len(new) - rest]
    assert 1 <= len(atom) <= 3 and not {stem(word) for word in atom} <= set(bag(STREET))


@pytest.mark.parametrize(
    ("caption", "what", "words", "expected"),
    [
        ("An apple on a table.", "object", ["bus"], {"A bus on a table.", "An apple on a bus."}),
        ("two apples", "object", ["bus"], {"two buses"}),
        ("The dogs run", "object", ["child"], {"The children run"}),
        ("a red square", "attribute", ["orange"], {"an orange square"}),
        ("Two dogs sit", "attribute", ["one"], {"One dog sits"}),
        ("one dog sits", "attribute", ["two"], {"two dogs sit"}),
        ("a cup on top of a box", "relation", ["near"], {"a cup near a box"}),
        ("a cup under a box", "relation", ["in front of"], {"a cup in front of a box"}),
    ],
)
def test_replace_with_words_of_ones_own(caption, what, words, expected):
    assert {replace(caption, what, seed, words=words).value for seed in range(12)} == expected


@pytest.mark.parametrize(
    ("caption", "what", "kind"),
    [
        ("a red square", "attribute", WORDS["attribute"][0]),
        ("a wooden chair", "attribute", WORDS["attribute"][2]),
        ("three chairs", "attribute", WORDS["attribute"][4]),
        ("a shiny chair", "attribute", WORDS["attribute"][0]),
        ("a cup on a box", "relation", WORDS["relation"][0]),
        ("a cup next to a box", "relation", WORDS["relation"][1]),
    ],
)
def test_replace_takes_a_word_of_the_same_sort(caption, what, kind):
    old = set(canonical(caption))
    for seed in range(20):
        new = " ".join(word for word in canonical(replace(caption, what, seed).value) if word not in old)
        assert new.removesuffix(" chair") in kind


@pytest.mark.parametrize(
    ("caption", "suffix"), [("a man sitting in a car", "ing"), ("a man holds a cup", "s"), ("two men hold a cup", "")]
)
def test_a_new_verb_has_the_form_of_the_old(caption, suffix):
    old, seen = read(caption).words, set()
    for seed in range(40):
        new = read(replace(caption, "relation", seed).value).words
        verb = new[2].text
        if verb != old[2].text:
            seen.add(verb)
    assert len(seen) > 3 and all(verb.endswith(suffix) for verb in seen)
    # No form by rote: not "sit" + "ing", not "fly" + "s".
    assert not {verb + ending for verb in ("sit", "run", "lie", "wave") for ending in ("ing",)} & seen
    assert not {verb + "s" for verb in ("fly", "catch", "carry")} & seen


def test_to_guide_is_no_place():
    assert replace("Three people try to guide a horse", "relation").value is None
    assert replace("a man walks to the lake", "relation").value is not None


def test_replace_brings_in_nothing_that_is_there():
    negative = replace("a red dog and two blue dogs", "attribute", words=["red", "blue"])
    assert negative.value is None and "attribute" in negative.reason
    assert replace("two dogs", words=["dog"]).value is None


# ADD


@pytest.mark.parametrize(
    ("caption", "what", "words", "expected"),
    [
        ("flowers", "attribute", ["red"], "red flowers"),
        ("flowers", "object", ["dog"], "flowers and a dog"),
        ("flowers", "negation", None, "no flowers"),
        ("An apple.", "negation", None, "No apple."),
        ("A dog sits here. ", "object", ["owl"], "A dog and an owl sit here. "),
        ("two dogs sit here", "object", ["owl"], "two dogs and an owl sit here"),
        ("A dog", "attribute", ["old"], "An old dog"),
        ("a big wooden dresser", "attribute", ["red"], "a big red wooden dresser"),
        ("The boy's hat", "attribute", ["red"], ("The red boy's hat", "The boy's red hat")),
        ("a white ball near a box", "attribute", ["red"], "a white ball near a red box"),
        ("a dog and the two cats", "negation", None, "no dog and the two cats"),
        ("a boy's red ball", "negation", None, "no boy's red ball"),
    ],
)
def test_add_examples(caption, what, words, expected):
    expected = {expected} if isinstance(expected, str) else set(expected)
    options = {} if words is None else {"words": words}
    assert {add(caption, what, seed, **options).value for seed in range(12)} == expected


@pytest.mark.parametrize(
    ("caption", "what", "words"),
    [("he runs", "object", None), ("two dogs", "negation", None), ("no dog", "negation", None),
     ("a red dog", "attribute", ["red"]), ("a dog", "object", ["dog"])],
)  # fmt: skip
def test_nothing_to_add(caption, what, words):
    negative = add(caption, what, words=words)
    article = "a" if what == "negation" else "an"
    assert negative.value is None and f"{article} {what}" in negative.reason


# Shuffles


def test_shuffles_keep_to_their_places():
    caption = "The old man and two red dogs, near a wet tree."
    kinds = [word.kind for word in read(caption).words]
    for seed in range(10):
        value = shuffle_words(caption, "nouns and adjectives", seed).value.lower().replace(",", " ,").replace(".", " .")
        before, after = caption.lower().replace(",", " ,").replace(".", " .").split(), value.split()
        for sorts in (("noun",), ("adjective", "number")):
            places = [i for i, kind in enumerate(kinds) if kind in sorts]
            assert sorted(before[i] for i in places) == sorted(after[i] for i in places)
        others = [i for i, kind in enumerate(kinds) if kind not in ("noun", "adjective", "number")]
        assert [before[i] for i in others] == [after[i] for i in others]


@pytest.mark.parametrize(("what", "moved"), [("all", set(range(8))), ("objects", {2, 7}), ("attributes", {1, 5, 6})])
def test_what_a_shuffle_moves(what, moved):
    words, seen = ["the", "old", "dog", "near", "some", "two", "red", "cats"], set()
    kinds = ["determiner", "adjective", "noun", "preposition", "determiner", "number", "adjective", "noun"]
    for seed in range(30):
        value = shuffle_words(words, what, seed, tagger=lambda words: kinds).value
        seen |= {i for i, (a, b) in enumerate(zip(words, value, strict=True)) if a != b}
    assert seen == moved


def test_a_shuffle_does_not_count_articles():
    """ "a dog" and "dog a" are the same to a reader who skips articles, "the cat a dog" can change."""
    assert shuffle_words("a dog").value is None
    assert {canonical(shuffle_words("the cat a dog", seed=seed).value) for seed in range(20)} == {("dog", "cat")}


# Composition

PARTS = {
    "swap": swap,
    "replace": functools.partial(replace, what="attribute"),
    "add": add,
    "shuffle": functools.partial(shuffle_words, what="objects"),
}


@pytest.mark.parametrize("source", [STREET, STREET.split(), WORLD.sample(10, 3, seed=5)], ids=["str", "list", "scenes"])
@pytest.mark.parametrize("names", [("swap", "replace", "add"), ("add", "shuffle", "swap"), ("replace", "add", "add")])
def test_brackets_do_not_matter(names, source):
    a, b, c = (PARTS[name] for name in names)
    flat, left, right = compose(a, b, c), compose(compose(a, b), c), compose(a, compose(b, c))
    for seed in (0, 7, [7, 1]):
        first, *others = (op(source, seed=seed) for op in (flat, left, right))
        assert first.value is not None and first.operator.count(", then ") == 2
        for other in others:
            assert other.operator == first.operator
            assert same(other.value, first.value) if not isinstance(source, (str, list)) else other == first


@given(source=CAPTIONS, names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), seed=SEEDS)
def test_compositions_are_new_or_have_a_reason(source, names, seed):
    negative = compose(*(OPERATORS[name] for name in names))(source, seed=seed)
    done = negative.operator.split(", then ")
    assert done == names[: len(done)]
    if negative.value is None:
        assert negative.reason.endswith(".")
    else:
        assert done == names
        check(negative, source, negative.operator)


def test_a_composition_is_its_steps_one_after_another():
    for seed in range(6):
        first = replace(STREET, seed=[seed, 0])
        second = add(first.value, "attribute", seed=[seed, 1])
        made = compose(replace, OPERATORS["add attribute"])(STREET, seed=seed)
        assert made == (second.value, "replace object, then add attribute", "")


def test_each_step_draws_for_itself():
    made = compose(OPERATORS["add attribute"], OPERATORS["add attribute"])
    new = [set(canonical(made("a dog and a cat", seed=seed).value)) & set(WORDS["attribute"][0]) for seed in range(8)]
    assert all(len(colors) == 2 for colors in new) and len({frozenset(colors) for colors in new}) > 4


def test_a_step_that_fails_says_why():
    made = compose(add, OPERATORS["swap relations"], swap)("a dog")
    assert made.value is None and made.operator == "add object, then swap relations" and "relations" in made.reason
    made = compose(add, OPERATORS["swap relations"])(WORLD.sample(2))
    assert made.value is None and "verbs" in made.reason


@pytest.mark.parametrize("source", ["A white cat and a black dog", ["white", "cat", "black", "dog"], WORLD.sample(5)])
def test_a_composition_never_leads_back(source):
    made = compose(swap, swap)(source)
    assert made.value is None and made.operator == "swap attributes, then swap attributes"
    assert "back" in made.reason


def test_a_composition_passes_the_tagger_on():
    caption = "a orange square and a pink cross"
    tagger = world_tagger(WORLD)
    made = compose(swap, OPERATORS["swap objects"])
    assert made(caption, tagger=tagger).value == "a pink cross and an orange square"
    assert made(caption, tagger=lambda words: ["other"] * len(words)).value is None


def test_compose_needs_something_to_compose(raises_saying):
    with raises_saying(ValueError, "compose", "none"):
        compose()
