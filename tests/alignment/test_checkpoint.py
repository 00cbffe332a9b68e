import pickle
import shutil
from pathlib import Path

import pytest
import several as together
import torch
from bindable import small

from labclip_lib.alignment.checkpoint import digest, read_checkpoint, write_checkpoint

SETTINGS = {"seed": 0, "pairs": "a"}
STATE = {"epoch": 1, "labclip": {"weight": torch.eye(8)}, "best": (1, {"weight": torch.eye(8)})}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "a.checkpoint"
    assert read_checkpoint(path, SETTINGS) is None and read_checkpoint(None, SETTINGS) is None
    write_checkpoint(path, SETTINGS, STATE)
    back = read_checkpoint(str(path), SETTINGS)
    assert back["epoch"] == 1 and torch.equal(back["best"][1]["weight"], torch.eye(8))
    assert [file.name for file in tmp_path.iterdir()] == ["a.checkpoint"]


def test_one_process_writes_for_all(tmp_path):
    with together.as_rank(1, 2):
        write_checkpoint(tmp_path / "a.checkpoint", SETTINGS, STATE)
    assert not list(tmp_path.iterdir())


def test_other_settings_are_refused(tmp_path, raises_saying):
    write_checkpoint(tmp_path / "a", SETTINGS, STATE)
    with raises_saying(ValueError, str(tmp_path / "a"), "other pairs or other settings", "another file"):
        read_checkpoint(tmp_path / "a", SETTINGS | {"seed": 1})


def test_a_digest_tells_pairs_apart():
    pairs = [small(), small(1), small(captions=40), small(negatives=2), small().without_negatives()]
    assert len({digest(one) for one in pairs}) == 5 and digest(small()) == digest(pairs[0])


class Code:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


DAMAGE = {
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(b"\xff" * 1000),
    "text": lambda path: path.write_text("hello"),
    "something else": lambda path: torch.save({"linear.weight": torch.eye(8)}, path),
    "a tensor": lambda path: torch.save(torch.eye(8), path),
    "code": lambda path: path.write_bytes(pickle.dumps(Code(path.with_name("executed")), protocol=2)),
    "code among weights": lambda path: torch.save({"settings": Code(path.with_name("executed"))}, path),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_checkpoint_is_refused_and_nothing_in_it_is_executed(damage, tmp_path, raises_saying):
    path = tmp_path / "a.checkpoint"
    write_checkpoint(path, SETTINGS, STATE)
    damage(path)
    with raises_saying(ValueError, str(path), "no checkpoint of a LABCLIP", "remove it"):
        read_checkpoint(path, SETTINGS)
    assert not path.with_name("executed").exists()


def test_a_disk_that_is_really_full(small_disk, raises_saying):
    path = small_disk / "a.checkpoint"
    write_checkpoint(path, SETTINGS, STATE)
    (small_disk / "ballast").write_bytes(b"1" * (shutil.disk_usage(small_disk).free - 1024))
    with raises_saying(OSError, str(path), "No space left on device", "earlier one is kept"):
        write_checkpoint(path, SETTINGS, STATE | {"epoch": 2})
    assert sorted(file.name for file in small_disk.iterdir()) == ["a.checkpoint", "ballast"]
    assert read_checkpoint(path, SETTINGS)["epoch"] == 1
