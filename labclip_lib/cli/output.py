"""What a verb prints and writes: a table on the screen, and as JSON in a file."""

import tempfile
from pathlib import Path

from labclip_lib.base.files import write_json


def add_json(parser):
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to this file")


def can_write(path):
    """Make the folder of a file, and fail early if it is not writable; None is ignored."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def show(measures, of, path):
    """Print {name: Measure} as a table; where a path is given, write it there. of: what was measured."""
    from labclip_lib.measures.markdown import as_rows, as_table

    print(as_table(measures))
    if path:
        write_json(path, {"of": of, "table": as_rows(measures)})
