"""The frame of the interactive pieces: markup, numbers, style and script in one output that fetches nothing."""

import hashlib
import json
from pathlib import Path

from IPython.display import HTML

from labclip_lib.book.figures.style import INK, PALETTE, PAPER

SCRIPTS = Path(__file__).with_name("js")
COLORS = f".lc-panel, .lc-panel canvas {{ --lc-paper: {PAPER}; --lc-ink: {INK}; --lc-image: {PALETTE['image']}; }}"
MARK = "\0"  # stands for the panel's id until it is known; no text holds one


def panel(piece, body, data):
    """A piece of the page, IPython HTML, that works with no kernel and no network.

    piece: js/PIECE.js, whose `piece(root, data)` is called with the panel's element and the data. body: HTML; MARK
    in it becomes the panel's id. data: plain for JSON.
    """
    payload = json.dumps(data).replace("<", "\\u003c")
    name = "lc-" + hashlib.sha256((body + payload).encode()).hexdigest()[:12]
    style, frame, script = (
        (SCRIPTS / file).read_text(encoding="utf-8") for file in ("panel.css", "frame.js", f"{piece}.js")
    )
    return HTML(
        f'<style>\n{COLORS}\n{style}</style><div class="lc-panel" id="{name}">{body.replace(MARK, name)}</div>'
        f'<script>\n(() => {{\n"use strict";\n{frame}\n{script}\n'
        f'piece(document.getElementById("{name}"), {payload});\n}})();\n</script>'
    )
