"""A Sphinx extension: the site's own PocketCLIP, in `_static/live/`, for the pages in which it runs."""

from pathlib import Path

from labclip_lib.book.live.export import write_engine
from labclip_lib.models.backbones import load_backbone


def write(app, error):
    if error is None and app.builder.format == "html":
        write_engine(Path(app.outdir) / "_static" / "live", load_backbone("pocket", device="cpu"))


def setup(app):
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
