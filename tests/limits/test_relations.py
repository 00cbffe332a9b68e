import pytest
import torch

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.alignment.statement_task import COLOURS
from labclip_lib.limits.relations import STRENGTHS, _best, relations
from labclip_lib.world.statements import KINDS


@pytest.fixture(scope="module")
def table(tiny_teller):
    return relations(tiny_teller, n=60)


def test_every_kind_is_measured_before_and_after(table):
    assert [*table] == [COLOURS, *KINDS]
    for kind, methods in table.items():
        assert [*methods] == [
            "probes", "CLIP", "LABCLIP, this kind", "formula, this kind", "LABCLIP, all kinds", "formula, all kinds",
            "formula, all kinds, as few pairs", "dial",
        ]  # fmt: skip
        assert [*methods["dial"]] == [str(strength) for strength in STRENGTHS]
        asked = {name: measures for name, measures in methods.items() if name != "dial"} | methods["dial"]
        for name, measures in asked.items():
            assert ("one reading" in measures) == (kind != COLOURS and name != "probes")
            assert all(0 <= m.chance <= m.bag_of_words <= 1 for m in measures.values())


def test_without_the_matrix_the_dial_stands_at_clip(table):
    for methods in table.values():
        for name, measure in methods["dial"]["0"].items():
            assert measure.values.mean() == pytest.approx(methods["CLIP"][name].values.mean(), abs=0.02)  # near ties


def test_the_twins_choose_the_strength_and_of_equals_the_weakest():
    """Captions that a sign flip of the second axis repairs; the third axis is on one side of both."""
    images = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    pairs = Pairs(images, -images, images[:, None])
    dial = {}
    for strength in (0, 1, 2, 3):
        dial[strength] = LABCLIP(3)
        dial[strength].set_matrix(torch.diag(torch.tensor([1.0, 1.5 - strength, 1.0])))
    assert _best(dial, pairs) is dial[2]
