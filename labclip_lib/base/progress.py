"""Progress of long work: a bar in a terminal or notebook, a line now and then in a log file."""

import sys
import time

from tqdm import auto, std

SECONDS = 30


def track(items=None, shows=True, **options):
    """A tqdm bar over `items`, or over `total` steps counted by its `update`; shows: False hides it.

    Where standard error is neither a terminal nor a notebook, it writes a line at most every 30 seconds, and one at
    the end, so that the log of a long run stays short and readable.
    """
    watched = sys.stderr.isatty() or auto.notebook_tqdm is not std.tqdm
    return (auto.tqdm if watched else Lines)(items, disable=not shows, **options)


class Lines(std.tqdm):
    """tqdm's bar, written as a line at most every 30 seconds, and at the end."""

    def __init__(self, *args, **options):
        self.last_written = time.monotonic()
        super().__init__(*args, **options)

    def display(self, *_, **__):
        if time.monotonic() - self.last_written >= SECONDS:
            self._write_line()

    def close(self):
        if not self.disable:
            if (self.n or self.total) and self._time() - self.start_t >= self.delay:
                self._write_line()
            self.sp = None  # there is no bar to clear
        super().close()

    def _write_line(self):
        self.last_written = time.monotonic()
        print(self, file=self.fp, flush=True)
