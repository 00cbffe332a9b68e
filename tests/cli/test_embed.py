import re

import pytest
import safetensors.torch
from embeddable import pairs

from labclip_lib.__main__ import main
from labclip_lib.embeddings.shards import load_shards


def test_tables_are_written_and_said(pictured, tiny, tmp_path, capsys):
    argv, out = pictured
    more = ["--shard-size", "2", "--batch-size", "1", "--precision", "bfloat16"]
    assert main([*argv, *more]) == 0
    said = capsys.readouterr().out
    first, taken = said.splitlines()
    assert re.fullmatch(rf"5 images in {re.escape(str(out))}; 5 embedded now, in \d+\.\d s \(\d+ a second\)\.", first)
    assert taken == "Taken: 5 .png; left out: nothing."
    tables = load_shards(out, tiny)
    assert tables.images.shape == (5, 16) and len(list(out.glob("*.safetensors"))) == 3
    assert tables.manifest["precision"] == "bfloat16"
    (tmp_path / "in" / "._000.png").touch()
    (tmp_path / "in" / "notes.txt").touch()
    assert main([*argv, *more]) == 0
    said = capsys.readouterr().out
    assert "left out: 1 .txt (first 'notes.txt'), 1 hidden (first '._000.png').\n" in said
    assert "5 images in" in said and "; 0 embedded now" in said


def test_how_many_captions_were_cut(pictured, tiny_clip, tmp_path, capsys):
    argv, _ = pictured
    long, short = "a red ring and " * 30, "a red ring"
    rows = [f"in/000.png,{long} 1,{long} 2", f"in/000.png,{long} 3,{short}", f"in/002.png,{short},{long} 4"]
    (tmp_path / "pairs.csv").write_text("\n".join(["image,caption,negative1", *rows]) + "\n")
    assert main(["embed", str(tmp_path / "pairs.csv"), *argv[2:], "--backbone", f"tiny-clip/{tiny_clip[1]}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 images, 3 captions, 3 negatives in") and said.endswith("saw the beginning: 4.\n")


def test_captions_among_their_own_negatives_are_counted(pictured, tmp_path, capsys):
    (tmp_path / "pairs.csv").write_text(
        "image,caption,negative1,negative2\nin/000.png,a red ring,a red ring,a red star\n"
        "in/000.png,a red star,a red moon,a red ring\n"
    )
    assert main(["embed", str(tmp_path / "pairs.csv"), *pictured[0][2:]]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert (
        first.startswith("1 images, 2 captions, 4 negatives in ") and "own negatives" in last and last.endswith(": 1.")
    )


def test_a_caption_that_cannot_be_read_leaves_nothing(pictured, tmp_path, mistake):
    (tmp_path / "words.txt").write_text("a red ring\na red dog\n")
    assert "'dog'" in mistake("embed", str(tmp_path / "words.txt"), *pictured[0][2:])
    assert not pictured[1].exists()


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (["--batch-size", "0"], "--batch-size"),
        (["--precision", "half"], "'half'"),
        (["--device", "tpu"], "'tpu'"),
        (["--backbone", "pocke"], "did you mean 'pocket'?"),
        (["--out", "/proc/labclip"], "/proc/labclip"),
    ],
)
def test_mistakes_are_one_sentence(pictured, more, seen, mistake):
    assert seen in mistake(*pictured[0], *more)


def test_mistakes_in_a_source_are_one_sentence(pictured, tmp_path, mistake):
    argv, _ = pictured
    sound = (tmp_path / "in" / "002.png").read_bytes()
    (tmp_path / "in" / "002.png").write_bytes(b"no image")
    assert "002.png" in mistake(*argv, "--workers", "1")
    assert "nowhere" in mistake("embed", "nowhere", *argv[2:])
    (tmp_path / "in" / "002.png").write_bytes(sound)
    assert main([*argv, "--workers", "1"]) == 0
    assert "another source" in mistake("embed", str(pairs(tmp_path / "pairs")[0]), *argv[2:])


def test_interrupted_it_goes_on(pictured, monkeypatch, capsys):
    def interrupted(*args):  # at the first shard
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(safetensors.torch, "save", interrupted)
        assert main(pictured[0]) == 130
    assert "goes on" in capsys.readouterr().err
    assert main(pictured[0]) == 0


def test_one_process_among_others_is_silent(pictured, monkeypatch, capsys):
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert main(pictured[0]) == 0 and capsys.readouterr() == ("", "")
