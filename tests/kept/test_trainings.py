import runpy
import shutil
from fnmatch import fnmatch

import pytest

from labclip_lib.kept import trainings
from labclip_lib.kept.trainings import MADE_BY, load_study


def test_every_table_is_there_and_no_other():
    assert {path.stem for path in trainings.FOLDER.iterdir()} == set(MADE_BY)
    assert all(load_study(name) for name in MADE_BY)


def test_contributors_are_told_the_command_and_where_its_table_goes(root):
    told = (root / "CONTRIBUTING.md").read_text()
    for name, command in MADE_BY.items():
        made = told.partition(f"labclip {command}")[2]
        cp = next(line for line in made.splitlines() if line.startswith("cp ") and "kept/studies" in line)
        source, target = cp.split()[1:]
        if target.endswith(".json"):
            assert target == f"labclip_lib/kept/studies/{name}.json"
        else:
            assert fnmatch(f"{name}.json", source.rpartition("/")[2]) and target == "labclip_lib/kept/studies/", name


def test_a_name_that_is_none_is_refused(raises_saying):
    with raises_saying(ValueError, "'pockets'", "pocket, pocket-128, pocket-3d, pocket-relations, dial, support"):
        load_study("pockets")


def test_a_table_that_is_missing_is_told_with_its_command(tmp_path):
    alone = runpy.run_path(shutil.copy(trainings.__file__, tmp_path))  # no tables lie beside it
    with pytest.raises(FileNotFoundError, match=r"dial\.json is missing; `python -m labclip_lib study dial"):
        alone["load_study"]("dial")
