import json

import pytest
from PIL import Image

from labclip_lib.benchmarks.formats.valse import FOLDERS, load, read, write_toy
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.captions import parse
from labclip_lib.world.scenes import World

# The valid items, as the authors count them.
COUNTS = {
    "actant-swap": 949, "action-replacement": 648, "coreference-hard": 104, "coreference-standard": 708,
    "counting-adversarial": 691, "counting-hard": 868, "counting-small-quant": 900, "existence": 505, "foil-it": 943,
    "plurals": 851, "relations": 535,
}  # fmt: skip
# One item an instrument: its data set, its image, and where that lies.
PLACES = {
    "actant-swap": ("SWiG", "exercising_255.jpg", "valse/images/SWiG"),
    "action-replacement": ("SWiG", "exercising_255.jpg", "valse/images/SWiG"),
    "coreference-hard": ("VisDial_v1.0", "VisualDialog_val2018_000000284024.jpg", "valse/images/VisDial_v1.0"),
    "coreference-standard": ("VisDial_v1.0", "COCO_train2014_000000254009.jpg", "coco/train2014"),
    "counting-adversarial": ("visual7w", "v7w_1.jpg", "valse/images/visual7w"),
    "counting-hard": ("visual7w", "v7w_2396743.jpg", "valse/images/visual7w"),
    "counting-small-quant": ("visual7w", "v7w_2349294.jpg", "valse/images/visual7w"),
    "existence": ("visual7w", "v7w_2371044.jpg", "valse/images/visual7w"),
    "foil-it": ("FOIL dataset", "COCO_val2014_000000165831.jpg", "coco/val2014"),
    "plurals": ("coco2017", "000000291619.jpg", "coco/val2017"),
    "relations": ("coco_2017", "000000462576.jpg", "coco/val2017"),
}


def item(instrument, votes=3, **changes):
    dataset, image, _ = PLACES[instrument]
    return {
        "dataset": dataset, "original_split": "test", "image_file": image, "caption": f"There is {instrument}.",
        "classes": 4, "mturk": {"foil": 0, "caption": votes, "other": 3 - votes}, "foil": f"There is no {instrument}.",
    } | changes  # fmt: skip


def put(root, instrument, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "valse" / f"{instrument}.json").write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    for instrument, (_, image, place) in PLACES.items():
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / place / image)
        put(tmp_path, instrument, {"k:1": item(instrument)})
    return tmp_path


def test_records_of_every_data_set(folder):
    records = load(folder)
    assert [(r.key, r.group) for r in records] == [(f"{name}/k:1", name) for name in PLACES]
    for record, (name, (_, image, place)) in zip(records, PLACES.items(), strict=True):
        assert record.image.path == str(folder / place / image) and record.other_image is None
        assert (record.captions, record.negatives) == ((f"There is {name}.",), (f"There is no {name}.",))
    clusters = [r.cluster for r in records]
    assert clusters[0] == clusters[1] and len(set(clusters)) == len(clusters) - 1


def test_what_the_annotators_rejected_is_left_out(folder):
    put(folder, "plurals", {str(votes): item("plurals", votes) for votes in range(4)})
    assert [r.key for r in load(folder) if r.group == "plurals"] == ["plurals/2", "plurals/3"]


def test_a_coco_image_says_itself_where_it_is(folder):
    name = "COCO_val2014_000000000042.jpg"
    put(folder, "coreference-standard", {"a": item("coreference-standard", image_file=name)})
    put(folder, "foil-it", {"a": item("foil-it", image_file="COCO_train2014_000000000042.jpg")})
    paths = {r.group: r.image.path for r in read(folder)}
    assert paths["coreference-standard"] == str(folder / "coco" / "val2014" / name)
    assert paths["foil-it"] == str(folder / "coco" / "train2014" / "COCO_train2014_000000000042.jpg")


def test_a_long_caption_is_kept_whole(folder):
    put(folder, "actant-swap", {"a": item("actant-swap", caption="a café " * 90)})
    assert load(folder)[0].captions == ("a café " * 90,)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ({"k": {"dataset": "SWiG", "mturk": {"caption": 3}, "image_file": "a.jpg", "caption": "b", "foils": "c"}},
         ["'k'", "'foil'", "'foils'"]),
        ('{"k": {}, "k": {}}', ["'k'", "twice"]),
        ("not JSON", ["JSON"]),
        ([item("existence")], ["not a dict"]),
        ({"k": item("existence", mturk=3)}, ["'mturk'", "'k'", "3"]),
        ({"k": item("existence", mturk={"caption": "3"})}, ["'3'", "'k'"]),
        ({"k": item("existence", foil=["a"])}, ["'foil'", "['a']"]),
        ({"k": item("existence", image_file="../x.jpg")}, ["'k'", "'../x.jpg'"]),
        ({"k": item("existence", image_file="COCO_val2014_/../../x.jpg")}, ["x.jpg"]),
        ({"k": item("existence", dataset="flickr30k")}, ["'flickr30k'", "visual7w"]),
        ({"k": item("existence", dataset="FOIL dataset")}, ["'FOIL dataset'", "'v7w_2371044.jpg'"]),
    ],
)  # fmt: skip
def test_not_the_published_format(folder, content, seen, raises_saying):
    put(folder, "existence", content)
    with raises_saying(ValueError, "existence.json", *seen):
        load(folder)


def test_missing_images_and_files(folder, raises_saying):
    image = folder / "coco" / "val2017" / "000000462576.jpg"
    image.unlink()
    with raises_saying(ValueError, "1 of the 10 images", str(image), "labclip_lib get valse"):
        load(folder)
    assert len(read(folder)) == 11
    (folder / "valse" / "relations.json").unlink()
    with raises_saying(ValueError, "relations.json", "labclip_lib get valse"):
        load(folder)


def test_real_files(real_data):
    """Every item has a place for its image, and none an unexpected one."""
    records = read(real_data)
    assert {name: sum(r.group == name for r in records) for name in COUNTS} == COUNTS and len(records) == 7702
    assert len({r.key for r in records}) == 7702
    found = {r.cluster.rpartition("/")[0] for r in records}
    assert found == {*FOLDERS.values(), "coco/train2014", "coco/val2014"}


def test_toy(tmp_path):
    write_toy(tmp_path, n=20)
    records, world = load(tmp_path), World()
    instruments = ["actant-swap", "counting-small-quant", "existence", "foil-it"]
    assert [r.group for r in records] == [name for name in instruments for _ in range(20)]
    pocket = load_backbone("pocket", device="cpu")
    texts = [text for record in records for text in (*record.captions, *record.negatives)]
    assert pocket.encode_texts(texts).shape == (160, pocket.dim)
    assert all(r.image.read().size == (64, 64) for r in records)
    sizes = []
    for record in records:
        (caption,), (foil,) = record.captions, record.negatives
        if record.group == "counting-small-quant":
            assert caption.split(" and ") != foil.split(" and ")
            sizes.append(caption.count("thing"))
            continue
        (said, not_said) = (parse(text, world) for text in (caption, foil))
        colors, shapes = ([[part[i] for part in phrases] for phrases in (said, not_said)] for i in (0, 1))
        if record.group == "actant-swap":
            assert colors[0] == colors[1][::-1] != colors[1] and shapes[0] == shapes[1]
        elif record.group == "existence":
            assert colors[0] != colors[1] and shapes == [[None], [None]]
        else:
            assert colors[0] == colors[1] and sum(a != b for a, b in zip(*shapes, strict=True)) == 1
    assert set(sizes) == {1, 2, 3}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    write_toy(tmp_path, n=5, seed=1)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_toy_is_true_of_its_pictures(tmp_path):
    """PocketCLIP, that knows single colours well, prefers the colour that is there."""
    write_toy(tmp_path, n=50)
    records = [r for r in load(tmp_path) if r.group == "existence"]
    pocket = load_backbone("pocket", device="cpu")
    images = pocket.encode_images([r.image.path for r in records])
    right, wrong = (
        (images * pocket.encode_texts([text for (text,) in texts])).sum(1)
        for texts in ([r.captions for r in records], [r.negatives for r in records])
    )
    assert (right > wrong).float().mean() > 0.9
