import json
import urllib.error
import urllib.request

import huggingface_hub
import numpy as np
import pytest

from labclip_lib.__main__ import main
from labclip_lib.embeddings.tables import TABLES
from labclip_lib.measures.markdown import as_rows
from labclip_lib.probing.reports import probe_backbone


@pytest.mark.parametrize("row", ["images probe", "captions probe, random labels"])
def test_tables_of_one_s_own(tables, row, tmp_path, capsys):
    path = tmp_path / "new" / "table.json"
    assert main(["probe", "--tables", str(tables), "--json", str(path), "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    kept = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert kept["of"] == str(tables)
    assert [line.split(" | ")[0] for line in out.splitlines()[2:]] == [f"| {name}" for name in kept["table"]]
    seen = kept["table"][row]
    assert set(seen) == {"mean", "low", "high", "items", "chance", "bag of words"}
    assert seen["items"] > 0 and (seen["mean"] == 1 or "random" in row)
    assert (seen["bag of words"] is None) == ("random" in row)
    assert f"| {row} | {seen['mean']:.3f} | {seen['low']:.3f} to {seen['high']:.3f} | {seen['chance']:.3f} |" in out


def test_checkpoint_of_one_s_own(tiny, tiny_checkpoint, tmp_path, capsys):
    """It is probed without the control of untrained towers, for it names no architecture."""
    path = tmp_path / "table.json"
    assert main(["probe", "--backbone", str(tiny_checkpoint), "--json", str(path), "--device", "cpu"]) == 0
    out, kept = capsys.readouterr().out, json.loads(path.read_text())
    assert kept == {"of": str(tiny_checkpoint), "table": as_rows(probe_backbone(tiny))}
    row = kept["table"]["image probe, random labels"]
    numbers = f"{row['mean']:.3f} | {row['low']:.3f} to {row['high']:.3f} | {row['chance']:.3f}"
    assert f"| image probe, random labels | {numbers} |  |" in out and row["bag of words"] is None


def test_a_model_is_probed_beside_its_untrained_towers(tiny_published, tmp_path, capsys):
    path = tmp_path / "table.json"
    assert main(["probe", "--backbone", "tiny-clip/published", "--json", str(path), "--device", "cpu"]) == 0
    assert "Probing tiny-clip/published on the book's scenes" in capsys.readouterr().err
    table = json.loads(path.read_text())["table"]
    assert not any("untrained" in name for name in table if name.endswith("random labels"))
    for name in ("image probe", "caption, fixed order probe", "caption, random order probe"):
        assert table[f"untrained {name}"]["items"] == table[name]["items"] > 0
    assert table["untrained image probe"] != table["image probe"]  # it sees other pixels, for its mean is its own


def test_without_a_backbone_it_is_pocket(capsys):
    with pytest.raises(SystemExit):
        main(["probe", "--help"])
    assert "(default: pocket)" in " ".join(capsys.readouterr().out.split())


def test_captions_of_another_model_and_no_twins_are_fine(tables):
    np.save(tables / "captions.npy", np.random.default_rng(0).normal(size=(200, 7)))
    (tables / "swapped.npy").unlink()
    assert main(["probe", "--tables", str(tables), "--device", "cpu"]) == 0


def test_mistakes_are_one_sentence(tables, mistake):
    argv = ["probe", "--tables", str(tables)]
    known = ["red", "yelow", "green", "blue", "pink"]
    assert "'yellow'; did you mean 'yelow'?" in mistake(*argv, "--attributes", *known)
    assert "--attributes goes with --tables" in mistake("probe", "--attributes", *known)
    assert "use --device 'auto'" in mistake(*argv, "--device", "tpu")
    assert "nowhere" in mistake("probe", "--tables", "nowhere")
    assert "did you mean 'pocket'?" in mistake("probe", "--backbone", "pocke")
    said = mistake("probe", "--backbone", "no/such.safetensors")
    assert "There is no checkpoint 'no/such.safetensors'; check the path, or make one with `" in said
    for name in ("no/such.pt", "ViT-B-32/no/such.pt"):
        assert "There is no checkpoint 'no/such.pt'; check the path." in mistake("probe", "--backbone", name)
    assert "/proc/labclip" in mistake(*argv, "--device", "cpu", "--json", "/proc/labclip/table.json")
    assert "not allowed with" in mistake("probe", "--tables", "mine", "--backbone", "ViT-B-32/openai")


def test_too_few_scenes_to_split_are_one_sentence(tables, mistake):
    lines = (tables / "labels.csv").read_text().splitlines()
    (tables / "labels.csv").write_text("\n".join(lines[:9]) + "\n")
    for name in TABLES:
        np.save(tables / f"{name}.npy", np.load(tables / f"{name}.npy")[:8])
    assert "10 or more" in mistake("probe", "--tables", str(tables), "--device", "cpu")


def test_no_network_is_a_mistake_too(monkeypatch, tmp_path, mistake):
    def refused(*args, **how):
        raise urllib.error.URLError("Network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refused)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert "cannot be reached" in mistake("probe", "--backbone", "ViT-B-32-quickgelu/openai")
