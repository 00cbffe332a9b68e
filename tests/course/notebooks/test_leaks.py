import base64
import html
import json

import pytest

from labclip_lib.course.notebooks.leaks import places

LINE = 'answer = "a < b" if x else 41'


@pytest.mark.parametrize(
    "stored",
    [
        LINE,
        json.dumps({"source": json.dumps({"source": LINE})}),
        html.escape(LINE),
        "".join(f"<b>{html.escape(part)}</b> " for part in LINE.split(" ")),
        base64.b64encode(f"x\n{LINE}\n".encode()).decode(),
    ],
)
def test_a_line_is_found_in_whatever_form(tmp_path, stored):
    path = tmp_path / "deep" / "page.html"
    path.parent.mkdir()
    path.write_text(stored)
    assert places(tmp_path, [LINE, "another = line(of=code)"]) == [(str(path), LINE)]


def test_a_notebook_itself():
    notebook = {"cells": [{"source": f"x = 1\n{LINE}"}]}
    assert places(notebook, [LINE]) == [("the notebook", LINE)] and places(notebook, ["x = 12345678"]) == []


def test_a_place_that_is_not_there(tmp_path, raises_saying):
    with raises_saying(ValueError, "neither a file nor a folder"):
        places(tmp_path / "nowhere", [LINE])
