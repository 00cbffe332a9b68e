import csv

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import to_tensor

from labclip_lib.benchmarks.formats import pug
from labclip_lib.benchmarks.labelled_images import lay_out
from labclip_lib.embeddings.embed import embed_texts
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

HEADER = "filename,world_name,character_name,character2_name,character_pos,character_texture,character2_texture"
SPARE = [
    "0.png,Desert,Caribou,Cat,,Blue,Red",
    "0.png,Island,Cat,Caribou,left,Blue,Red",
    "1.png,Desert,Cat,Orca,,Green,Green",
    "2.png,Desert,Orca,Orca,,Default,Red",
]
SPAR = [
    "a.png,Desert,Caribou,Cat,,Blue,Red",
    "b.png,Desert,Caribou,blank,,Blue,",
    "c.png,Desert,blank,Cat,,Blue,Red",
    "d.png,Desert,Cat,Cat,,Grass,Stone",
    "e.png,Desert,Caribou,Cat,,Default,Red",
    "f.png,Desert,Caribou,Cat,,Grass,Default",
    "g.png,Arena,Cat,Orca,,Grass,Stone",
]


@pytest.fixture
def write(tmp_path):
    """Write the file of labels and pictures with these names; returns the root."""

    def write(which, lines, pictures, header=HEADER):
        folder, file = pug.FILES[which]
        for name in pictures:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (6, 4)).save(tmp_path / folder / name)
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / file).write_text("\n".join([header, *lines]))
        return tmp_path

    return write


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    pug.write_toy(root, "SPARE")
    pug.write_toy(root, "SPAR")
    return root


def test_spare_as_published(write):
    data = pug.load(write("SPARE", SPARE, ["Desert/0.png", "Island/0.png", "Desert/1.png", "Desert/2.png"]), "SPARE")
    assert data.captions() == [
        "Blue Caribou and Red Cat", "Blue Cat and Red Caribou", "Green Cat and Green Orca", "Default Orca and Red Orca",
    ]  # fmt: skip
    assert data.attributes == ("Blue", "Default", "Green", "Red") and data.objects == ("Caribou", "Cat", "Orca")
    first, second = data.records()
    assert (first.key, first.group, second.key, second.group) == ("Desert/0.png", "Desert", "Island/0.png", "Island")
    assert first.negatives == ("Red Caribou and Blue Cat",) and first.cluster == second.cluster
    assert first.image.read().size == (6, 4)


def test_spar_leaves_out_what_the_paper_does(write):
    data = pug.load(write("SPAR", SPAR, ["a.png", "g.png"]), "SPAR")  # nor are their images needed
    assert data.keys == ("a.png", "g.png") and data.groups == ("Desert", "Arena")
    assert data.captions() == ["Blue Caribou and Red Cat", "Grass Cat and Stone Orca"]
    assert data.attributes == ("Blue", "Grass", "Red", "Stone")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1.png,Desert,Cat,,,Blue,Red", ("Line 3", "no character2_name")),
        ("1.png,Desert,Cat,Orca", ("Line 3", "no character_texture")),
        ("1.png,Desert,Cat,Orca,,Blue,Red,Red", ("Line 3", "more fields")),
        ("../1.png,Desert,Cat,Orca,,Blue,Red", ("Line 3", "outside its folder")),
        ("1.png,..,Cat,Orca,,Blue,Red", ("Line 3", "outside its folder")),
        ("0.png,Desert,Cat,Orca,,Blue,Red", ("'Desert/0.png' twice",)),
        ("7.png,Desert,Cat,Orca,,Blue,Blue", ("1 of the 2 images", "7.png", "get pug_spare")),
    ],
)
def test_a_row_that_does_not_fit(write, line, said, raises_saying):
    root = write("SPARE", [SPARE[0], line], ["Desert/0.png", "Desert/1.png"])
    with raises_saying(ValueError, *said):
        pug.load(root, "SPARE")


def test_a_file_that_does_not_fit(write, tmp_path, raises_saying):
    with raises_saying(ValueError, "labels.csv", "get pug_spar`"):
        pug.load(tmp_path, "SPAR")
    with raises_saying(ValueError, "'SPARE' or 'SPAR'", "'spare'"):
        pug.load(tmp_path, "spare")
    root = write("SPAR", SPAR[1:3], [])
    with raises_saying(ValueError, "pug_spar holds no item"):
        pug.load(root, "SPAR")
    (root / "pug_spar" / "labels.csv").write_text(HEADER.replace("character2_t", "character_2_t") + "\n" + SPAR[0])
    with raises_saying(ValueError, "no column 'character2_texture'", ", character_2_texture"):
        pug.load(root, "SPAR")


@pytest.mark.parametrize(("which", "images", "captions", "worlds"), [("SPARE", 6272, 3136, 2), ("SPAR", 1120, 112, 10)])
def test_the_toy_holds_every_ordered_scene_in_every_world(toy, which, images, captions, worlds):
    data = pug.load(toy, which)
    assert len(data) == len(data.records()) == images and len(set(data.groups)) == worlds
    assert len(set(zip(data.captions(), data.groups, strict=True))) == images
    assert len(set(data.captions())) == captions and len(data.objects) == 8


def test_the_toy_of_spar_has_rows_to_leave_out(toy):
    with (toy / "pug_spar" / "labels.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    left_out = [row for row in rows if "blank" in row.values() or "Default" in row.values()]
    assert len(rows) - len(left_out) == 1120
    assert {row["character2_name"] == "blank" for row in left_out} == {True, False}
    assert all((toy / "pug_spar" / row["filename"]).is_file() for row in left_out)
    assert all(None not in row and all(row.values()) for row in rows)


@pytest.mark.parametrize(("which", "scenes"), [("SPARE", 3136), ("SPAR", 112)])
def test_the_labels_of_the_toy_say_what_is_painted(toy, which, scenes):
    data, world = pug.load(toy, which), World()
    second = data[scenes : 2 * scenes]  # the images of the second world
    color = torch.tensor([world.colors.index(name) for name in data.attributes])[second.attribute]
    shape = torch.tensor([world.shapes.index(name) for name in data.objects])[second.object]
    expected = lay_out(world, color, shape, [0, 1])
    for row in range(0, scenes, 29):
        assert (to_tensor(second.images[row].read()) - expected[row].render()).abs().max() < 0.01


def test_worlds_of_the_toy_show_the_same_scene_elsewhere(toy):
    data = pug.load(toy, "SPARE")
    first, second = (data.images[row].read() for row in (0, 3136))
    assert data.captions()[0] == data.captions()[3136] and first.tobytes() != second.tobytes()


def test_pocketclip_reads_the_captions_of_the_toy(toy):
    backbone = load_backbone("pocket", device="cpu")
    data = pug.load(toy, "SPAR")
    assert len(embed_texts(backbone, data.captions() + data.swapped()).unique(dim=0)) == 224


def test_a_finished_toy_is_left_as_it_is(toy):
    file = toy / "pug_spar" / "labels.csv"
    before = file.stat().st_mtime_ns
    pug.write_toy(toy, "SPAR", seed=1)
    assert file.stat().st_mtime_ns == before
