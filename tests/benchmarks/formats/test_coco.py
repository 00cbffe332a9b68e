import functools
import json
import threading
import time
from collections import Counter

import joblib
import pytest
from PIL import Image

from labclip_lib.benchmarks.formats import coco
from labclip_lib.benchmarks.formats.coco import for_each, load, says_the_same, training_pairs, write_toy
from labclip_lib.benchmarks.hard_negatives import load_hard_negatives
from labclip_lib.models.backbones import load_backbone
from labclip_lib.operators.grammar import read
from labclip_lib.world.captions import parse
from labclip_lib.world.scenes import World

TRAIN, REST, TEST = (
    "COCO_train2014_000000000009.jpg", "COCO_val2014_000000000042.jpg", "COCO_val2014_000000391895.jpg",
)  # fmt: skip
# Six sentences, of which five count; what is around a caption is no part of it.
CYCLIST = ["A man with a red helmet on a small moped on a dirt road. ", "Man riding a motor bike.", "A man riding",
           "\nA young man", "", "A man in a red shirt", "A sixth caption"]  # fmt: skip


def image(name, split, *captions, **changed):
    """An image as Karpathy's file of COCO has it, tokens and all."""
    sentences = [
        {"tokens": text.lower().split(), "raw": text, "imgid": 0, "sentid": k} for k, text in enumerate(captions)
    ]
    year = name.split("_")[1]
    item = {
        "filepath": year, "sentids": [s["sentid"] for s in sentences], "filename": name, "imgid": 0, "split": split,
        "sentences": sentences, "cocoid": int(name[-16:-4]),
    }  # fmt: skip
    return item | changed


@pytest.fixture
def write(tmp_path):
    """Write images as the COCO file, with a picture for each where its name says; returns the folder of all data."""

    def write(images):
        for item in images:
            path = tmp_path / "coco" / str(item.get("filename", "")).split("_")[1] / item["filename"]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4)).save(path)
        (tmp_path / "coco" / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))
        return tmp_path

    return write


@pytest.fixture
def small(write):
    return write(
        [image(TEST, "test", *CYCLIST), image(TRAIN, "train", "A red cup on a blue plate", "Snow."),
         image(REST, "restval", "Snow falls."), image("COCO_val2014_000000000073.jpg", "val", "A parked bike")]
    )  # fmt: skip


def test_an_image_with_its_first_five_captions(small):
    (record,) = load(small)
    assert record.key == record.cluster == TEST and record.negatives == () and record.other_image is None
    assert record.captions == (
        "A man with a red helmet on a small moped on a dirt road.", "Man riding a motor bike.", "A man riding",
        "A young man", "A man in a red shirt",
    )  # fmt: skip
    assert record.image.read().size == (4, 4)


def test_restval_is_trained_on_and_lies_in_val2014(small):
    records = {record.key: record for record in load(small, "train")}
    assert set(records) == {TRAIN, REST}
    assert records[REST].image.path == str(small / "coco" / "val2014" / REST) and records[REST].image.read()
    assert [record.key for record in load(small, "val")] == ["COCO_val2014_000000000073.jpg"]


def test_flickr30k_has_one_folder(tmp_path):
    item = image("COCO_val2014_000000391895.jpg", "test", "Two men") | {"filename": "1007129816.jpg"}
    del item["filepath"], item["cocoid"]
    folder = tmp_path / "flickr30k"
    (folder / "flickr30k-images").mkdir(parents=True)
    (folder / "dataset_flickr30k.json").write_text(json.dumps({"images": [item], "dataset": "flickr30k"}))
    Image.new("RGB", (4, 4)).save(folder / "flickr30k-images" / "1007129816.jpg")
    (record,) = load(tmp_path, of="flickr30k")
    assert record.key == "1007129816.jpg" and record.captions == ("Two men",) and record.image.read()


def lacking(field):
    item = image(TEST, "test", "A cup")
    del item[field]
    return item


@pytest.mark.parametrize(
    ("images", "seen"),
    [
        ([image(TEST, "tset", "A cup")], "'tset'"),
        ([image(TEST, "test", "A cup"), image(TEST, "train", "A cup")], "twice"),
        ([lacking("split")], "'split'"),
        ([lacking("filepath")], "(it has 'filename')"),
        ([lacking("sentences")], "(it has 'sentids')"),
        ([image(TEST, "test")], "no sentence"),
        ([image(TEST, "test", "  ")], "no sentence"),
        ([image(TEST, "test", sentences=["A cup"])], "'A cup'"),
        ([image(TEST, "test", "A cup", sentences={})], "not a list"),
        ([image(TEST, "test", sentences=[{"raws": "A cup"}])], "'raws'"),
        ([image(TEST, "test", "A cup", filepath="../val2014")], "'../val2014'"),
        ([image(TEST, "train", "A cup")], "no image of the split 'test'"),
        ([], "no image of the split 'test'"),
    ],
)  # fmt: skip
def test_what_is_not_the_published_format(images, seen, tmp_path, raises_saying):
    for item in images:
        path = tmp_path / "coco" / "val2014" / str(item["filename"])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    (tmp_path / "coco").mkdir(exist_ok=True)
    (tmp_path / "coco" / "dataset_coco.json").write_text(json.dumps({"images": images}))
    with raises_saying(ValueError, "dataset_coco.json", seen):
        load(tmp_path)


def test_names_that_lead_elsewhere(write, tmp_path, raises_saying):
    (tmp_path / "secret.jpg").write_bytes(b"")
    (tmp_path / "coco").mkdir()
    for name in ("../../secret.jpg", str(tmp_path / "secret.jpg")):
        item = image(TEST, "test", "A cup") | {"filename": name}
        (tmp_path / "coco" / "dataset_coco.json").write_text(json.dumps({"images": [item]}))
        with raises_saying(ValueError, "image 0", "file name"):
            load(tmp_path)


@pytest.mark.parametrize("text", ["[]", '{"image": []}', '{"images": {}}', '{"images": [3]}', '{"images": '])
def test_a_file_of_another_kind(text, tmp_path, raises_saying):
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco" / "dataset_coco.json").write_text(text)
    with raises_saying(ValueError, "dataset_coco.json"):
        load(tmp_path)


def test_what_is_missing(small, raises_saying):
    (small / "coco" / "val2014" / TEST).unlink()
    with raises_saying(ValueError, "1 of the 1 images", TEST, "get coco"):
        load(small)
    with raises_saying(ValueError, "dataset_flickr30k.json", "get flickr30k"):
        load(small, of="flickr30k")
    for split, of in (("restval", "coco"), ("test", "flickr8k")):
        with raises_saying(ValueError, repr(split), repr(of), "flickr30k"):
            load(small, split, of)


# Negatives to train on


def test_each_negative_belongs_to_its_caption(small):
    records, left_out = training_pairs(small)
    (record,) = records  # "Snow." and "Snow falls." have nothing to shuffle
    assert left_out == 2 and record.key == TRAIN and record.captions == ("A red cup on a blue plate",)
    (negative,) = record.negatives
    assert negative != record.captions[0] and sorted(negative.split()) == sorted(record.captions[0].split())


def test_negatives_depend_on_the_seed_and_the_caption_alone(write, raises_saying):
    many = [f"A {a} cat and a {b} dog near a {c} house" for a, b, c in
            [("red", "big", "old"), ("new", "wet", "blue"), ("small", "brown", "tall")]]  # fmt: skip
    first, _ = training_pairs(write([image(TRAIN, "train", *many)]))
    again, _ = training_pairs(write([image(REST, "restval", *many[::-1], "A red cup on a blue plate")]))
    assert set(zip(first[0].captions, first[0].negatives, strict=True)) < set(
        zip(again[0].captions, again[0].negatives, strict=True)
    )
    orders = [
        [caption.split().index(word) for word in negative.split() if word in caption.split()]
        for caption, negative in zip(first[0].captions, first[0].negatives, strict=True)
    ]
    assert len(set(map(tuple, orders))) > 1, "all captions are shuffled in one way"
    assert training_pairs(write([image(TRAIN, "train", *many)]), seed=1)[0][0].negatives != first[0].negatives


@pytest.mark.parametrize(
    ("caption", "changed", "same"),
    [
        ("A red cat and a black dog", "A black dog and a red cat", True),
        ("Rice, meat and vegetables on a plate", "Vegetables, rice and meat on a plate", True),
        ("Rice, meat and vegetables on a plate", "Plate, rice and meat on a vegetables", False),
        ("a red cat and a black dog", "a black cat and a red dog", False),
        ("A dog chases a cat", "A cat chases a dog", False),
        ("A cat sits", "Sits cat a", False),
        ("A cat sits", "Cat a sits", False),
    ],
)
def test_a_list_in_another_order_says_the_same(caption, changed, same):
    sentence = read(caption)
    assert says_the_same(sentence, read(changed, lambda words: ["other"] * len(words)).words) is same


def test_no_negative_of_real_captions_says_the_same(real_data):
    captions = list(dict.fromkeys(load_hard_negatives("NegCLIP/validation").captions))[:400]
    found = for_each(captions, functools.partial(coco._negative, seed=0))
    there = {caption: negative for caption, negative in found.items() if negative is not None}
    assert list(found) == captions and len(there) > 0.97 * len(captions)
    for caption, negative in there.items():
        kinds = [word.kind for word in read(caption).words]
        words = read(negative, lambda _, kinds=kinds: kinds).words
        assert not says_the_same(read(caption), words)
        assert Counter(w.key for w in words) == Counter(w.key for w in read(caption).words)


def test_each_caption_once_in_its_order_whoever_is_done_first():
    captions = ["A red cup on a blue plate", "A cat", "A dog near a cat", "A red cup on a blue plate"]
    one = for_each(captions, str.upper, chunk=1)
    assert one == {caption: caption.upper() for caption in captions} and list(one) == captions[:3]
    many, workers = [f"caption {i}" for i in range(20_001)], set()

    def make(caption):
        workers.add(threading.get_ident())
        time.sleep(0.3 if caption == many[0] else 0)
        return caption.upper()

    with joblib.parallel_config("threading"):  # which start at once, other than processes
        found = for_each(many, make, jobs=2)
    assert list(found.items()) == [(caption, caption.upper()) for caption in many] and len(workers) == 2


# The small version


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    write_toy(root, train=40, test=12, seed=3)
    return root


def test_the_toy_has_every_place_and_other_compositions_to_test_on(toy):
    train, test, flickr = load(toy, "train"), load(toy), load(toy, of="flickr30k")
    assert (len(train), len(test), len(flickr)) == (40, 12, 6)
    folders = Counter(record.image.path.split("/")[-2] for record in train)
    assert set(folders) == {"train2014", "val2014"} and folders["val2014"] == 4
    assert [record.captions for record in test[:6]] != [record.captions for record in flickr]
    world = World()
    said = [{frozenset(parse(caption, world)) - {(None, None)} for caption in record.captions}
            for record in train + test]  # fmt: skip
    assert all(len(record.captions) == len(set(record.captions)) == 5 for record in train + test + flickr)
    assert all(len(each) == 1 for each in said), "five captions of one image disagree"
    assert len(set(map(frozenset, said))) == 52


def test_pocketclip_reads_the_toy_and_finds_its_images(toy):
    pocket, records = load_backbone("pocket", device="cpu"), load(toy)
    images = pocket.encode_images([record.image.read() for record in records])
    texts = pocket.encode_texts([caption for record in records for caption in record.captions])
    found = (texts @ images.T).argmax(1).view(len(records), 5)
    assert (found == found.new_tensor(range(len(records)))[:, None]).float().mean() > 0.8
    pairs, left_out = training_pairs(toy)
    assert left_out == 0 and len(pairs) == 40
    pocket.encode_texts([negative for record in pairs for negative in record.negatives])


def test_no_negative_of_the_toy_is_true(toy):
    for record in training_pairs(toy)[0]:
        truth = {word for caption in record.captions for word in caption.split(" and ")}
        for negative in record.negatives:
            assert not set(negative.split(" and ")) <= truth, negative


def test_what_is_there_stays(toy, raises_saying):
    path = toy / "coco" / "dataset_coco.json"
    before = path.read_bytes(), path.stat().st_mtime_ns
    write_toy(toy, train=8, test=4, seed=4)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    with raises_saying(ValueError, "1,568", "1,500"):
        write_toy(toy / "other", train=1500)
