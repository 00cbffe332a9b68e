import pytest

from labclip_lib.base.messages import first_line


@pytest.mark.parametrize(
    ("said", "first"),
    [("no such file.", "no such file"), ("one. two.", "one"), ("one:\n two", "one"), ("", "ValueError")],
)
def test_the_first_sentence_of_an_error(said, first):
    assert first_line(ValueError(said)) == first
