import dataclasses

import numpy as np
import pytest
import torch
from toys import write_small_toys

from labclip_lib.alignment.labclip import LABCLIP, Unaligned
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.benchmarks.evaluation import CHOICE
from labclip_lib.benchmarks.formats import clevr, sugarcrepe
from labclip_lib.benchmarks.reproduce import study as room
from labclip_lib.benchmarks.reproduce.study import METHODS, TOY, Study, check_labclip, write_toys
from labclip_lib.benchmarks.reproduce.tables import reproduce
from labclip_lib.benchmarks.results import Results
from labclip_lib.probing.protocols import split_by_combination


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_small_toys(tmp_path_factory.mktemp("toys"))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture
def study(tiny, root, out):
    return Study(tiny, root, out, progress=False, workers=0)


def test_scenes_are_embedded_row_by_row(study, tiny):
    scenes, tables = study.scenes("CLEVR")
    some = [0, 7, 200]
    images = tiny.encode_images([scenes.images[i].read() for i in some])
    assert torch.allclose(tables.unit("images")[some], images, atol=1e-5)
    for name, said in (("captions", scenes.captions()), ("swapped", scenes.swapped())):
        assert torch.allclose(tables.unit(name)[some], tiny.encode_texts([said[i] for i in some]), atol=1e-5)


def test_a_matrix_is_fitted_once(study, monkeypatch):
    assert isinstance(study.scene_labclip("CLEVR", "CLIP"), Unaligned)
    first = study.scene_labclip("CLEVR", "LABCLIP")
    assert first.linear.weight.shape == (study.backbone.dim, study.backbone.dim)
    assert {path.suffix for path in (study.out / "matrices").iterdir()} == {".safetensors"}  # no checkpoint is left
    monkeypatch.setattr(torch.optim, "Adam", lambda *args, **how: pytest.fail("fitted again"))
    again = Study(study.backbone, study.root, study.out, progress=False, workers=0).scene_labclip("CLEVR", "LABCLIP")
    assert torch.equal(first.linear.weight, again.linear.weight)
    with pytest.raises(BaseException, match="fitted again"):
        study.scene_labclip("CLEVR", "LABCLIP-SB, paper's recipe")


def test_a_matrix_that_was_chosen_by_other_pairs_is_fitted_anew(study, monkeypatch):
    """It is the best of its epochs on the validation pairs, so they are part of what it was made from."""
    study.scene_labclip("CLEVR", "LABCLIP")
    scenes, tables = study.scenes("CLEVR")
    rows = split_by_combination(tables.attribute, tables.object).validation
    images = tables.embeddings["images"].clone()
    images[rows] = images[rows].flip(0)
    other = dataclasses.replace(tables, embeddings=tables.embeddings | {"images": images})
    monkeypatch.setitem(study._cache, "CLEVR", (scenes, other))
    monkeypatch.setattr(torch.optim, "Adam", lambda *args, **how: pytest.fail("fitted again"))
    with pytest.raises(BaseException, match="fitted again"):
        study.scene_labclip("CLEVR", "LABCLIP")


def test_what_each_method_is_fitted_to_and_how(study, tmp_path, monkeypatch):
    """To the training combinations alone, whatever is asked later, and without scenes whose swap says the same."""
    fitted = []

    def fit(train, validation, **how):
        fitted.append((train, validation, how))
        return LABCLIP(study.backbone.dim)

    monkeypatch.setattr(room, "fit_pairs", fit)
    fresh = Study(study.backbone, study.root, tmp_path, progress=False, workers=0)
    (scenes, tables), pairs = study.scenes("CLEVR"), study._coco_pairs()
    fresh._cache = {"CLEVR": (scenes, tables), "PUG:SPAR": (scenes, tables), "COCO": pairs}
    for name, method in (("CLEVR", list(METHODS)[1]), ("CLEVR", "LABCLIP"), ("PUG:SPAR", list(METHODS)[2])):
        fresh.scene_labclip(name, method)
    fresh.coco_labclip("LABCLIP, paper's recipe")
    fresh.coco_labclip("LABCLIP")
    assert [(how["mode"], how["recipe"]) for *_, how in fitted] == [
        ("SB", "paper"), ("HNB", "default"), ("HNB", "paper-pug"), ("HNB", "paper-coco"), ("HNB", "default"),
    ]  # fmt: skip
    split = split_by_combination(tables.attribute, tables.object)
    train, validation = (rows & scenes.swappable() for rows in (split.train, split.validation))
    first = fitted[0][0]
    for found, name in zip(
        (first.images, first.texts, first.negatives), ("images", "captions", "swapped"), strict=True
    ):
        assert torch.equal(found.reshape(-1, study.backbone.dim), tables.unit(name)[train])
    assert torch.equal(fitted[0][1].images, tables.unit("images")[validation])
    assert fitted[3][1] is None and torch.equal(fitted[3][0].image, pairs.image)
    assert fitted[0][2]["batch_size"] == min(512, int(train.sum()) // 4)
    times = 2048 // len(pairs) + 1
    tables = (part.repeat(times, *[1] * (part.ndim - 1)) for part in (pairs.texts, pairs.negatives, pairs.image))
    fresh._cache["COCO"] = Pairs(pairs.images, *tables)  # other data, so nothing kept will do
    fresh.coco_labclip("LABCLIP, paper's recipe")
    fresh.coco_labclip("LABCLIP")
    assert [how.get("batch_size") for *_, how in fitted[5:]] == [None, 512]  # the recipe's own, where there is enough


def test_captions_of_coco_keep_their_own_image_and_negative(study, tiny):
    study.coco_labclip("LABCLIP")
    pairs = study._cache["COCO"]
    records, _ = room.coco.training_pairs(study.root)
    said = [(record, i) for record in records for i in range(len(record.captions))]
    assert len(pairs) == len(said)
    for row in (0, 5, len(said) - 1):
        record, i = said[row]
        texts = tiny.encode_texts([record.captions[i], record.negatives[i]])
        image = tiny.encode_images([record.image.read()])[0]
        assert torch.allclose(pairs.texts[row], texts[0], atol=1e-5)
        assert torch.allclose(pairs.negatives[row, 0], texts[1], atol=1e-5)
        assert torch.allclose(pairs.images[pairs.image[row]], image, atol=1e-5)


def test_answers_are_kept_item_by_item(study, root, out):
    records = sugarcrepe.load(root)
    found = study.results("SugarCrepe", records)
    assert list(found) == list(METHODS)
    kept = Results.load(out / "answers" / "sugarcrepe-labclip-sb-papers-recipe.csv")
    assert kept.model.endswith("LABCLIP-SB, paper's recipe")
    expected = found["LABCLIP-SB, paper's recipe"].answers[CHOICE]
    assert np.array_equal(kept.answers[CHOICE].outcomes, expected.outcomes)


def test_a_labclip_of_ones_own_takes_the_place_of_all(study, root, out, tmp_path):
    """The identity changes nothing; minus the identity turns each choice round."""
    own = LABCLIP(study.backbone.dim)
    own.set_matrix(-torch.eye(study.backbone.dim))
    own.save(tmp_path / "own.safetensors")
    mine = Study(study.backbone, root, out, tmp_path / "own.safetensors", progress=False, workers=0)
    found = mine.results("SugarCrepe", sugarcrepe.load(root))
    assert list(found) == ["CLIP", "LABCLIP"]
    plain, turned = (found[name].answers[CHOICE].outcomes for name in found)
    assert np.array_equal(turned, 1 - plain)


def test_a_labclip_must_fit_the_backbone(tiny, tmp_path, raises_saying):
    check_labclip(None, tiny)
    LABCLIP(tiny.dim).save(tmp_path / "own.safetensors")
    check_labclip(tmp_path / "own.safetensors", tiny)
    LABCLIP(3).save(tmp_path / "small.safetensors")
    with raises_saying(ValueError, "small.safetensors", "of 3", str(tiny.dim)):
        check_labclip(tmp_path / "small.safetensors", tiny)


@pytest.mark.parametrize(
    ("name", "file"),
    [("CLEVR", "clevr/output_2obj.csv"), ("PUG:SPAR", "pug_spar/labels.csv"), ("PUG:SPARE", "pug_spare/PUG_SPARE.csv")],
)
def test_scenes_by_name(name, file, tiny, tmp_path, raises_saying):
    with raises_saying(ValueError, file):
        Study(tiny, tmp_path, tmp_path / "out", progress=False).scenes(name)


def test_what_is_published_and_what_is_a_toy(study, tmp_path, tiny):
    assert study.toy and not Study(tiny, tmp_path, tmp_path / "out").toy


def test_all_toys_are_written_and_said_to_be_toys(tmp_path, monkeypatch):
    written = []
    for name in ("clevr", "pug", "coco", "aro", "sugarcrepe", "valse", "cola"):
        monkeypatch.setattr(
            getattr(room, name), "write_toy", lambda *args, name=name: written.append((name, *args[1:]))
        )
    write_toys(tmp_path / "new", progress=False)
    assert written == [
        ("clevr",), ("pug", "SPAR"), ("pug", "SPARE"), ("coco",), ("aro",), ("sugarcrepe",), ("valse",), ("cola",),
    ]  # fmt: skip
    assert (tmp_path / "new" / TOY).is_file()


def test_the_scenes_of_another_world_are_probed(tmp_path, tiny_3d):
    """Of the benchmarks of scenes there is CLEVR alone, drawn by ourselves, and the table says so."""
    clevr.draw(tmp_path / "data", tiny_3d.world, (2, 3), 200, size=16, progress=False)
    study = Study(tiny_3d, tmp_path / "data", tmp_path / "out", progress=False, workers=0)
    (table,) = reproduce(["probes"], study)
    assert {row.what for row in table.rows} == {"CLEVR", "CLEVR, 3 objects"} and study.toy
    assert not any(row.comparable for row in table.rows)
    assert "PUG:SPAR was not run: There is no " in table.note and "PUG:SPARE was not run" in table.note
