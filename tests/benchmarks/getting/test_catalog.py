import hashlib
import re

import pytest

from labclip_lib.benchmarks.getting.catalog import BENCHMARKS
from labclip_lib.benchmarks.hard_negatives import SUBSETS

PARTS = [part for benchmark in BENCHMARKS.values() for part in benchmark.parts]


def test_the_benchmarks_are_these():
    assert list(BENCHMARKS) == [
        "texts", "clevr", "pug_spare", "pug_spar", "coco", "flickr30k", "aro", "sugarcrepe", "sugarcrepe_pp", "valse",
        "cola",
    ]  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.path)
def test_a_part_can_be_had_and_lies_below_the_root(part):
    assert bool(part.url) != bool(part.by_hand)
    assert re.fullmatch(r"(\w[\w.-]*/)+(\w[\w.-]*)?", part.path)
    assert re.match(r"https?://", part.url or part.by_hand[part.by_hand.index("http") :])


def test_pinned_files_are_those_the_book_reads_already(real_data):
    """Each by its digest, in the same place below LABCLIP_DATA."""
    pinned = {part.path: part.sha256 for part in PARTS if part.sha256}
    assert set(SUBSETS.values()) <= set(pinned)
    for path, digest in pinned.items():
        assert hashlib.sha256((real_data / path).read_bytes()).hexdigest() == digest


def test_nobody_fetches_coco_2014_for_sugarcrepe():
    for name in ("sugarcrepe", "sugarcrepe_pp"):
        assert sum(part.gigabytes for part in BENCHMARKS[name].parts) == 1
    assert {"coco/train2014/", "coco/val2014/"} < {part.path for part in BENCHMARKS["coco"].parts}


def test_what_benchmarks_share_is_one_part():
    assert len({part for part in PARTS}) == len({part.path for part in PARTS}) < len(PARTS)


def test_limits_of_the_pug_data_are_stated():
    for name in ("pug_spare", "pug_spar"):
        assert "generative AI" in BENCHMARKS[name].licence and "BY-NC" in BENCHMARKS[name].licence
    assert all(benchmark.licence for benchmark in BENCHMARKS.values())
