import os

import pytest
from embeddable import captions, everything, pairs, pictures, png, samples, tar
from PIL import Image

from labclip_lib.embeddings.sources import open_source
from labclip_lib.models.image_files import Picture

# A folder


def test_a_folder_is_searched_in_the_order_of_relative_paths(tmp_path):
    for name in ("z.JPG", "b/a.webp", "b.bmp", "a/9.jpeg", "a/10.Png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    images, _ = everything(open_source(tmp_path, 2))
    names = [str(tmp_path / name) for name in ("a/10.Png", "a/9.jpeg", "b.bmp", "b/a.webp", "z.JPG")]
    assert [image.path for image in images] == names and all(image.read().size == (4, 4) for image in images)


def test_rows_are_shared_out_to_shards(tmp_path):
    paths = pictures(tmp_path, 5)
    source = open_source(tmp_path, 2)
    assert source.shards() == {"images": 3}
    assert [[p.path for p in source.shard(k).images] for k in range(3)] == [
        [str(path) for path in paths[a:b]] for a, b in ((0, 2), (2, 4), (4, 5))
    ]


@pytest.mark.parametrize("change", ["content", "order", "more"])
def test_a_changed_folder_is_another_source(tmp_path, change):
    first, *_ = pictures(tmp_path, 3)
    before, stat = open_source(tmp_path, 2).sha256, first.stat()
    assert before == open_source(tmp_path, 3).sha256
    if change == "content":
        first.write_bytes(first.read_bytes()[:-1] + b"0")
        os.utime(first, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif change == "order":
        first.rename(first.with_name("zero.png"))
    else:
        (tmp_path / "more.png").write_bytes(png(9))
    assert open_source(tmp_path, 2).sha256 != before


def test_what_holds_the_same_is_the_same_source(tmp_path):
    """Touched, moved, or written by a program with other line ends, marks and columns of no concern."""
    first, *_ = pictures(tmp_path / "a", 3)
    folder = open_source(tmp_path / "a", 2).sha256
    os.utime(first, ns=(0, 0))
    (tmp_path / "a").rename(tmp_path / "c")
    assert open_source(tmp_path / "c", 2).sha256 == folder
    (tmp_path / "a.txt").write_bytes(b"a star\na moon\n")
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbfa star\r\na moon")
    assert open_source(tmp_path / "a.txt", 2).sha256 == open_source(tmp_path / "b.txt", 2).sha256
    (tmp_path / "a.csv").write_bytes(b"image,caption\nc/000.png,a star\n")
    (tmp_path / "c" / "b.tsv").write_bytes(b"caption\tid\timage\r\na star\t1\t000.png\r\n")
    assert open_source(tmp_path / "a.csv", 2).sha256 == open_source(tmp_path / "c" / "b.tsv", 2).sha256
    for name in "ab":
        tar(tmp_path / f"{name}.tar", samples(0, 1))
    assert open_source(tmp_path / "a.tar", 2).sha256 == open_source(tmp_path / "b.tar", 2).sha256


def test_what_nobody_put_there_to_be_embedded_is_left_out_and_told(tmp_path):
    paths = pictures(tmp_path / "a", 3)
    for name in (".ipynb_checkpoints/000-checkpoint.png", ".thumbnails/000.png", "__MACOSX/._000.png", "._000.png",
                 "@eaDir/000.png", "Thumbs.db", "notes.txt", "x.HEIC", "b/more.txt", "README"):  # fmt: skip
        path = tmp_path / "a" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png(0) if path.suffix == ".png" else b"Nothing to see here.")
    source = open_source(tmp_path / "a", 9)
    assert [picture.path for picture in source.shard(0).images] == [str(path) for path in paths]
    assert source.summary == (
        "Taken: 3 .png; left out: 1 .heic (first 'x.HEIC'), 2 .txt (first 'b/more.txt'), 6 hidden (first "
        "'._000.png'), 1 without an ending (first 'README')."
    )


def test_every_ending_of_a_picture_is_taken_and_none_is_needed(tmp_path):
    for name in ("a.gif", "b.tiff", "c.TIF", "d.jfif", "e.JPE", "f", "g.webp"):
        form = {"f": "PNG", "a.gif": "GIF", "g.webp": "WEBP"}.get(name, "TIFF" if "tif" in name.lower() else "JPEG")
        (tmp_path / name).write_bytes(png(0, form=form))
    (tmp_path / "h").write_text("no picture")
    source = open_source(tmp_path, 9)
    assert [os.path.basename(picture.path) for picture in source.shard(0).images] == [
        "a.gif", "b.tiff", "c.TIF", "d.jfif", "e.JPE", "f", "g.webp",
    ]  # fmt: skip
    assert all(picture.read().size == (32, 40) for picture in source.shard(0).images)
    assert source.summary.startswith(
        "Taken: 1 .gif and 1 .jfif and 1 .jpe and 1 .tif and 1 .tiff and 1 .webp and 1 with"
    )


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch, raises_saying):
    def denied(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", denied)
    with raises_saying(ValueError, str(tmp_path), "Permission denied"):
        open_source(tmp_path, 2)


def test_a_folder_of_neither_or_both(tmp_path, raises_saying):
    (tmp_path / ".a.png").write_bytes(png(0))
    with raises_saying(ValueError, str(tmp_path), "no .jpg", ".tar", "left out: 1 hidden (first '.a.png')"):
        open_source(tmp_path, 2)
    tar(tmp_path / "a.tar", samples(0, 1))
    (tmp_path / "a.png").write_bytes(png(0))
    with raises_saying(ValueError, "both images and .tar"):
        open_source(tmp_path, 2)


# Captions


def test_captions_are_lines(tmp_path):
    path = tmp_path / "a.TXT"
    path.write_bytes("\ufeffa star\r\nun étoile\u2028red\na moon".encode())
    source = open_source(path, 2)
    assert everything(source) == ([], ["a star", "un étoile\u2028red", "a moon"]) and source.shards() == {"captions": 2}
    path.write_text("a star\nun étoile\na sun")
    assert open_source(path, 2).sha256 != source.sha256


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (b"a star\n \na moon\n", "Line 2"),
        (b"", "no caption"),
        (b"a \xff", "byte 2 is not UTF-8"),
        ("a star\n\u200b\ufeff\n".encode(), "Line 2"),
        (b"a\n\0\n", "NUL character in line 2"),
        ("a star\na moon".encode("utf-16"), "UTF-16"),
    ],
)
def test_mistakes_in_captions(tmp_path, text, seen, raises_saying):
    (tmp_path / "a.txt").write_bytes(text)
    with raises_saying(ValueError, str(tmp_path / "a.txt"), seen):
        open_source(tmp_path / "a.txt", 2)


# Pairs


@pytest.mark.parametrize("negatives", [0, 1, 3])
def test_pairs_embed_each_image_once(tmp_path, negatives):
    path, images, texts, wrong = pairs(tmp_path, 7, negatives)
    source = open_source(path, 3)
    assert source.shards() == {"images": 2, "captions": 3}
    assert source.steps() == [("captions", 0), ("captions", 1), ("captions", 2), ("images", 0), ("images", 1)]
    assert source.total(source.steps()[3:]) == 4 and source.total(source.steps()[:3:2]) == 4 * (1 + negatives)
    pictures, found = everything(source)
    assert [p.path for p in pictures] == [str(image) for image in dict.fromkeys(images)] and found == texts
    parts = [source.shard(k).texts for k in range(3)]
    assert [row for part in parts for row in part.image] == [0, 0, 1, 1, 2, 2, 3]
    assert [row for part in parts for row in part.negatives or []] == (wrong if negatives else [])


def test_pairs_as_people_write_them(tmp_path):
    """Tabs, quotes, columns in another order and some of no concern, two spellings of one path."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(0))
    text = "caption\tnegative2\tid\tnegative1\timage\n"
    text += '"a ""red"" star,\tso"\tx\t1\ty\tin/a.png\nb\tz\t\tw\tin/../in/a.png\n'
    (tmp_path / "p.tsv").write_text(text)
    source = open_source(tmp_path / "p.tsv", 9)
    assert source.shard(0).texts == (['a "red" star,\tso', "b"], [["y", "x"], ["w", "z"]], [0, 0])
    assert len(source.shard(0).images) == 1
    (tmp_path / "p.csv").write_text("image,caption,negative\nin/a.png,a,b\n")
    assert open_source(tmp_path / "p.csv", 9).shard(0).texts == (["a"], [["b"]], [0])


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("image,text\na.png,b\n", ["no column 'caption'", "image, text"]),
        ("", ["no column 'image'", "none"]),
        ("image,caption\n", ["no pair"]),
        ("image,caption\na.png,b\na.png,\n", ["Line 3", "no caption"]),
        ("image,caption\na.png\n", ["Line 2", "no caption"]),
        ("image,caption,negative\na.png,b, \n", ["Line 2", "no negative"]),
        ("image,caption\na.png,b,c\n", ["Line 2", "more fields"]),
        ('image,caption\na.png,"b\na.png,c\n', ["line 3"]),
        ("image,caption,caption\na.png,a red square,a blue circle\n", ["'caption' twice"]),
        ("image,caption,image\na.png,a red square,b.png\n", ["'image' twice"]),
        ('image,caption\na.png,"big red\na.png,a blue circle\na.png,a star"\n', ["Line 2", "closes in line 4"]),
        ("image,caption\na.png,\u200b\n", ["Line 2", "no caption"]),
        ("image,caption,negative\na.png,b,\ufeff\n", ["Line 2", "no negative"]),
        ("image,caption,negatives\na.png,b,c\n", ["negatives", "negative1"]),
        ("image,caption,negative2\na.png,b,c\n", ["negative2"]),
        ("image,caption,negative,negative1\na.png,b,c,d\n", ["negative, negative1"]),
        ("image,caption\na.png,b\nno.png,c\nno2.png,c\nno.png,c\n", ["2 of the 3 images", "no.png"]),
    ],
)
def test_mistakes_in_pairs(tmp_path, text, seen, raises_saying):
    (tmp_path / "a.png").write_bytes(png(0))
    (tmp_path / "p.csv").write_text(text)
    with raises_saying(ValueError, str(tmp_path / "p.csv"), *seen):
        open_source(tmp_path / "p.csv", 2)


def test_changed_pairs_are_another_source(tmp_path):
    path, images, *_ = pairs(tmp_path)
    seen = {open_source(path, 2).sha256}
    images[0].write_bytes(images[0].read_bytes() + b"0")
    seen.add(open_source(path, 2).sha256)
    path.write_text(path.read_text() + "0.png,a star,a,b\n")
    assert len(seen | {open_source(path, 2).sha256}) == 3


# Tars


@pytest.mark.parametrize("how", ["folder", "braces", "glob"])
def test_several_tars(tmp_path, how):
    for i in range(3):
        tar(tmp_path / f"x-{i}.tar", samples(2 * i, 2))
    (tmp_path / "x.json").write_text("{}")
    named = {"folder": tmp_path, "braces": tmp_path / "x-{0..2}.tar", "glob": tmp_path / "x-*.tar"}[how]
    source = open_source(str(named), 1)
    assert source.shards() == {"images": 3, "captions": 3} and everything(source)[1] == captions(6)
    assert source.sha256 == open_source(tmp_path, 5).sha256
    tar(tmp_path / "x-2.tar", samples(0, 30))
    assert source.sha256 != open_source(tmp_path, 5).sha256


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("no", ["There is no"]),
        ("x-{0..2}.tar", ["2 of the 3 tars", "x-1.tar"]),
        ("y-*.tar", ["No file fits"]),
        ("x-*", ["x-0.bin", "alone"]),
        ("x-{0..2.tar", ["pattern"]),
        ("x-${HERE}.tar", ["pattern"]),
        ("x-0.bin", ["Unknown file type", "x-0.bin"]),
    ],
)
def test_sources_that_are_none(tmp_path, source, seen, raises_saying):
    tar(tmp_path / "x-0.tar", samples(0, 1))
    (tmp_path / "x-0.bin").write_text("")
    with raises_saying(ValueError, str(tmp_path / source), *seen):
        open_source(str(tmp_path / source), 2)


# One picture


@pytest.mark.parametrize(
    ("data", "seen"),
    [(b"no image", "none of JPEG"), (png(0)[:-300], "truncated"), (b"", "none of JPEG"), (png(0, form="PPM"), "none")],
)
def test_unreadable_images_are_named(tmp_path, data, seen, raises_saying):
    (tmp_path / "a.png").write_bytes(data)
    with raises_saying(ValueError, str(tmp_path / "a.png"), seen):
        Picture(str(tmp_path / "a.png")).read()
    tar(tmp_path / "a.tar", {"k.png": data, "k.txt": b"a"})
    with raises_saying(ValueError, "a.tar", "key 'k'", seen):
        open_source(tmp_path / "a.tar", 2).shard(0).images[0].read()


def test_an_image_that_went_away_is_named(tmp_path, raises_saying):
    with raises_saying(ValueError, "gone.png", "No such file"):
        Picture(str(tmp_path / "gone.png")).read()


def test_postscript_is_not_run(tmp_path, monkeypatch, raises_saying):
    """Pillow hands it to Ghostscript, whatever the file is called."""
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *args, **kwargs: pytest.fail("it was run"))
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with raises_saying(ValueError, "a.png", "none of JPEG"):
        Picture(str(tmp_path / "a.png")).read()


def test_a_gif_by_another_name_is_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(png(0, form="GIF"))
    assert Picture(str(tmp_path / "a.jpg")).read().size == (32, 40)


def test_a_column_that_is_not_read_is_told(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "pairs.csv").write_text("image,caption,foil,score\na.png,a dog,a cat,1\n")
    assert open_source(tmp_path / "pairs.csv", 8).summary == "Taken: the columns image, caption; left out: foil, score."
