"""A Sphinx extension: run a notebook again when the library under it has changed.

Jupyter Book keeps the outputs of a notebook and reuses them while its cells stay the same. It cannot
see that labclip_lib, another installed package or a published file that is at hand changed. So each
state of these gets a folder of kept outputs of its own.
"""

import hashlib
import importlib.metadata
from pathlib import Path

from labclip_lib.base.published_files import PINNED, data_folder


def state(library):
    """A short hash of the library's files, of the installed packages and of the published files at hand."""
    digest = hashlib.sha256()
    for path in (data_folder() / name for name in PINNED):
        if path.is_file():
            about = path.stat()
            digest.update(f"{path} {about.st_size} {about.st_mtime_ns}".encode())
    for package in sorted(f"{p.name} {p.version}" for p in importlib.metadata.distributions()):
        digest.update(package.encode())
    for path in sorted(library.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(library)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def choose_cache(app, config):
    cache = Path(app.outdir).parent / ".jupyter_cache"
    config.nb_execution_cache_path = str(cache / state(Path(app.srcdir) / "labclip_lib"))


def setup(app):
    app.connect("config-inited", choose_cache)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
