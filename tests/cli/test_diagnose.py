import json

import numpy as np

from labclip_lib.__main__ import main
from labclip_lib.diagnosis import cross_modal
from labclip_lib.measures.measure import Measure


def test_tables_of_one_s_own(tables, tmp_path, capsys):
    path = tmp_path / "new" / "table.json"
    assert main(["diagnose", "--tables", str(tables), "--json", str(path), "--device", "cpu"]) == 0
    out, kept = capsys.readouterr().out, json.loads(path.read_text())
    assert kept["of"] == str(tables)
    assert [line.split(" | ")[0] for line in out.splitlines()[2:]] == [f"| {name}" for name in kept["table"]]
    seen = kept["table"]["swap accuracy"]
    assert seen["items"] > 0 and seen["mean"] == 1 and seen["bag of words"] is not None
    assert f"| swap accuracy | 1.000 | {seen['low']:.3f} to {seen['high']:.3f} | {seen['chance']:.3f} |" in out


def test_without_json_nothing_is_written(tables, capsys):
    before = sorted(tables.parent.rglob("*"))
    assert main(["diagnose", "--tables", str(tables), "--device", "cpu"]) == 0
    assert "swap accuracy" in capsys.readouterr().out and sorted(tables.parent.rglob("*")) == before


def test_a_backbone(tiny, tiny_checkpoint, monkeypatch, tmp_path, capsys):
    asked = []
    found = {"something": Measure(np.array([0.0, 1.0]), np.arange(2), 0.25)}
    monkeypatch.setattr(cross_modal, "diagnose", lambda backbone: asked.append(backbone) or found)
    path = tmp_path / "table.json"
    assert main(["diagnose", "--backbone", str(tiny_checkpoint), "--json", str(path), "--device", "cpu"]) == 0
    assert [backbone.fingerprint for backbone in asked] == [tiny.fingerprint]
    assert "| something | 0.500 | 0.000 to 1.000 | 0.250 |  |" in capsys.readouterr().out
    assert json.loads(path.read_text())["of"] == str(tiny_checkpoint)


def test_mistakes_are_one_sentence(tables, mistake):
    np.save(tables / "captions.npy", np.random.default_rng(0).normal(size=(200, 7)))
    said = mistake("diagnose", "--tables", str(tables), "--device", "cpu")
    assert "images 25" in said and "captions 7" in said
    (tables / "swapped.npy").unlink()
    assert "swapped.npy" in mistake("diagnose", "--tables", str(tables), "--device", "cpu")
    assert "--attributes goes with --tables" in mistake("diagnose", "--attributes", "red")
    assert "/proc/labclip" in mistake("diagnose", "--json", "/proc/labclip/table.json")
    assert "it takes no '--epochs'" in mistake("diagnose", "--epochs", "3")
