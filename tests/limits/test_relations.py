from labclip_lib.alignment.statement_task import COLOURS
from labclip_lib.limits.relations import relations
from labclip_lib.world.statements import KINDS


def test_every_kind_is_measured_before_and_after(tiny_teller):
    table = relations(tiny_teller, n=60)
    assert [*table] == [COLOURS, *KINDS]
    for kind, methods in table.items():
        assert [*methods] == [
            "probes", "CLIP", "LABCLIP, this kind", "LABCLIP, all kinds", "LABCLIP, all kinds, as few pairs",
        ]  # fmt: skip
        for name, measures in methods.items():
            assert ("one reading" in measures) == (kind != COLOURS and name != "probes")
            assert all(0 <= m.chance <= m.bag_of_words <= 1 for m in measures.values())
