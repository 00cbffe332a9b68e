"""A Sphinx extension: the directive `playground`, a live piece for pages of the site, and the files that it needs.

    ```{playground}
    :small:
    ```

The files go to _static/live/ of the site. The page itself holds the first scenes with their answers, so it says
something before the model is there, where it cannot be had, and without JavaScript.
"""

import base64
import io
import json
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from PIL import Image

from labclip_lib import load_backbone
from labclip_lib.base.files import write_text
from labclip_lib.book.live.playground import Playground, ahead, cosine
from labclip_lib.book.pieces.panel import COLORS, SCRIPTS

LIVE = SCRIPTS.parents[1] / "live" / "js"
SIDES = ("CLIP", 0), ("LABCLIP", 1)
STYLES = SCRIPTS / "panel.css", LIVE / "stage.css", LIVE / "playground.css"


class PlaygroundDirective(Directive):
    option_spec: ClassVar = {"small": directives.flag}

    def run(self):
        env = self.state.document.settings.env
        env.note_dependency(__file__)
        up = "../" * env.docname.count("/") + "_static/live"
        data, still = made(env.app)["page"]
        size = "small" if "small" in self.options else "large"
        data = f'<script type="application/json">{data}</script>'
        code = (
            f'<link rel="stylesheet" href="{up}/playground.css">'
            f'<div class="lc-panel" data-playground="{size}">{data}{still}</div>'
            f'<script type="module" src="{up}/playground.js"></script>'
        )
        return [nodes.raw("", code, format="html")]


def made(app):
    """What this build fitted, once for all its pages: {"playground": Playground, "page": (JSON, HTML)}."""
    if not hasattr(app, "playground"):
        playground = Playground(load_backbone("pocket", device="cpu"))
        data = playground.data()
        text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
        app.playground = {"playground": playground, "page": (text, still(playground))}
    return app.playground


def still(playground):
    """A picture, a table and a sentence, for a page on which no script runs: HTML."""
    scene, answer = playground.first[0]
    file = io.BytesIO()
    pixels = (255 * scene.render(240)[0]).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(file, format="png")
    rows = "".join(
        f"<tr><th scope=row>{row['caption']}</th><td>{cosine(row, 0):.3f}</td><td>{cosine(row, 1):.3f}</td></tr>"
        for row in answer["rows"]
    )
    picks = [f"{name} prefers the {'true' if ahead(answer, share) > 0 else 'swapped'} caption" for name, share in SIDES]
    own, twin = (row["caption"] for row in answer["rows"][:2])
    head = "<tr><th>caption</th><th>CLIP</th><th>LABCLIP</th></tr>"
    return (
        '<div class="lc-still lc-play">'
        f'<img width="240" height="240" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}" '
        f'alt="{own}"><div class="lc-results"><table><thead>{head}</thead>'
        f"<tbody>{rows}</tbody></table><p>{picks[0]}, &ldquo;{twin}&rdquo;; {picks[1]}. With JavaScript, on the site, "
        "you can move the objects and watch.</p></div></div>"
    )


def write(app, error):
    if error is None and app.builder.format == "html" and hasattr(app, "playground"):
        folder = Path(app.outdir) / "_static" / "live"
        app.playground["playground"].write(folder)
        style = "\n".join([COLORS, *(path.read_text(encoding="utf-8") for path in STYLES)])
        write_text(folder / "playground.css", style)


def setup(app):
    app.add_directive("playground", PlaygroundDirective)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
