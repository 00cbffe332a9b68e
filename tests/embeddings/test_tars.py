import io
import tarfile

import pytest
from embeddable import captions, everything, png, samples, tar
from PIL import Image

from labclip_lib.embeddings.sources import open_source


def test_a_tar_holds_samples(tmp_path):
    path = tar(tmp_path / "a.tar", samples(0, 3) | {"__notes__/a.json": b"{}"})
    source = open_source(path, 1)
    pictures, texts = everything(source)
    assert texts == captions(3) and source.shards() == {"images": 1, "captions": 1}
    assert [p.key for p in pictures] == ["s/0000", "s/0001", "s/0002"]
    want = [Image.open(io.BytesIO(png(seed))).convert("RGB") for seed in range(3)]
    assert [p.read().tobytes() for p in pictures] == [image.tobytes() for image in want]


def test_a_folder_of_tars_is_told_too(tmp_path):
    tar(tmp_path / "a.tar", samples(0, 2) | {"__MACOSX/s/._0000.png": b"", "s/._0000.txt": b"", "Thumbs.db": b""})
    (tmp_path / "._a.tar").write_bytes(b"Mac OS X")
    (tmp_path / "a_stats.json").write_text("{}")
    source = open_source(tmp_path, 9)
    assert everything(source)[1] == captions(2)
    assert (
        source.summary
        == source.summary
        == ("Taken: 1 .tar; left out: 3 .json (first 'a_stats.json'), 4 hidden (first '._a.tar').")
    )


@pytest.mark.parametrize("end", ["gif", "TIFF", "jfif", "bmp", "JPEG"])
def test_a_tar_s_pictures_may_have_any_ending_of_a_picture(tmp_path, end):
    form = {"gif": "GIF", "TIFF": "TIFF", "bmp": "BMP"}.get(end, "JPEG")
    source = open_source(tar(tmp_path / "a.tar", {f"k.{end}": png(0, form=form), "k.txt": "\ufeffa star".encode()}), 1)
    (picture,), texts = everything(source)
    assert texts == ["a star"] and picture.read().size == (32, 40)


def test_a_tar_may_be_empty(tmp_path):
    source = open_source(tar(tmp_path / "a.tar", {}), 1)
    assert everything(source) == ([], [])


@pytest.mark.parametrize(
    ("members", "seen"),
    [
        ({"a.png": png(0)}, ["'a'", "no caption"]),
        ({"a.txt": b"a star"}, ["'a'", "no image"]),
        ({"a.json": b"{}"}, ["'a'", "no image"]),
        ({"a.png": png(0), "a.jpg": png(0), "a.txt": b"a"}, ["'a'", "2 image"]),
        ({"a.png": png(0), "b.png": png(0), "a.txt": b"a", "b.txt": b"b"}, ["'a'", "stand together"]),
        ({"a.png": png(0), "a.txt": b" \n"}, ["'a'", "blank"]),
        ({"a.png": png(0), "a.txt": b"\xff"}, ["'a'", "UTF-8"]),
        ({"a.png": png(0), "a.txt": "\ufeff\u200b".encode()}, ["'a'", "blank"]),
        ({"a.png": png(0), "a.txt": b"\0"}, ["'a'", "NUL"]),
        (samples(0, 1) | {"a.png": png(0), "a.PNG": png(1), "a.txt": b"a"}, ["'a.PNG' twice", "'s/0000'"]),
    ],
)
def test_mistakes_in_samples(tmp_path, members, seen, raises_saying):
    source = open_source(tar(tmp_path / "a.tar", members), 2)
    with raises_saying(ValueError, str(tmp_path / "a.tar"), *seen):
        source.shard(0)


def test_a_tar_cut_anywhere_is_noticed(tmp_path, raises_saying):
    """Also between two members or inside a header, where tarfile sees nothing wrong."""
    path = tar(tmp_path / "a.tar", samples(0, 3))
    data = path.read_bytes()
    with tarfile.open(path) as file:
        last = file.getmembers()[3]
    for end in (last.offset, last.offset + 100, last.offset_data, last.offset_data + 700, last.offset_data - 1):
        path.write_bytes(data[:end])
        with raises_saying(ValueError, str(path), "after the sample 's/0000'" if end > last.offset + 512 else ""):
            open_source(path, 2).shard(0)
    for end in (0, 100, 512, 600):
        path.write_bytes(data[:end])
        with raises_saying(ValueError, str(path), "write it again"):
            open_source(path, 2).shard(0)


def test_a_packed_tar_is_refused(tmp_path, raises_saying):
    with tarfile.open(tmp_path / "a.tar", "w:gz"):
        pass
    with raises_saying(ValueError, "a.tar", "plain tar"):
        open_source(tmp_path / "a.tar", 2).shard(0)


def test_links_in_a_tar_are_not_followed(tmp_path, raises_saying):
    (tmp_path / "secret.png").write_bytes(png(0))
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.png")
        file.addfile(link)
        text = tarfile.TarInfo("a.txt")
        text.size = 1
        file.addfile(text, io.BytesIO(b"a"))
    with raises_saying(ValueError, "no image"):
        open_source(tmp_path / "a.tar", 2).shard(0)
