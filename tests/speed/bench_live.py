"""PocketCLIP in a browser: bytes, load time, milliseconds a picture and a caption, in headless Chromium.

    python tests/speed/bench_live.py [--pictures 300] [--captions 60]

The first of each runs before the browser has compiled anything, and is printed for itself.
"""

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS), str(TESTS.parent / "tools")]

from browser import CHROMIUM, Browser  # noqa: E402
from served import served  # noqa: E402

from labclip_lib.book.live.export import write_engine  # noqa: E402
from labclip_lib.models.backbones import load_backbone  # noqa: E402
from labclip_lib.world.scenes import World  # noqa: E402

LOAD = """(async () => {
    const start = performance.now(), {Engine} = await import("/live/engine.js");
    window.engine = await Engine.load();
    return performance.now() - start;
})()"""
# What the clock says of each item; a pause in between, as between two moves of a hand.
TIMED = """(async () => {
    const times = [];
    for (const item of %s) {
        const start = performance.now();
        await %s;
        times.push(performance.now() - start);
        await new Promise(resolve => setTimeout(resolve));
    }
    return times;
})()"""


def told(what, times):
    first, *rest = times
    rest.sort()
    print(
        f"{what:10s} first {first:6.1f} ms, then median {statistics.median(rest):5.1f}, p95 "
        f"{rest[int(0.95 * len(rest))]:5.1f}, fastest {rest[0]:5.1f}, of {len(rest)}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--captions", type=int, default=60)
    args = parser.parse_args()
    if not CHROMIUM:
        sys.exit("There is no Chromium here.")
    scenes = World().sample(max(args.pictures, args.captions) + 1, 2, seed=0)
    pictures = (scenes[: args.pictures + 1].render(64) * 255).round().byte().permute(0, 2, 3, 1).contiguous()
    captions = scenes[: args.captions + 1].captions(template="a {attr1} {obj1} and a {attr2} {obj2}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        site = Path(folder) / "site"
        write_engine(site / "live", load_backbone("pocket", device="cpu"))
        (site / "pictures").write_bytes(pictures.numpy().tobytes())
        (site / "index.html").write_text("<!doctype html><link rel=icon href='data:,'>")
        sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in sorted((site / "live").iterdir())}
        with served(site) as address, Browser(Path(folder) / "profile") as browser:
            browser.open(f"{address}/index.html")
            load = browser(LOAD)
            browser("fetch('/pictures').then(a => a.arrayBuffer()).then(bytes => { window.pictures = bytes; })")
            items = f"Array.from({{length: {len(pictures)}}}, (_, k) => new Uint8Array(pictures, 12288 * k, 12288))"
            seen = browser(TIMED % (items, "engine.embedImage(item)"))
            read = browser(TIMED % (json.dumps(captions), "engine.embedText([item])"))
    print(f"Chromium, one thread; the machine's load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    scripts = sum(size for name, size in sizes.items() if name.endswith(".js"))
    print(f"gzipped: {scripts:,} bytes of scripts, image.bin {sizes['image.bin']:,}, text.bin {sizes['text.bin']:,}")
    print(f"load       {load:6.0f} ms, modules and image tower, from this machine")
    told("picture", seen)
    told("caption", read)
    print("The first caption waits for the text tower.")


if __name__ == "__main__":
    main()
