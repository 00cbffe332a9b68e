import json
import math

import numpy as np
import pytest

from labclip_lib.benchmarks import blind
from labclip_lib.benchmarks.blind import Detector, NGrams, blind_outcomes, lengths, other_captions, shorter, words
from labclip_lib.benchmarks.hard_negatives import SUBSETS, load_hard_negatives
from labclip_lib.measures.intervals import estimate

ZOO = ["a red cat sits.", "A red dog sits", "a cat sees a red dog!", "two dogs run", "the cat"]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "before", [(), ("<s>",), ("a",), ("<s>", "a"), ("a", "red"), ("zebra",), ("a", "zebra"), ("<s>", "a", "red", "cat")]
)
def test_next_words_sum_to_one(order, before):
    model = NGrams(order).fit(ZOO)
    assert math.isclose(math.fsum(model.probability(word, before) for word in [*model.known, "zebra"]), 1)
    assert model.probability("zebra", before) > 0


def test_worked_by_hand():
    """Kneser-Ney of order 2 on "a b", "a c", "d b": words a b c d and the end, plus one unknown: p0 = 1/6.

    Different words before: a 1 (as the beginning is one), b 2, c 1, d 1, end 2: of 7. With d = 1/2:
    p1(b) = 1.5/7 + 0.5 * 5/7 * 1/6 = 23/84, and p2(b | a) = 0.5/2 + 0.5 * 2/2 * p1(b).
    """
    model = NGrams(2, discount=0.5).fit(["a b", "a c", "d b"])
    assert math.isclose(model.probability("b"), 23 / 84)
    assert math.isclose(model.probability("b", ("a",)), 1 / 4 + 23 / 168)
    assert math.isclose(model.probability("b", ("zebra",)), 23 / 84)
    assert math.isclose(model.probability("a", ("<s>",)), 1.5 / 3 + 0.5 * 2 / 3 * model.probability("a"))


def test_how_captions_begin_is_counted_alike_in_every_order():
    two, three = (NGrams(order).fit(ZOO) for order in (2, 3))
    assert three.probability("a", ("<s>",)) == two.probability("a", ("<s>",)) > two.probability("a")


def test_the_probability_of_a_caption_is_the_product_over_its_words():
    model = NGrams(3).fit(ZOO)
    steps = [("<s>",), ("<s>", "a"), ("a", "red"), ("red", "cat")]
    want = sum(math.log(model.probability(w, h)) for w, h in zip(["a", "red", "cat", "</s>"], steps, strict=True))
    total, mean = model.log_probability(["A red cat."]), model.log_probability_per_word(["A red cat."])
    assert total.dtype == np.float64 and math.isclose(total[0], want) and math.isclose(mean[0], want / 4)


def test_unknown_words_and_no_words_have_a_probability():
    model = NGrams(3).fit(ZOO)
    scores = model.log_probability(["a red cat sits", "a red yak sits", "quux xyzzy", "...", ""])
    assert np.isfinite(scores).all() and scores[0] > scores[1] and scores[3] == scores[4]


def test_order_one_is_blind_to_the_order_of_words_and_two_is_not():
    caption, negative = ["a red dog sees the two cat run"], ["run cat two the sees dog red a"]
    assert blind_outcomes(NGrams(1).fit(ZOO).log_probability, caption, negative) == [0.5]
    assert blind_outcomes(NGrams(2).fit(ZOO).log_probability, caption, negative) == [1]


def test_the_length_rule():
    assert words("It's A cat,\nno. 2!") == ("it", "s", "a", "cat", "no", "2")
    assert lengths(["a cat", "", "A cat-like , thing ."]).tolist() == [3, 1, 5]
    outcomes = blind_outcomes(shorter, ["a cat", "a cat", "a cat"], ["a black cat", "a dog", "cats"])
    assert outcomes.tolist() == [1, 0.5, 0]


def test_a_detector_learns_its_generator_and_not_another():
    """Trained on negatives that put "mauve" for a colour, it knows all of those, and is lost with other exchanges."""
    colors, things = ("red", "blue", "green"), ("cat", "dog", "cup", "car", "hat", "box")
    captions = [f"a {color} {thing}" for color in colors for thing in things]
    mauve = [f"a mauve {thing}" for _ in colors for thing in things]
    other = captions[6:] + captions[:6]
    detector = Detector().fit(captions[::2], mauve[::2])
    assert (detector.score(captions) > 0).all() and (detector.score(mauve) < 0).all()
    assert blind_outcomes(detector.score, captions[1::2], mauve[1::2]).mean() == 1
    assert 0.2 < blind_outcomes(detector.score, captions, other).mean() < 0.8


@pytest.fixture
def files(pin):
    """Three small subsets in place of the real ones, and nothing in the others."""

    def item(caption, image, paraphrase="", negative="no"):
        """As it stands in the files of SugarCrepe, of SugarCrepe++ and of VALSE, all at once."""
        return {
            "caption": caption, "negative_caption": negative, "caption2": paraphrase, "filename": image,
            "foil": negative, "image_file": image, "mturk": {"caption": 3},
        }  # fmt: skip

    written = {
        "SugarCrepe/swap_att": {"0": item("a cat on a mat", "000009.jpg", negative="A mat on a cat.")},
        "SugarCrepe++/swap_att": [
            item("A cat.", "8.jpg", "my own paraphrase", "a mat"), item("A cup.", "7.jpg", "One cup."),
        ],
        "VALSE/plurals": {
            "1": item("a mat on a cat", "1.jpg"), "2": item("said of picture 9", "COCO_val_09.jpg"),
            "3": item("two dogs", "2.jpg"), "4": item("Two dogs!", "3.jpg"), "5": item("my own paraphrase", "4.jpg"),
        },
    }  # fmt: skip
    for name, path in SUBSETS.items():
        empty = [] if name.startswith(("SugarCrepe++", "COLA")) else {}
        text = json.dumps(written.get(name, empty))
        pin(path, "title\tneg_caption\tfilepath\n" if path.endswith(".tsv") else text)


def test_captions_of_other_projects(files):
    """Not its own, nor the words of any of its texts, nor of its pictures; each once."""
    assert other_captions("SugarCrepe") == other_captions("SugarCrepe++") == ["two dogs"]
    assert other_captions("VALSE") == ["A cat.", "A cup.", "One cup."]


@pytest.mark.parametrize("project", ["SugarCrepe/swap_att", "Winoground", "", None])
def test_unknown_project(project, raises_saying):
    with raises_saying(ValueError, repr(project), "VALSE"):
        other_captions(project)


@pytest.mark.parametrize(
    ("name", "first"),
    [("SugarCrepe/swap_att", "565045"), ("SugarCrepe++/swap_att", "565045"), ("VALSE/foil-it", "165831"),
     ("COLA/multi-object", "2390970"), ("NegCLIP/validation", "184613")],
)  # fmt: skip
def test_pictures_stand_beside_their_captions(real_data, name, first):
    assert blind._pictures(load_hard_negatives(name).images)[0] == first


def test_real_benchmarks_can_be_told_without_pictures(real_data):
    """Shuffles and added words give themselves away; pairs that are each other's negative cannot."""
    captions = other_captions("SugarCrepe")
    assert len(captions) == 10089
    model = NGrams().fit(captions)
    for name, low, high in (("add_att", 0.98, 1.0), ("swap_att", 0.60, 0.75)):
        true, false = load_hard_negatives(f"SugarCrepe/{name}")[:2]
        mean, at_least, at_most = estimate(blind_outcomes(model.log_probability, true, false))
        assert low < at_least < mean < at_most <= high
    one, other = load_hard_negatives("COLA/multi-object")[:2]
    assert blind_outcomes(model.log_probability, one + other, other + one).mean() == 0.5


@pytest.mark.parametrize("call", [NGrams().fit, NGrams().fit(ZOO).log_probability, lengths, shorter])
@pytest.mark.parametrize("captions", ["a cat", []])
def test_one_caption_or_none_is_no_list(call, captions, raises_saying):
    with raises_saying(ValueError, repr(captions), "list"):
        call(captions)


def test_wrong_settings(raises_saying):
    for order, discount in ((0, 0.75), (3, 0), (3, 1)):
        with raises_saying(ValueError, str(order), str(discount)):
            NGrams(order, discount)
    with raises_saying(ValueError, "fit"):
        NGrams().log_probability(ZOO)
