"""A folder of benchmarks as small as they can be, for the tests of what runs on all of them."""

from labclip_lib.benchmarks.formats import aro, clevr, coco, cola, sugarcrepe, valse
from labclip_lib.benchmarks.reproduce.study import TOY


def write_small_toys(root):
    clevr.write_toy(root, objects=(2, 3), copies=2)
    coco.write_toy(root, train=80, test=20)
    aro.write_toy(root)
    for benchmark in (sugarcrepe, valse, cola):
        benchmark.write_toy(root, n=12)
    (root / TOY).write_text("toys\n")
    return root
