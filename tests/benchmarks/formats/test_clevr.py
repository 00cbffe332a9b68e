from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import to_tensor

from labclip_lib.benchmarks.formats import clevr
from labclip_lib.benchmarks.labelled_images import lay_out
from labclip_lib.benchmarks.toy_pictures import TOY
from labclip_lib.embeddings.embed import embed_texts
from labclip_lib.models.backbones import load_backbone
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.world.scenes import Scenes, World
from labclip_lib.world.shapes import COLORS

LINES = [
    "CLEVR_000000.png,cube,gray,sphere,brown",
    "CLEVR_000001.png,cube,brown,sphere,gray",
    "CLEVR_000002.png,cylinder,red,cube,red",
]


@pytest.fixture
def write(tmp_path):
    """Write lines as the file of two objects and a picture for each; returns the root."""

    def write(lines, pictures=("CLEVR_000000.png", "CLEVR_000001.png", "CLEVR_000002.png"), objects=2):
        folder = tmp_path / "clevr" / f"images_{objects}obj"
        folder.mkdir(parents=True)
        (folder.parent / f"output_{objects}obj.csv").write_text("\n".join(lines))
        for name in pictures:
            Image.new("RGB", (6, 4)).save(folder / name)
        return tmp_path

    return write


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    clevr.write_toy(root, (2, 5), copies=2)
    return root


def test_the_published_format(write):
    data = clevr.load(write([LINES[0], "", *LINES[1:]]))
    assert data.attributes == ("brown", "gray", "red") and data.objects == ("cube", "cylinder", "sphere")
    assert data.captions() == ["gray cube and brown sphere", "brown cube and gray sphere", "red cylinder and red cube"]
    assert data.images[0].read().size == (6, 4)
    first, second = data.records()
    assert first.key == "images_2obj/CLEVR_000000.png" and first.group == "2 objects"
    assert first.negatives == second.captions and first.cluster == second.cluster


def test_more_objects(write):
    data = clevr.load(write(["CLEVR_000000.png,cube,red,cube,blue,sphere,red"], objects=3), objects=3)
    assert data.captions() == ["red cube and blue cube and red sphere"] and not data.records()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("CLEVR_000002.png,cube,red", ("Line 3", "3 fields", "needs 5")),
        ("CLEVR_000002.png,cube,red,sphere,blue,cube,gray", ("Line 3", "7 fields")),
        ("CLEVR_000002.png,cube, ,sphere,blue", ("Line 3", "blank", "number 3")),
        ("../CLEVR_000002.png,cube,red,sphere,blue", ("Line 3", "outside its folder")),
        ("CLEVR_000001.png,cube,red,sphere,blue", ("images_2obj/CLEVR_000001.png", "twice")),
        ("CLEVR_000007.png,cube,red,cylinder,red", ("1 of the 3 images", "CLEVR_000007.png")),
    ],
)
def test_a_line_that_does_not_fit(write, line, said, raises_saying):
    with raises_saying(ValueError, *said):
        clevr.load(write([*LINES[:2], line]))


def test_files_that_are_not_there(tmp_path, raises_saying):
    for objects in (2, 10):
        with raises_saying(ValueError, f"output_{objects}obj.csv", "get clevr"):
            clevr.load(tmp_path, objects)
    with raises_saying(ValueError, "2 to 10", "11"):
        clevr.load(tmp_path, 11)


def test_the_toy_has_the_published_number_of_scenes(toy):
    data = clevr.load(toy)
    captions = data.captions()
    assert len(data) == 2 * 192 and len(set(captions)) == 192
    assert len({record.captions for record in data.records()}) == 168
    assert set(data.attributes) == set(COLORS) and len(data.objects) == 3
    assert {caption.split()[1] for caption in captions} == {"circle", "square"}  # one order of mention
    assert split_by_combination(data.attribute, data.object).test.any()


def test_the_labels_of_the_toy_say_what_is_painted(toy):
    for n in (2, 5):
        data = clevr.load(toy, n)
        world = World(shapes=data.objects)
        color = torch.tensor([world.colors.index(name) for name in data.attributes])[data.attribute]
        scenes = lay_out(world, color, data.object, [0, n])
        for row in range(0, len(data), 29):
            assert (to_tensor(data.images[row].read()) - scenes[row].render()).abs().max() < 0.01


def test_pocketclip_reads_the_captions_of_the_toy(toy):
    backbone = load_backbone("pocket", device="cpu")
    for n in (2, 5):
        data = clevr.load(toy, n)
        assert embed_texts(backbone, data.captions()[:20] + data.swapped()[:20]).shape == (40, backbone.dim)


def test_a_finished_toy_is_left_as_it_is(tmp_path):
    clevr.write_toy(tmp_path, (2,), copies=1)
    first = tmp_path / "clevr" / "images_2obj" / "000000.png"
    before = first.read_bytes()
    clevr.write_toy(tmp_path, (2,), copies=1, seed=1)
    assert first.read_bytes() == before
    (tmp_path / "clevr" / "output_2obj.csv").unlink()  # as after an interruption
    clevr.write_toy(tmp_path, (2,), copies=1, seed=1)
    assert first.read_bytes() != before and len(clevr.load(tmp_path)) == 192


# A world of the book in CLEVR's format

SOLID = World(colors=("red", "blue", "green"), shapes=("sphere", "cube", "cone"))


def drawn(root, objects=(2, 3), scenes=40, size=16, **how):
    clevr.draw(root, SOLID, objects, scenes, size, progress=False, **how)
    return {path.relative_to(root): path.read_bytes() for path in Path(root).rglob("*.*") if path.name != ".lock"}


def test_the_labels_say_what_was_drawn(tmp_path):
    drawn(tmp_path)
    for n in (2, 3):
        data, scenes = clevr.load(tmp_path, n), SOLID.sample(40, n, seed=[0, n], distinct=n == 2)
        assert data.captions() == scenes.captions() and data.swappable().all() == (n == 2)
        for row in (0, 39):
            assert (to_tensor(data.images[row].read()) - scenes[row].render(16)).abs().max() < 0.01
    assert (tmp_path / TOY).is_file()  # so that no table of it stands for a paper's


def test_interrupted_drawing_goes_on(tmp_path, monkeypatch):
    whole, render, painted = drawn(tmp_path / "whole"), Scenes.render, []

    def interrupt(scenes, *how):
        painted.append(len(scenes))
        if len(painted) == 2:
            raise KeyboardInterrupt
        return render(scenes, *how)

    with monkeypatch.context() as patch:
        patch.setattr(Scenes, "render", interrupt)
        with pytest.raises(KeyboardInterrupt):
            drawn(tmp_path / "half")
        assert not list(tmp_path.glob("half/clevr/*.csv"))  # what is there is complete
        assert drawn(tmp_path / "half") == whole
        assert sum(painted) == 80 + 8  # the second time it painted no picture that was there
        assert drawn(tmp_path / "half", (2,)) == whole and sum(painted) == 80 + 8
    assert drawn(tmp_path / "half", (2,), seed=0) == whole


def test_other_data_are_left_alone(tmp_path, write, raises_saying):
    published = write(LINES)
    with raises_saying(ValueError, str(published), "holds other data, such as clevr"):
        drawn(published, (4,))
    assert not (published / TOY).exists()
    drawn(tmp_path / "mine", (2,), scenes=3)
    for change in ({"scenes": 4}, {"size": 24}, {"seed": 1}):
        with raises_saying(ValueError, "output_2obj.csv were drawn otherwise"):
            drawn(tmp_path / "mine", **{"scenes": 3} | change)
    assert len(clevr.load(tmp_path / "mine")) == 3 and not list(tmp_path.glob("mine/clevr/*3obj*"))


@pytest.mark.parametrize(
    ("change", "said"),
    [({"scenes": 0}, "scenes must be 1"), ({"size": 0}, "size must be 1"), ({"seed": -1}, "got -1"),
     ({"objects": (2, 11)}, "got 11")],
)  # fmt: skip
def test_numbers_that_cannot_be(tmp_path, change, said, raises_saying):
    with raises_saying(ValueError, said):
        drawn(tmp_path / "new", **change)
    assert not (tmp_path / "new").exists()
