import numpy as np
import pytest

from labclip_lib.benchmarks.evaluation import ALL_FOUR, BOTH_CAPTIONS, BOTH_IMAGES
from labclip_lib.benchmarks.formats.bivlc import QUESTIONS, published


@pytest.fixture(scope="module")
def results(real_data):
    return published()


def test_every_item_is_asked_every_question(results):
    assert list(results.answers) == list(QUESTIONS)
    for answers in results.answers.values():
        assert len(answers.keys) == len(set(answers.keys)) == 2933
        assert set(answers.groups) == {"add", "replace", "swap"} and set(answers.outcomes) == {0.0, 1.0}


def test_both_means_one_and_the_other(results):
    """The published columns hang together as the names say."""
    got = {question: answers.outcomes for question, answers in results.answers.items()}
    assert np.array_equal(got[BOTH_IMAGES], got["the photo chooses"] * got["the generated image chooses"])
    assert np.array_equal(got[BOTH_CAPTIONS], got["the caption chooses"] * got["the negative chooses"])
    assert np.array_equal(got[ALL_FOUR], got[BOTH_IMAGES] * got[BOTH_CAPTIONS])


HEADS = (
    "caption,negative_caption,type,subtype,text_score,image_score,group_score,text_score_i0,text_score_i1,"
    "image_score_c0,image_score_c1\n"
)


def test_each_column_answers_its_question(pin):
    """Two items about one caption, the first with a negative of the same words."""
    first = ["True", "False", "False", "True", "False", "False", "True"]
    rows = [["a b", "B a.", "swap", "obj", *first], ["a b", "a c", "replace", "att", *["True"] * 7]]
    pin("bivlc/BiVLC_ViT-B-32.csv", HEADS + "".join(",".join(row) + "\n" for row in rows))
    found = published().answers
    assert [(question, it.outcomes[0], it.chance[0]) for question, it in found.items()] == [
        (BOTH_IMAGES, 1, 1 / 4), (BOTH_CAPTIONS, 0, 1 / 4), (ALL_FOUR, 0, 1 / 6), ("the photo chooses", 1, 1 / 2),
        ("the generated image chooses", 0, 1 / 2), ("the caption chooses", 0, 1 / 2),
        ("the negative chooses", 1, 1 / 2),
    ]  # fmt: skip
    for it in found.values():
        assert it.bag_of_words.tolist() == [it.chance[0], 1] and it.clusters.tolist() == ["a b", "a b"]
        assert it.keys.tolist() == ["swap_obj/0", "replace_att/1"] and it.groups.tolist() == ["swap", "replace"]


def test_a_file_of_another_form_is_refused(pin, raises_saying):
    pin("bivlc/BiVLC_ViT-B-32.csv", "caption,negative_caption,type\na,b,swap\n")
    with raises_saying(ValueError, "BiVLC_ViT-B-32.csv", "'subtype'"):
        published()
