"""A page with a live piece on it, served as the site serves it: a browser loads no modules from files."""

import contextlib
import functools
import http.server
import json
import shutil
import threading

from labclip_lib.book.pieces.panel import COLORS, SCRIPTS
from labclip_lib.world.geometry import geometry

LIVE = SCRIPTS.parents[1] / "live" / "js"


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Nothing: the test's own output is what counts."""


class Address(str):
    """An address that `Browser.open` takes like a file's."""

    def as_uri(self):
        return self


@contextlib.contextmanager
def served(folder):
    """Serve a folder on this machine; the address of its page."""
    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield Address(f"http://127.0.0.1:{server.server_port}/index.html")
    finally:
        server.shutdown()
        server.server_close()


def write_page(folder, script, body="", theme="light"):
    """A page in the book's look with the live scripts beside it. script: a module, in which `geometry` is there."""
    for path in LIVE.iterdir():
        shutil.copy(path, folder)
    style = "\n".join([COLORS, (SCRIPTS / "panel.css").read_text(), (LIVE / "stage.css").read_text()])
    (folder / "index.html").write_text(
        f"<!doctype html><html lang=en data-theme={theme}><meta charset=utf-8><title>A scene</title>"
        f"<meta name=viewport content='width=device-width'><link rel=icon href='data:,'><style>{style}</style>"
        f"<body>{body}<script type=module>\nconst geometry = {json.dumps(geometry())};\n{script}</script>",
        "utf-8",
    )
