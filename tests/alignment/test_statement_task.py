import dataclasses

import pytest
import torch

from labclip_lib.alignment.statement_task import (
    COLOURS,
    choice_of_caption,
    one_reading_accuracy,
    one_reading_tables,
    statement_probes,
    swap_and_match,
    task_of,
)
from labclip_lib.world.statements import KINDS


@pytest.fixture(scope="module", params=[COLOURS, "two or three", "left or right"])
def task(tiny_teller, request):
    return task_of(tiny_teller, request.param, n=60, seed=1)


def test_twins_stand_one_half_apart_and_share_a_part(task):
    n = len(task.images) // 2
    for order in ("fixed", "random"):
        assert task.captions[order][:n] == task.foils[order][n:]
        assert torch.equal(task.texts[order][:n], task.foil_texts[order][n:])
    for part in (task.split.train, task.split.validation, task.split.test):
        assert torch.equal(part[:n], part[n:])


def test_an_oracle_is_always_right_and_a_bag_of_words_guesses(task):
    """Images and captions of one code per statement, then of one code for a statement and its twin."""
    codes = torch.nn.functional.normalize(torch.randn(len(task.images), 64, generator=torch.Generator().manual_seed(0)))
    n = len(codes) // 2
    foils = torch.cat([codes[n:], codes[:n]])
    both = {"fixed": codes, "random": codes}
    knows = dataclasses.replace(task, images=codes, texts=both, foil_texts={order: foils for order in both})
    assert {m.values.mean() for m in swap_and_match(knows).values()} == {1.0}
    chosen = choice_of_caption(knows)["own caption"]
    assert chosen.values.mean() == 1.0 and len(chosen.values) == int(task.split.test.sum())
    bag = torch.cat([codes[:n], codes[:n]])
    same = {"fixed": bag, "random": bag}
    guesses = dataclasses.replace(task, images=bag, texts=same, foil_texts=same)
    measures = swap_and_match(guesses).values()
    assert {m.values.mean() for m in measures} == {0.5} == {m.bag_of_words for m in measures}
    chosen = choice_of_caption(guesses)["own caption"]
    assert chosen.values.mean() == chosen.bag_of_words <= 0.5 and 0 < chosen.chance < 1 / len(chosen.values)


def test_probes_have_the_levels_of_their_question(task):
    measures = statement_probes(task)
    values = int(task.value.max()) + 1
    assert {round(m.chance, 6) for m in measures.values()} == {round(1 / values, 6)}
    assert {m.bag_of_words for m in measures.values()} == {0.5}


def test_pairs_are_of_their_part(task):
    train, few = task.pairs("train"), task.pairs("train", most=10)
    assert len(train) == int(task.split.train.sum()) and len(few) == 10
    assert (train.text_ids[:, None] != train.negative_ids).all()


@pytest.mark.parametrize("kind", KINDS)
def test_one_reading_is_no_matter_of_order(tiny_teller, kind):
    measure = one_reading_accuracy(one_reading_tables(tiny_teller, kind, n=20))
    assert len(measure.values) == 20 and measure.chance == 0.5 and measure.bag_of_words == 1.0
