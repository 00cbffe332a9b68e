import pytest

from labclip_lib.benchmarks.reproduce.names import CONTENTS, check_names
from labclip_lib.benchmarks.reproduce.tables import TABLES


def test_every_table_says_what_is_in_it():
    assert list(CONTENTS) == list(TABLES)
    check_names(TABLES)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("valse", "it is part of 'further'."),
        ("sugarcrepe_pp", "it is part of 'further'."),
        ("PUG-SPAR", "it is part of 'probes' and of 'crossmodal' and of 'alignment'."),
        ("prbes", "did you mean 'probes'?"),
        ("no", "choose from probes, crossmodal, alignment, aro, sugarcrepe, retrieval, further, all."),
    ],
)
def test_a_name_that_is_no_table(name, hint, raises_saying):
    with raises_saying(ValueError, f"There is no table {name!r}; {hint}"):
        check_names(["probes", name])
