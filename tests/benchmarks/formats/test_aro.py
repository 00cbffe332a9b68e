import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labclip_lib.benchmarks.evaluation import evaluate
from labclip_lib.benchmarks.formats import coco
from labclip_lib.benchmarks.formats.aro import SYMMETRIC, TASKS, kept, load, order_negatives, plain, write_toy
from labclip_lib.models.backbones import load_backbone
from labclip_lib.operators.grammar import read
from labclip_lib.operators.tagging import ADJECTIVE, NOUN
from labclip_lib.world.captions import parse
from labclip_lib.world.scenes import World

# As the two published files have them.
RELATION = {
    "image_id": "2415090", "subject": {}, "object": {}, "relation_name": "eating", "image_path": "2415090.jpg",
    "true_caption": "the horse is eating the grass", "false_caption": "the grass is eating the horse",
    "bbox_x": 10, "bbox_y": 5, "bbox_w": 20, "bbox_h": 30,
}  # fmt: skip
ATTRIBUTE = {
    "image_id": "2341157", "obj1_name": "cat", "obj2_name": "door", "attributes": ["crouched", "open"],
    "true_caption": "the crouched cat and the open door", "false_caption": "the open cat and the crouched door",
    "image_path": "2341157.jpg", "bbox_x": 0, "bbox_y": 0, "bbox_w": 40, "bbox_h": 40,
}  # fmt: skip
FILES = {"VG-R": "visual_genome_relation.json", "VG-A": "visual_genome_attribution.json"}


@pytest.fixture
def write(tmp_path):
    """Write items as the file of a task, and two images of 60 x 40 pixels, red where the box of RELATION is."""

    def write(items, task="VG-R"):
        folder = tmp_path / "aro" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        photo = Image.new("RGB", (60, 40))
        photo.paste((255, 0, 0), (10, 5, 30, 35))
        for name in ("2415090.jpg", "2341157.jpg"):
            photo.save(folder / name, quality=100, subsampling=0)
        (tmp_path / "aro" / FILES[task]).write_text(json.dumps(items))
        return tmp_path

    return write


def test_a_relation_and_the_part_of_the_image_that_is_meant(write):
    (record,) = load(write([RELATION]), "VG-R")
    assert record.captions == ("the horse is eating the grass",)
    assert record.negatives == ("the grass is eating the horse",)
    assert record[0] == "0/2415090.jpg" and record.group == "eating" and record.cluster == "2415090.jpg"
    part = np.asarray(record.image.read())
    assert part.shape == (30, 20, 3) and part[..., 0].min() > 200 and part[..., 1].max() < 60


def test_two_attributes_are_a_group(write):
    again = ATTRIBUTE | {"bbox_x": 10, "attributes": ["open", "crouched"]}
    records = load(write([ATTRIBUTE, again, ATTRIBUTE], "VG-A"), "VG-A")
    assert [record.group for record in records] == ["crouched_open", "open_crouched", "crouched_open"]
    assert len({record.key for record in records}) == 3 and {record.cluster for record in records} == {"2341157.jpg"}


def test_a_box_over_the_edge_is_black_there_as_in_aro(write):
    (record,) = load(write([RELATION | {"bbox_w": 100}]), "VG-R")
    assert record.image.read().size == (100, 30) and np.asarray(record.image.read())[:, 60:].max() == 0


@pytest.mark.parametrize(
    ("task", "change", "seen"),
    [
        ("VG-R", {"bbox_w": 0}, "of 60 x 40 pixels"),
        ("VG-R", {"bbox_h": -3}, "holds nothing"),
        ("VG-R", {"bbox_x": 60}, "holds nothing"),
        ("VG-R", {"bbox_y": -30}, "holds nothing"),
        ("VG-R", {"bbox_x": "10"}, "bbox_x of item 1 is '10'"),
        ("VG-R", {"bbox_x": None}, "bbox_x of item 1 is None"),
        ("VG-R", {"image_path": "../2415090.jpg"}, "'../2415090.jpg'"),
        ("VG-R", {"image_path": "/2415090.jpg"}, "'/2415090.jpg'"),
        ("VG-R", {"relation_name": 3}, "relation_name"),
        ("VG-A", {"attributes": ["open"]}, "1 attributes"),
        ("VG-A", {"attributes": "open"}, "attributes"),
        ("VG-A", {"attributes": ["open", 3]}, "an attribute of item 1"),
    ],
)
def test_an_item_that_is_not_in_the_published_format(task, change, seen, write, raises_saying):
    item = RELATION if task == "VG-R" else ATTRIBUTE
    with raises_saying(ValueError, FILES[task], "item 1", seen):
        load(write([item, item | change], task), task)


@pytest.mark.parametrize("lacks", ["relation_name", "bbox_w", "image_path", "true_caption", "false_caption"])
def test_a_column_that_is_not_there(lacks, write, raises_saying):
    item = {key: value for key, value in RELATION.items() if key != lacks}
    with raises_saying(ValueError, FILES["VG-R"], "item 0", repr(lacks)):
        load(write([item]), "VG-R")


def test_what_is_missing(write, raises_saying):
    root = write([RELATION])
    with raises_saying(ValueError, FILES["VG-A"], "get aro"):
        load(root, "VG-A")
    with raises_saying(ValueError, "'COCO-Oder'", "'COCO-Order'?"):
        load(root, "COCO-Oder")
    for bad in ("{}", "[3]", "[]"):
        (root / "aro" / FILES["VG-R"]).write_text(bad)
        with raises_saying(ValueError, "aro"):
            load(root, "VG-R")
    write([RELATION])
    (root / "aro" / "images" / "2415090.jpg").write_bytes(b"no image")
    with raises_saying(ValueError, "2415090.jpg", "Cannot read"):
        load(root, "VG-R")
    (root / "aro" / "images" / "2415090.jpg").unlink()
    with raises_saying(ValueError, "1 of the 1 images", "2415090.jpg", "get aro"):
        load(root, "VG-R")


def test_the_conventions_of_the_two_averages(raises_saying):
    assert len(SYMMETRIC) == 157 and "next to" in SYMMETRIC and "to the left of" not in SYMMETRIC
    assert all(relation == " ".join(relation.split()) for relation in SYMMETRIC)
    relations = ["next to", "to the left of", "wearing"]
    assert kept(relations, "VG-R", "ARO").tolist() == [False, True, True]
    assert kept(relations, "VG-R", "LABCLIP").tolist() == [True, True, True]
    pairs = np.array(["open_old"] * 24 + ["old_open"] * 25)
    for convention in ("ARO", "LABCLIP"):
        assert kept(pairs, "VG-A", convention).tolist() == [False] * 24 + [True] * 25
    for task, convention in (("VG-R", "aro"), ("COCO-Order", "ARO")):
        with raises_saying(ValueError, repr(task), repr(convention), "LABCLIP"):
            kept(relations, task, convention)


# The order of words

CAPTIONS = [
    "A narrow kitchen filled with small appliances and cooking utensils.",
    "A man's dog, well-fed, isn't barking at the three old ladies!",
    "Two men in blue shirts #wait ~ for a bus (number 5) near the  tall building",
    "The quick brown fox of the man jumps",
]


@pytest.mark.parametrize("caption", CAPTIONS)
def test_four_shuffles_of_the_same_words(caption):
    found = order_negatives(caption)
    assert len(found) == len({plain(caption), *found} - {plain(caption)}) == 4
    words = [word.text for word in read(plain(caption)).words]
    for negative in found:
        assert Counter(word.text for word in read(negative).words) == Counter(words)
    named, others, within, runs = ([word.text for word in read(text).words] for text in found)
    kinds = [word.kind for word in read(plain(caption)).words]
    moved = {kind for old, new, kind in zip(words, named, kinds, strict=True) if old != new}
    assert moved and moved <= {NOUN, ADJECTIVE}
    for kind in (NOUN, ADJECTIVE):
        assert Counter(w for w, k in zip(named, kinds, strict=True) if k == kind) == Counter(
            w for w, k in zip(words, kinds, strict=True) if k == kind
        )
    assert all(old == new for old, new, kind in zip(words, others, kinds, strict=True) if kind in (NOUN, ADJECTIVE))
    spoken, within, runs = ([word for word in text if word[0].isalnum()] for text in (words, within, runs))
    threes, changed, blocks = ([text[k : k + 3] for k in range(0, len(text), 3)] for text in (spoken, within, runs))
    assert [sorted(three) for three in threes] == [sorted(three) for three in changed]
    text = " ".join(runs)
    assert all(" ".join(three) in text for three in threes) and blocks != threes


def test_captions_are_cleaned_as_by_aro():
    assert plain('A "Red"  cup.\n') == "a red cup" and plain("one: two; (three) four!*#~") == "one two three four"
    assert plain("a-b, c's") == "a-b, c's" and plain("w " * 40) == " ".join("w" * 30)


def test_punctuation_gives_no_negative_away():
    """Where marks and spaces stand is the same in all texts, so a tokenizer that sees spaces learns nothing."""
    caption = "a man's dog, well-fed, runs in the park"
    marks = [word.space if word.text[0].isalnum() else word.space + word.text for word in read(caption).words]
    for negative in order_negatives(caption):
        assert marks == [
            word.space if word.text[0].isalnum() else word.space + word.text for word in read(negative).words
        ]


def test_what_is_drawn_depends_on_the_seed_and_the_caption():
    first = [order_negatives(caption) for caption in CAPTIONS]
    assert first[::-1] == [order_negatives(caption, seed=0) for caption in CAPTIONS[::-1]]
    assert first != [order_negatives(caption, seed=1) for caption in CAPTIONS]
    alike = [f"a {a} {b} and a {c} {d} near the {e}" for a, b, c, d, e in ("pqrst", "uvwxy", "klmno")]
    kinds = ["determiner", "adjective", "noun", "and", "determiner", "adjective", "noun", "preposition", "determiner"]
    where = [
        [caption.split().index(word) for negative in order_negatives(caption, tagger=lambda _: [*kinds, "noun"])
         for word in negative.split()]
        for caption in alike
    ]  # fmt: skip
    assert where[0] != where[1] != where[2], "captions of one form are shuffled in one way"


def test_no_two_negatives_of_a_caption_are_the_same():
    for seed in range(20):
        found = order_negatives("cat near dog", seed)
        assert len(set(found)) == len(found) == 2, found


@pytest.mark.parametrize(
    ("caption", "count"), [("Dogs.", 0), ("", 0), ("dog dog dog", 0), ("the dog", 1), ("a dog on the old wall", 4)]
)
def test_a_shuffle_that_gives_nothing_new_is_left_out(caption, count):
    assert len(order_negatives(caption)) == count


def test_a_list_in_another_order_is_not_wrong():
    assert not {"a dog and a cat", "a cat and a dog"} & set(order_negatives("A dog and a cat."))


def test_order_asks_about_every_caption(tmp_path):
    image = {"filepath": "val2014", "filename": "COCO_val2014_000000391895.jpg", "split": "test"}
    said = ["A dog on the old wall.", "Dogs.", "A dog on the old wall"]
    data = {"images": [image | {"sentences": [{"raw": text} for text in said]}]}
    path = tmp_path / "coco" / "val2014" / image["filename"]
    path.parent.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(path)
    (tmp_path / "coco" / "dataset_coco.json").write_text(json.dumps(data))
    records = load(tmp_path, "COCO-Order")
    assert [record.key for record in records] == [f"{path.name}/0", f"{path.name}/2"]
    assert records[0][1:] == records[1][1:] and records[0].captions == ("a dog on the old wall",)
    assert records[0].negatives == tuple(order_negatives(said[0])) and records[0].cluster == path.name
    assert load(tmp_path, "COCO-Order", seed=5)[0].negatives == tuple(order_negatives(said[0], seed=5))


# The small version


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    write_toy(root)
    coco.write_toy(root, train=0, test=10)
    return root


def test_the_toy_has_pairs_that_count_and_pairs_that_do_not(toy):
    records = load(toy, "VG-A")
    groups = [record.group for record in records]
    assert sorted(Counter(groups).values()) == [10] * 4 + [30] * 8 and kept(groups, "VG-A", "ARO").sum() == 240
    for record in records:
        (first, _), (second, _) = true = parse(record.captions[0], World())
        false = parse(record.negatives[0], World())
        assert record.group == f"{first}_{second}"
        assert [(false[1][0], true[0][1]), (false[0][0], true[1][1])] == true
    assert set(Counter(record.cluster for record in records).values()) == {2}


def test_only_the_part_that_is_meant_fits_its_caption(toy):
    """PocketCLIP tells which of the two scenes of an image a caption is about."""
    pocket, records = load_backbone("pocket", device="cpu"), load(toy, "VG-A")[:80]
    images = pocket.encode_images([record.image.read() for record in records])
    texts = pocket.encode_texts([record.captions[0] for record in records])
    neighbour = images.view(40, 2, -1).flip(1).flatten(0, 1)
    assert ((images * texts).sum(1) > (neighbour * texts).sum(1)).float().mean() > 0.9


@pytest.mark.parametrize("task", [task for task in TASKS if task != "VG-R"])
def test_pocketclip_answers_the_toy(toy, task):
    records = load(toy, task)
    (answers,) = evaluate(load_backbone("pocket", device="cpu"), records).answers.values()
    assert len(answers.outcomes) == len(records) >= 25
    folder = toy / {"VG-A": "aro", "COCO-Order": "coco", "Flickr-Order": "flickr30k"}[task]
    assert all(folder in Path(record.image.path).parents for record in records)
    # To a bag of words all are the same.
    np.testing.assert_allclose(answers.bag_of_words, answers.chance)
    np.testing.assert_allclose(answers.chance, [1 / (1 + len(record.negatives)) for record in records])


def test_no_distractor_of_the_toy_is_true(toy):
    world = World()
    for record in load(toy, "COCO-Order"):
        truth = set(record.captions[0].replace("a photo of ", "").replace("an ", "a ").split(" and "))
        for negative in record.negatives:
            assert set(negative.replace("an ", "a ").split(" and ")) != truth, negative
        assert parse(record.captions[0], world)


def test_what_is_there_stays_and_relations_have_no_toy(toy, raises_saying):
    path = toy / "aro" / FILES["VG-A"]
    before = path.stat().st_mtime_ns
    write_toy(toy, seed=1)
    assert path.stat().st_mtime_ns == before
    with raises_saying(ValueError, FILES["VG-R"], "get aro"):
        load(toy, "VG-R")
