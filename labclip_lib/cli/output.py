"""What a verb says and writes: what it is about to do, a table on the screen, and the same as JSON in a file."""

import sys
import tempfile
from pathlib import Path

from labclip_lib.base.files import write_json

HOW_LONG = "half a minute with PocketCLIP, an hour or more with a ViT-B/32, on one core"


def add_json(parser):
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to this file")


def can_write(option, path):
    """Raise ValueError or OSError if the file that an option names cannot be written; None is ignored.

    It is called before the work, and leaves nothing.
    """
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"{option} names the folder {path}; name a file.")
    folder = next(parent for parent in path.absolute().parents if parent.exists())  # the others are made later
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def announce(work, tables, backbone, how_long=HOW_LONG):
    """Say on standard error what begins now and how long it takes. tables: a reader's folder, or None."""
    of = f"{tables}: a minute or so" if tables else f"{backbone} on the book's scenes: {how_long}"
    print(f"{work} {of}.", file=sys.stderr, flush=True)


def write_table(path, content):
    """Write what JSON can hold to a file, and make its folder; None is ignored."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)


def show(measures, of, path):
    """Print {name: Measure} as a table; where a path is given, write it there. of: what was measured."""
    from labclip_lib.measures.markdown import as_rows, as_table

    print(as_table(measures))
    write_table(path, {"of": of, "table": as_rows(measures)})
