"""What several processes do together, and one does alone.

`python tests/several.py FOLDER` starts two processes and then three, as torchrun does but quicker, since they are
forked from one that has imported everything; each leaves what it found in FOLDER. Then a fit kills itself. `torchrun
tests/several.py FOLDER` is for a fit of which one process is killed, unless that has happened.
"""

import contextlib
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from unittest import mock

import torch
import torch.distributed as dist
from bindable import bound, small, unit

from labclip_lib.alignment.closed_form import discriminant_map, fit_closed_form
from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import choice_outcomes
from labclip_lib.base.devices import gather_rows, part, process_group
from labclip_lib.models.chunked import chunked_info_nce

LAST = {"select": False, "learning_rate": 1e-2}  # of random pairs nothing is learnt that holds for others
FITS = {
    "default": {**LAST, "epochs": 3},
    "paper": {"recipe": "paper", "epochs": 3},
    "paper, SB": {"recipe": "paper", "epochs": 3, "mode": "SB"},
    "default, SB": {**LAST, "mode": "SB"},
    "image": {**LAST, "side": "image", "chunk": 3},
    "chosen": {"start": "identity", "learning_rate": 1e-2, "batch_size": 53},
    "rank": {"rank": 3, "recipe": "paper", "epochs": 2},
    "bfloat16": {"precision": "bfloat16", "recipe": "paper", "epochs": 2},
}


@contextlib.contextmanager
def as_rank(rank, world):
    """As this process of so many sees itself, though it is alone; nothing can be gathered or added up."""
    known = {"is_initialized": True, "get_rank": rank, "get_world_size": world}
    with mock.patch.multiple(dist, **{name: mock.Mock(return_value=value) for name, value in known.items()}):
        yield


def gather():
    """Rows and gradients, where each process's loss reads everyone's rows."""
    out = {}
    for name, shape in (("plain", (7, 3)), ("with an axis", (5, 2, 3)), ("fewer than processes", (1, 3))):
        first, end = part(shape[0])
        a, b = (unit(seed, *shape, dtype=torch.float64)[first:end].requires_grad_() for seed in (0, 1))
        every = gather_rows(a, shape[0])
        flat, factors = every.flatten(1), unit(2, shape[0], shape[0], dtype=torch.float64)
        ((flat @ flat.T)[first:end] * factors[first:end]).sum().backward()
        out[name] = {"rows": every.detach(), "gradient": a.grad.clone()}
        a.grad = None
        both = gather_rows(a, shape[0]) + gather_rows(b, shape[0])  # one gradient, for both
        (both.flatten(1)[first:end] * torch.arange(first + 1.0, end + 1)[:, None]).sum().backward()
        out[name] |= {"a": a.grad.clone(), "b": b.grad.clone()}
    return out


def losses():
    """{what: (loss, gradients of this process's rows and of the scale)}"""
    out = {}
    for n in (11, 12, 2):
        for extra in (None, (n, 8), (n, 2, 8)):
            for chunk in (None, 2):
                first, end = part(n)
                shapes = [(n, 8), (n, 8), *([extra] if extra else [])]
                rows = [
                    unit(s, *shape, dtype=torch.float64)[first:end].requires_grad_() for s, shape in enumerate(shapes)
                ]
                scale = torch.tensor(8.0, dtype=torch.float64, requires_grad=True)
                images, texts, *negatives = rows
                loss = chunked_info_nce(images, texts, negatives[0] if extra else None, scale, n, chunk)
                loss.backward()
                out[n, extra, chunk] = loss.detach(), [table.grad for table in rows], scale.grad
    return out


def maps():
    pairs, held = small(), small(10, captions=35)
    return {
        "negatives": discriminant_map(pairs),
        "random": discriminant_map(pairs, "random"),
        "scores": fit_closed_form(pairs, held, rivals=pairs.texts)[1],
    }


def choices():
    pairs, train = bound("test"), bound("train")
    one = small(images=1, captions=2)  # then a process may have no image to ask
    labclip, how = LABCLIP(pairs.texts.shape[1]), {"chunk": 7, "rival_ids": train.text_ids}
    return {"many images": choice_outcomes(pairs, labclip, train.texts, **how), "one": choice_outcomes(one)}


def fit(name, **how):
    pairs = small(), small(10, captions=35)
    if name == "chosen":
        pairs = bound("train"), bound("validation")
    how = {"batch_size": 20} | FITS[name] | how
    return found(fit_pairs(*pairs, **how))


def found(labclip):
    """Everything of a fit that does not depend on the clock."""
    history = [{key: value for key, value in row.items() if key != "seconds"} for row in labclip.history]
    return {"matrix": labclip.linear.weight.detach(), "t": labclip.t.detach(), "history": history}


def killed_once(out, here):
    """A fit whose last process is killed in the middle of its third epoch, unless that has happened."""
    happened, sound, steps = out / "killed", torch.optim.Adam.step, []

    def step(adam):
        steps.append(adam)
        if len(steps) == 8 and here.rank == here.world - 1 and not happened.exists():
            happened.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return sound(adam)

    torch.optim.Adam.step = step
    return fit("paper", checkpoint=out / "fit.checkpoint") | {"steps": len(steps)}


def killed(path):
    """A fit that is killed when it has written half of its second checkpoint."""
    written, sound = [], Path.write_bytes

    def write(part, data):
        written.append(part)
        sound(part, data[:1000] if len(written) == 2 else data)
        if len(written) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    Path.write_bytes = write
    fit("default", checkpoint=path)


def everything(here):
    out = {"here": tuple(here), "gather": gather(), "losses": losses(), "maps": maps()}
    return out | {"choices": choices(), "fits": {name: fit(name) for name in FITS}}


def start(world, work):
    """Run `work` in so many processes; returns how each of them ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(world):
        child = os.fork()
        if not child:
            signal.alarm(120)  # should one fail, the others would wait for it
            names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_PORT": port}
            os.environ |= {name: str(value) for name, value in names.items()} | {"MASTER_ADDR": "127.0.0.1"}
            status = 1
            try:
                work()
                status = 0
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(status)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def leave(out, work):
    with process_group("cpu") as here:
        torch.save(work(here), out / f"{here.rank}-of-{here.world}.pt")


if __name__ == "__main__":
    out = Path(sys.argv[1])
    if "RANK" in os.environ:
        leave(out, lambda here: killed_once(out, here))
    else:
        for world in (2, 3):
            assert start(world, lambda: leave(out, everything)) == [0] * world
        assert start(1, lambda: killed(out / "fit.checkpoint")) == [-signal.SIGKILL]
        again = out / "again"
        again.mkdir()
        ends = [start(2, lambda: leave(again, lambda here: killed_once(again, here))) for _ in range(2)]
        assert ends == [[1, -signal.SIGKILL], [0, 0]]
