"""Scenes a second of the renderer, beside a plain way to draw the same scenes.

    python tests/speed/bench_scenes.py [--device cuda]

The baseline draws each scene by itself with Pillow's ImageDraw, four times too large, and shrinks it: the
usual way to get soft edges. It always runs on one CPU core; it leaves out the background's slope.
"""

import argparse
import dataclasses
import math
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from labclip_lib.base.devices import pick_device
from labclip_lib.world.scenes import World
from labclip_lib.world.shapes import COLORS

FINER = 4


def outline(shape):
    """Rings of corner points of a shape in its own frame, and whether each is filled or cut out."""

    def disc(x, y, radius, n=40):
        turns = (2 * math.pi * k / n for k in range(n))
        return [(x + radius * math.cos(t), y + radius * math.sin(t)) for t in turns]

    def polygon(radii):
        step = 2 * math.pi / len(radii)
        return [(r * math.sin(k * step), -r * math.cos(k * step)) for k, r in enumerate(radii)]

    a, b = 0.95, 0.30
    cross = [(-b, -a), (b, -a), (b, -b), (a, -b), (a, b), (b, b), (b, a), (-b, a), (-b, b), (-a, b), (-a, -b), (-b, -b)]
    return {
        "circle": [(disc(0, 0, 0.88), True)],
        "square": [([(-0.76, -0.76), (0.76, -0.76), (0.76, 0.76), (-0.76, 0.76)], True)],
        "triangle": [(polygon([1, 1, 1]), True)],
        "star": [(polygon([1.07, 0.41] * 5), True)],
        "cross": [(cross, True)],
        "ring": [(disc(0, 0, 0.9), True), (disc(0, 0, 0.46), False)],
        "heart": [
            (disc(-0.37, -0.15, 0.52), True),
            (disc(0.37, -0.15, 0.52), True),
            ([(0, -0.52), (0.735, 0.22), (0, 0.955), (-0.735, 0.22)], True),
        ],
        "moon": [(disc(-0.12, 0, 0.9), True), (disc(0.36, 0, 0.72), False)],
    }[shape]


def draw_one_by_one(scenes, size):
    """The baseline: a list of (size, size) pictures."""
    side = size * FINER
    fine, pictures = (side, side), []
    for n in range(len(scenes)):
        picture = Image.new("RGB", fine, byte(scenes.backdrop[n]))
        for k in range(scenes.color.shape[1]):
            (x, y), radius = scenes.center[n, k].tolist(), float(scenes.radius[n, k])
            cos, sin = math.cos(scenes.angle[n, k]), math.sin(scenes.angle[n, k])
            mask = Image.new("1", fine)
            pen = ImageDraw.Draw(mask)
            for points, filled in outline(scenes.world.shapes[scenes.shape[n, k]]):
                corners = [
                    (side * (x + radius * (cos * u - sin * v)), side * (y + radius * (sin * u + cos * v)))
                    for u, v in points
                ]
                pen.polygon(corners, fill=int(filled))
            color = torch.tensor(COLORS[scenes.world.colors[scenes.color[n, k]]]) + scenes.tint[n, k]
            picture.paste(byte(color), mask=mask)
        pictures.append(picture.resize((size, size), Image.Resampling.BOX))
    return pictures


def byte(color):
    return tuple((color.clamp(0, 1) * 255).round().int().tolist())


def rate(run, count, device, repeats):
    """Items a second: median, slowest and fastest of the repeats, after one run to warm up."""
    rates = []
    for repeat in range(repeats + 1):
        started = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if repeat:
            rates.append(count / (time.perf_counter() - started))
    return statistics.median(rates), min(rates), max(rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    parser.add_argument("--size", type=int, default=64, help="side of a picture in pixels")
    parser.add_argument("--scenes", type=int, help="scenes a repeat (default: 4096, on a graphics card 65536)")
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    device = pick_device(args.device)
    count = args.scenes or (65536 if device.type == "cuda" else 4096)
    scenes = World().sample(count, objects=2, seed=0)
    few = scenes[:256]

    # Do both draw the same? Compared without the slope, which the baseline leaves out.
    flat = dataclasses.replace(few, slope=torch.zeros_like(few.slope))
    apart = np.stack([np.asarray(picture) for picture in draw_one_by_one(flat, args.size)]) / 255
    gap = np.abs(flat.render(args.size, device).permute(0, 2, 3, 1).cpu().numpy() - apart).mean()
    there = scenes.to(device)
    fast = rate(lambda: there.render(args.size, device), count, device, args.repeats)
    slow = rate(lambda: draw_one_by_one(few, args.size), len(few), torch.device("cpu"), args.repeats)

    named = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    print(
        f"{count} scenes of 2 objects, {args.size} x {args.size}; median (slowest to fastest) of {args.repeats} repeats"
    )
    print(f"device {device} ({named}), {torch.get_num_threads()} CPU threads, torch {torch.__version__}")
    print(f"{'render':34s}{fast[0]:12,.0f} scenes/s  ({fast[1]:,.0f} to {fast[2]:,.0f})")
    print(f"{'ImageDraw, one by one, 1 CPU core':34s}{slow[0]:12,.0f} scenes/s  ({slow[1]:,.0f} to {slow[2]:,.0f})")
    print(f"ratio {fast[0] / slow[0]:.1f}; the pictures differ by {gap:.4f} a pixel on average")


if __name__ == "__main__":
    main()
