"""How far long work has come: a bar for who watches it, and a line now and then for a file."""

import sys
import time

from tqdm import auto, std

SECONDS = 30


def track(items=None, shows=True, **options):
    """A bar of tqdm over `items`, or over `total` with its `update`; shows: whether there is one at all.

    Where standard error is neither a terminal nor a notebook, it writes a line at most every 30 seconds, and one at
    the end: the log of a long run stays short, and can be read.
    """
    watched = sys.stderr.isatty() or auto.notebook_tqdm is not std.tqdm
    return (auto.tqdm if watched else Lines)(items, disable=not shows, **options)


class Lines(std.tqdm):
    """tqdm's bar, written as a line at most every 30 seconds, and at the end."""

    def __init__(self, *args, **options):
        self.said = time.monotonic()
        super().__init__(*args, **options)

    def display(self, *_, **__):
        if time.monotonic() - self.said >= SECONDS:
            self._say()

    def close(self):
        if not self.disable:
            if (self.n or self.total) and self._time() - self.start_t >= self.delay:
                self._say()
            self.sp = None  # there is no bar to clear
        super().close()

    def _say(self):
        self.said = time.monotonic()
        print(self, file=self.fp, flush=True)
