"""How fast are the probes? python tests/speed/bench_probes.py [--device cuda] [--layouts 3]

Fits chapter 2's probes (eight shapes; images, captions in fixed and in random order) three ways on the same
embeddings in one run: ours in float32 and in float64, and the LABCLIP authors' recipe (SGD, learning rate 0.1,
batches of 32, 100 epochs), both as a bare loop over index tensors and fed by a DataLoader, as such
code usually is. The features are not normalised, as the authors have it.
"""

import argparse
import statistics
import time

import torch
from timing import timed
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from labclip_lib.measures.intervals import estimate, paired_difference
from labclip_lib.models.backbones import load_backbone
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.scenes import World


def with_a_loader(features, color, shape, split, epochs):
    """Seconds that the recipe takes with a DataLoader: some epochs of each probe, scaled to 100."""
    started = time.perf_counter()
    for s in range(int(shape.max()) + 1):
        rows = torch.where((shape == s).any(1) & split.train)[0]
        label = (color[rows] * (shape[rows] == s)).sum(1)
        loader = DataLoader(TensorDataset(features[rows], label), batch_size=32, shuffle=True)
        layer = torch.nn.Linear(features.shape[1], 8, device=features.device)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                cross_entropy(layer(x), y).backward()
                optimizer.step()
    return (time.perf_counter() - started) * 100 / epochs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="auto")
    parser.add_argument("--layouts", type=int, default=3)
    args = parser.parse_args()
    clip = load_backbone("pocket", args.device)
    parts = [World().compositions(seed=[7, k]) for k in range(args.layouts)]
    color, shape = (torch.cat([getattr(p, name) for p in parts]).to(clip.device) for name in ("color", "shape"))
    split = split_by_combination(parts[0].color, parts[0].shape).repeated(args.layouts).to(clip.device)
    sides = {"images": torch.cat([clip.encode_images(p.render(64, clip.device), normalize=False) for p in parts])}
    for order in ("fixed", "random"):
        lines = [c for k, p in enumerate(parts) for c in p.captions(order, seed=[7, k])]
        sides[f"captions, {order} order"] = clip.encode_texts(lines, normalize=False)
    where = torch.cuda.get_device_name() if clip.device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{len(color):,} scenes, D = {clip.dim}, 8 probes a side, on {where}\n")
    total = dict.fromkeys(("ours", "sgd", "loader"), 0.0)
    for side, features in sides.items():
        probe_attributes(features, color, shape, split)  # warm up
        ours, result = timed(lambda x=features: probe_attributes(x, color, shape, split), clip.device, 5)
        ours = statistics.median(ours)
        exact = probe_attributes(features.double(), color, shape, split, tol=1e-6)
        (sgd,), theirs = timed(lambda x=features: probe_attributes(x, color, shape, split, solver="sgd"), clip.device)
        loader = with_a_loader(features, color, shape, split, epochs=3)
        for name, seconds in (("ours", ours), ("sgd", sgd), ("loader", loader)):
            total[name] += seconds
        print(f"{side}\n  ours, 5 decays     {ours:8.2f} s   {estimate(result.right, result.cluster)}")
        print(f"  float64, converged              {estimate(exact.right, exact.cluster)}")
        print(f"  SGD, bare loop     {sgd:8.2f} s   {estimate(theirs.right, theirs.cluster)}   {sgd / ours:6.1f} x")
        print(f"  SGD, DataLoader    {loader:8.2f} s   (3 epochs, scaled to 100)      {loader / ours:6.1f} x")
        print(f"  ours minus SGD                  {paired_difference(result.right, theirs.right, result.cluster)}")
        print(f"  ours minus float64              {paired_difference(result.right, exact.right, result.cluster)}\n")
    sgd, loader = (total[name] / total["ours"] for name in ("sgd", "loader"))
    print(f"all: {sgd:.1f} x the bare loop, {loader:.1f} x the DataLoader")


if __name__ == "__main__":
    main()
