"""Intervals, and the machine, in words."""

import torch

from labclip_lib.book.values import interval, written


def spelled(style, value):
    """A mean with its interval: "0.63 (0.60 to 0.66)", or in the style ".0%" "63 % (60 to 66)".

    value: a Measure, an Estimate or a kept row. style: a format specification.
    """
    mean, low, high = (written(part, style) for part in interval(value))
    return f"{mean} ({low.removesuffix(' %')} to {high.removesuffix(' %')})"


def in_points(value):
    """A difference of shares with its interval: "+6.4 points (+1.0 to +11.8)". value: as of `spelled`."""
    return spelled("+.1%", value).replace(" %", " points")


def machine(device):
    """What a page was computed on: "a CPU with 2 threads", or the graphics card's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"a CPU with {threads} thread{'s' * (threads > 1)}"
