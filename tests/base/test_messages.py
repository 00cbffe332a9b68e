import pytest

from labclip_lib.base.messages import closest, did_you_mean, first_line


@pytest.mark.parametrize(
    ("said", "first"),
    [("no such file.", "no such file"), ("one. two.", "one"), ("one:\n two", "one"), ("", "ValueError")],
)
def test_the_first_sentence_of_an_error(said, first):
    assert first_line(ValueError(said)) == first


def test_what_an_unknown_name_may_mean():
    assert closest("coal", ["cola", "aro"]) == "cola" and closest("x", ["cola"]) is None and closest(3, []) is None
    assert did_you_mean("coal", ["cola", "aro"]) == "did you mean 'cola'?"
    assert did_you_mean("x", ["cola", "aro"]) == "choose from cola, aro."
    assert did_you_mean(3, {"cola": 1}, otherwise="choose a key of B.") == "choose a key of B."
