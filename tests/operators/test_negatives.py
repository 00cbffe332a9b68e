import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

from labclip_lib.operators.grammar import canonical, read
from labclip_lib.operators.negatives import Negative, as_negative, generator_for, quoted
from labclip_lib.operators.on_captions import add, replace, shuffle_words, swap
from labclip_lib.world.scenes import World

STREET = "Two old men in red hats sit on a long bench next to a small dog, and a white bus stops behind them."
CAPTIONS_ALIKE = [
    f"a {x} stands on a {y}" for x in ("cow", "man", "bowl", "girl", "goat") for y in ("rock", "wall", "rug")
]


@pytest.mark.parametrize(
    ("operator", "what", "least"),
    [(replace, "object", 8), (replace, "relation", 4), (add, "object", 8), (add, "attribute", 6)],
)
@pytest.mark.parametrize("seed", [0, 1, [3, 1]])
def test_one_seed_does_not_bring_the_same_word_into_every_caption(operator, what, least, seed):
    new = [set(canonical(operator(c, what, seed).value)) - set(canonical(c)) for c in CAPTIONS_ALIKE]
    assert len(set(map(frozenset, new))) >= least


def test_one_seed_does_not_shuffle_every_caption_alike():
    captions = [f"{a} {b} {c} {d} {a}{b} {c}{d}" for a, b, c, d in itertools.product("klm", "pqr", "uvw", "xyz")][:30]
    orders = {tuple(c.split().index(w) for w in shuffle_words(c, seed=0).value.split()) for c in captions}
    assert len(orders) > 20


def test_every_process_draws_alike(root):
    """Whatever Python's hash seed, the locale and the time zone are."""
    program = (
        "from labclip_lib.operators.on_captions import OPERATORS;"
        f"print(ascii([op({STREET!r}, seed=s).value for op in OPERATORS.values() for s in (0, 1)]))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone, "PYTHONUTF8": "0"},
        ).stdout
        for seed, locale, zone in (("1", "C", "UTC"), ("2", "POSIX", "Asia/Tokyo"))
    }  # fmt: skip
    assert len(said) == 1 and len(said.pop()) > 1000


def test_a_reason_quotes_the_caption_and_shortens_a_long_one():
    assert "'flowers'" in swap("flowers").reason and "'flowers'" in shuffle_words(["flowers"]).reason
    reason = swap("very " * 100).reason
    assert "very very" in reason and "..." in reason and len(reason) < 160


def test_words_in_another_order_draw_the_same():
    first, turned, other = (read(text).words for text in ("red dog, old cat", "old cat, red dog", "old cat, red dogs"))
    draws = [generator_for(3, words).random() for words in (first, turned, other)]
    assert draws[0] == draws[1] and generator_for(4, first).random() != draws[0]
    assert generator_for(3).random() == np.random.default_rng(3).random() != draws[0]


def test_what_comes_back_as_it_was_is_no_negative():
    sentence = read("A red dog.")
    assert as_negative("A red dog.", sentence, sentence.words, "swap") == Negative(
        None, "swap", "Nothing changes in 'A red dog.'."
    )


def test_a_source_is_quoted_and_scenes_are_counted():
    assert quoted(World().sample(2)) == "these 2 scenes" and quoted(["a", "dog"]) == "'a dog'"
