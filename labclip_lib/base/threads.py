"""How many threads the numerical libraries start, and that idle threads sleep.

They read this from the environment while they are loaded, so the package sets it before it imports any of them. A
program that imports torch before this library has to set OMP_WAIT_POLICY=PASSIVE itself.
"""

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def settle(environ=os.environ):
    """Set OMP_WAIT_POLICY and, in a container, OMP_NUM_THREADS, unless `environ` has them.

    An idle OpenMP thread otherwise spins for some milliseconds on a processor that others wait for: beside two busy
    processes a fit takes ten times as long. The libraries count the processors that a process may use, but not the
    share of them that its container gets; without this, a container with 2 of 64 processors would start 64 threads.
    """
    environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if quota() <= processors() - 1:
        environ.setdefault("OMP_NUM_THREADS", str(math.ceil(quota())))


def processors():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quota():
    """The container's limit in processors, a float; infinity where there is none."""
    for names in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            most, period = map(float, " ".join((CGROUPS / name).read_text() for name in names).split())
        except (OSError, ValueError):  # no such file, or "max"
            continue
        return most / period if most > 0 else math.inf
    return math.inf
