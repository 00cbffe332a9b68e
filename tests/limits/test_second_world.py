import pytest

from labclip_lib.limits.second_world import FITTED, second_world
from labclip_lib.studies.acceptance import ORDERS


@pytest.fixture(scope="module")
def table(tiny_3d):
    return second_world(tiny_3d, layouts=1)


def test_every_method_is_asked_in_both_orders(table):
    assert [*table] == [*ORDERS]
    for methods in table.values():
        assert [*methods] == [*FITTED]
        for measures in methods.values():
            assert {"swap", "group match"} <= {*measures}
            assert all(0 <= m.chance <= m.bag_of_words <= 1 for m in measures.values())


def test_the_scenes_are_of_its_own_world(table):
    """Four solids in five colours: 6 x 20 scenes of two."""
    assert any("of 120" in name for name in table["fixed"]["CLIP"])
