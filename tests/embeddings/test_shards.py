import contextlib
import errno
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
import torch
from embeddable import Ruled, captions, pairs, pictures, png, samples, tar
from PIL import Image
from safetensors.torch import load_file, save_file

from labclip_lib.embeddings import shards
from labclip_lib.embeddings.feed import text_ids
from labclip_lib.embeddings.shards import embed_source, load_shards
from labclip_lib.embeddings.sources import open_source

TABLES = ("images", "captions", "negatives", "image", "text_ids", "negative_ids")
# A process that embeds, and stops for ever in the middle of writing the shard of this name.
CHILD = """
import os, sys, time
from pathlib import Path
from labclip_lib.embeddings.shards import embed_source
from labclip_lib.models.backbones import load_backbone

def replace(part, path, sound=os.replace):
    if Path(path).name == sys.argv[4]:
        os.truncate(part, os.path.getsize(part) // 2)
        print("half", flush=True)
        time.sleep(600)
    sound(part, path)

os.replace = replace
checkpoint, source, out = sys.argv[1:4]
embed_source(load_backbone(checkpoint, "cpu"), source, out, shard_size=2, workers=1, progress=False)
"""


def embed(backbone, source, out, **options):
    return embed_source(backbone, source, out, **{"shard_size": 2, "workers": 0, "progress": False} | options)


def files(folder):
    """The shards of a folder and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("*.safetensors"))}


def same(first, second):
    """Whether two folders hold the same tables, bit for bit."""
    first, second = load_shards(first), load_shards(second)
    both = [(getattr(first, name), getattr(second, name)) for name in TABLES]
    return all(a is b is None or torch.equal(a, b) for a, b in both)


@pytest.fixture
def folder(tmp_path):
    """Eight pictures, and where to embed them."""
    pictures(tmp_path / "in", 8)
    return tmp_path / "in", tmp_path / "out"


@contextlib.contextmanager
def stopping_after(monkeypatch, k, error):
    """Whatever is embedded within is interrupted once k shards are written."""
    written, sound = [], os.replace

    def replace(part, path):
        if path.suffix == ".safetensors":
            if len(written) == k:
                raise error
            written.append(path)
        sound(part, path)

    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(os, "replace", replace)
        yield


# The tables


@pytest.mark.parametrize("workers", [0, 2])
def test_folder_of_images(tiny, tmp_path, workers):
    paths = pictures(tmp_path / "in", 7)
    assert embed(tiny, tmp_path / "in", tmp_path / "out", workers=workers) == tmp_path / "out"
    tables = load_shards(tmp_path / "out", tiny)
    assert torch.allclose(tables.images, tiny.encode_images(paths).cpu(), atol=1e-6)
    assert tables.captions is tables.negatives is tables.image is None


def test_file_of_captions(tiny, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(captions(5)))
    tables = load_shards(embed(tiny, tmp_path / "a.txt", tmp_path / "out"))
    assert torch.allclose(tables.captions, tiny.encode_texts(captions(5)).cpu(), atol=1e-6)
    assert tables.images is tables.negatives is tables.image is None


@pytest.mark.parametrize("negatives", [0, 2])
def test_file_of_pairs(tiny, tmp_path, negatives):
    path, images, texts, wrong = pairs(tmp_path, 7, negatives)
    tables = load_shards(embed(tiny, path, tmp_path / "out"))
    assert len(tables.images) == 4  # each once
    assert torch.allclose(tables.images[tables.image], tiny.encode_images(images).cpu(), atol=1e-6)
    assert torch.allclose(tables.captions, tiny.encode_texts(texts).cpu(), atol=1e-6)
    if negatives:
        want = tiny.encode_texts([text for row in wrong for text in row]).cpu().view(7, 2, -1)
        assert torch.allclose(tables.negatives, want, atol=1e-6)
    else:
        assert tables.negatives is None


@pytest.mark.parametrize("batch_size", [1, 3, 256])
@pytest.mark.parametrize("shard_size", [40, 8192])
def test_equal_captions_get_equal_rows_whatever_the_batches(tiny, tmp_path, batch_size, shard_size):
    """300 pairs with 21 different captions, and 35 rows whose negative is their caption."""
    said = [captions(21)[i * i % 21] for i in range(300)]
    wrong = [text if i % 9 == 0 else captions(21)[(i + 3) % 21] for i, text in enumerate(said)]
    (tmp_path / "0.png").write_bytes(png(0))
    lines = [f"0.png,{text},{other}" for text, other in zip(said, wrong, strict=True)]
    (tmp_path / "p.csv").write_text("\n".join(["image,caption,negative", *lines]))
    options = {"batch_size": batch_size, "shard_size": shard_size}
    tables = load_shards(embed(tiny, tmp_path / "p.csv", tmp_path / "out", **options))
    texts = [*said, *wrong]
    rows = torch.cat([tables.captions, tables.negatives[:, 0]])
    ids = torch.cat([tables.text_ids, tables.negative_ids[:, 0]]).tolist()
    assert len(rows.unique(dim=0)) == len(set(texts)) == len(set(ids)) == len(set(zip(ids, texts, strict=True)))
    assert torch.equal(torch.tensor(ids), text_ids(texts))
    for text in set(texts):
        assert len(rows[[i for i, other in enumerate(texts) if other == text]].unique(dim=0)) == 1


@pytest.mark.parametrize("name", ["text_ids", "negative_ids"])
def test_shards_that_do_not_say_which_texts_are_the_same_are_refused(tiny, tmp_path, name, raises_saying):
    path, *_ = pairs(tmp_path, 3)
    out = embed(tiny, path, tmp_path / "out")
    shard = out / "captions-00000.safetensors"
    tensors, manifest = load_file(shard), load_shards(out).manifest
    shards._write(shard, {key: table for key, table in tensors.items() if key != name}, 0, manifest)
    with raises_saying(ValueError, f"The shard {shard} is damaged"):
        load_shards(out)
    shards._write(
        shard, tensors | {name: tensors[name].flatten()[:1]}, 0, json.loads((out / "manifest.json").read_text())
    )
    with raises_saying(ValueError, f"The shard {shard} is damaged"):
        load_shards(out)


def test_tars(tiny, tmp_path):
    for i in range(3):
        tar(tmp_path / f"{i}.tar", samples(3 * i, 3))
    tables = load_shards(embed(tiny, f"{tmp_path}/{{0..2}}.tar", tmp_path / "out"))
    paths = [tmp_path / f"{i}.png" for i in range(9)]
    for seed, path in enumerate(paths):
        path.write_bytes(png(seed))
    assert torch.allclose(tables.images, tiny.encode_images(paths).cpu(), atol=1e-6)
    assert torch.allclose(tables.captions, tiny.encode_texts(captions(9)).cpu(), atol=1e-6)
    assert len(files(tmp_path / "out")) == 6 and tables.image is None


def test_tables_go_to_the_device(tiny, folder, device):
    assert load_shards(embed(tiny, *folder), device=device).images.device.type == device
    with pytest.raises(ValueError, match="No device 'tpu'"):
        load_shards(folder[1], device="tpu")


def test_manifest_says_what_was_made_from_what(tmp_path):
    path, *_ = pairs(tmp_path, 7)
    embed(Ruled(), path, tmp_path / "out", precision="bfloat16")
    manifest = load_shards(tmp_path / "out").manifest
    assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["model"] == "ruled" and manifest["fingerprint"] == "f" * 64 and manifest["dim"] == 4
    assert manifest["precision"] == "bfloat16" and manifest["shard_size"] == 2 and manifest["format"] == 2
    assert manifest["source"]["kind"] == "pairs" and len(manifest["source"]["sha256"]) == 64
    assert manifest["rows"] == {"images": 4, "captions": 7, "negatives": 7, "image": 7}
    texts = captions(21)
    assert manifest["truncated"] == sum(len(text) > 20 for text in texts) > 0
    assert manifest["last_run"]["embedded"] == 4 + 7 + 14 and manifest["last_run"]["seconds"] > 0


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"batch_size": 0}, ["batch_size", "1 or more", "0"]),
        ({"shard_size": -1}, ["shard_size", "1 or more", "-1"]),
        ({"workers": -1}, ["workers", "0 or more", "-1"]),
        ({"precision": "half"}, ["precision", "float32, bfloat16", "'half'"]),
    ],
)
def test_mistakes_in_options(folder, options, seen, raises_saying):
    with raises_saying(ValueError, *seen):
        embed(Ruled(), *folder, **options)
    assert not folder[1].exists()


# Interruptions


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("anything")])
def test_what_is_finished_stays(tiny, folder, monkeypatch, tmp_path, error):
    source, out = folder
    with stopping_after(monkeypatch, 2, error):
        embed(tiny, source, out)
    before = files(out)
    assert list(before) == ["images-00000.safetensors", "images-00001.safetensors"]
    embed(tiny, source, out)
    assert before.items() < files(out).items() and len(files(out)) == 4
    assert load_shards(out).manifest["last_run"]["embedded"] == 4
    assert same(out, embed(tiny, source, tmp_path / "other"))


def test_only_missing_shards_are_embedded(tmp_path, monkeypatch):
    path, *_ = pairs(tmp_path, 6, 1)
    ruled = Ruled()
    with stopping_after(monkeypatch, 4, KeyboardInterrupt()):
        embed(ruled, path, tmp_path / "out")
    ruled.calls.clear()
    embed(ruled, path, tmp_path / "out")
    assert ruled.calls == [1]  # the captions were finished, and one shard of images
    embed(ruled, path, tmp_path / "out")
    assert ruled.calls == [1] and load_shards(tmp_path / "out").manifest["last_run"]["embedded"] == 0


def test_finished_tars_are_not_read_again(tmp_path, monkeypatch):
    for i in range(3):
        tar(tmp_path / f"{i}.tar", samples(3 * i, 3))
    ruled = Ruled()
    with stopping_after(monkeypatch, 3, KeyboardInterrupt()):
        embed(ruled, tmp_path, tmp_path / "out")
    read, sound = [], tarfile.open
    monkeypatch.setattr(tarfile, "open", lambda path, *how: read.append(Path(path).name) or sound(path, *how))
    embed(ruled, tmp_path, tmp_path / "out")
    assert len(load_shards(tmp_path / "out").images) == 9 and read == ["1.tar", "2.tar"]


@pytest.mark.parametrize("kind", ["tars", "pairs", "folder"])
def test_another_content_of_the_same_size_and_time_is_not_served_from_old_shards(kind, tmp_path, raises_saying):
    """A tar is padded to full blocks, a BMP's size is its picture's; touched or copied, they are what they were."""
    changed = tmp_path / "in" / ("a.tar" if kind == "tars" else "0.bmp")
    if kind == "tars":
        tar(changed, samples(0, 2))
    else:
        changed.parent.mkdir()
        Image.new("RGB", (8, 8), "red").save(changed)
        (tmp_path / "in" / "p.csv").write_text("image,caption\n0.bmp,a star\n")
    source = tmp_path / "in" / "p.csv" if kind == "pairs" else tmp_path / "in"
    out, about = embed(Ruled(), source, tmp_path / "out"), changed.stat()
    os.utime(changed)
    shutil.copy(changed, tmp_path / "copy")
    (tmp_path / "copy").rename(changed)
    ruled = Ruled()
    embed(ruled, source, out)
    assert not ruled.calls
    if kind == "tars":
        tar(changed, samples(2, 2))
    else:
        Image.new("RGB", (8, 8), "blue").save(changed)
    os.utime(changed, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert changed.stat().st_size == about.st_size
    with raises_saying(ValueError, "another source", "choose another folder"):
        embed(Ruled(), source, out)


def test_killed_in_the_middle_of_a_write(tiny, tiny_checkpoint, folder, tmp_path, root):
    source, out = folder
    with child(root, tiny_checkpoint, source, out, "images-00002.safetensors") as process:
        assert process.stdout.readline() == "half\n"
        process.kill()
        process.wait()
    before = files(out)
    assert len(before) == 2 and len(list(out.glob(".images-00002.safetensors.*"))) == 1
    embed(tiny, source, out)
    assert before.items() < files(out).items()
    assert same(out, embed(tiny, source, tmp_path / "other"))
    assert sorted(path.name for path in out.iterdir()) == sorted([".lock", *files(out), "manifest.json"])


@contextlib.contextmanager
def child(root, *argv, **environ):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, argv)], cwd=root, text=True, stdout=subprocess.PIPE,
        env=os.environ | environ,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_half_a_manifest_of_a_killed_write_is_cleared_away(folder):
    folder[1].mkdir()
    (folder[1] / ".manifest.json.abc").write_text("{")
    embed(Ruled(), *folder)
    assert [path.name for path in folder[1].glob(".*")] == [".lock"]


def test_an_unfinished_folder_is_not_loaded(tiny, folder, monkeypatch, raises_saying):
    source, out = folder
    with raises_saying(ValueError, "There is no", "manifest.json"):
        load_shards(out)
    with stopping_after(monkeypatch, 1, KeyboardInterrupt()):
        embed(Ruled(), source, out, precision="bfloat16")
    command = f"`python -m labclip_lib embed {source} --out {out} --backbone ruled --precision bfloat16 --shard-size 2`"
    with raises_saying(ValueError, "3 of 4 shards are missing", command):
        load_shards(out)
    embed(Ruled(), source, out, precision="bfloat16")
    (out / "images-00002.safetensors").unlink()
    with raises_saying(ValueError, "1 of 4 shards are missing"):
        load_shards(out)


# A full disk


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("when", ["at once", "later"])
def test_full_disk(folder, monkeypatch, number, when, raises_saying):
    source, out = folder
    written, sound = [], os.replace

    def replace(part, path):
        if len(written) == (0 if when == "at once" else 3):
            raise OSError(number, "No space left on device")
        written.append(sound(part, path))

    with monkeypatch.context() as patch, raises_saying(OSError, str(out), "is full", "what is finished is kept"):
        patch.setattr(os, "replace", replace)
        embed(Ruled(), source, out)
    before = files(out)
    assert len(before) == (0 if when == "at once" else 2)
    embed(Ruled(), source, out)
    assert before.items() <= files(out).items() and len(load_shards(out).images) == 8


def test_disk_that_is_really_full(tmp_path, small_disk, raises_saying):
    (tmp_path / "a.txt").write_text("a\n" * 4000)
    with raises_saying(OSError, str(small_disk), "is full"):
        embed(Ruled(), tmp_path / "a.txt", small_disk / "out", shard_size=1000)
    before = files(small_disk / "out")
    assert 1 <= len(before) < 4 and not list((small_disk / "out").glob(".captions*"))
    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    embed(Ruled(), tmp_path / "a.txt", small_disk / "out", shard_size=1000)
    assert before.items() < files(small_disk / "out").items() and len(load_shards(small_disk / "out").captions) == 4000


def test_folder_that_cannot_be_written(folder, raises_saying):
    folder[1].write_text("a file")
    with raises_saying(OSError, str(folder[1]), "File exists", "another folder"):
        embed(Ruled(), *folder)


# Damage


def flipped(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def recounted(path):
    data = path.read_bytes()
    assert data.count(b'\\"truncated\\": 0') == 1
    path.write_bytes(data.replace(b'\\"truncated\\": 0', b'\\"truncated\\": x'))


DAMAGE = {
    "one bit": flipped,
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "one byte short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(b"\xff" * 1000),
    "no metadata": lambda path: save_file(load_file(path), path),
    "metadata": recounted,
    "another's place": lambda path: shutil.copy(path.with_name("images-00001.safetensors"), path),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_shard_is_refused_and_made_anew(tiny, folder, tmp_path, damage, raises_saying):
    source, out = folder
    embed(tiny, source, out)
    before, shard = files(out), out / "images-00002.safetensors"
    damage(shard)
    with raises_saying(ValueError, f"The shard {shard} is damaged", f"embed {source}", "makes it anew"):
        load_shards(out)
    embed(tiny, source, out)
    after = files(out)
    assert [name for name in before if before[name] != after[name]] == [shard.name]
    assert same(out, embed(tiny, source, tmp_path / "other"))


@pytest.mark.parametrize(
    "tensors",
    [{"images": torch.full((2, 4), torch.nan)}, {"images": torch.zeros(2, 5)}, {"images": torch.tensor(1.0)}],
    ids=["NaN", "width", "number"],
)
def test_shard_that_holds_no_embeddings_is_refused(folder, tensors, raises_saying):
    embed(Ruled(), *folder)
    shard = folder[1] / "images-00001.safetensors"
    shards._write(shard, tensors, 0, load_shards(folder[1]).manifest)
    with raises_saying(ValueError, str(shard), "damaged"):
        load_shards(folder[1])
    embed(Ruled(), *folder)
    assert load_shards(folder[1]).images.shape == (8, 4)


def test_rows_that_are_not_those_of_the_manifest(folder, raises_saying):
    embed(Ruled(), *folder)
    shards._write(
        folder[1] / "images-00001.safetensors", {"images": torch.ones(1, 4)}, 0, load_shards(folder[1]).manifest
    )
    with raises_saying(ValueError, "7", "8", "new folder"):
        load_shards(folder[1])


def test_disk_that_loses_what_was_written(folder, monkeypatch, raises_saying):
    def replace(part, path, sound=os.replace):
        if "00002" in path.name:
            os.truncate(part, os.path.getsize(part) - 1)
        sound(part, path)

    monkeypatch.setattr(os, "replace", replace)
    with raises_saying(OSError, "images-00002.safetensors", "check the disk"):
        embed(Ruled(), *folder)


def test_nothing_that_is_not_finite_is_written(tmp_path, raises_saying):
    (tmp_path / "a.txt").write_text("a\nb\nc\na nan\n")
    with raises_saying(ValueError, "1 of 2", "Caption 3"):
        embed(Ruled(), tmp_path / "a.txt", tmp_path / "out")
    assert list(files(tmp_path / "out")) == ["captions-00000.safetensors"]


def test_unreadable_image_leaves_what_is_finished(folder, raises_saying):
    source, out = folder
    sound = (source / "006.png").read_bytes()
    (source / "006.png").write_bytes(b"x" * len(sound))
    with raises_saying(ValueError, "006.png"):
        embed(Ruled(), source, out, workers=1)
    assert len(files(out)) == 1


# What a folder was made from


def test_folder_of_another_model(folder, raises_saying):
    embed(Ruled(), *folder)
    other = Ruled("e" * 64)
    other.name = "other"
    with raises_saying(ValueError, str(folder[1]), "'ruled'", "'other'", "f" * 12, "e" * 12, "choose another folder"):
        embed(other, *folder)
    with raises_saying(ValueError, str(folder[1]), "'ruled'", "'other'", "f" * 12, "e" * 12):
        load_shards(folder[1], other)
    assert load_shards(folder[1], Ruled()).images.shape == (8, 4)
    assert other.calls == []


def test_folder_of_another_source(folder, tmp_path, raises_saying):
    source, out = folder
    embed(Ruled(), source, out)
    (source / "more.png").write_bytes(png(9))
    with raises_saying(ValueError, str(out), "another source", str(source), "choose another folder"):
        embed(Ruled(), source, out)
    (tmp_path / "a.txt").write_text("a")
    with raises_saying(ValueError, "another source", "a.txt"):
        embed(Ruled(), tmp_path / "a.txt", out)
    (source / "more.png").unlink()
    embed(Ruled(), source, out)


def test_a_source_that_was_mended_before_the_first_shard_was_done(folder, raises_saying):
    source, out = folder
    first = sorted(source.glob("*.png"))[0]
    sound = first.read_bytes()
    first.write_bytes(b"no picture")
    with raises_saying(ValueError, first.name):
        embed(Ruled(), source, out)
    first.write_bytes(sound)
    embed(Ruled(), source, out)
    assert len(load_shards(out).images) == 8


def test_source_may_be_called_by_another_path(folder, monkeypatch):
    embed(Ruled(), *folder)
    monkeypatch.chdir(folder[0].parent)
    before = files(folder[1])
    assert files(embed(Ruled(), "in", folder[1])) == before


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"precision": "bfloat16"}, ["precision", "float32, not bfloat16"]),
        ({"shard_size": 3}, ["shard_size", "2, not 3"]),
    ],
)
def test_folder_of_other_settings(folder, options, seen, raises_saying):
    embed(Ruled(), *folder)
    with raises_saying(ValueError, str(folder[1]), *seen, "choose another folder"):
        embed(Ruled(), *folder, **options)


def test_shard_size_means_nothing_to_tars(tmp_path):
    path = tar(tmp_path / "a.tar", samples(0, 3))
    embed(Ruled(), path, tmp_path / "out", shard_size=1)
    assert len(files(embed(Ruled(), path, tmp_path / "out", shard_size=2))) == 2


def test_what_was_embedded_before_is_found_again(tmp_path):
    """The fingerprints of sources, and of what a shard was made from, are what they were when folders were written."""
    for name in ("a.png", "b.png"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(name.encode())
    (tmp_path / "p.csv").write_text("image,caption,negative\nin/a.png,a star,a moon\n")
    (tmp_path / "a.txt").write_text("a star\na moon\n")
    tar(tmp_path / "a.tar", {"a.png": b"a.png", "a.txt": b"a star"})
    made = {}
    for name in ("in", "p.csv", "a.txt", "a.tar"):
        source = open_source(tmp_path / name, 2)
        manifest = {"format": 2, "fingerprint": "f" * 64, "precision": "float32", "shard_size": source.shard_size}
        of = {"kind": source.kind, "path": source.path, "sha256": source.sha256}
        made[name] = [source.sha256[:16], shards._run(manifest | {"source": of})[:16]]
    assert made == {
        "in": ["ada3a200acd4a30b", "97bac346c39ad33e"],
        "p.csv": ["ff813e79d43e3318", "3cfd6565fb56ef72"],
        "a.txt": ["de39db43753e05c6", "50e21c3838ce28ad"],
        "a.tar": ["57899ec3028a1422", "f358c13b2ecb3af7"],
    }


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1, "source": 3}', "\x00"])
def test_damaged_manifest(folder, text, raises_saying):
    embed(Ruled(), *folder)
    before = files(folder[1])
    (folder[1] / "manifest.json").write_text(text)
    for act in (load_shards, lambda out: embed(Ruled(), folder[0], out)):
        with raises_saying(ValueError, str(folder[1] / "manifest.json"), "delete it"):
            act(folder[1])
    (folder[1] / "manifest.json").unlink()
    assert files(embed(Ruled(), *folder)) == before  # as the sentence promises


def test_shards_of_another_model_are_not_kept_without_their_manifest(folder):
    embed(Ruled(), *folder)
    before = files(folder[1])
    (folder[1] / "manifest.json").unlink()
    after = files(embed(Ruled("e" * 64), *folder))
    assert before.keys() == after.keys() and not before.items() & after.items()


def test_manifest_of_another_time(folder, raises_saying):
    embed(Ruled(), *folder)
    path = folder[1] / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1}))
    with raises_saying(ValueError, str(path), "format 1, not 2"):
        load_shards(folder[1])


# Tars from elsewhere


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_tar_is_run_or_unpacked(tmp_path):
    bomb = pickle.dumps(Bomb(tmp_path / "burst"))
    names = ("../../../evil/a", "/tmp/labclip-evil/b", "s/../../c")
    members = {}
    for i, name in enumerate(names):
        members |= {f"{name}.png": png(i), f"{name}.txt": captions(3)[i].encode(), f"{name}.pyd": bomb}
        members |= {f"{name}.pkl": bomb, f"{name}.pth": bomb, f"{name}.json": b"{"}
    path = tar(tmp_path / "deep" / "in" / "a.tar", members)
    embed(Ruled(), path, tmp_path / "out", workers=1)
    assert len(load_shards(tmp_path / "out").images) == 3
    everything = {path.name for path in tmp_path.rglob("*")}
    assert everything == {"deep", "in", "a.tar", "out", ".lock", "manifest.json", *files(tmp_path / "out")}
    assert not os.path.exists("/tmp/labclip-evil")


def test_truncated_tar_leaves_what_is_finished(tmp_path, raises_saying):
    for i in range(2):
        path = tar(tmp_path / f"{i}.tar", samples(2 * i, 2))
    path.write_bytes(path.read_bytes()[:6000])
    with raises_saying(ValueError, str(path), "'s/0002'"):
        embed(Ruled(), tmp_path, tmp_path / "out")
    assert list(files(tmp_path / "out")) == ["captions-00000.safetensors", "images-00000.safetensors"]


# Several processes


def test_each_process_makes_every_other_shard(folder, monkeypatch, capsys):
    source, out = folder
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    left = out / ".images-00000.safetensors.abc"
    out.mkdir()
    left.write_text("the other one is writing this")
    embed(Ruled(), source, out, progress=True)
    assert list(files(out)) == ["images-00001.safetensors", "images-00003.safetensors"]
    assert left.exists() and not (out / "manifest.json").exists() and capsys.readouterr().err == ""
    monkeypatch.setenv("RANK", "0")
    embed(Ruled(), source, out)
    assert len(load_shards(out).images) == 8 and not left.exists()


def test_torchrun_makes_the_same_tables(tiny, tiny_checkpoint, tmp_path, root):
    path, *_ = pairs(tmp_path, 9)
    argv = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "labclip_lib", "embed", path]
    argv += ["--out", tmp_path / "out", "--backbone", tiny_checkpoint, "--shard-size", 2, "--workers", 0]
    done = subprocess.run(
        [sys.executable, *map(str, argv), "--device", "cpu"], cwd=root, capture_output=True, text=True, timeout=240
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("5 images, 9 captions, 18 negatives in") == 1 and "Traceback" not in done.stderr
    embed(tiny, path, tmp_path / "one", batch_size=256)
    assert same(tmp_path / "out", tmp_path / "one")


def test_one_of_two_processes_is_killed_and_started_again(tiny, tiny_checkpoint, folder, tmp_path, root, monkeypatch):
    source, out = folder
    environ = [{"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)} for rank in (0, 1)]
    with child(root, tiny_checkpoint, source, out, "", **environ[0]) as first:
        with child(root, tiny_checkpoint, source, out, "images-00003.safetensors", **environ[1]) as second:
            assert second.stdout.readline() == "half\n"
        deadline = time.monotonic() + 60
        while not (out / "images-00002.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        before = files(out)
        assert list(before) == [f"images-0000{k}.safetensors" for k in range(3)] and first.poll() is None
        for name, value in environ[1].items():
            monkeypatch.setenv(name, value)
        embed(tiny, source, out)
        assert first.wait(60) == 0  # it waited
    assert before.items() < files(out).items()
    for name in environ[1]:
        monkeypatch.delenv(name)
    assert same(out, embed(tiny, source, tmp_path / "other")) and {path.name for path in out.glob(".*")} == {
        ".lock",
        ".lock.job",
    }


@pytest.mark.parametrize("killed", [False, True])
def test_two_that_embed_into_one_folder(tiny, tiny_checkpoint, folder, tmp_path, root, capfd, killed):
    """The second waits for the first, or goes on with what a killed one has left."""
    source, out = folder
    with child(root, tiny_checkpoint, source, out, "images-00001.safetensors" if killed else "") as first:
        if killed:
            assert first.stdout.readline() == "half\n"
        with child(root, tiny_checkpoint, source, out, "") as second:
            if killed:
                while "Another `embed` is at work in" not in capfd.readouterr().err:
                    assert second.poll() is None
                    time.sleep(0.1)
                assert not (out / "images-00001.safetensors").exists()
                first.kill()
            ends = first.wait(60), second.wait(60)
    assert ends == (-signal.SIGKILL if killed else 0, 0)
    assert same(out, embed(tiny, source, tmp_path / "other")) and [path.name for path in out.glob(".*")] == [".lock"]
