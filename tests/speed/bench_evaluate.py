"""How fast are the questions of a benchmark? python tests/speed/bench_evaluate.py [--device cuda] [--images 5000]

Embeddings as many and as long as those of COCO's test split and ViT-B/32: images, five captions each, and four
negatives a caption as in ARO's order task. Ours against the loops over samples that such code usually has: a row of
similarities and a sort at a time for retrieval, an item at a time for the choice. The same embeddings in one run, on
one device. Each answer of ours is checked against the loop's.
"""

import argparse

import numpy as np
import torch
from timing import timed
from torch.nn.functional import normalize

from labclip_lib.base.devices import pick_device
from labclip_lib.benchmarks.evaluation import CHOICE, _choices, _retrieval, _Rows, _Table
from labclip_lib.benchmarks.records import Record


def retrieval_by_rows(images, texts):
    """Recall@1, 5 and 10 of captions that look for their image, a caption at a time."""
    found = np.zeros((len(texts), 3))
    similarity = texts @ images.T
    for i in range(len(texts)):
        order = similarity[i].argsort()
        for column, k in enumerate((1, 5, 10)):
            found[i, column] = i // 5 in order[-k:]
    return found


def choice_by_items(images, texts, negatives):
    out = np.zeros(len(texts))
    for i in range(len(texts)):
        options = torch.cat([texts[i : i + 1], negatives[i]])
        out[i] = int((images[i // 5] @ options.T).argmax()) == 0
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="auto")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    device, n, d = pick_device(args.device), args.images, 512
    draw = torch.Generator().manual_seed(0)
    images = normalize(torch.randn(n, d, generator=draw), dim=-1)
    texts = normalize(images.repeat_interleave(5, 0) + 2 * torch.randn(5 * n, d, generator=draw) / d**0.5 * 3, dim=-1)
    negatives = normalize(texts[:, None] + torch.randn(5 * n, 4, d, generator=draw) / d**0.5, dim=-1)
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{n:,} images, {5 * n:,} captions, {20 * n:,} negatives, D = {d}, on {where}\n")

    names = [str(i) for i in range(5 * n)]
    pairs = [Record(names[i], names[i], tuple(names[5 * i : 5 * i + 5])) for i in range(n)]
    items = [Record(names[i], names[i // 5], (names[i],), tuple(f"{i}-{k}" for k in range(4))) for i in range(5 * n)]
    wrong = [f"{i}-{k}" for i in range(5 * n) for k in range(4)]
    table = torch.cat([texts, negatives.flatten(0, 1)])
    on_device = images.to(device), table.to(device)
    tables = _Table(names[:n], images), _Table([*names, *wrong], table)
    ask = {"retrieval": (_retrieval, _Rows(pairs, *tables)), "choice of five": (_choices, _Rows(items, *tables))}
    loops = {
        "retrieval": lambda: retrieval_by_rows(on_device[0], on_device[1][: 5 * n]),
        "choice of five": lambda: choice_by_items(on_device[0], on_device[1][: 5 * n], negatives.to(device)),
    }
    for name, (question, rows) in ask.items():
        ours, answers = timed(lambda q=question, r=rows: q(r, *on_device), device, args.repeats)
        loop, theirs = timed(loops[name], device, args.repeats)
        keys = [f"text to image, recall@{k}" for k in (1, 5, 10)] if name == "retrieval" else [CHOICE]
        found = np.stack([answers[key].outcomes for key in keys], 1)
        differ = int((found != theirs.reshape(found.shape)).sum())
        ratios = sorted(b / a for a, b in zip(ours, loop, strict=True))
        print(f"{name:15s} ours {np.median(ours):6.2f} s   loop {np.median(loop):6.2f} s   "
              f"{np.median(ratios):5.1f} x ({ratios[0]:.1f} to {ratios[-1]:.1f}), {differ} answers differ")  # fmt: skip
    print("\nOurs answers retrieval both ways, and computes each item's chance and ceiling too; the loops do neither.")


if __name__ == "__main__":
    main()
