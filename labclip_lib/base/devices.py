"""Several processes at once, as torchrun starts them: who am I, and what do the others hold?"""

import contextlib
import os
from typing import NamedTuple

import torch
import torch.distributed as dist


class Ranks(NamedTuple):
    """This process among all: its number, how many there are, and its number on this machine."""

    rank: int = 0
    world: int = 1
    local: int = 0

    def part(self, n):
        """The (first, end) of this process's share of n rows in a row; shares differ by one row at most."""
        return self.rank * n // self.world, (self.rank + 1) * n // self.world


ALONE = Ranks()


def ranks():
    """What torchrun says of this process; ALONE where it runs alone.

    Raises ValueError when the environment holds a part of it only, or numbers that do not fit.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    given = {name: os.environ[name] for name in names if name in os.environ}
    if not given:
        return ALONE
    try:
        out = Ranks(*(int(given[name]) for name in names))
        fits = 0 <= out.rank < out.world and out.local >= 0
    except (KeyError, ValueError):
        fits = False
    if not fits:
        seen = ", ".join(f"{name}={value}" for name, value in given.items())
        raise ValueError(f"The environment's {seen} is not what torchrun sets; unset it, or start with torchrun.")
    return out


def device_of_rank(device="auto"):
    """The torch device of this process: as `pick_device`, and with several graphics cards each rank its own."""
    device = pick_device(device)
    if device.type == "cuda" and device.index is None and ranks().world > 1:
        return pick_device(f"cuda:{ranks().local % torch.cuda.device_count()}")
    return device


@contextlib.contextmanager
def process_group(device):
    """Join the other processes, if there are any, for as long as the block runs; gives this one's Ranks.

    nccl between graphics cards, gloo otherwise.
    """
    here = ranks()
    if here.world == 1 or dist.is_initialized():
        yield here
        return
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # otherwise "cuda" means the first card to every rank
    # By its own prefix, a restart of torchrun's does not read the addresses of the processes that ended.
    store, rank, world = next(dist.rendezvous("env://"))
    store = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=world)
    try:
        yield here
    finally:
        dist.destroy_process_group()


class _Gather(torch.autograd.Function):
    """Everyone's rows. A sum of tables that are zero but for one's own rows: shares need not be equal."""

    @staticmethod
    def forward(ctx, rows, first, n):
        ctx.share = first, first + len(rows)
        out = rows.new_zeros(n, *rows.shape[1:])
        out[first : first + len(rows)] = rows
        dist.all_reduce(out)
        return out

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # another may hold it too
        dist.all_reduce(gradient)  # every process's loss reads these rows
        first, end = ctx.share
        return gradient[first:end], None, None


def gather_rows(rows, n, here):
    """All n rows of a batch, of which this process holds `here.part(n)`: (n, ...). Gradients flow back to their owner.

    The gradient of a row is the sum over the losses of all processes.
    """
    return rows if here.world == 1 else _Gather.apply(rows, here.part(n)[0], n)


def pick_device(device="auto"):
    """The torch device for a name; "auto" takes cuda, else mps, else cpu. ValueError if it is not there."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"No device {str(device)!r} on this machine; use device='auto' or 'cpu'.") from None
    return torch.device(device)
