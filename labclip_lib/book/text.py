"""Numbers as the prose says them, and tables of them."""

import torch
from IPython.display import Markdown


def spelled(style, value):
    """An Estimate with its interval: "0.63 (0.60 to 0.66)", or "63 % (60 to 66)" in the style ".0%"."""
    mean, low, high = (format(part, style) for part in value)
    return f"{mean.replace('%', ' %')} ({low.rstrip('%')} to {high.rstrip('%')})"


def in_points(value):
    """An Estimate of a difference of shares: "+6.4 points (+1.0 to +11.8)"."""
    return spelled("+.1%", value).replace(" %", " points")


def show_table(head, rows):
    """A table on the page, as Markdown. head: N str. rows: of N cells each, which are shown as they print."""
    lines = [head, ["---"] * len(head), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))


def machine(device):
    """What a page was computed on: "a CPU with 2 threads", or the graphics card's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"a CPU with {threads} thread{'s' * (threads > 1)}"
