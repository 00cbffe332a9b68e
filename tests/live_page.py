"""A page with a live piece on it. A browser loads no modules from files, so it has to be served."""

import json
import shutil

from labclip_lib.book.pieces.panel import COLORS, SCRIPTS
from labclip_lib.world.geometry import geometry

LIVE = SCRIPTS.parents[1] / "live" / "js"


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
