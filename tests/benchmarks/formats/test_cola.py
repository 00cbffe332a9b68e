import json
from collections import Counter

import pytest
from PIL import Image

from labclip_lib.benchmarks.formats.cola import load, read, write_toy
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.captions import parse
from labclip_lib.world.scenes import World

FILE = "COLA_multiobjects_matching_benchmark.json"
HOST = "https://example.org/vg_gqa_images"


def pair(first, second, **changes):
    row = {"0": f"{HOST}/{first}.jpg", "1": f"tall {first}", "2": f"{HOST}/{second}.jpg", "3": f"tall {second}"}
    return list((row | changes).values())


def put(root, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "cola" / FILE).write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """Five pairs: the first and the last share their images by way of the third; the others stand alone."""
    (tmp_path / "cola" / "images").mkdir(parents=True)
    for i in range(1, 9):
        Image.new("RGB", (4, 4)).save(tmp_path / "cola" / "images" / f"{i}.jpg")
    put(tmp_path, [pair(1, 2), pair(3, 4), pair(2, 5), pair(6, 7), pair(8, 5)])
    return tmp_path


def test_records(folder):
    records = load(folder)
    assert [r.key for r in records] == ["0", "1", "2", "3", "4"]
    first = records[0]
    assert (first.captions, first.negatives) == (("tall 1",), ("tall 2",))
    assert first.image.path == str(folder / "cola" / "images" / "1.jpg")
    assert first.other_image.path == str(folder / "cola" / "images" / "2.jpg")


def test_pairs_that_share_images_are_a_cluster(folder):
    clusters = [r.cluster for r in load(folder)]
    assert clusters[0] == clusters[2] == clusters[4] and len(set(clusters)) == 3


def test_a_long_caption_is_kept_whole(folder):
    put(folder, [pair(1, 2, **{"1": "a café " * 90})])
    assert load(folder)[0].captions == ("a café " * 90,)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ("not JSON", ["JSON"]),
        ({"0": pair(1, 2)}, ["not a list"]),
        ([pair(1, 2), pair(1, 2)[:3]], ["item 1", "3 values"]),
        ([[*pair(1, 2), "short"]], ["item 0", "5 values"]),
        (["tall"], ["item 0", "'tall'"]),
        ([pair(1, 2, **{"3": 7})], ["item 0", "7"]),
        ([pair(1, "..")], ["item 0", "'...jpg'"]),
        ([pair(1, 2, **{"2": f"{HOST}/.."})], ["item 0", "'..'"]),
        ([pair(1, 2, **{"2": f"{HOST}/..\\x.jpg"})], ["item 0", "x.jpg"]),
        ([pair(1, 2, **{"2": HOST + "/"})], ["item 0", "''"]),
        ([], ["no item"]),
    ],
)
def test_not_the_published_format(folder, content, seen, raises_saying):
    put(folder, content)
    with raises_saying(ValueError, "cola", *seen):
        load(folder)


def test_missing_images_and_file(folder, raises_saying):
    image = folder / "cola" / "images" / "7.jpg"
    image.unlink()
    with raises_saying(ValueError, "1 of the 8 images", str(image), "labclip_lib get cola"):
        load(folder)
    assert len(read(folder)) == 5
    (folder / "cola" / FILE).unlink()
    with raises_saying(ValueError, FILE, "labclip_lib get cola"):
        load(folder)


def test_real_file(real_data):
    records = read(real_data)
    assert len(records) == 210 and all(r.captions[0].strip() and r.negatives[0].strip() for r in records)
    assert len({picture for r in records for picture in (r.image, r.other_image)}) == 218
    cluster = {}
    for r in records:
        for picture in (r.image, r.other_image):
            assert cluster.setdefault(picture, r.cluster) == r.cluster
    assert len(Counter(cluster.values())) == 88


def test_toy(tmp_path):
    write_toy(tmp_path, n=30)
    records, world = load(tmp_path), World()
    assert len(records) == 30 == len({r.cluster for r in records})
    pocket = load_backbone("pocket", device="cpu")
    assert pocket.encode_texts([text for r in records for text in (*r.captions, *r.negatives)]).shape[0] == 60
    for r in records:
        here, there = (parse(text, world) for (text,) in (r.captions, r.negatives))
        assert [s for _, s in here] == [s for _, s in there] and [c for c, _ in here] == [c for c, _ in there][::-1]
        assert r.image.read().size == (64, 64) and r.image.read().tobytes() != r.other_image.read().tobytes()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    write_toy(tmp_path, n=5, seed=1)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
