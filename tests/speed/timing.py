"""How long something takes, for the benchmarks beside this file."""

import time

import torch


def timed(run, device, repeats=1):
    """Seconds of each run, a list, and the last result; the device is waited for."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return seconds, result
