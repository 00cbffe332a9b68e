"""What two builds cost each other: one chapter run once, then twice at the same time.

    python tests/speed/bench_side_by_side.py            # chapter 5
    python tests/speed/bench_side_by_side.py --book     # the whole book

On two processors, two at once have twice the work of one that keeps both busy; at most 2.5 times as long is good.
Threads that spin while they wait made it ten times and more (labclip_lib/threads.py).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = Path("chapters", "05_one_matrix.ipynb")


def command(book, folder):
    """What builds the copy of the book in a folder."""
    tool = Path(sys.executable).with_name("jupyter-book" if book else "jupyter-execute")
    return [tool, "build", folder, "--all"] if book else [tool, folder / CHAPTER]


def seconds(book, copies):
    """How long it takes until so many builds that start together are done, each of a copy of the book."""
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary, str(number)) for number in range(copies)]
        for folder in folders:
            shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "_build", "build", "runs"))
        started = time.perf_counter()
        runs = [
            subprocess.Popen(command(book, folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for folder in folders
        ]
        for run in runs:
            _, said = run.communicate()
            if run.returncode:
                raise SystemExit(f"A build failed, so there is nothing to compare: {said[-2000:]}")
        return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--book", action="store_true", help="build the whole book, not one chapter")
    book = parser.parse_args().book
    one = seconds(book, 1)
    print(f"one build:            {one:6.1f} s", flush=True)
    two = seconds(book, 2)
    print(f"two at the same time: {two:6.1f} s, {two / one:.2f} times as long")


if __name__ == "__main__":
    main()
