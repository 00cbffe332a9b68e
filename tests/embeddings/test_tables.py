import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from labclip_lib.diagnosis.cross_modal import diagnose_tables
from labclip_lib.embeddings.tables import TABLES, load_tables
from labclip_lib.probing.reports import probe_tables

HEADER = "object1,attribute1,object2,attribute2"
LINES = ["cube,red,ball,blue", "ball,green,cube,red", "cone,blue,cube,green"]


@pytest.fixture
def folder(tmp_path):
    """Three scenes with all three tables, as .npy."""
    label(tmp_path)
    for i, name in enumerate(TABLES):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(i).normal(size=(3, 4)).astype(np.float32))
    return tmp_path


def label(folder, lines=LINES, header=HEADER):
    (folder / "labels.csv").write_text("\n".join([header, *lines]) + "\n")


def test_labels_become_numbers(folder):
    tables = load_tables(folder)
    assert tables.attributes == ("blue", "green", "red") and tables.objects == ("ball", "cone", "cube")
    assert tables.attribute.tolist() == [[2, 0], [1, 2], [0, 1]]
    assert tables.object.tolist() == [[2, 0], [0, 2], [1, 2]]
    assert set(tables.embeddings) == set(TABLES)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f8"])
def test_embeddings_come_as_float32_as_they_are(folder, dtype):
    table = np.arange(12).reshape(3, 4).astype(dtype)
    np.save(folder / "images.npy", table)
    tables = load_tables(folder)
    assert tables.embeddings["images"].dtype == torch.float32 and tables.embeddings["images"].tolist() == table.tolist()
    length = np.linalg.norm(table.astype(float), axis=1, keepdims=True)
    assert np.allclose(tables.unit("images"), table / length, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_safetensors_read_like_npy(folder, dtype):
    table = torch.arange(12.0).reshape(3, 4)
    np.save(folder / "images.npy", table.numpy())
    want = load_tables(folder)
    (folder / "images.npy").unlink()
    save_file({"whatever": table.to(dtype)}, folder / "images.safetensors")
    seen = load_tables(folder)
    assert torch.equal(seen.embeddings["images"], want.embeddings["images"])
    assert seen.embeddings["images"].dtype == torch.float32 and torch.equal(seen.attribute, want.attribute)


def test_scenes_may_hold_three_objects(folder):
    label(folder, [f"{line},cone,red" for line in LINES], f"{HEADER},object3,attribute3")
    tables = load_tables(folder)
    assert tables.attribute.shape == tables.object.shape == (3, 3) and tables.attribute[:, 2].tolist() == [2, 2, 2]


def test_spreadsheets_leave_marks_that_do_not_matter(folder):
    """A byte-order mark, spaces, columns in another order and columns of one's own."""
    want = load_tables(folder)
    lines = ["red, cube ,blue,ball,7,x", "green,ball,red,cube,8,y", "blue,cone,green,cube,9,z"]
    text = "\n".join(["attribute1, object1,attribute2,object2,object_id,objects", *lines])
    (folder / "labels.csv").write_text(text, encoding="utf-8-sig")
    seen = load_tables(folder)
    assert torch.equal(seen.attribute, want.attribute) and torch.equal(seen.object, want.object)
    assert seen.attributes == want.attributes and seen.objects == want.objects


def test_one_table_is_enough_to_probe(folder):
    (folder / "images.npy").unlink()
    (folder / "swapped.npy").unlink()
    assert list(load_tables(folder).embeddings) == ["captions"]


def test_sides_of_two_models_may_be_probed_together(folder):
    np.save(folder / "captions.npy", np.ones((3, 7)))
    assert load_tables(folder).embeddings["captions"].shape == (3, 7)


def test_attributes_that_are_given_number_the_labels(folder):
    tables = load_tables(folder, attributes=["red", "green", "blue", "pink"])
    assert tables.attributes == ("red", "green", "blue", "pink")
    assert tables.attribute.tolist() == [[0, 2], [1, 0], [2, 1]]


# Mistakes


@pytest.mark.parametrize(
    ("attributes", "parts"),
    [
        (["red", "gren", "blue"], ["'green'", "did you mean 'gren'?"]),
        (["cyan", "mauve"], ["'blue'", "cyan, mauve"]),
    ],
)
def test_unknown_attribute_is_named_with_a_way_on(folder, attributes, parts, raises_saying):
    with raises_saying(ValueError, *parts):
        load_tables(folder, attributes=attributes)


def test_no_folder(folder, raises_saying):
    with raises_saying(ValueError, "nowhere"):
        load_tables(folder / "nowhere")
    with raises_saying(ValueError, "labels.csv"):
        load_tables(folder / "labels.csv")


def test_no_labels(folder, raises_saying):
    (folder / "labels.csv").unlink()
    with raises_saying(ValueError, str(folder / "labels.csv"), "attribute1"):
        load_tables(folder)


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("object1,attribute1,object2,color2", ["'attribute2'", "color2"]),
        ("thing,attribute1,object2,attribute2", ["'object1'", "thing"]),
        (f"{HEADER},object3", ["'attribute3'"]),
        (f"{HEADER},attribute3", ["'object3'"]),
    ],
)
def test_missing_column_is_named(folder, header, parts, raises_saying):
    label(folder, header=header)
    with raises_saying(ValueError, "labels.csv", "no column", *parts):
        load_tables(folder)


def test_labels_with_nothing_in_them(folder, raises_saying):
    (folder / "labels.csv").write_text("")
    with raises_saying(ValueError, "no column 'object1'", "none"):
        load_tables(folder)
    label(folder, [])
    with raises_saying(ValueError, "no scene"):
        load_tables(folder)


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (["cube,red,ball,blue", "ball,,cube,red", "cone,blue,cube,green"], ["Line 3", "attribute1"]),
        (["cube,red,ball,blue", "ball,green,cube,red", "cone,blue"], ["Line 4", "object2"]),
        (["", "cube,red,ball,blue", "", "ball,green, ,red", "cone,blue,cube,green"], ["Line 5", "object2"]),
    ],
    ids=["blank", "short", "below empty lines"],
)
def test_blank_cell_is_found_by_its_line(folder, lines, parts, raises_saying):
    label(folder, lines)
    with raises_saying(ValueError, *parts):
        load_tables(folder)


def test_labels_that_are_no_text(folder, raises_saying):
    (folder / "labels.csv").write_bytes(f"{HEADER}\ncube,r\xf6t,ball,blue\n".encode("latin-1"))
    with raises_saying(ValueError, "labels.csv", "UTF-8"):
        load_tables(folder)


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        (np.zeros((5, 4)), ["captions", "5 rows", "3 lines"]),
        (np.zeros(3), ["captions", "(3,)"]),
        (np.zeros((3, 2, 2)), ["(3, 2, 2)"]),
        (np.zeros((3, 0)), ["(3, 0)"]),
        (np.zeros((3, 4), int), ["int64"]),
        (np.array([[1, np.nan], [0, 0], [np.inf, 0]]), ["2 of 3", "captions"]),
    ],
    ids=["rows", "1-D", "3-D", "no columns", "integers", "NaN"],
)
@pytest.mark.parametrize("kind", ["npy", "safetensors"])
def test_table_that_is_no_embedding(folder, kind, table, parts, raises_saying):
    (folder / "captions.npy").unlink()
    if kind == "npy":
        np.save(folder / "captions.npy", table)
    else:
        save_file({"captions": torch.from_numpy(table)}, folder / "captions.safetensors")
    with raises_saying(ValueError, *parts):
        load_tables(folder)


def test_sides_of_two_models_cannot_be_compared(folder, raises_saying):
    np.save(folder / "captions.npy", np.ones((3, 7)))
    with raises_saying(ValueError, "images 4", "captions 7", "one model"):
        load_tables(folder, TABLES)


class Booby:
    """Unpickling it calls `trap`, which leaves a mark."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return trap, (self.mark,)


def trap(mark):
    with open(mark, "w") as file:
        file.write("sprung")


@pytest.mark.parametrize("dress", ["object array", "bare pickle"])
def test_code_in_a_table_is_never_run(folder, dress, tmp_path, raises_saying):
    bait = np.array([[Booby(tmp_path / "mark")]], dtype=object)
    if dress == "object array":
        np.save(folder / "images.npy", bait, allow_pickle=True)
    else:
        bait.dump(folder / "images.npy")
    with raises_saying(ValueError, "images.npy"):
        load_tables(folder)
    assert not (tmp_path / "mark").exists()
    np.load(folder / "images.npy", allow_pickle=True)  # the bait was good
    assert (tmp_path / "mark").read_text() == "sprung"


@pytest.mark.parametrize("keep", [0, 3, 60, 130, -1])
def test_table_cut_short(folder, keep, raises_saying):
    path = folder / "images.npy"
    path.write_bytes(path.read_bytes()[:keep])
    with raises_saying(ValueError, str(path)):
        load_tables(folder)


@pytest.mark.parametrize("keep", [0, 3, 60, -1])
def test_safetensors_cut_short(folder, keep, raises_saying):
    path = folder / "swapped.safetensors"
    (folder / "swapped.npy").unlink()
    save_file({"swapped": torch.zeros(3, 4)}, path)
    path.write_bytes(path.read_bytes()[:keep])
    with raises_saying(ValueError, str(path)):
        load_tables(folder)


def test_files_of_another_kind(folder, raises_saying):
    with open(folder / "images.npy", "wb") as file:
        np.savez(file, images=np.zeros((3, 4)))
    with raises_saying(ValueError, "images.npy"):
        load_tables(folder)
    (folder / "images.npy").unlink()
    save_file({"one": torch.zeros(3, 4), "two": torch.zeros(3, 4)}, folder / "images.safetensors")
    with raises_saying(ValueError, "images.safetensors", "2 tensors"):
        load_tables(folder)


def test_header_that_promises_more_than_memory(folder, raises_saying):
    path = folder / "images.npy"
    path.write_bytes(path.read_bytes().replace(b"(3, 4), }" + b" " * 12, b"(3, 4000000000000), }"))
    with raises_saying(ValueError, str(path)):
        load_tables(folder)


def test_no_embeddings_at_all(folder, raises_saying):
    for name in ("images", "captions"):
        (folder / f"{name}.npy").unlink()
    with raises_saying(ValueError, "images.npy", "images.safetensors"):
        load_tables(folder)  # swapped captions alone are nothing to probe
    (folder / "swapped.npy").unlink()
    with raises_saying(ValueError, "images.npy", str(folder)):
        load_tables(folder)


@pytest.mark.parametrize("name", TABLES)
def test_needed_table_that_is_missing(folder, name, raises_saying):
    (folder / f"{name}.npy").unlink()
    with raises_saying(ValueError, f"{name}.npy", f"{name}.safetensors"):
        load_tables(folder, TABLES)


# Rows of unusual length


@pytest.fixture
def brought(tmp_path):
    """A folder of 600 scenes whose captions match their images, and what is written there of the images."""
    scenes = [(a, b) for a in range(5) for b in range(5)] * 24
    lines = [f"cube,c{a},ball,d{b}" for a, b in scenes]
    label(tmp_path, lines)
    said = {"images": 0.05 * np.random.default_rng(0).normal(size=(600, 10)), "captions": 0, "swapped": 0}
    for row, (a, b) in enumerate(scenes):
        said["images"][row, [a, 5 + b]] += 1
    said["captions"], said["swapped"] = said["images"].copy(), np.roll(said["images"], 1, 1)

    def write(change=lambda rows: rows, dtype=np.float32):
        for name, rows in said.items():
            np.save(tmp_path / f"{name}.npy", change(rows) if name == "images" else rows.astype(np.float32))
        return tmp_path

    return write


def some(scale, dtype=np.float32, every=4):
    def change(rows):
        rows = rows.astype(dtype)
        rows[::every] *= dtype(scale)
        return rows

    return change


@pytest.mark.parametrize(
    "change",
    [some(1e25), some(1e25, every=1), some(1e-25), some(1e-36, every=1), some(1e100, np.float64),
     some(1e-200, np.float64, 1), some(1e200, np.float64, 1)],
)  # fmt: skip
def test_lengths_do_not_change_what_is_reported(brought, change):
    """Of a quarter of the rows, or of all: a direction is all that a cosine knows."""
    want = load_tables(brought(), TABLES)
    want_diagnosed, want_probed = diagnose_tables(want), probe_tables(want)
    tables = load_tables(brought(change), TABLES)
    assert torch.allclose(tables.unit("images"), want.unit("images"), atol=1e-6)
    for name, measure in diagnose_tables(tables).items():
        assert measure.values == pytest.approx(want_diagnosed[name].values, abs=1e-5), name
    probed = probe_tables(tables)
    assert probed["images probe"].values.mean() == pytest.approx(want_probed["images probe"].values.mean(), abs=0.01)
    name = "cosine of image and caption probes"
    assert probed[name].values.mean() == pytest.approx(want_probed[name].values.mean(), abs=0.15)


@pytest.mark.parametrize("scale", [0, 1e-42])
@pytest.mark.parametrize("name", TABLES)
def test_rows_without_a_direction_are_named(brought, scale, name, raises_saying):
    folder = brought()
    np.save(folder / f"{name}.npy", some(scale)(np.load(folder / f"{name}.npy")))
    with raises_saying(ValueError, f"150 of 600 rows of {name}", "row 0", "direction"):
        load_tables(folder)
