"""A folder as a website of this machine."""

import contextlib
import functools
import http.server
import threading
from pathlib import Path
from urllib.parse import urlsplit


class Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args, sent, lost, **options):
        self.sent, self.lost = sent, lost
        super().__init__(*args, **options)

    def send_head(self):
        if Path(urlsplit(self.path).path).name in self.lost:
            return self.send_error(404)
        return super().send_head()

    def copyfile(self, source, outputfile):
        with contextlib.suppress(ConnectionError):  # a reader leaves before all of a file is there
            super().copyfile(source, outputfile)

    def log_request(self, code="-", size="-"):
        if code == 200:
            self.sent.append(Path(self.translate_path(self.path)))

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def served(folder, sent=None, lost=()):
    """`with served(folder) as address:` the files of a folder, below an address without a slash at its end.

    sent: a list that gets the path of each file that is sent. lost: names of files that nobody gets.
    """
    handler = functools.partial(Handler, directory=str(folder), sent=[] if sent is None else sent, lost=lost)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
