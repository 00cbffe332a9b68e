import numpy as np
import pytest

from labclip_lib.benchmarks.bivlc import QUESTIONS, published
from labclip_lib.benchmarks.evaluate import ALL_FOUR, BOTH_CAPTIONS, BOTH_IMAGES


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


def test_a_file_of_another_form_is_refused(to_download, monkeypatch, tmp_path, raises_saying):
    from labclip_lib.benchmarks import bivlc

    (tmp_path / "other.csv").write_text("caption,negative_caption,type\na,b,swap\n")
    monkeypatch.setattr(bivlc, "fetch_pinned", lambda *names: tmp_path / "other.csv")
    with raises_saying(ValueError, "other.csv", "'subtype'"):
        published()
