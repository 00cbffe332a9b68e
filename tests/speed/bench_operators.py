"""How many real captions a second go through each operator, on one core, against the tagging alone.

LABCLIP_DATA=... python tests/speed/bench_operators.py
"""

import time

from labclip_lib.benchmarks.hard_negatives import SUBSETS, load_hard_negatives
from labclip_lib.operators.grammar import read
from labclip_lib.operators.on_captions import OPERATORS
from labclip_lib.operators.tagging import _tag

N = 10_000


def main():
    captions = list(dict.fromkeys(c for name in SUBSETS for part in load_hard_negatives(name)[:2] for c in part))[:N]
    read(captions[0])  # loads the tagger
    _tag.cache_clear()
    started = time.perf_counter()
    for caption in captions:
        read(caption)
    tagging = time.perf_counter() - started
    print(f"{len(captions):,} captions; reading and tagging alone {tagging:.1f} s")
    for name, operator in OPERATORS.items():
        _tag.cache_clear()
        started = time.perf_counter()
        made = sum(operator(caption, seed=i).value is not None for i, caption in enumerate(captions))
        seconds = time.perf_counter() - started
        print(f"{name:28s} {seconds:5.1f} s, tagging included; {seconds / tagging:.2f} x tagging; applies to {made:,}")


if __name__ == "__main__":
    main()
