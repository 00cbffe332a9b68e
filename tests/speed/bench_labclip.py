"""How fast is a LABCLIP fitted? python tests/speed/bench_labclip.py [--part a] [--device cuda]

(a) The book's task: PocketCLIP's embeddings of scenes, captions in fixed order. The reference is the recipe of the
paper (Koishigarina et al., 2025) written the usual way: a Dataset, a shuffling DataLoader, batches of 128, Adam with
learning rate 0.01, 50 epochs. Beside it `fit_labclip` with the same recipe, and with its default, which also looks at
the validation scenes. Accuracies are of the test scenes, their intervals clustered by twin pair.

(b) COCO's size: random unit vectors, 113,287 images, five captions each, a negative a caption; batches of 1,024. The
time of some steps, scaled to an epoch, against the time in which the matrix products that the algorithm needs would be
done at the speed of one large matrix product, measured in the same run. With B captions a batch of D numbers it needs

    4BDD   the map of B captions and B negatives           4BDD   the gradient of the matrix
    4BBD   their cosines with B images                     4BBD   the gradient of the captions and negatives

operations; captions choose among the images by the same cosines. `--batch 32768 --chunk 2048 --steps 1` shows that
chunks bound the memory; they need more operations, which are not counted.
"""

import argparse
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from torch.utils.data import DataLoader, TensorDataset

from labclip_lib.alignment.fit import RECIPES, batch_loss, descend, fit_pairs
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.alignment.scene_task import binding_task, examine
from labclip_lib.base.devices import pick_device
from labclip_lib.measures.intervals import paired_difference
from labclip_lib.models.backbones import load_backbone

IMAGES, CAPTIONS, DIM = 113_287, 5, 512
FEW = 2  # epochs by which the paper's recipe is timed again


def seconds(run, device):
    """How long it takes, the device waited for; and what it returns."""
    started = time.perf_counter()
    result = run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started, result


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def as_usual(pairs, epochs, seed=0):
    """The reference: the paper's recipe with a DataLoader."""
    torch.manual_seed(seed)
    device, dim = pairs.texts.device, pairs.texts.shape[1]
    rows = (pairs.images[pairs.image].cpu(), pairs.texts.cpu(), pairs.negatives[:, 0].cpu())
    loader = DataLoader(TensorDataset(*rows), batch_size=128, shuffle=True)
    layer = nn.Linear(dim, dim, bias=False, device=device)
    nn.init.eye_(layer.weight)
    t = nn.Parameter(torch.zeros((), device=device))
    optimizer = torch.optim.Adam([*layer.parameters(), t], lr=0.01)
    for _ in range(epochs):
        for batch in loader:
            images, texts, negatives = (part.to(device) for part in batch)
            texts, negatives = normalize(layer(texts), dim=-1), normalize(layer(negatives), dim=-1)
            logits = t.exp() * images @ torch.cat([texts, negatives]).T
            own = torch.arange(len(images), device=device)
            loss = (cross_entropy(logits, own) + cross_entropy(logits[:, : len(own)].T, own)) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    labclip = LABCLIP(dim).to(device)
    labclip.set_matrix(layer.weight.detach())
    return labclip


def part_a(device, repeats):
    task = binding_task(load_backbone("pocket", device))
    train, validation = task.pairs("train"), task.pairs("validation")
    epochs = RECIPES["paper"].epochs
    runs = {
        "paper's recipe, DataLoader": lambda n=epochs: as_usual(train, n),
        "paper's recipe, fit_labclip": lambda n=epochs: fit_pairs(train, recipe="paper", epochs=n),
        "default, fit_labclip": lambda n=None: fit_pairs(train, validation),
    }
    reference, _, ours = runs
    print(f"(a) {len(train):,} images, as many captions and negatives, D = {train.texts.shape[1]}\n")
    found = {}
    for name, run in runs.items():
        whole, labclip = seconds(run, device)
        found[name] = examine(task, labclip)["swap"]
        print(f"{name:28s} swap, held out: {found[name].estimate()}   {whole:8.2f} s, one whole fit")
    gap = paired_difference(found[ours].values, found[reference].values, found[ours].clusters)
    print(f"default minus reference: {gap}\n")
    taken = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            scale = 1 if name == ours else epochs / FEW
            taken[name].append(scale * seconds(lambda run=run: run(FEW), device)[0])
    print(f"{repeats} repeats, median (least to most); the paper's recipe by {FEW} epochs, scaled to {epochs}")
    for name, values in taken.items():
        ratio = [slow / fast for slow, fast in zip(taken[reference], values, strict=True)]
        print(f"{name:28s} {spread(values, '8.2f')} s   reference takes {spread(ratio, '.1f')} times as long")


def random_table(rows, device):
    generator = torch.Generator(device).manual_seed(rows)
    table = torch.empty(rows, DIM, device=device)
    for part in table.split(65_536):
        part.copy_(normalize(torch.randn(part.shape, generator=generator, device=device), dim=-1))
    return table


def product_speed(device, precision, tries=5):
    """Operations a second of one large matrix product: the best of some."""
    n = 16_384 if device.type == "cuda" else 4096
    a, b = (torch.randn(n, n, device=device, dtype=getattr(torch, precision)) for _ in range(2))
    out = a @ b
    return 2 * n**3 / min(seconds(lambda: torch.mm(a, b, out=out), device)[0] for _ in range(tries))


def peak_memory(device):
    """GiB, from the beginning: of the graphics card, or of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux


def part_b(device, repeats, batch, chunk, steps, precision, images):
    captions = images * CAPTIONS
    image = torch.arange(images, device=device).repeat_interleave(CAPTIONS)
    texts, negatives = random_table(captions, device), random_table(captions + 1, device)[1:]
    pairs = Pairs(random_table(images, device), texts, negatives, image)
    labclip, rate = LABCLIP(DIM).to(device), RECIPES["paper-coco"].learning_rate
    adam = torch.optim.Adam(labclip.parameters(), lr=rate, fused=True)

    def step(rows):
        return descend(adam, batch_loss(labclip, pairs, rows, "HNB", chunk, precision), rate)

    batches = torch.randperm(captions, generator=torch.Generator().manual_seed(0)).to(device).split(batch)[:-1]
    steps = min(steps, len(batches))
    before = peak_memory(device)
    step(batches[-1])
    taken, speed = [], []
    for _ in range(repeats):
        speed.append(product_speed(device, precision))
        taken.append(seconds(lambda: [step(rows) for rows in batches[:steps]], device)[0] / steps)
    needed = 8 * batch * DIM * (DIM + batch)
    shares = [100 * needed / (one * max(speed)) for one in taken]
    print(f"(b) {images:,} images, {captions:,} captions, as many negatives, D = {DIM}, {precision}")
    print(f"batch {batch:,}, chunk {chunk}; {repeats} times {steps} steps, median (least to most)\n")
    print(f"one step                     {spread([1000 * one for one in taken], '.1f')} ms")
    print(f"an epoch, scaled from those  {spread([one * captions / batch for one in taken], '.1f')} s")
    print(f"one large matrix product     {spread([one / 1e9 for one in speed], ',.0f')} Gflop/s")
    print(f"needed for a step            {needed / 1e9:,.2f} Gflop")
    print(f"share of the best product    {spread(shares, '.0f')} %")
    print(f"peak memory                  {peak_memory(device):.2f} GiB; before the first step {before:.2f} GiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("a", "b"), help="left out, both")
    parser.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1024, help="captions a batch in (b)")
    parser.add_argument("--chunk", type=int, help="rows of similarities held at a time in (b)")
    parser.add_argument("--steps", type=int, default=40, help="steps a repeat in (b)")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"), help="in (b)")
    parser.add_argument("--images", type=int, default=IMAGES, help="fewer, for less memory in (b)")
    args = parser.parse_args()
    device = pick_device(args.device)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{where}, torch {torch.__version__}\n")
    if args.part != "b":
        part_a(device, args.repeats)
    if args.part is None:
        print()
    if args.part != "a":
        part_b(device, args.repeats, args.batch, args.chunk, args.steps, args.precision, args.images)


if __name__ == "__main__":
    main()
