import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from toys import write_small_toys

from labclip_lib.benchmarks.evaluation import CHOICE
from labclip_lib.benchmarks.formats import sugarcrepe
from labclip_lib.benchmarks.reproduce import tables as room
from labclip_lib.benchmarks.reproduce.papers import REPORTED, SAME_MODEL
from labclip_lib.benchmarks.reproduce.study import METHODS, SCENES, Study
from labclip_lib.benchmarks.reproduce.tables import TABLES, Row, reproduce
from labclip_lib.benchmarks.results import Answers, Results
from labclip_lib.measures.intervals import estimate
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.models.backbones import load_backbone
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes, weight_cosine


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_small_toys(tmp_path_factory.mktemp("toys"))


@pytest.fixture(scope="module")
def study(root, tmp_path_factory):
    """PocketCLIP on toys; of the benchmarks of scenes there is CLEVR alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PUG:SPAR", "PUG:SPARE"):
            patch.delitem(SCENES, name)
        yield Study(load_backbone("pocket", "cpu"), root, tmp_path_factory.mktemp("out"), progress=False, workers=0)


@pytest.fixture(scope="module")
def tables(study):
    """All tables, {name: Table}."""
    return {table.name: table for table in reproduce(list(TABLES), study)}


def value(table, what, method):
    (row,) = [row for row in table.rows if (row.what, row.method) == (what, method)]
    return row.ours.mean


def test_every_table_has_rows_with_intervals_and_levels(tables):
    assert list(tables) == list(TABLES)
    for table in tables.values():
        assert table.rows and table.note and not table.missing
        for row in table.rows:
            if row.ours is None:
                assert row.reported is not None
                continue
            assert row.ours.low <= row.ours.mean <= row.ours.high and row.items and math.isfinite(row.chance)
            assert not row.comparable  # toys are no benchmark


def test_pocket_clip_on_scenes(tables):
    """What chapters 2, 3 and 5 found, from files on a disk."""
    assert value(tables["probes"], "CLEVR", "image probe") > 0.9
    assert value(tables["probes"], "CLEVR", "text probe") > 0.9
    assert value(tables["crossmodal"], "CLEVR, swap", "CLIP") < 0.75
    assert value(tables["crossmodal"], "CLEVR, swap", "LABCLIP") > 0.85
    before, after = (value(tables["alignment"], "CLEVR, cosine of the probes", name) for name in ("CLIP", "LABCLIP"))
    assert after > before + 0.2
    assert value(tables["sugarcrepe"], "replace_att", "CLIP") > 0.8
    assert value(tables["retrieval"], "image to text, recall@5", "CLIP") > 0.8


def test_scenes_that_are_asked_about_and_what_hangs_together(tables, study):
    """Combinations to test on, without those whose swap says the same; twins are drawn together, and so are objects."""
    rows = {(row.what, row.method): row for table in tables.values() for row in table.rows}
    data, embedded = study.scenes("CLEVR")
    split = split_by_combination(data.attribute, data.object)
    asked = split.test & data.swappable()
    images, captions, swapped = (embedded.unit(name)[asked] for name in ("images", "captions", "swapped"))
    for method in METHODS:
        align = study.scene_labclip("CLEVR", method)
        with torch.no_grad():
            true, false = ((images * align(texts)).sum(1) for texts in (captions, swapped))
        row = rows["CLEVR, swap", method]
        assert row.items == int(asked.sum())
        assert row.ours == estimate(pairwise_outcomes(true, false), split.cluster[asked])
    assert rows["CLEVR", "image probe"].chance < 0.2 < 0.5 <= rows["CLEVR", "image probe"].bag_of_words
    probed = [
        probe_attributes(
            study.backbone.dim**0.5 * embedded.unit(name), embedded.attribute, embedded.object, split, solver="sgd"
        )
        for name in ("images", "captions")
    ]
    cosines = weight_cosine(*probed).double().numpy()
    assert cosines.shape == (len(data.objects), len(data.attributes))
    clusters = np.repeat(np.arange(len(data.objects)), len(data.attributes))
    assert rows["CLEVR, cosine of the probes", "CLIP"].ours == estimate(cosines.flatten(), clusters)
    assert "20 images" in tables["retrieval"].note
    levels = {row.what: math.isnan(row.bag_of_words) for row in tables["further"].rows}
    assert levels["SugarCrepe++, text to text"] and not levels["SugarCrepe++, both captions win"]


def test_each_method_stands_beside_the_papers_figure(tables):
    rows = {(row.what, row.method): row for table in tables.values() for row in table.rows}
    for (what, method), (figure, model, source) in REPORTED.items():
        if what.startswith(("PUG", "VG-R")):
            continue  # not among these toys
        assert rows[what, method].reported == figure
        assert (rows[what, method].reported_by, rows[what, method].source) == (model, source)
        assert model in SAME_MODEL
    for what in ("CLEVR, swap", "swap_att", "COCO-Order", "text to image, recall@1", "COLA, all four"):
        assert {method for w, method in rows if w == what} >= set(METHODS)


def test_means_of_subsets_are_means_of_subsets(tables):
    table = tables["sugarcrepe"]
    for kind, subsets in (("swap", ("swap_att", "swap_obj")), ("add", ("add_att", "add_obj"))):
        mean = sum(value(table, subset, "CLIP") for subset in subsets) / 2
        assert value(table, f"{kind}, mean", "CLIP") == pytest.approx(mean)
    levels = {row.what: row.bag_of_words for row in table.rows if row.method == "CLIP"}
    assert levels["swap, mean"] == 0.5 and levels["add, mean"] == 1.0


def test_up_to_ten_objects_are_asked_about(study, tmp_path):
    def scenes(what, load=None):
        if load:
            raise ValueError(what)
        return study.scenes("CLEVR")

    (tmp_path / "clevr").mkdir()
    (tmp_path / "clevr" / "output_10obj.csv").touch()
    like = {"root": tmp_path, "scenes": scenes, "toy": True, "backbone": study.backbone}
    like["at_hand"] = lambda: (["CLEVR"], [])
    with pytest.raises(ValueError, match="CLEVR, 10 objects"):
        TABLES["probes"](type("Study", (), like))


def answers(groups, outcomes):
    n = len(groups)
    keys, chance = np.arange(n).astype(str), np.where(np.array(groups) == "eating", 0.2, 0.5)
    return {CHOICE: Answers(keys, np.array(groups), keys, np.array(outcomes, float), chance, np.ones(n))}


def test_a_mean_of_groups_has_their_levels():
    found = Results("b", "m", answers(["next to"] * 4 + ["eating"] * 2 + ["left out"], [1, 1, 1, 0, 1, 0, 0]))
    measure, ours = room._macro(found, CHOICE, np.arange(7) < 6)
    assert ours.mean == 0.625 and measure.chance == pytest.approx(0.35) and len(measure.values) == 6
    study = type("Study", (), {"toy": False, "backbone": type("Backbone", (), {"name": "x"})})
    assert room._row(study, "VG-A", "CLIP", measure, ours).ours == ours


def test_aro_by_both_conventions(tmp_path):
    """VG-R with and without what is symmetric; VG-A without pairs that are rare."""
    tasks = {"VG-R": (["next to"] * 2 + ["eating"], [0, 0, 1]), "VG-A": (["a_b"] * 25 + ["b_a"], [1] * 25 + [0])}
    (tmp_path / "aro" / "images").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(tmp_path / "aro" / "images" / "1.png")
    for task, name in (("VG-R", "relation"), ("VG-A", "attribution")):
        items = [
            {"image_path": "1.png", "true_caption": f"one {i}", "false_caption": f"two {i}", "relation_name": group,
             "attributes": group.split("_")} | {f"bbox_{side}": 5 for side in "xywh"}
            for i, group in enumerate(tasks[task][0])
        ]  # fmt: skip
        (tmp_path / "aro" / f"visual_genome_{name}.json").write_text(json.dumps(items))

    def results(task, records):
        assert [record.group for record in records] == tasks[task][0]
        return {"CLIP": Results(task, "m", answers(*tasks[task]))}

    study = type("Study", (), {
        "root": tmp_path, "jobs": 1, "progress": False, "toy": False, "without": "", "results": results,
        "backbone": type("Backbone", (), {"name": "x"}),
    })  # fmt: skip
    table = room.aro_table(study)
    assert {row.what: (row.ours.mean, row.items) for row in table.rows if row.ours} == {
        "VG-A, all pairs of 25 and more": (1, 25), "VG-R, without symmetric relations": (1, 1),
        "VG-R, all relations": (0.5, 3),
    }  # fmt: skip
    assert "COCO-Order was not run: There is no " in table.note


def test_what_cannot_be_run_is_said(tables):
    assert "VG-R was not run: PocketCLIP has no words for relations" in tables["aro"].note


def test_without_coco_there_is_nothing_to_fit_a_labclip_to(tmp_path, tiny):
    sugarcrepe.write_toy(tmp_path / "data", n=6)
    study = Study(tiny, tmp_path / "data", tmp_path / "out", progress=False, workers=0)
    (table,) = reproduce(["sugarcrepe"], study)
    assert {row.method for row in table.rows if row.ours} == {"CLIP"}
    assert "LABCLIP was not run" in table.note and "dataset_coco.json" in table.note


def test_missing_data_stop_one_table_and_not_the_others(tmp_path, tiny, raises_saying):
    (tmp_path / "data").mkdir()
    study = Study(tiny, tmp_path / "data", tmp_path / "out", progress=False)
    found = reproduce(["sugarcrepe", "retrieval", "aro", "further"], study)
    assert all("python -m labclip_lib get" in table.missing and not table.rows for table in found)
    with raises_saying(ValueError, "add_att.json", "get sugarcrepe"):
        reproduce(["sugarcrepe"], study)
    with raises_saying(ValueError, "VG-R was not run: There is no", "get aro"):
        reproduce(["aro"], study)
    with raises_saying(ValueError, "'swaps'", "crossmodal"):
        reproduce(["swaps"], study)


def test_without_any_scenes_there_is_no_table_of_them(tmp_path, tiny, raises_saying):
    study = Study(tiny, tmp_path, tmp_path / "out", progress=False)
    for name in ("probes", "crossmodal", "alignment"):
        with raises_saying(ValueError, "CLEVR was not run: There is no", "get clevr"):
            reproduce([name], study)


@pytest.mark.parametrize(
    ("name", "toy", "same"),
    [("ViT-B-32-quickgelu/openai", False, True), ("ViT-B-32-quickgelu/openai", True, False), ("pocket", False, False)],
)
def test_only_the_same_model_on_the_same_data_is_comparable(name, toy, same):
    study = type("Study", (), {"toy": toy, "backbone": type("Backbone", (), {"name": name})})
    row = room._row(study, "swap_att", "CLIP", Measure([1.0, 0.0], [0, 1], 0.5, 0.7))
    assert isinstance(row, Row) and row.comparable is same and row.reported == 0.6396
