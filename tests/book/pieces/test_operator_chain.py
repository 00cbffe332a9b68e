import functools
import itertools
import json
import random
import re

import pytest
from piece_page import at_width, both_ways, by_the_script, in_a_browser, text, texts, write_page

from labclip_lib.book.pieces.operator_chain import operator_chain
from labclip_lib.operators.grammar import canonical
from labclip_lib.operators.inflection import article_of
from labclip_lib.operators.on_captions import add, replace, swap
from labclip_lib.operators.tagging import world_tagger
from labclip_lib.world.scenes import World

WORLD = World()
FIRST = "a red circle and an orange square"
OPERATORS = {
    "SWAP": [swap],
    "REPLACE": [
        functools.partial(replace, what="attribute", words=WORLD.colors),
        functools.partial(replace, what="object", words=WORLD.shapes),
    ],
    "ADD": [functools.partial(add, words=WORLD.shapes)],
}


def captions(n, seed=0):
    """Captions that the piece reads: one to four things with and without articles and colours."""
    rng = random.Random(seed)
    for _ in range(n):
        things = rng.choice((1, 2, 2, 2, 3, 4))
        text = ""
        for k in range(things):
            color = "" if rng.random() < 0.25 else rng.choice(WORLD.colors)
            shape = rng.choice(WORLD.shapes)
            article = rng.choice(("", "the", article_of(color or shape), article_of(color or shape)))
            join = "" if not k else rng.choice((" and ", " and ", ", ", ", and "))
            text += join + " ".join(filter(None, (article, color, shape)))
        text = text[0].upper() + text[1:] if rng.random() < 0.3 else text
        yield text + "." * (rng.random() < 0.3)


def made_by_the_script(browser, sources):
    """Of each caption {operator: all that the script can make of it}, and what it says of each in comparison."""
    data = json.dumps({"colors": WORLD.colors, "shapes": WORLD.shapes})
    articles = json.dumps({word: article_of(word) for word in (*WORLD.colors, *WORLD.shapes)})
    return by_the_script(
        browser, "operator_chain", f"""{json.dumps(sources)}.map(source => {{
            const caption = read(source, {data});
            return Object.fromEntries(Object.entries(operators).map(([name, make]) => [name, make(caption, {data}).map(
                made => [spell(made, {articles}).map(([text]) => text).join(""), compare(made, caption)])]));
        }})""",
    )  # fmt: skip


@pytest.fixture(scope="module")
def piece():
    return operator_chain(WORLD, FIRST)


@pytest.fixture(scope="module")
def page(piece, tmp_path_factory):
    path, (root,) = write_page(tmp_path_factory.mktemp("page") / "page.html", piece)
    return path, root


@pytest.fixture
def reader(browser, page):
    browser.open(page[0])
    yield browser
    assert browser.complaints() == []


@pytest.fixture
def root(page):
    return page[1]


def write(reader, root, caption):
    """Types a caption in the place of what stands there."""
    reader.click(f"{root} input")
    reader(f"document.querySelector('{root} input').select()")
    reader.send("Input.insertText", text=caption)


def test_without_a_script_each_operator_has_an_example(piece):
    before = piece.data.partition("<script>")[0]
    first, *made = re.findall("<li>(.*?)</li>", before)
    assert first == FIRST and [line.partition(": ")[0] for line in made] == list(OPERATORS)
    assert made[0] == "SWAP: an orange circle and a red square"
    assert 'class="lc-field" hidden' in before  # buttons that would do nothing


def test_a_first_caption_is_one_that_each_operator_changes(raises_saying):
    with raises_saying(ValueError, "attributes to exchange in 'a red star'"):
        operator_chain(WORLD, "a red star")


@in_a_browser
def test_it_makes_what_the_library_makes(browser):
    tagger, sources = world_tagger(WORLD), list(captions(300))
    for source, found in zip(sources, made_by_the_script(browser, sources), strict=True):
        for name, ways in OPERATORS.items():
            ours = {caption for caption, _ in found[name]}
            theirs = {way(source, seed=seed, tagger=tagger).value for way in ways for seed in range(6)} - {None}
            assert theirs <= ours and bool(ours) == bool(theirs), (name, source, theirs - ours)


@in_a_browser
def test_it_makes_nothing_that_the_library_does_not(browser):
    tagger, sources = world_tagger(WORLD), list(captions(40, seed=1))
    for source, found in zip(sources, made_by_the_script(browser, sources), strict=True):
        for name, ways in OPERATORS.items():
            missing = {caption for caption, _ in found[name]}
            for way, seed in itertools.product(ways, range(600)):
                if not missing:
                    break
                missing.discard(way(source, seed=seed, tagger=tagger).value)
            assert not missing, (name, source)


@in_a_browser
def test_it_knows_when_a_bag_of_words_can_tell(browser):
    sources = list(captions(60, seed=2))
    for source, found in zip(sources, made_by_the_script(browser, sources), strict=True):
        for made, verdict in itertools.chain(*found.values()):
            same = sorted(canonical(made)) == sorted(canonical(source))
            assert ("Other words" in verdict) != same, (source, made)


@in_a_browser
class TestInABrowser:
    @both_ways
    def test_operators_make_a_chain(self, reader, root, by):
        assert texts(reader, f"{root} li") == [FIRST]
        reader.use(f"{root} button:nth-child(1)", by)
        assert texts(reader, f"{root} li") == [FIRST, "SWAP: an orange circle and a red square"]
        assert texts(reader, f"{root} mark") == ["orange", "red"]
        note = f"{root} .lc-note"
        assert text(reader, note) == "The same words as in your caption: a bag of words cannot tell."
        reader.use(f"{root} button:nth-child(2)", by)
        last = texts(reader, f"{root} li")[-1]
        assert last.startswith("REPLACE: ") and len(texts(reader, f"{root} mark")) == 3
        assert text(reader, note) == "Other words than in your caption: a bag of words can tell."
        reader.use(f"{root} button:nth-child(3)", by)
        longer = texts(reader, f"{root} li")[-1]
        assert longer.startswith("ADD: ") and len(longer.split()) == len(last.split()) + 3
        assert texts(reader, f"{root} mark")[3:5] == ["and", "a"]
        reader.use(f"{root} button:nth-child(4)", by)
        assert texts(reader, f"{root} li") == [FIRST] and text(reader, note).startswith("Press an operator.")

    def test_swap_undoes_swap(self, reader, root):
        for _ in range(2):
            reader.click(f"{root} button:nth-child(1)")
        assert texts(reader, f"{root} li")[-1] == f"SWAP: {FIRST}"
        assert text(reader, f"{root} .lc-note") == "This is your caption again."

    def test_a_caption_of_the_reader_s(self, reader, root):
        write(reader, root, "The pink moon, a pink star and a heart.")
        assert texts(reader, f"{root} li") == ["The pink moon, a pink star and a heart."]
        reader.click(f"{root} button:nth-child(1)")
        swapped = ["The moon, a pink star and a pink heart.", "The pink moon, a star and a pink heart."]
        assert texts(reader, f"{root} li")[-1].removeprefix("SWAP: ") in swapped

    def test_colours_of_equal_shapes_make_no_foil(self, reader, root):
        write(reader, root, "red star and blue star")
        reader.click(f"{root} button:nth-child(1)")
        assert text(reader, f"{root} .lc-note") == (
            "The same words as in your caption, and they say the same. This is no foil."
        )

    def test_an_operator_that_finds_nothing_says_so(self, reader, root):
        write(reader, root, "a star")
        reader.click(f"{root} button:nth-child(1)")
        assert text(reader, f"{root} .lc-note") == "SWAP needs two things that differ in colour."
        assert texts(reader, f"{root} li") == ["a star"]
        write(reader, root, " and ".join(WORLD.shapes))
        reader.click(f"{root} button:nth-child(3)")
        assert text(reader, f"{root} .lc-note") == "There is no other shape to add."

    @pytest.mark.parametrize(
        ("caption", "reason"),
        [
            ("a red dog", 'It does not know "dog".'),
            ("a red red star", "This is no list of things."),
            ("", "This is no"),
        ],
    )
    def test_what_it_cannot_read(self, reader, root, caption, reason):
        if caption:
            write(reader, root, caption)
        else:
            reader.click(f"{root} input")
            reader(f"document.querySelector('{root} input').value = ''")
            reader(f"document.querySelector('{root} input').dispatchEvent(new Event('input'))")
        assert text(reader, f"{root} .lc-note").startswith(reason)
        assert text(reader, f"{root} .lc-note").endswith('joined by "and": "a red circle and a square".')
        assert texts(reader, f"{root} li") == []
        assert reader(f"document.querySelectorAll('{root} button:disabled').length") == 3

    def test_what_is_typed_is_no_markup(self, reader, root):
        write(reader, root, "<b>star</b>")
        assert 'It does not know "<b>star</b>".' in text(reader, f"{root} .lc-note")

    def test_the_field_is_named(self, reader, root):
        nodes = [node for node in reader.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        assert [node["name"]["value"].strip() for node in nodes if node["role"]["value"] == "textbox"] == [
            "Your caption:"
        ]

    def test_it_fits_a_phone(self, reader, root):
        assert at_width(reader, 320, root) <= 320
