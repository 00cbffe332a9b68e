import json
from collections import Counter

import pytest
from PIL import Image

from labclip_lib.benchmarks.evaluation import CHOICE
from labclip_lib.benchmarks.formats import sugarcrepe
from labclip_lib.benchmarks.formats.sugarcrepe import (
    MODELS,
    WITHDRAWN,
    load,
    load_pp,
    published,
    read,
    read_pp,
    write_toy,
)
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.captions import parse
from labclip_lib.world.scenes import World

# As the project counts them, in the order of its files' names.
COUNTS = {
    "add_att": 692, "add_obj": 2062, "replace_att": 788, "replace_obj": 1652, "replace_rel": 1406, "swap_att": 666,
    "swap_obj": 245,
}  # fmt: skip
# Percent, of BiVLC's outcomes.
TABLE = {
    "ViT-B/32": {
        "replace_obj": 90.92, "replace_att": 80.08, "replace_rel": 69.20, "swap_obj": 61.38, "swap_att": 63.96,
        "add_obj": 77.21, "add_att": 68.79,
    },
    "fine-tuned on COCO": {
        "replace_obj": 94.67, "replace_att": 86.55, "replace_rel": 75.89, "swap_obj": 63.01, "swap_att": 71.02,
        "add_obj": 89.86, "add_att": 81.79,
    },
    "TROHN-Text": {
        "replace_obj": 94.92, "replace_att": 94.42, "replace_rel": 92.11, "swap_obj": 79.67, "swap_att": 81.38,
        "add_obj": 96.99, "add_att": 96.97,
    },
}  # fmt: skip


def item(i, filename="000000000139.jpg", **changes):
    return {"filename": filename, "caption": f"A cat {i}. ", "negative_caption": f"A dog {i}."} | changes


@pytest.fixture
def folder(tmp_path):
    """Both benchmarks with two items a subset, about two images."""
    (tmp_path / "coco" / "val2017").mkdir(parents=True)
    for name in ("000000000139.jpg", "000000000285.jpg"):
        Image.new("RGB", (4, 4)).save(tmp_path / "coco" / "val2017" / name)
    for subset in COUNTS:
        items = {"0": item(f"{subset} 0"), "7": item(f"{subset} 7", "000000000285.jpg")}
        put(tmp_path, "sugarcrepe", subset, items)
        if not subset.startswith("add"):
            rows = [{"id": int(key), "caption2": f"One {key}.", **value} for key, value in items.items()]
            put(tmp_path, "sugarcrepe_pp", subset, rows)
    return tmp_path


def put(root, benchmark, subset, content):
    (root / benchmark).mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (root / benchmark / f"{subset}.json").write_text(text, encoding="utf-8")


def test_records(folder):
    records = load(folder)
    assert [(r.key, r.group) for r in records] == [(f"{s}/{i}", s) for s in COUNTS for i in (0, 7)]
    last = records[-1]
    assert last.captions == ("A cat swap_obj 7. ",) and last.negatives == ("A dog swap_obj 7.",)
    assert last.image.path == str(folder / "coco" / "val2017" / "000000000285.jpg")
    assert last.cluster == records[1].cluster != records[0].cluster and last.other_image is None


def test_records_with_a_paraphrase(folder):
    records = load_pp(folder)
    assert [r.key for r in records] == [f"{s}/{i}" for s in COUNTS if not s.startswith("add") for i in (0, 7)]
    assert records[-1].captions == ("A cat swap_obj 7. ", "One 7.") and records[-1].negatives == ("A dog swap_obj 7.",)
    assert records[-1].cluster == "000000000285.jpg" == records[1].cluster


def test_a_long_caption_is_kept_whole(folder):
    text = "a café " * 90
    put(folder, "sugarcrepe", "add_att", {"0": item(0, caption=text)})
    assert load(folder)[0].captions == (text,)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ({"5": {"filename": "1.jpg", "caption": "a", "negative": "b"}}, ["'5'", "'negative_caption'", "'negative'"]),
        ('{"0": {}, "0": {}}', ["'0'", "twice"]),
        ("not JSON", ["JSON"]),
        ([item(0)], ["not a dict"]),
        ({"5": "a cat"}, ["'5'", "'a cat'"]),
        ({"5": item(0, caption=["a", "b"])}, ["'caption'", "'5'", "['a', 'b']"]),
        ({"5": item(0, "../x.jpg")}, ["'5'", "'../x.jpg'"]),
        ({"5": item(0, "/x.jpg")}, ["'/x.jpg'"]),
        ({"5": item(0, "..")}, ["'..'"]),
        ({"5": item(0, "")}, ["''"]),
        ({"5": item(0, "a\\b.jpg")}, ["b.jpg"]),
    ],
)
def test_not_the_published_format(folder, content, seen, raises_saying):
    put(folder, "sugarcrepe", "replace_rel", content)
    with raises_saying(ValueError, "replace_rel.json", *seen):
        load(folder)


@pytest.mark.parametrize(
    ("rows", "seen"),
    [
        ([{"id": 3, "caption2": "c", **item(0)}] * 2, ["'swap_att/3'", "twice"]),
        ([item(0)], ["item 0", "'id'"]),
        ([{"id": 3, **item(0)}], ["'caption2'", "3"]),
        ({"0": item(0)}, ["not a list"]),
        (["a cat"], ["item 0", "'a cat'"]),
    ],
)
def test_not_the_published_format_of_plus_plus(folder, rows, seen, raises_saying):
    put(folder, "sugarcrepe_pp", "swap_att", rows)
    with raises_saying(ValueError, "sugarcrepe_pp", *seen):
        load_pp(folder)


def test_missing_images_and_files(folder, raises_saying):
    image = folder / "coco" / "val2017" / "000000000285.jpg"
    image.unlink()
    for how in (load, load_pp):
        with raises_saying(ValueError, "1 of the 2 images", str(image), "labclip_lib get sugarcrepe"):
            how(folder)
    assert len(read(folder)) == 14 and len(read_pp(folder)) == 10
    for benchmark, how in (("sugarcrepe", load), ("sugarcrepe_pp", load_pp)):
        path = folder / benchmark / "swap_obj.json"
        path.unlink()
        with raises_saying(ValueError, str(path), f"labclip_lib get {benchmark}"):
            how(folder)


def test_real_files(real_data):
    records, more = read(real_data), read_pp(real_data)
    assert {s: sum(r.group == s for r in records) for s in COUNTS} == COUNTS and len(records) == 7511
    assert {s: sum(r.group == s for r in more) for s in COUNTS if "add" not in s} == {
        s: n for s, n in COUNTS.items() if "add" not in s
    }
    assert len({r.key for r in records}) == 7511 and len({r.key for r in more}) == len(more) == 4757


# Published outcomes


@pytest.mark.parametrize("model", TABLE)
def test_published_outcomes_give_the_published_table(real_data, model):
    found = published(model)
    assert list(TABLE) == list(MODELS) and found.model == model and len(found.micro().values) == 7512
    means = {subset: round(100 * float(measure.values.mean()), 2) for subset, measure in found.measures().items()}
    assert means == TABLE[model]


def test_published_outcomes_are_of_the_items_that_load_reads(real_data):
    """Row by row the same image and texts under each key, and one item more."""
    records = read(real_data)
    for model, file in MODELS.items():
        found = published(model)
        assert set(found.answers[CHOICE].keys) - {record.key for record in records} == {WITHDRAWN}
        kept = found.only(record.key for record in records).answers[CHOICE]
        for name, field in (("keys", "key"), ("groups", "group"), ("clusters", "cluster")):
            assert getattr(kept, name).tolist() == [getattr(record, field) for record in records]
        rows = data_rows(real_data / file)
        outcomes = dict(zip(kept.keys.tolist(), kept.outcomes.tolist(), strict=True))
        for record in records:
            assert rows[record.group, record.cluster, *record.captions, *record.negatives] == outcomes[record.key]


def data_rows(path):
    rows = [row for _, row in sugarcrepe.read_csv(path, "sugarcrepe")]
    out = {
        (f"{r['type']}_{r['subtype']}", r["filename"], r["caption"], r["negative_caption"]): float(r["correct"])
        for r in rows
    }
    assert len(out) == len(rows)
    return out


def test_unknown_model(raises_saying):
    with raises_saying(ValueError, "'ViT-B-32'", "'ViT-B/32'?"):
        published("ViT-B-32")
    with raises_saying(ValueError, "'GPT'", "TROHN-Text"):
        published("GPT")


def test_each_column_of_the_outcomes_is_read(pin):
    text = "filename,caption,negative_caption,type,subtype,correct\n2.jpg,é,f,swap,obj,1\n1.jpg,a,b,add,att,0\n"
    text += "3.jpg,a b,B a.,swap,obj,0\n"
    pin("bivlc/SUGARCREPE_CORRECT_CLIP_COCO.csv", text)
    found = published("fine-tuned on COCO")
    assert (found.benchmark, found.model, list(found.answers)) == ("SugarCrepe", "fine-tuned on COCO", [CHOICE])
    assert {name: values.tolist() for name, values in found.answers[CHOICE]._asdict().items()} == {
        "keys": ["add_att/0", "swap_obj/0", "swap_obj/1"], "groups": ["add_att", "swap_obj", "swap_obj"],
        "clusters": ["1.jpg", "2.jpg", "3.jpg"], "outcomes": [0, 1, 0], "chance": [0.5] * 3,
        "bag_of_words": [1, 1, 0.5],
    }  # fmt: skip


# In small


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    write_toy(root, n=20)
    return root


def test_toy_in_words_that_pocket_clip_knows(toy):
    records, more = load(toy), load_pp(toy)
    assert len(records) == 7 * 20 and len(more) == 5 * 20
    pocket = load_backbone("pocket", device="cpu")
    texts = [text for record in records + more for text in (*record.captions, *record.negatives)]
    assert pocket.encode_texts(texts).shape == (len(texts), pocket.dim)
    assert records[0].image.read().size == (64, 64)


# How many colours and shapes a toy's caption has that its negative has not, and the other way round.
CHANGES = {
    "add_att": (0, 0, 1, 0), "add_obj": (0, 0, 1, 1), "replace_att": (1, 0, 1, 0), "replace_obj": (0, 1, 0, 1),
    "replace_rel": (1, 1, 1, 1), "swap_att": (0, 0, 0, 0), "swap_obj": (0, 0, 0, 0),
}  # fmt: skip


def test_toy_captions_are_true_and_negatives_false_as_the_subset_says(toy):
    world, scenes = World(), World().sample(20, seed=0)
    there = [
        {(world.colors[c], world.shapes[s]) for c, s in zip(*pair, strict=True)}
        for pair in zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True)
    ]

    def true(text, i):
        return all(any(c in (None, a) and s in (None, b) for a, b in there[i]) for c, s in parse(text, world))

    for record in load(toy) + load_pp(toy):
        i = int(record.key.partition("/")[2])
        (negative,) = record.negatives
        assert len(set(record.captions)) == len(record.captions)
        assert all(true(text, i) for text in record.captions) and not true(negative, i)
        here, gone = (Counter(text.split()) for text in (record.captions[0], negative))
        lost, new = here - gone, gone - here
        counts = [sum(n for word, n in part.items() if word in names)
                  for part in (lost, new) for names in (world.colors, world.shapes)]  # fmt: skip
        assert tuple(counts) == CHANGES[record.group]


def test_toy_is_written_once(toy):
    before = {path: path.stat().st_mtime_ns for path in toy.rglob("*")}
    write_toy(toy, n=5, seed=1)
    assert {path: path.stat().st_mtime_ns for path in toy.rglob("*")} == before


def test_an_interrupted_toy_is_finished_and_real_files_are_left_alone(tmp_path, toy):
    write_toy(tmp_path, n=20)
    (tmp_path / "sugarcrepe_pp" / "swap_obj.json").unlink()
    put(tmp_path, "sugarcrepe", "add_att", "{}")
    write_toy(tmp_path, n=20)
    assert load_pp(tmp_path)[-1].captions == load_pp(toy)[-1].captions
    assert (tmp_path / "sugarcrepe" / "add_att.json").read_text() == "{}"
