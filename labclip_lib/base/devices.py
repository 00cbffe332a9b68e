"""CPU or graphics card; rank, world size and sums over processes under torchrun."""

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


def rank():
    """This process's number in the process group; 0 where none is open."""
    return dist.get_rank() if _joined() else 0


def world_size():
    """How many processes are in the process group; 1 where none is open."""
    return dist.get_world_size() if _joined() else 1


def _joined():
    return dist.is_available() and dist.is_initialized()  # some builds of torch have no processes


def part(n):
    """The half-open range of n rows that this process handles: (first, end). Shares differ by one row at most."""
    return rank() * n // world_size(), (rank() + 1) * n // world_size()


def all_sum(x):
    """Add up a tensor over all processes, in place; returns it. Where no group is open, it stays as it is."""
    if world_size() > 1:
        moved = x.to("cuda") if dist.get_backend() == "nccl" else x
        dist.all_reduce(moved)
        if moved is not x:
            x.copy_(moved)
    return x


def gather_rows(rows, n):
    """All n rows of a batch, of which this process holds `part(n)`: (n, ...). Gradients flow back to their owner.

    The gradient of a row is the sum over the losses of all processes.
    """
    return rows if world_size() == 1 else _Gather.apply(rows, part(n)[0], n)


class _Gather(torch.autograd.Function):
    """Everyone's rows. A sum of tables that are zero but for one's own rows: shares need not be equal."""

    @staticmethod
    def forward(ctx, rows, first, n):
        ctx.share = first, first + len(rows)
        out = rows.new_zeros(n, *rows.shape[1:])
        out[first : first + len(rows)] = rows
        return all_sum(out)

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # another may hold it too
        all_sum(gradient)  # every process's loss reads these rows
        first, end = ctx.share
        return gradient[first:end], None, None


def pick_device(device="auto"):
    """The torch device for a name; "auto" takes cuda, else mps, else cpu. ValueError if it is not there."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"No device {str(device)!r} on this machine; use device='auto' or 'cpu'.") from None
    return torch.device(device)
