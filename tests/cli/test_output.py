import json
from pathlib import Path

import numpy as np
import pytest

from labclip_lib.base.files import write_json
from labclip_lib.cli.output import announce, can_write, show, write_table
from labclip_lib.measures.measure import Measure


def test_a_table_on_the_screen_and_the_same_in_a_file(tmp_path, capsys):
    measures = {"something": Measure(np.array([0.0, 1.0]), np.arange(2), 0.25)}
    show(measures, "mine", tmp_path / "table.json")
    kept = json.loads((tmp_path / "table.json").read_text())
    assert kept["of"] == "mine" and kept["table"]["something"]["mean"] == 0.5
    said = capsys.readouterr().out
    assert "| something | 0.500 | 0.000 to 1.000 | 0.250 |  |" in said
    show(measures, "mine", None)
    assert capsys.readouterr().out == said and len(list(tmp_path.iterdir())) == 1


def test_where_one_can_write_nothing_is_left(tmp_path):
    can_write("--json", None)
    can_write("--json", tmp_path / "new" / "folder" / "table.json")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="--json names the folder"):
        can_write("--json", tmp_path)
    (tmp_path / "file").touch()
    for path in ("/proc/labclip/table.json", tmp_path / "file" / "table.json"):
        with pytest.raises(OSError, match=str(path)):
            can_write("--json", Path(path))


def test_a_table_in_a_new_folder(tmp_path):
    write_table(tmp_path / "new" / "table.json", {"a": 1})
    assert json.loads((tmp_path / "new" / "table.json").read_text()) == {"a": 1}
    write_table(None, {"a": 1})


@pytest.mark.parametrize(("tables", "said"), [(None, "Probing pocket on "), ("mine", "Probing mine: a minute")])
def test_what_begins_is_said_on_standard_error(tables, said, capsys):
    announce("Probing", tables, "pocket")
    out, err = capsys.readouterr()
    assert not out and err.startswith(said) and err.count("\n") == 1


def test_what_cannot_be_written_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "table.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1} and list(tmp_path.iterdir()) == [path]
