import pytest
from hypothesis import given
from hypothesis import strategies as st

from labclip_lib.operators.atoms import SWAPS, Span, attribute_pairs, spans, splice, swaps
from labclip_lib.operators.grammar import Sentence, Word, canonical, read
from labclip_lib.operators.inflection import stem
from labclip_lib.operators.tagging import ADJECTIVE, ADVERB, AND, DETERMINER, NOUN, NUMBER, OTHER, PREPOSITION, VERB

LEXICON = {
    "a": DETERMINER, "an": DETERMINER, "the": DETERMINER, "two": NUMBER, "three": NUMBER, "red": ADJECTIVE,
    "old": ADJECTIVE, "wooden": ADJECTIVE, "orange": ADJECTIVE, "dog": NOUN, "dogs": NOUN, "apple": NOUN,
    "children": NOUN, "child": NOUN, "bus": NOUN, "hat": NOUN, "holds": VERB, "hold": VERB, "is": VERB, "are": VERB,
    "sitting": VERB, "near": PREPOSITION, "on": PREPOSITION, "with": PREPOSITION, "quickly": ADVERB, "and": AND,
    ",": OTHER, "'s": OTHER, "who": OTHER,
}  # fmt: skip
WORDS = st.lists(st.sampled_from(list(LEXICON)), max_size=14)
PHRASE = st.tuples(
    st.sampled_from(["a", "the", "two", "three", ""]),
    st.lists(st.sampled_from(["red", "old", "wooden", "orange"]), max_size=2, unique=True),
    st.sampled_from(["dog", "apple", "child", "bus", "hat"]),
)
RELATION = st.sampled_from(["holds", "is near", "sitting on", "with", "and", "on", "and"])
ENGLISH = [
    "a white cat and a black dog",
    "two dogs and a man",
    "Three people try to guide a horse",
    "An apple is on a table.",
    "A man is riding the horses. ",
    "a boy's red ball and a girl's blue hat",
    "There is an old man with an umbrella",
    "A big dog sits next to two small cats.",
    "The man who holds a knife watches the woman.",
    "A man and a woman are sitting on a bench",
    "an 8-year-old boy and a red car",
    "The dogs are in the house, and the man is outside.",
    "A plate with an orange and two green apples",
    "Two women in red dresses wait for a white bus.",
    "The old bus stops behind a new truck",
    "A bus and two taxis",
]


@st.composite
def grammatical(draw):
    """A Sentence of noun phrases with something between them, with kinds that are known."""
    words = []
    for k in range(draw(st.integers(1, 4))):
        words += draw(RELATION).split() if k else []
        first, attributes, noun = draw(PHRASE)
        many = first in ("two", "three") and noun != "child"
        words += [*first.split(), *attributes, f"{noun}{'es' * (noun == 'bus') or 's'}" if many else noun]
    kinds = [LEXICON.get(word, NOUN) for word in words]
    return Sentence(tuple(map(Word, words, kinds)))


def known(words):
    return Sentence(tuple(Word(word, LEXICON[word]) for word in words))


def text(words):
    return " ".join(word.text for word in words)


def atoms(caption, what, plain=True):
    sentence = read(caption)
    found = [text(sentence.words[s.start : s.end]) for s in spans(sentence, what) if s.plain or not plain]
    return sorted(found)


def results(caption, what):
    sentence = read(caption)
    return {str(Sentence(e.mended, sentence.capital, sentence.tail)) for e in swaps(sentence, what)}


def bag(words):
    return sorted(stem(word) for word in canonical(words))


# Spans


@pytest.mark.parametrize(
    ("caption", "what", "expected"),
    [
        ("two small dogs near a red car", "attributes", ["red", "small", "two"]),
        ("the dog is wet", "attributes", ["wet"]),
        ("a dog bed near the lake", "objects", ["dog bed", "lake"]),
        ("two small dogs near a red car", "phrases", ["a red car", "two small dogs"]),
        ("a man with a hat is near the lake", "arguments", ["a hat", "a man", "the lake"]),
        ("a man is sitting on a chair near a lake", "relations", ["is sitting on", "near"]),
        ("", "objects", []),
        ("he runs", "arguments", []),
    ],
)
def test_the_atoms_of_a_caption(caption, what, expected):
    assert atoms(caption, what) == expected


@pytest.mark.parametrize(
    ("caption", "what", "part"),
    [
        ("a big red car", "attributes", "big red"),
        ("a big red car", "attributes", "a"),
        ("a dog bed", "objects", "bed"),
        ("a big red car", "phrases", "red car"),
        ("a man with a hat is near the lake", "arguments", "a man with a hat"),
        ("a man is sitting on a chair", "relations", "sitting"),
    ],
)
def test_parts_of_atoms_are_no_plain_atoms(caption, what, part):
    assert part in atoms(caption, what, plain=False) and part not in atoms(caption, what)


def test_numbers_and_qualities_are_told_apart():
    sentence = read("a man with two red hats")
    sorts = {text(sentence.words[s.start : s.end]): s.kind for s in spans(sentence, "attributes")}
    assert sorts == {"a": "number", "two": "number", "red": "quality"}


def test_spans_of_nothing_known(raises_saying):
    with raises_saying(ValueError, "'verbs'", "relations"):
        spans(read("a dog"), "verbs")


@given(words=WORDS, what=st.sampled_from(SWAPS))
def test_spans_hold_words(words, what):
    sentence = known(words)
    for span in spans(sentence, what):
        assert 0 <= span.start < span.end <= len(words)
        assert {word.text for word in sentence.words[span.start : span.end]} != {","}


# Exchanges


@given(words=WORDS, what=st.sampled_from(SWAPS))
def test_raw_exchanges_move_words_and_change_none(words, what):
    sentence = known(words)
    for exchange in swaps(sentence, what):
        assert sorted(word.text for word in exchange.raw) == sorted(words)
        assert [word.space for word in exchange.raw] == [" "] * len(words)


@given(words=WORDS, what=st.sampled_from(SWAPS))
def test_no_exchange_gives_the_sentence_back(words, what):
    sentence = known(words)
    for exchange in swaps(sentence, what):
        assert canonical(exchange.raw) != canonical(sentence.words) != canonical(exchange.mended)


@given(sentence=grammatical(), what=st.sampled_from(SWAPS))
def test_mending_keeps_the_bag_of_words_up_to_inflection(sentence, what):
    for exchange in swaps(sentence, what):
        assert bag(exchange.mended) == bag(sentence.words)
        assert len(exchange.mended) == len(sentence.words)


@given(words=WORDS, what=st.sampled_from(SWAPS))
def test_exchanging_twice_gives_the_sentence_back(words, what):
    sentence = known(words)
    for exchange in swaps(sentence, what):
        first, second = exchange.first, exchange.second
        grown = (second.end - second.start) - (first.end - first.start)
        back = exchange._replace(
            sentence=Sentence(exchange.raw),
            first=first._replace(end=first.end + grown),
            second=second._replace(start=second.start + grown),
        )
        assert back.raw == sentence.words


@pytest.mark.parametrize("what", SWAPS)
@pytest.mark.parametrize("caption", ENGLISH)
def test_the_way_back_is_an_exchange_too(caption, what):
    sentence = read(caption)
    for exchange in swaps(sentence, what):
        if exchange.plain:
            there = str(Sentence(exchange.mended, sentence.capital, sentence.tail))
            assert caption in results(there, what), there


def test_every_sort_of_exchange_is_met_in_those_captions():
    assert all(sum(bool(results(caption, what)) for caption in ENGLISH) >= 2 for what in SWAPS)


@pytest.mark.parametrize(
    ("caption", "what", "twin"),
    [
        ("a white cat and a black dog", "attributes", "a black cat and a white dog"),
        ("a white cat and a black dog", "objects", "a white dog and a black cat"),
        ("a white cat and a black dog", "phrases", "a black dog and a white cat"),
        ("two dogs and a man", "objects", "two men and a dog"),
        ("two dogs and a man", "attributes", "a dog and two men"),
        ("two dogs and a man", "phrases", "a man and two dogs"),
        ("Three people try to guide a horse", "attributes", "A person tries to guide three horses"),
        ("Three people try to guide a horse", "arguments", "A horse tries to guide three people"),
        ("Three people try to guide a horse", "objects", "Three horses try to guide a person"),
        ("An old man and a red apple.", "attributes", "A red man and an old apple."),
        ("An old man and a red apple.", "phrases", "A red apple and an old man."),
        ("An orange square and a red circle ", "attributes", "A red square and an orange circle "),
        ("A dog and 3 cats", "phrases", "3 cats and a dog"),
        ("A man and a woman are sitting on a bench", "objects", "A woman and a man are sitting on a bench"),
        ("two dogs and a cat run in a park", "objects", "two cats and a dog run in a park"),
        ("Two men were near a bus.", "attributes", "A man was near two buses."),
        ("A dog is chasing two cats", "phrases", "Two cats are chasing a dog"),
        ("The boy's dog chases a cat", "objects", "The boy's cat chases a dog"),
        ("The boy's dog chases a cat", "phrases", "A cat's dog chases the boy"),
        ("a boy's red ball and a girl's blue hat", "attributes", "a boy's blue ball and a girl's red hat"),
        ("a man holds a hat near a lake", "relations", "a man near a hat holds a lake"),
        ("a man with a hat holds a dog", "arguments", "a dog holds a man with a hat"),
        ("an 8-year-old boy and a red car", "objects", "an 8-year-old car and a red boy"),
        ("a man is riding two big horses", "phrases", "two big horses are riding a man"),
        ("two big horses are near a man", "arguments", "a man is near two big horses"),
        ("a dog bed", "objects", "a bed dog"),
        ("two dogs can see a cat", "attributes", "a dog can see two cats"),
    ],
)
def test_twins(caption, what, twin):
    assert twin in results(caption, what)


@pytest.mark.parametrize(
    ("caption", "what", "reason"),
    [
        ("the dog and a dog", "phrases", "articles do not count"),
        ("two dogs and two cats", "attributes", "they are alike"),
        ("a lush green field", "attributes", "of one noun"),
        ("two red dogs", "attributes", "a number is no colour"),
        ("a dog and a cat", "arguments", "nothing relates them"),
        ("a dog is on a mat", "relations", "a single relation"),
        ("a dog is sitting on a mat", "relations", "a single relation"),
        ("dog dog dog", "objects", "always the same"),
        ("", "objects", "nothing there"),
    ],
)
def test_what_is_no_exchange(caption, what, reason):
    assert not results(caption, what), reason


def test_nothing_with_an_article_comes_after_a_possessor():
    twins = results("The boy's dog chases a cat", "phrases") | results("The boy's dog chases a cat", "arguments")
    assert twins and not any("'s a " in twin or "'s the " in twin for twin in twins)
    assert "It's a mat on a dog" in results("It's a dog on a mat", "arguments")  # that 's is a verb


def test_a_plain_exchange_is_one_of_two_plain_atoms():
    plain = {exchange.plain: set() for exchange in swaps(read("a big dog bed and a cat"), "objects")}
    for exchange in swaps(read("a big dog bed and a cat"), "objects"):
        plain[exchange.plain].add(text(exchange.raw))
    assert plain[True] == {"a big cat and a dog bed"}
    assert "a big cat bed and a dog" in plain[False]


def test_spaces_stay_where_they_were():
    (exchange,) = swaps(read(" a dog\nsees  cats"), "objects")
    assert str(Sentence(exchange.mended)) == " a cat\nsees  dogs"


@pytest.mark.parametrize(
    ("start", "end", "new", "together"),
    [
        (0, 1, "xy", "1x!y2b3c"),
        (1, 2, "x", "1a2x3c"),
        (2, 3, "xy", "1a2b3x!y"),
        (0, 2, "", "1c"),
        (1, 2, "", "1a2c"),
        (2, 3, "", "1a2b"),
        (0, 0, "x", "1x a2b3c"),
        (1, 1, "xy", "1a2x!y b3c"),
        (3, 3, "xy", "1a2b3c?x!y"),
        (1, 1, "", "1a2b3c"),
    ],
)
def test_spliced_words_leave_spaces_in_their_places(start, end, new, together):
    words = tuple(Word(text, NOUN, space) for text, space in ("a1", "b2", "c3"))
    spliced, span = splice(words, start, end, [Word(text, NOUN, {"x": "?", "y": "!"}[text]) for text in new])
    assert str(Sentence(spliced)) == together and span == Span(start, start + len(new))
    assert str(Sentence(words)) == "1a2b3c"


@pytest.mark.parametrize(
    ("caption", "moved"),
    [
        ("A bright orange cat is on a chair.", ["A cat is on a bright orange chair."]),
        ("Red circle and square", ["Circle and red square"]),
        ("circle and red square", ["red circle and square"]),
        ("two big dogs and a cat", ["two dogs and a big cat", "a big dogs and two cat"]),
        ("a red cat", []),
        ("a big red cat and a small dog", ["a small cat and a big red dog", "a small red cat and a big dog",
                                           "a big small cat and a red dog"]),  # nothing is bare
    ],
)  # fmt: skip
def test_attributes_move_to_a_noun_that_has_none(caption, moved):
    sentence = read(caption)
    found = {str(Sentence(e.raw, sentence.capital, sentence.tail)) for e in swaps(sentence, "attributes")}
    assert found == set(moved)


def test_a_moved_attribute_can_move_back():
    for caption in ("a red cat sits on two chairs", "two red cats and a dog", "birds near the old, wooden boat"):
        sentence = read(caption)
        for exchange in swaps(sentence, "attributes"):
            back = {tuple(word.key for word in e.raw) for e in swaps(Sentence(exchange.raw), "attributes")}
            assert tuple(word.key for word in sentence.words) in back, exchange.raw


@pytest.mark.parametrize(
    ("caption", "pairs"),
    [
        ("Two black dogs at an old white bus stop", {("black", "dog"), ("old", "stop"), ("white", "stop")}),
        ("a black cat and two white dogs", {("black", "cat"), ("white", "dog")}),
        ("A dog runs", set()),
    ],
)
def test_attribute_pairs_say_who_has_what(caption, pairs):
    assert attribute_pairs(read(caption)) == pairs


def test_attribute_pairs_do_not_change_with_number_or_capitals():
    assert attribute_pairs(read("A Red bus")) == attribute_pairs(read("three red buses"))
