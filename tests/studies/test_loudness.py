import json
import shutil

import pytest
from synthetic import SMALL as WORLD

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.loudness import directions_or_loudness
from labclip_lib.alignment.scene_task import binding_task, examine, examine_groups
from labclip_lib.kept.trainings import load_study
from labclip_lib.models.backbones import load_backbone
from labclip_lib.studies.acceptance import pooled
from labclip_lib.studies.loudness import weigh

ORDERS = ("fixed", "random")
MATRICES = [
    "CLIP", "turned", "evened", "evened and turned", "the formula's middle alone", "the formula",
]  # fmt: skip
MEASURES = ["swap", "group match", "cosine of the moves"]


def test_every_matrix_is_measured_in_both_orders(tiny_checkpoint, tmp_path):
    """Two PocketCLIPs, here the same one twice."""
    for seed in (0, 1):
        shutil.copytree(tiny_checkpoint.parent, tmp_path / f"runs/pocket-{seed}")
    path = weigh(tmp_path / "runs", tmp_path / "out", "cpu", (0, 1), WORLD, 2)
    assert path == tmp_path / "out/loudness.json"
    table = json.loads(path.read_text())
    task = binding_task(load_backbone(str(tiny_checkpoint), "cpu"), WORLD, 2)
    assert list(table) == list(ORDERS)
    for order in ORDERS:
        assert list(table[order]) == MATRICES
        for name, (first, second) in directions_or_loudness(task, order).items():
            labclip = LABCLIP(task.images.shape[-1])
            labclip.set_matrix(first @ second)
            row = table[order][name]
            assert list(row) == MEASURES
            assert row["swap"] == pooled([examine(task, labclip, order)["swap"]] * 2)
            assert row["group match"] == pooled([examine_groups(task, labclip, order)["group match"]] * 2)
            assert -1 <= row["cosine of the moves"]["mean"] <= 1


def test_a_folder_without_pocketclips(tmp_path, raises_saying):
    with raises_saying(ValueError, "pocket-0", "study acceptance"):
        weigh(tmp_path, tmp_path / "out", "cpu")


class TestKept:
    """The table in the package."""

    def test_every_matrix_has_three_seeds(self):
        kept = load_study("loudness")
        assert list(kept) == list(ORDERS)
        for rows in kept.values():
            assert list(rows) == MATRICES
            for row in rows.values():
                assert list(row) == MEASURES and all(len(one["seeds"]) == 3 for one in row.values())

    @pytest.mark.parametrize("order", ORDERS)
    def test_directions_come_first_with_every_seed(self, order):
        kept = load_study("loudness")[order]
        assert max(kept["evened"]["group match"]["seeds"]) < 0.65 < min(kept["turned"]["group match"]["seeds"])
        assert min(kept["evened and turned"]["group match"]["seeds"]) > 0.95
