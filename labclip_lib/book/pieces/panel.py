"""The frame of the interactive pieces: markup, numbers, style and script in one output that fetches nothing."""

import hashlib
import html
import io
import json
from pathlib import Path

import numpy as np
from IPython.display import HTML
from PIL import Image

from labclip_lib.book.figures.style import INK, PALETTE, PAPER

SCRIPTS = Path(__file__).with_name("js")
COLORS = f".lc-panel, .lc-panel canvas {{ --lc-paper: {PAPER}; --lc-ink: {INK}; --lc-image: {PALETTE['image']}; }}"
WITHOUT = "<noscript><p class='lc-note'>With JavaScript you can try it here.</p></noscript>"
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
        f'<style>\n{COLORS}\n{style}</style><div class="lc-panel" id="{name}">{body.replace(MARK, name)}{WITHOUT}</div>'
        f'<script>\n(() => {{\n"use strict";\n{frame}\n{script}\n'
        f'const root = document.getElementById("{name}");\npiece(root, {payload});\nspeak(root);\n}})();\n</script>'
    )


def menu(name, entries, chosen=0):
    """The HTML of a menu. name: for who does not see it. entries: str; chosen: the place of the one that it shows."""
    options = "".join(
        f"<option{' selected' * (i == chosen)}>{html.escape(entry)}</option>" for i, entry in enumerate(entries)
    )
    return f'<select aria-label="{name}">{options}</select>'


def png(image):
    """The bytes of a picture, (3, H, W) in [0, 1], as a PNG."""
    pixels = (np.asarray(image.permute(1, 2, 0).cpu()).clip(0, 1) * 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
