import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labclip_lib.benchmarks.hard_negatives import load_hard_negatives
from labclip_lib.measures.intervals import estimate
from labclip_lib.operators.coverage import HOLDS, Coverage, Explanation, cover, coverage_table, explain
from labclip_lib.operators.grammar import canonical
from labclip_lib.operators.on_captions import OPERATORS
from labclip_lib.operators.tagging import OTHER, world_tagger
from labclip_lib.world.scenes import World

SWAPPED = [
    ("a white cat and a black dog", "a black cat and a white dog", "swap attributes"),
    ("three people guide a horse", "a person guides three horses", "swap attributes"),
    ("a man bites a dog", "a dog bites a man", "swap objects"),
    ("the boy's cat sees the girl's dog", "the girl's cat sees the boy's dog", "swap objects"),
    ("a small dog on a big chair", "a big chair on a small dog", "swap phrases"),
    ("a man in a red hat sits by a woman", "a woman sits by a man in a red hat", "swap arguments"),
    ("a dog is chasing two cats", "two cats are chasing a dog", "swap arguments"),
    ("a dog on a chair under a tree", "a dog under a chair on a tree", "swap relations"),
]
CHANGED = [
    ("a dog sits on the grass", "a cat sits on the grass", "replace object"),
    ("a dog on a bench", "a wooden chair on a bench", "replace object"),
    ("a red car on the road", "a blue car on the road", "replace attribute"),
    ("two red cars on the road", "three red cars on the road", "replace attribute"),
    ("a dog on the table", "a dog under the table", "replace relation"),
    ("a dog on the table", "a dog in front of the table", "replace relation"),
    ("a dog on the table", "a red dog on the table", "add attribute"),
    ("a dog on the table", "a dog and a cat on the table", "add object"),
    ("a dog on the table", "a dog on the table with a white cup", "add object"),
    ("a dog on the table", "no dog on the table", "add negation"),
    ("a dog is on the table", "A dog is not on the table.", "add negation"),
]


@pytest.mark.parametrize(("caption", "negative", "step"), SWAPPED)
def test_swaps(caption, negative, step):
    assert explain(caption, negative) == ((step,), True, True)
    (back,), exact, bag = explain(negative, caption)
    assert back.startswith("swap ") and exact and bag  # it undoes itself


@pytest.mark.parametrize(("caption", "negative", "step"), CHANGED)
def test_replacements_and_additions(caption, negative, step):
    assert explain(caption, negative) == ((step,), True, False)
    if step.startswith("add"):
        assert explain(negative, caption) == ((), False, False)  # no operator takes a word away


def test_every_kind_of_explanation_is_tried_here():
    kinds = {name for name in OPERATORS if not name.startswith("shuffle")}
    assert {step for *_, step in SWAPPED + CHANGED} == kinds


@pytest.mark.parametrize(
    ("caption", "negative", "steps", "bag"),
    [
        ("a dog is chasing a cat", "the cats are chasing dogs", ("swap objects",), True),
        ("a man with his dog", "a dog with its man", ("swap objects",), True),  # pronouns follow
        ("a man rides a horse", "two men ride a horse", ("add attribute",), False),
        ("a man on a horse", "two men on a horse", ("add attribute",), False),
        ("Exactly 1 lighthouse can be seen.", "Exactly 2 lighthouses can be seen.", ("replace attribute",), False),
        ("a dog is on a table", "dogs are under a table", ("replace relation",), False),
        ("a dog, a cat and a bird", "a dog, a cat, a bird and a horse", ("add object",), False),  # the list's "and"
    ],
)
def test_explanations_up_to_inflection_are_not_exact(caption, negative, steps, bag):
    assert explain(caption, negative) == (steps, False, bag)


@pytest.mark.parametrize(
    ("caption", "negative", "steps", "bag"),
    [
        ("a red cat on a blue mat beside a green dog in a pink box",
         "a blue cat on a red mat beside a pink dog in a green box", ("swap attributes", "swap attributes"), True),
        ("a red cat on a blue mat beside a dog", "a blue cat on a red mat beside a horse",
         ("swap attributes", "replace object"), False),
        ("a red cat on a mat", "a blue cat under a mat", ("replace attribute", "replace relation"), False),
        ("a cat on a mat", "a red cat on a table", ("add attribute", "replace object"), False),
        ("a dog beside a cat", "a big dog beside a small cat", ("add attribute", "add attribute"), False),
    ],
)  # fmt: skip
def test_two_operators(caption, negative, steps, bag):
    assert explain(caption, negative) == (steps, True, bag)


def test_two_operators_up_to_inflection():
    found = explain("a red cat is on a mat", "blue cats are under a mat")
    assert found == (("replace attribute", "replace relation"), False, False)
    found = explain("a red cat is on a blue mat beside a dog", "blue cats are on a red mat beside a horse")
    assert found == (("swap attributes", "replace object"), False, False)


@pytest.mark.parametrize(
    ("caption", "negative"),
    [
        ("a red cat on a mat", "a cat on a mat"),  # a word less
        ("a dog and a cat on a mat", "a dog on a mat"),
        ("there are no dogs", "there are dogs"),
        ("a red cat on a mat", "rain is falling in Spain tonight"),
        ("a red cat on a mat", "a blue horse under a table"),  # three
        ("a dog", ""),
    ],
)
def test_nothing_explains(caption, negative):
    assert explain(caption, negative) == ((), False, False)


@pytest.mark.parametrize(
    ("caption", "negative"),
    [
        ("a cat on a mat", "a cat on a mat"),
        ("A cat, on the mat.", "a cat on a mat"),
        ("a cat on a mat", "cats on the mats"),
        ("he sees her", "she sees him"),  # pronouns are all alike
        ("", ""),
        ("", "..."),
    ],
)
def test_nothing_is_to_explain_where_captions_are_the_same(caption, negative):
    assert explain(caption, negative) == ((), False, True)


def test_same_words_in_a_hopeless_order():
    caption = "a red cat on a blue mat under a green tree by a pink house"
    found = explain(caption, " ".join(reversed(caption.split())))
    assert found == ((), False, True)


def test_scenes_captions_are_explained_one_and_all():
    world = World()
    tagger = world_tagger(world)
    scenes = world.compositions(seed=0)[:300:7]
    for true, twin in zip(scenes.captions("random", 3), scenes.swapped().captions("random", 3), strict=True):
        assert explain(true, twin, tagger) == (("swap attributes",), True, True)
    for true, other in zip(scenes.captions(), scenes.replaced("color", 1).captions(), strict=True):
        assert explain(true, other, tagger) == (("replace attribute",), True, False)
    for true, other in zip(scenes.captions("random"), scenes.replaced("shape", 1).captions("random"), strict=True):
        assert explain(true, other, tagger) == (("replace object",), True, False)


WORDS = "a the two red big cat dog dogs men man sits on under and with is no , ."
sentences = st.lists(st.sampled_from(WORDS.split(" ")), max_size=9).map(" ".join)


@given(sentences, sentences)
def test_what_holds_for_any_pair(caption, negative):
    found = explain(caption, negative)
    assert len(found.steps) <= 2 and set(found.steps) <= set(OPERATORS)
    assert bool(found.steps) or not found.exact
    if found.steps and all(step.startswith("swap") for step in found.steps):
        assert found.bag
    if found.bag:  # REPLACE and ADD bring in a word
        assert all(step.startswith("swap") for step in found.steps)


# What the operators make is what they explain


@pytest.fixture(scope="module")
def real_captions(real_data):
    items = json.loads((real_data / "sugarcrepe" / "swap_att.json").read_text(encoding="utf-8")).values()
    return list(dict.fromkeys(item["caption"] for item in items))[:100]


@pytest.mark.parametrize("name", [name for name in OPERATORS if not name.startswith("shuffle")])
def test_negatives_that_an_operator_makes(name, real_captions):
    """Of each operator's negatives 97 % or more are explained by one of its family; measured: 98.9 % to 100 %."""
    family = name.split()[0]
    made = [(caption, OPERATORS[name](caption, seed=3).value) for caption in real_captions]
    found = [explain(caption, value) for caption, value in made if value is not None]
    assert len(found) >= 70
    own = [len(e.steps) == 1 and e.steps[0].startswith(f"{family} ") for e in found]
    assert sum(own) >= 0.97 * len(found)
    assert sum(e.exact for e in found) >= 0.88 * len(found)  # "two towels", "one towel" is up to inflection
    assert all(e.bag == (family == "swap") for e, one in zip(found, own, strict=True) if one)


# Tables


def pairs():
    """Three captions, with one, two and three negatives."""
    return [
        ("a white cat and a black dog", "a black cat and a white dog"),  # one, exactly
        ("a man rides a horse", "a man rides a mule"),  # one, exactly
        ("a man rides a horse", "two men ride a horse"),  # one
        ("a red cat on a mat", "a blue cat under a mat"),  # two
        ("a red cat on a mat", "a cat on a mat"),  # none
        ("a red cat on a mat", "a mat on a red cat"),  # one, exactly
    ]


def table(jobs=1, **how):
    captions, negatives = zip(*pairs(), strict=True)
    return cover("mine", captions, negatives, jobs=jobs, **how)


def test_shares():
    found = table()
    assert found.name == "mine" and list(zip(found.captions, found.negatives, strict=True)) == pairs()
    shares = {name: found.share(holds).mean for name, holds in HOLDS.items()}
    assert shares == pytest.approx(
        {"one operator, exactly": 3 / 6, "one operator": 4 / 6, "two": 1 / 6, "none": 1 / 6, "same words": 2 / 6}
    )
    assert found.share(lambda e: "replace object" in e.steps).mean == pytest.approx(1 / 6)


def test_pairs_of_one_caption_are_drawn_together():
    one, two, none = Explanation(("swap objects",), True, True), Explanation((), False, True), HOLDS["one operator"]
    captions = [f"caption {i // 4}" for i in range(80)]
    explanations = [one if i // 4 % 2 else two for i in range(80)]
    found = Coverage("mine", captions, captions, explanations).share(none)
    outcomes = [i // 4 % 2 for i in range(80)]
    assert found == estimate(outcomes, [i // 4 for i in range(80)])
    alone = estimate(outcomes)
    assert found.low < alone.low and found.high > alone.high


def test_clusters_are_captions_wherever_they_stand():
    captions, outcomes = ["a", "b", "c", "d"] * 20, [1, 0, 1, 0] * 20
    explanations = [Explanation(("swap objects",) * value, bool(value), True) for value in outcomes]
    found = Coverage("mine", captions, captions, explanations).share(HOLDS["one operator"])
    assert found == estimate(outcomes, [0, 1, 2, 3] * 20) and found.low == 0 and found.high == 1


def test_where():
    rows = pairs()
    assert table().where(HOLDS["none"]) == [(*rows[4], ())]
    assert table().where(HOLDS["one operator"]) == [
        (*rows[0], ("swap attributes",)),
        (*rows[1], ("replace object",)),
        (*rows[2], ("add attribute",)),
        (*rows[5], ("swap phrases",)),
    ]


def test_more_processes_find_the_same():
    assert table(jobs=2) == table(jobs=1)


def test_the_tagger_is_the_one_given():
    blind = table(tagger=lambda words: [OTHER] * len(words))
    assert {e.steps for e in blind.explanations} == {()}


def test_row_counts_the_very_same_words_and_those_that_one_operator_reaches():
    captions = ["A man bites the dog.", "two cats see a dog", "a big red dog runs fast", "one red ball"]
    negatives = ["The dog bites a man", "two dogs see a cat", "fast runs a red big dog", "one blue ball"]
    row = cover("mine", captions, negatives).row()
    assert row.keys() == {"pairs", *HOLDS, "very same words", "reached of these"} and row["pairs"] == 4
    # An article and a full stop are no words here, an ending is part of one; no operator shuffles a whole sentence.
    assert row["same words"].mean == 3 / 4 and (row["very same words"], row["reached of these"]) == (2 / 4, 1 / 2)
    none = cover("mine", captions[3:], negatives[3:]).row()
    assert none["very same words"] == none["reached of these"] == 0


def test_table_is_markdown():
    captions, negatives = zip(*pairs()[:1] * 1234, strict=True)
    rows = {coverage.name: coverage.row() for coverage in (table(), cover("very/large", captions, negatives))}
    lines = coverage_table(rows).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    cells = [
        [cell.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NON-BREAKING HYPHEN}", "-") for cell in row]
        for row in cells
    ]
    assert all(line.startswith("|") and line.endswith("|") for line in lines)
    assert cells[0][1:] == ["pairs", *HOLDS] and cells[1] == ["---"] * 7
    assert [row[:2] for row in cells[2:]] == [["mine", "6"], ["very: large", "1,234"]] and len(
        set(map(len, cells))
    ) == 1
    for row, name in zip(cells[2][2:], HOLDS, strict=True):
        mean, low, high = table().share(HOLDS[name])
        assert row == f"{100 * mean:.0f} ({100 * low:.0f}-{100 * high:.0f})"
    assert cells[3][2:] == ["100 (100-100)"] * 2 + ["0 (0-0)"] * 2 + ["100 (100-100)"]


def test_a_helping_verb_may_come_along():
    found = explain("A red boat floating in a bay.", "A submarine and a red boat are floating in a bay.")
    assert found.steps == ("add object",) and not found.exact
    assert explain("a dog on a mat", "a dog is on a mat").steps == ()


@pytest.mark.parametrize(("captions", "negatives"), [([], []), (["a cat"], []), (["a cat"], ["a dog", "a cow"])])
def test_lists_that_do_not_fit(captions, negatives, raises_saying):
    with raises_saying(ValueError, f"got {len(captions)} and {len(negatives)}"):
        cover("mine", captions, negatives)


# Acceptance: what SWAP makes of the benchmarks' own swapped captions


@pytest.mark.parametrize(
    ("name", "bag", "exactly"),
    [
        ("SugarCrepe/swap_att", 0.67, 0.665),
        ("SugarCrepe/swap_obj", 0.727, 0.73),
        ("VALSE/actant-swap", 0.39, 0.44),
    ],
)
def test_swaps_of_the_benchmarks(real_data, name, bag, exactly):
    """Their authors also changed words, so that no reordering explains more than a part: `bag` of them, exactly."""
    captions, negatives = load_hard_negatives(name)[:2]
    found = cover(name, captions, negatives)
    same = [sorted(canonical(a)) == sorted(canonical(b)) for a, b in zip(captions, negatives, strict=True)]
    assert sum(same) / len(same) == pytest.approx(bag, abs=0.01)
    reordered = [e for e, yes in zip(found.explanations, same, strict=True) if yes]
    by_swaps = [e.exact and e.steps != () and all(step.startswith("swap ") for step in e.steps) for e in reordered]
    assert sum(by_swaps) >= 0.9 * len(reordered)
    share = found.share(HOLDS["one operator, exactly"]).mean
    assert share == pytest.approx(exactly, abs=0.02)
    swapped = found.share(lambda e: len(e.steps) == 1 and e.steps[0].startswith("swap ")).mean
    assert max(share, swapped) <= found.share(HOLDS["same words"]).mean
