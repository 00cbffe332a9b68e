"""Embed many images or captions, batch by batch."""

import torch

from labclip_lib.base.progress import track

IMAGES_PER_BATCH, CAPTIONS_PER_BATCH = 256, 1024


def embed_images(backbone, images, progress=False):
    """Embed images batch by batch: (N, D) float32, unit length, on the backbone's device.

    images: as for `Backbone.encode_images`; Scenes are rendered one batch at a time, so a million fit in memory.
    progress: whether to show a bar. Raises ValueError for bad images.

    >>> embed_images(load_backbone("pocket", device="cpu"), World().sample(3, seed=0)).shape
    torch.Size([3, 256])
    """
    return _embed(backbone, backbone.encode_images, images, IMAGES_PER_BATCH, progress)


def embed_texts(backbone, captions):
    """Embed captions batch by batch: (N, D) float32, unit length, on the backbone's device.

    captions: a list of str; repeated ones are embedded once. Raises ValueError for captions that the backbone cannot
    read.

    >>> embed_texts(load_backbone("pocket", device="cpu"), World().sample(3, seed=0).captions()).shape
    torch.Size([3, 256])
    """
    if isinstance(captions, str):
        raise ValueError("Expected a list of captions, got a single str; put it in a list.")
    known = {caption: row for row, caption in enumerate(dict.fromkeys(captions))}
    table = _embed(backbone, backbone.encode_texts, list(known), CAPTIONS_PER_BATCH)
    return table[[known[caption] for caption in captions]]


def _embed(backbone, encode, items, batch_size, progress=False):
    starts = range(0, len(items), batch_size)
    bar = track(starts, desc=f"embedding with {backbone.name}", unit="batch", shows=progress)
    parts = [encode(items[start : start + batch_size]) for start in bar]
    return torch.cat(parts) if parts else torch.zeros(0, backbone.dim, device=backbone.device)
