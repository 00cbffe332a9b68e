"""What the pages say to readers who hear them, or hold a phone."""

import pytest


@pytest.fixture
def mend(load_tool):
    return load_tool("for_all_readers").mend


def test_a_fold_has_the_name_that_is_written_on_it(mend):
    page = '<summary aria-label="Toggle hidden content"><p>Show code cell source</p></summary>'
    assert mend(page) == "<summary><p>Show code cell source</p></summary>"


def test_no_two_exercises_have_one_id(mend):
    page = '<div id="ex-1"><section id="exercise-content"></section></div><section id="proof-content"></section>'
    assert mend(page) == '<div id="ex-1"><section></section></div><section></section>'


def test_a_list_without_items_is_none(mend):
    assert mend('<div role="list" class="citation-list"><div role="doc-biblioentry">') == (
        '<div class="citation-list"><div role="doc-biblioentry">'
    )


@pytest.mark.parametrize(
    "text", ["0.511 (0.491 to 0.532)", "63 % (60 to 67)", "+6.4 points (-1.0 to +11.8)", ".5 (.4 to .6)"]
)
def test_a_number_stays_on_one_line_with_its_interval(mend, text):
    assert mend(f"<td>It is {text} here.</td>") == f"<td>It is {text.replace(' ', chr(0xA0))} here.</td>"


def test_other_brackets_break_as_they_did(mend):
    assert mend("from 3 (see chapter 4) to 5 (of 6)") == "from 3 (see chapter 4) to 5 (of 6)"


def test_a_page_with_a_formula_says_what_it_is_without_javascript(mend):
    assert mend('<span class="math notranslate">').startswith("<noscript><p>Without JavaScript each formula")
