import itertools
import re

import pytest
from piece_page import data_of

from labclip_lib.book.figures.style import PALETTE
from labclip_lib.book.pieces.accuracies import LABELS, dial_slider, probe_switch
from labclip_lib.measures.intervals import Estimate

RANDOM, TRUE = LABELS
AT_CHANCE, LEARNT = Estimate(0.13, 0.09, 0.17), Estimate(0.32, 0.28, 0.35)
BOUND, BAG, NEVER = Estimate(0.9, 0.85, 0.95), Estimate(0.5, 0.46, 0.54), Estimate(0.0, 0.0, 0.01)


def said(random, true, leak):
    """What is said of a split's two accuracies, without the numbers."""
    page = probe_switch({("s", RANDOM, "pictures"): random, ("s", TRUE, "pictures"): true}, {"s": leak}, 0.125, 0.5)
    return [state["says"][1] for state in data_of(page.data)["states"]]


@pytest.mark.parametrize(
    "random, true, leak, of_random, of_true",
    [
        (LEARNT, BOUND, 1, "Nonsense, and still it can be read", "part of it may be learnt by heart"),
        (Estimate(0.5, 0.47, 0.53), BOUND, 1, "The interval reaches the ceiling", "part of it may be learnt by heart"),
        (LEARNT, BOUND, 0, "look for another leak", "part of it may be learnt by heart"),
        (AT_CHANCE, BOUND, 0, "Not above chance, as it must be", "the embedding holds who has what"),
        (AT_CHANCE, BOUND, 0.8, "this probe learnt nothing by heart", "though relatives were in training"),
        (AT_CHANCE, BAG, 0, "Not above chance", "a perfect bag of words would do as well"),
        (AT_CHANCE, NEVER, 0, "Not above chance", "never, or hardly ever, right in training"),
    ],
)
def test_a_reading_follows_from_the_intervals_and_the_leak(random, true, leak, of_random, of_true):
    first, second = said(random, true, leak)
    assert of_random in first and of_true in second


def test_the_ceiling_is_named_only_where_it_is_reached():
    assert "ceiling" not in said(LEARNT, BOUND, 1)[0]


FOUND = {
    (split, labels, read): Estimate(k / 10, k / 10 - 0.05, k / 10 + 0.05)
    for k, (split, labels, read) in enumerate(
        itertools.product(["by </script>", "by pair"], LABELS, ["pictures", "captions"]), 1
    )
}
LEAKS = {"by </script>": 0.807, "by pair": 0.0}


def test_states_stand_in_the_order_of_the_ticks_with_the_numbers_that_came_in():
    page = probe_switch(FOUND, LEAKS, 0.125, 0.5).data
    found = data_of(page)
    assert found["counts"] == [2, 2, 2]
    assert [state["mean"] for state in found["states"]] == [10, 20, 30, 40, 50, 60, 70, 80]
    assert found["states"][2]["says"][0] == (
        "Accuracy 0.300 (95 % interval 0.250 to 0.350). With a relative in training: 81 % of the test."
    )
    assert [state["color"] for state in found["states"]] == [PALETTE["image"], PALETTE["text"]] * 4


def test_without_a_script_the_first_accuracy_stands_on_the_axis_with_both_levels():
    before, _, after = probe_switch(FOUND, LEAKS, 0.125, 0.5).data.partition("<script>")
    assert 'class="lc-ticks" hidden' in before  # ticks that would do nothing
    assert re.search(r'lc-fill" style="width:10.0%', before) and "Accuracy 0.100 (95 % interval" in before
    assert 'data-level="chance" style="left:12.5%' in before and "chance 0.125" in before
    assert 'data-level="bag-of-words ceiling" style="left:50%' in before and "bag-of-words ceiling 0.5" in before
    assert "by &lt;/script&gt;" in before and after.count("</script>") == 1


@pytest.mark.parametrize("lost", [next(iter(FOUND)), list(FOUND)[-1]])
def test_a_combination_that_is_missing_is_refused(lost, raises_saying):
    with raises_saying(ValueError, "got 7 accuracies for 2 splits"):
        probe_switch({key: value for key, value in FOUND.items() if key != lost}, LEAKS, 0.125, 0.5)


def test_other_labels_and_a_missing_leak_are_refused(raises_saying):
    with raises_saying(ValueError, "labels true, made up"):
        probe_switch({("s", labels, "pictures"): BAG for labels in ("true", "made up")}, {"s": 0}, 0.125, 0.5)
    with raises_saying(ValueError, "leaks of by pair"):
        probe_switch(FOUND, {"by pair": 0.0}, 0.125, 0.5)


DIAL = {
    (share, step): (Estimate(mean, mean - 0.05, mean + 0.15), [mean - 0.01, mean, mean + 0.01])
    for (share, step), mean in zip(itertools.product([0.0, 1.0], [0, 300]), [0.5, 0.47, 0.53, 0.9], strict=True)
}


def test_the_dial_hands_over_every_share_at_every_step():
    found = data_of(dial_slider(dict(reversed(DIAL.items()))).data)
    assert found["shares"] == ["0 %", "100 %"] and found["steps"] == [0, 300]
    assert [state["mean"] for state in found["states"]] == [50, 47, 53, 90]
    assert found["states"][3]["dots"] == [89, 90, 91] and found["states"][3]["cells"] == ["0.90", "0.10"]
    assert found["states"][3]["high"] == 100  # an interval by Student's t may end beyond the axis, and says so
    assert found["states"][3]["says"][0] == "Swap accuracy 0.900 (95 % interval 0.850 to 1.050) over 3 trainings."


def test_without_a_script_the_dial_shows_its_first_share_at_the_last_step():
    before = dial_slider(DIAL).data.partition("<script>")[0]
    assert '<div hidden class="lc-sliders">' in before and "Swap accuracy 0.47" in before
    assert re.findall(r"<td style=[^>]*>([\d.]+)</td>", before) == ["0.47", "0.53", "0.53", "0.47"]
    assert before.count('style="left:50%;border') == 2  # chance and the ceiling


@pytest.mark.parametrize(
    "accuracy, says",
    [
        (Estimate(0.52, 0.47, 0.56), "The interval holds one half"),
        (Estimate(0.52, 0.51, 0.53), "Just above one half"),
        (Estimate(0.49, 0.48, 0.495), "Just below one half"),
        (Estimate(0.2, 0.1, 0.3), "the wrong way round"),
        (Estimate(0.89, 0.8, 0.95), "of 100 choices 89 are right"),
    ],
)
def test_the_dial_says_what_a_swap_accuracy_means(accuracy, says):
    assert says in data_of(dial_slider({(0.0, 300): (accuracy, [accuracy.mean])}).data)["states"][0]["says"][1]


def test_a_dial_with_a_gap_is_refused(raises_saying):
    with raises_saying(ValueError, "every share at every step, 4, got 3"):
        dial_slider(dict(list(DIAL.items())[:3]))
