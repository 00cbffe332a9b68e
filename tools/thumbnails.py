"""Draw the pictures of the chapters' cards on the landing page: python tools/thumbnails.py

Each is a figure of its chapter, out of the notebooks that the last build has run (_build/jupyter_execute).
"""

import base64
import io
import sys
from pathlib import Path

import nbformat
import yaml
from chapter_cards import BLOCK, CHAPTERS, picture
from PIL import Image, ImageOps

from labclip_lib.base.files import write_bytes
from labclip_lib.book.figures.style import PAPER

RUNS = CHAPTERS.parent / "_build" / "jupyter_execute" / "chapters"
SIZE, LARGEST = (480, 270), 25 * 1024  # pixels; bytes


def figure(run, name):
    """A figure of a notebook that has run, as an image. Raises SystemExit where there is none of this name."""
    for cell in nbformat.read(run, 4).cells if run.is_file() else ():
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == name:
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    return Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"]))).convert("RGB")
    raise SystemExit(f"{run} holds no figure {name}; build the book with `make book`.")


def thumbnail(image):
    """A picture of SIZE, the figure whole in it: the bytes of a WebP."""
    file = io.BytesIO()
    ImageOps.pad(image, SIZE, Image.Resampling.LANCZOS, color=PAPER).save(file, "webp", quality=80, method=6)
    if file.tell() > LARGEST:
        raise SystemExit(f"A thumbnail has {file.tell()} bytes, more than {LARGEST}.")
    return file.getvalue()


def main(runs=RUNS):
    (block,) = BLOCK.findall((CHAPTERS / "index.md").read_text(encoding="utf-8"))
    for stem, about in yaml.safe_load(block).items():
        write_bytes(picture(stem), thumbnail(figure(runs / f"{stem}.ipynb", about["figure"])))
        print(picture(stem))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
