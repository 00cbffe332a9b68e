"""The real photos and embeddings, read from where `python -m labclip_lib get texts` put them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch

from labclip_lib.base.published_files import PINNED, at_hand, data_folder, pinned_file

__all__ = ["PINNED", "RealCLIP", "at_hand", "data_folder", "load_real_clip"]

_FOLDER = "real_clip_vitb32"
_PHOTO_EMBEDDINGS = f"{_FOLDER}/photo_embeddings.npy"


@dataclasses.dataclass(frozen=True)
class RealCLIP:
    """Embeddings of OpenAI's CLIP ViT-B/32, D = 512, all float32 and of unit length.

    class_names: 1,203 LVIS categories. class_embeddings: (1203, 512), of the prompts "a {name}" (the
        prompt is inferred from the published file's name).
    photos: 7 image paths. photo_embeddings: (7, 512), or None where photo_embeddings.npy is missing: they are
        published as pickles only, which this book does not open.
    golden_prompts: 3 str. golden_text: (3, 512). golden_image: (1, 512). golden_path: that image, which OpenAI
        embedded as `Image.open(golden_path).convert("RGB")`. Their published softmax at scale 100: .9928, .0042,
        .0030.
    """

    class_names: list
    class_embeddings: torch.Tensor
    photos: list
    photo_embeddings: torch.Tensor | None
    golden_prompts: tuple
    golden_text: torch.Tensor
    golden_image: torch.Tensor
    golden_path: Path


def load_real_clip():
    """Read the real embeddings from `data_folder()`; nothing is downloaded.

    Raises ValueError when a file other than photo_embeddings.npy is missing, and when one is not the published file.
    """
    names = json.loads(pinned_file(f"{_FOLDER}/names.json").read_text(encoding="utf-8"))
    photos = [pinned_file(f"{_FOLDER}/photos/{name}") for name in names["photos"]]
    return RealCLIP(
        names["lvis_classes"],
        _table("lvis_text_embeddings.npy"),
        photos,
        _table("photo_embeddings.npy") if at_hand(_PHOTO_EMBEDDINGS) else None,
        ("a diagram", "a dog", "a cat"),
        _table("golden_text.npy"),
        _table("golden_image.npy"),
        pinned_file(f"{_FOLDER}/golden_image.png"),
    )


def _table(name):
    values = np.load(pinned_file(f"{_FOLDER}/{name}"), allow_pickle=False).astype(np.float32)
    return torch.nn.functional.normalize(torch.from_numpy(values), dim=-1)
