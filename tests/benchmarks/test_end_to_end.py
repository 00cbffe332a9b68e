"""Each benchmark in its published format, in small: from its files to the answers of a model of open_clip's kind."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labclip_lib.benchmarks.evaluation import BOTH_CAPTIONS, CHOICE, PARAPHRASE, evaluate
from labclip_lib.benchmarks.formats import aro, clevr, coco, cola, pug, sugarcrepe, valse
from labclip_lib.benchmarks.hard_negatives import SUBSETS
from labclip_lib.models.backbones import load_backbone

LONG = "a dog that runs and runs " * 20  # more than 77 tokens


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(list(path.name.encode())).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def rows(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)


def write_clevr(root):
    lines = [["1.png", "cube", "red", "sphere", "blue"], ["2.png", "cube", "blue", "sphere", "red"],
             ["3.png", "cube", "gray", "cylinder", "gray"]]  # fmt: skip
    rows(root / "clevr" / "output_2obj.csv", lines)
    for line in lines:
        image(root / "clevr" / "images_2obj" / line[0])
    return lambda: clevr.load(root).records(), 2, CHOICE


PUG = ["filename", "world_name", "character_name", "character2_name", "character_texture", "character2_texture"]


def write_spare(root):
    lines = [["1.png", "Desert", "Cat", "Cow", "Red", "Blue"], ["2.png", "Island", "Cow", "Cat", "Green", "Pink"]]
    rows(root / "pug_spare" / "PUG_SPARE.csv", [PUG, *lines])
    for name, world, *_ in lines:
        image(root / "pug_spare" / world / name)
    return lambda: pug.load(root, "SPARE").records(), 2, CHOICE


def write_spar(root):
    lines = [["1.png", "Desert", "Cat", "Cow", "Blue", "Red"], ["2.png", "Desert", "blank", "Cat", "Blue", "Red"],
             ["3.png", "Desert", "Cat", "Cow", "Default", "Default"]]  # fmt: skip
    rows(root / "pug_spar" / "labels.csv", [PUG, *lines])
    image(root / "pug_spar" / "1.png")
    return lambda: pug.load(root, "SPAR").records(), 1, CHOICE


def karpathy(root, of="coco"):
    images = []
    for i, split in enumerate(("train", "restval", "test", "test")):
        name, folder = f"{of}_{i}.jpg", "train2014" if split == "train" else "val2014"
        where = {"filepath": folder} if of == "coco" else {}
        said = [{"raw": f"{text} {i}"} for text in ("a cat near a dog", "two dogs in the grass", LONG)]
        images.append({"filename": name, "split": split, "sentences": said, "imgid": i, **where})
        image(root / of / (folder if of == "coco" else "flickr30k-images") / name)
    write(root / of / f"dataset_{of}.json", {"images": images, "dataset": of})


def write_coco(root):
    karpathy(root)
    return lambda: coco.load(root), 2, "text to image, recall@1"


def write_order(root, of="coco", task="COCO-Order"):
    karpathy(root, of)
    return lambda: aro.load(root, task), 6, CHOICE


def write_flickr(root):
    return write_order(root, "flickr30k", "Flickr-Order")


def genome(root, file, extra):
    box = {"bbox_x": 5, "bbox_y": 5, "bbox_w": 30, "bbox_h": 20, "image_path": "7.jpg"}
    captions = {"true_caption": "the horse is eating the grass", "false_caption": "the grass is eating the horse"}
    long = {"true_caption": LONG, "false_caption": "the grass"}
    write(root / "aro" / f"visual_genome_{file}.json", [box | captions | extra, box | long | extra])
    image(root / "aro" / "images" / "7.jpg")


def write_relations(root):
    genome(root, "relation", {"relation_name": "eating"})
    return lambda: aro.load(root, "VG-R"), 2, CHOICE


def write_attributes(root):
    genome(root, "attribution", {"attributes": ["white", "black"], "obj1_name": "cat", "obj2_name": "dog"})
    return lambda: aro.load(root, "VG-A"), 2, CHOICE


def write_sugarcrepe(root, folder="sugarcrepe", load=sugarcrepe.load):
    plus = folder.endswith("pp")
    for name in SUBSETS:
        project, subset = name.split("/")
        if project == ("SugarCrepe++" if plus else "SugarCrepe"):
            item = {"filename": "000000000139.jpg", "caption": "a cat", "negative_caption": "a dog"}
            items = [item, item | {"caption": LONG}]
            if plus:
                write(
                    root / folder / f"{subset}.json",
                    [x | {"id": i, "caption2": f"cat {i}"} for i, x in enumerate(items)],
                )
            else:
                write(root / folder / f"{subset}.json", {str(i): x for i, x in enumerate(items)})
    image(root / "coco" / "val2017" / "000000000139.jpg")
    return lambda: load(root), 10 if plus else 14, PARAPHRASE if plus else CHOICE


def write_sugarcrepe_pp(root):
    return write_sugarcrepe(root, "sugarcrepe_pp", sugarcrepe.load_pp)


def write_valse(root):
    for name in SUBSETS:
        if name.startswith("VALSE/"):
            item = {
                "dataset": "SWiG",
                "image_file": "a_1.jpg",
                "caption": LONG,
                "foil": "a dog",
                "mturk": {"caption": 3},
            }
            write(root / "valse" / f"{name.partition('/')[2]}.json", {"a": item, "b": item | {"mturk": {"caption": 1}}})
    image(root / "valse" / "images" / "SWiG" / "a_1.jpg")
    return lambda: valse.load(root), 11, CHOICE


def write_cola(root):
    at = "https://cs-people.bu.edu/array/data/vg_gqa_images"
    pairs = [[f"{at}/1.jpg", "a cat", f"{at}/2.jpg", "a dog"], [f"{at}/3.jpg", LONG, f"{at}/1.jpg", "a cat"]]
    write(root / "cola" / "COLA_multiobjects_matching_benchmark.json", pairs)
    for number in (1, 2, 3):
        image(root / "cola" / "images" / f"{number}.jpg")
    return lambda: cola.load(root), 2, BOTH_CAPTIONS


WRITERS = [
    write_clevr, write_spare, write_spar, write_coco, write_order, write_flickr, write_relations, write_attributes,
    write_sugarcrepe, write_sugarcrepe_pp, write_valse, write_cola,
]  # fmt: skip
MADE_OF_LABELS = (write_clevr, write_spare, write_spar)  # their captions are never long


@pytest.fixture(scope="module")
def backbone(tiny_clip):
    return load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")


@pytest.mark.parametrize("make", WRITERS, ids=lambda make: make.__name__.removeprefix("write_"))
def test_from_files_to_answers(make, backbone, tmp_path):
    load, n, question = make(tmp_path)
    records = load()
    found = evaluate(backbone, records, cache=tmp_path / "embeddings", workers=0)
    answers = found.answers[question]
    assert len(records) == n and np.isfinite(answers.outcomes).all() and set(answers.outcomes) <= {0, 0.5, 1}
    order = make in (write_order, write_flickr)  # ARO cuts captions to thirty words before it shuffles them
    assert (found.truncated > 0) == (make not in MADE_OF_LABELS and not order)


@pytest.mark.parametrize("make", WRITERS, ids=lambda make: make.__name__.removeprefix("write_"))
def test_a_missing_image_is_told_with_the_way_to_get_it(make, tmp_path, raises_saying):
    load, *_ = make(tmp_path)
    lost = load()[0].image.path
    Path(lost).unlink()
    with raises_saying(ValueError, "images of", lost, "python -m labclip_lib get"):
        load()
