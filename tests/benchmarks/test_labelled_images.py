import numpy as np
import pytest
import torch
from PIL import Image

from labclip_lib.benchmarks.labelled_images import Item, LabelledImages, from_items, key_of, lay_out
from labclip_lib.diagnosis.cross_modal import diagnose_tables
from labclip_lib.probing.reports import probe_tables
from labclip_lib.world.scenes import World

# key, group, attributes, objects
ITEMS = [
    Item("a.png", "Desert", ["red", "blue"], ["cube", "ball"]),
    Item("b.png", "Desert", ["blue", "red"], ["cube", "ball"]),  # its twin
    Item("c.png", "Island", ["red", "blue"], ["ball", "cube"]),  # the twin again, the other way round
    Item("d.png", "Island", ["red", "red"], ["cube", "ball"]),  # equal colours
    Item("e.png", "Island", ["red", "blue"], ["ball", "ball"]),  # exchanged, they are the same scene
    Item("f.png", "Island", ["green", "red"], ["ball", "cube"]),
]


@pytest.fixture
def data(tmp_path):
    for item in ITEMS:
        Image.new("RGB", (4, 4)).save(tmp_path / item.key)
    return from_items("Fixture", tmp_path, ITEMS, "fixture")


def test_labels_number_sorted_names(data):
    assert data.attributes == ("blue", "green", "red") and data.objects == ("ball", "cube") and len(data) == 6
    assert data.attribute.tolist()[-1] == [1, 2] and data.object.tolist()[-1] == [0, 1]
    assert data.attribute.dtype == data.object.dtype == torch.int64
    assert data.images[0].read().size == (4, 4)


def test_captions_and_their_swap_of_the_first_two(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    three = from_items("", tmp_path, [Item("a.png", "", ["Red", "Blue", "Gray"], ["Cat", "Elk", "Orca"])], "fixture")
    assert three.captions() == ["Red Cat and Blue Elk and Gray Orca"]
    assert three.swapped() == ["Blue Cat and Red Elk and Gray Orca"]


def test_records_leave_out_what_a_swap_does_not_change(data):
    records = data.records()
    assert [record.key for record in records] == ["a.png", "b.png", "c.png", "f.png"]
    assert records[0].captions == ("red cube and blue ball",) and records[0].negatives == ("blue cube and red ball",)
    assert records[0].image.path.endswith("a.png") and [record.group for record in records[1:3]] == ["Desert", "Island"]


def test_twins_share_a_cluster_whatever_the_order(data):
    a, b, c, f = (record.cluster for record in data.records())
    assert a == b == c != f and isinstance(a, str)


@pytest.mark.parametrize(
    "rows", [[0, 3], torch.tensor([0, 3]), np.arange(6) % 3 == 0, torch.arange(6) % 3 == 0, slice(0, 6, 3)]
)
def test_indexing_keeps_everything_together(data, rows):
    some = data[rows]
    assert len(some) == 2 and some.keys == ("a.png", "d.png") and some.groups == ("Desert", "Island")
    assert some.captions() == ["red cube and blue ball", "red cube and red ball"]
    assert [image.path[-5:] for image in some.images] == ["a.png", "d.png"]


def bag_of_words(scenes):
    """LabelledImages of Scenes of two, and embeddings in which images and captions are the sums of their parts."""
    names = scenes.world.colors, scenes.world.shapes
    columns = (("",) * len(scenes),) * 3
    data = LabelledImages("", *names, scenes.color, scenes.shape, *columns)
    parts = torch.eye(16)
    return data, parts[scenes.color].sum(1) + parts[8 + scenes.shape].sum(1)


def test_tables_feed_the_reports():
    data, sums = bag_of_words(World().compositions())
    tables = data.tables(sums, sums, sums)
    found = diagnose_tables(tables)
    assert found["swap accuracy"].values.mean() == 0.5 and "recall@1 among 1,568 captions" in found
    probed = probe_tables(tables)["images probe"]
    assert abs(probed.values.mean() - 0.5) < 0.1 and probed.bag_of_words == 0.5


def test_tables_of_other_rows_are_refused(data, raises_saying):
    with raises_saying(ValueError, "swapped", "(4, 3)", "(6, D)"):
        data.tables(torch.rand(6, 3), torch.rand(6, 3), torch.rand(4, 3))


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "b/../../a.png", "..\\a.png", "C:\\a.png", "\\a.png"])
def test_a_name_must_stay_in_its_folder(name, raises_saying):
    with raises_saying(ValueError, "Line 3", "outside"):
        key_of("Desert", name, where="Line 3")
    with raises_saying(ValueError, "Line 3", "outside"):
        key_of(name, "a.png", where="Line 3")


def test_a_key_is_one_however_it_is_written(tmp_path, raises_saying):
    assert key_of("Desert", "./a..b.png", where="") == "Desert/a..b.png"
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with raises_saying(ValueError, "'a.png' twice"):
        items = [Item(key_of(name, where=""), "", ["red", "blue"], ["cube", "ball"]) for name in ("a.png", "./a.png")]
        from_items("", tmp_path, items, "fixture")


def test_scenes_wear_what_they_are_given():
    world = World()
    color, shape = torch.tensor([[1, 1], [2, 3]]), torch.tensor([[0, 4], [5, 0]])
    scenes = lay_out(world, color, shape, 0)
    assert scenes.captions("fixed")[0] == "orange circle and orange cross" and torch.equal(scenes.shape, shape)
    assert scenes.masks(32).sum(1).max() <= 1  # no two touch
