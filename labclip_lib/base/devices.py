"""CPU or graphics card; rank, world size and sums over processes under torchrun."""

import contextlib
import os
from typing import NamedTuple

import torch
import torch.distributed as dist


class Ranks(NamedTuple):
    """This process's rank, the number of processes, and its rank on this machine."""

    rank: int = 0
    world: int = 1
    local: int = 0


ALONE = Ranks()


def ranks():
    """The Ranks that torchrun set in the environment; ALONE where this process was started without torchrun.

    Raises ValueError when the environment holds only some of the variables, or numbers that contradict each other.
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
    """The torch device of this process: as `pick_device`, but with several graphics cards each rank gets its own."""
    device = pick_device(device)
    if device.type == "cuda" and device.index is None and ranks().world > 1:
        return pick_device(f"cuda:{ranks().local % torch.cuda.device_count()}")
    return device


@contextlib.contextmanager
def process_group(device):
    """Open the process group, if torchrun started several processes, while the block runs; yields this one's Ranks.

    nccl between graphics cards, gloo otherwise.
    """
    process = ranks()
    if process.world == 1 or dist.is_initialized():
        yield process
        return
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # otherwise "cuda" means the first card to every rank
    # A prefix per restart, so that restarted processes do not read the addresses of those that ended.
    store, rank, world = next(dist.rendezvous("env://"))
    store = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=world)
    try:
        yield process
    finally:
        dist.destroy_process_group()


def rank():
    """This process's number in the process group; 0 where none is open."""
    return dist.get_rank() if _joined() else 0


def world_size():
    """How many processes are in the process group; 1 where none is open."""
    return dist.get_world_size() if _joined() else 1


def _joined():
    return dist.is_available() and dist.is_initialized()  # some builds of torch lack torch.distributed


def part(n):
    """The half-open range of n rows that this process handles, (first, end). Ranges differ by one row at most."""
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
    """All n rows of a batch, of which this process holds `part(n)`: (n, ...). Gradients flow back to a row's owner.

    The gradient of a row is the sum over the losses of all processes.
    """
    return rows if world_size() == 1 else _Gather.apply(rows, part(n)[0], n)


class _Gather(torch.autograd.Function):
    """Rows of all processes, as a sum of tables that are zero outside the process's own rows; shares may be unequal."""

    @staticmethod
    def forward(ctx, rows, first, n):
        ctx.share = first, first + len(rows)
        out = rows.new_zeros(n, *rows.shape[1:])
        out[first : first + len(rows)] = rows
        return all_sum(out)

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # autograd may use it elsewhere too
        all_sum(gradient)  # every process's loss reads these rows
        first, end = ctx.share
        return gradient[first:end], None, None


def pick_device(device="auto"):
    """The torch device for a name; "auto" takes cuda, else mps, else cpu. ValueError if it is missing."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"No device {str(device)!r} on this machine; use device='auto' or 'cpu'.") from None
    return torch.device(device)
