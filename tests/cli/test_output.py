import json

import numpy as np
import pytest

from labclip_lib.base.files import write_json
from labclip_lib.cli.output import can_write, show
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
    can_write(None)
    can_write(tmp_path / "new" / "folder" / "table.json")
    assert not list((tmp_path / "new" / "folder").iterdir())
    with pytest.raises(OSError, match="/proc/labclip"):
        can_write(type(tmp_path)("/proc/labclip/table.json"))


def test_what_cannot_be_written_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "table.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1} and list(tmp_path.iterdir()) == [path]
