import pytest

from labclip_lib.inside.parts_or_wholes import BOXES, wholes_and_parts
from labclip_lib.models.backbones import load_backbone


@pytest.fixture(scope="module")
def table():
    return wholes_and_parts(load_backbone("pocket", "cpu"), layouts=1)


def mean(table, method, measure):
    return float(table[method][measure].values.mean())


def test_wholes_are_clip_as_it_is(table):
    assert 0.4 < mean(table, "whole, caption", "swap") < 0.6


def test_both_must_be_cut(table):
    for picture in ("windows", *BOXES):
        assert mean(table, f"{picture}, caption", "swap") < 0.65
        assert mean(table, f"{picture}, phrases", "swap") > 0.85
    assert mean(table, "whole, phrases", "swap") < 0.6
    assert mean(table, "loose boxes, phrases", "swap") > 0.97


def test_the_order_of_the_phrases_changes_nothing(table):
    for picture in ("whole", "windows", *BOXES):
        name = f"{picture}, phrases"
        assert mean(table, name, "another order") == pytest.approx(mean(table, name, "swap"), abs=0.01)


def test_every_measure_has_its_levels(table):
    for measures in table.values():
        assert [*measures] == ["swap", "group match", "another order", "recall@1"]
        for measure in measures.values():
            assert 0 < measure.chance <= measure.bag_of_words <= 0.5
            assert len(measure.values) == len(measure.clusters)
        assert len(measures["swap"].values) == 2 * len(measures["group match"].values)
