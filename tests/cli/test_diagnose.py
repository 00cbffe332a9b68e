import json

import numpy as np

from labclip_lib.__main__ import main
from labclip_lib.diagnosis.within_modality import diagnose_within
from labclip_lib.measures.markdown import as_rows


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


def test_a_backbone(tiny, tiny_checkpoint, tmp_path, capsys):
    path = tmp_path / "table.json"
    assert main(["diagnose", "--backbone", str(tiny_checkpoint), "--json", str(path), "--device", "cpu"]) == 0
    out, kept = capsys.readouterr().out, json.loads(path.read_text())
    assert kept["of"] == str(tiny_checkpoint)
    assert [line.split(" | ")[0] for line in out.splitlines()[2:]] == [f"| {name}" for name in kept["table"]]
    inside = as_rows(diagnose_within(tiny))
    assert inside.items() < kept["table"].items()
    row = kept["table"]["replace colour accuracy, fixed order"]
    numbers = f"{row['mean']:.3f} | {row['low']:.3f} to {row['high']:.3f} | {row['chance']:.3f}"
    assert f"| replace colour accuracy, fixed order | {numbers} | {row['bag of words']:.3f} |" in out
    row = kept["table"]["caption moves (1 - cosine), one colour replaced"]
    assert row["bag of words"] is row["chance"] is None
    assert f"replaced | {row['mean']:.3f} | {row['low']:.3f} to {row['high']:.3f} |  |  |\n" in out


def test_mistakes_are_one_sentence(tables, mistake):
    np.save(tables / "captions.npy", np.random.default_rng(0).normal(size=(200, 7)))
    said = mistake("diagnose", "--tables", str(tables), "--device", "cpu")
    assert "images 25" in said and "captions 7" in said
    (tables / "swapped.npy").unlink()
    assert "swapped.npy" in mistake("diagnose", "--tables", str(tables), "--device", "cpu")
    assert "--attributes goes with --tables" in mistake("diagnose", "--attributes", "red")
    assert "/proc/labclip" in mistake("diagnose", "--json", "/proc/labclip/table.json")
    assert "it takes no '--epochs'" in mistake("diagnose", "--epochs", "3")
