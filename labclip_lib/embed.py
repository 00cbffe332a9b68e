"""Embed many images or captions: in batches, with progress, and never twice when a cache is given."""

import hashlib
import os
import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from labclip_lib.pictures import as_rgb
from labclip_lib.progress import track
from labclip_lib.scenes import Scenes


def embed_images(backbone, images, *, batch_size=256, progress=False, cache=None):
    """Embed images batch by batch: (N, D) float32, unit length, on the backbone's device.

    images: Scenes (rendered a batch at a time, so a million need no memory), a tensor (N, 3, H, W) in
        [0, 1], or a list of PIL images or paths.
    cache: a folder. The result is kept there under a name made from the model's weights and from the pixels of
        the images, so a change of either is never served stale, and a path and its opened image share it.
    Raises ValueError for bad images and OSError, in one sentence, when the cache cannot be written.
    """
    if isinstance(images, Scenes):

        def encode(part):
            return backbone.encode_images(part.render(backbone.image_size, backbone.device))
    else:
        encode = backbone.encode_images
    return _embed(backbone, encode, images, _pixels, batch_size, progress, cache)


def embed_texts(backbone, captions, *, batch_size=1024, progress=False, cache=None):
    """Embed captions, a list of str, batch by batch: as `embed_images` does images; repeats are embedded once."""
    if isinstance(captions, str):
        raise ValueError("Expected a list of captions, got a single str; put it in a list.")
    known = {caption: row for row, caption in enumerate(dict.fromkeys(captions))}
    table = _embed(backbone, backbone.encode_texts, list(known), _words, batch_size, progress, cache)
    return table[[known[caption] for caption in captions]]


def _embed(backbone, encode, items, pieces, batch_size, progress, cache):
    path = None if cache is None else Path(cache) / f"{_key(backbone, pieces(items))}.safetensors"
    if path is not None:
        kept = _read(path, len(items), backbone.dim)
        if kept is not None:
            return kept.to(backbone.device)
        _prepare(path.parent)
    starts = range(0, len(items), batch_size)
    bar = track(starts, desc=f"embedding with {backbone.name}", unit="batch", shows=progress)
    parts = [encode(items[i : i + batch_size]) for i in bar]
    out = torch.cat(parts) if parts else torch.zeros(0, backbone.dim, device=backbone.device)
    if path is not None:
        write_atomically(path, lambda part: save_file({"embeddings": out.cpu()}, part))
    return out


def write_atomically(path, write):
    """Call write(temporary path) and move the result to path, so that path is never half written."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(part)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(part, 0o666 & ~umask)  # mkstemp's files are for their owner alone
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _read(path, n, dim):
    """A cached table, or None if there is none or it is damaged (then it is simply made again)."""
    try:
        table = load_file(path)["embeddings"]
    except (OSError, SafetensorError, KeyError):
        return None
    return table if table.shape == (n, dim) else None


def _prepare(folder):
    """Find out before the work, not after it, that the cache cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"Cannot write to the cache folder {str(folder)!r} ({error.strerror}); pass another one, or cache=None."
        ) from None


def _key(backbone, pieces):
    digest = hashlib.sha256(backbone.fingerprint.encode())
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.hexdigest()[:32]


def _words(captions):
    return (str(caption).encode(errors="surrogatepass") for caption in captions)


def _pixels(items):
    """The bytes that make the images what they are, piece by piece."""
    if isinstance(items, Scenes):
        yield repr(items.world).encode()
        for name, value in vars(items).items():
            if name != "world":
                yield str(tuple(value.shape)).encode() + value.cpu().numpy().tobytes()
    elif isinstance(items, torch.Tensor):
        yield f"{items.dtype}{tuple(items.shape)}".encode()
        yield items.detach().cpu().contiguous().numpy().tobytes()
    else:
        for item in items:
            try:
                image = as_rgb(item)
                yield f"{image.size}".encode() + image.tobytes()
            except ValueError as error:  # encode_images will say so
                yield str(error).encode()
