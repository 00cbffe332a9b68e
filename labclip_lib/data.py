"""Real data the book reads but does not ship: fetched once, at pinned commits, checksums verified.

When the environment variable LABCLIP_DATA names a folder that already holds the files, they are read
from there and nothing is downloaded.
"""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pooch
import torch

from labclip_lib.backbones import load_backbone
from labclip_lib.pocket import sha256
from labclip_lib.pretrained import online

_HOST = "https://raw.githubusercontent.com"
_DETIC = f"{_HOST}/facebookresearch/Detic/436cda2a2347df60a7c66daca0e8c59f93dc5e79/datasets/metadata"
_RETRIEVAL = f"{_HOST}/rom1504/clip-retrieval/b05533561e801db4fcfb5af0743321e8654f2f01/tests/test_clip_inference"
_NPCLIP = f"{_HOST}/99991/NPCLIP/28bbf32c06fe147c86b0ff368a9dd34c947e76eb/data"

# File under real_clip_vitb32/ -> (address, SHA-256).
FILES = {
    "lvis_text_embeddings.npy": (
        f"{_DETIC}/lvis_v1_clip_a+cname.npy",
        "16059f1fe5f7d857273d16a1b7c6d6141a88d133e99a107be5065f42311da0f8",
    ),
    "golden_image.png": (
        f"{_NPCLIP}/CLIP.png",
        "308a3ca4503f1c7a07803916c369d78c4ef501e5ab7fc727da9b5e1d2f9ec85b",
    ),
    "golden_image.npy": (
        f"{_NPCLIP}/image_features.npy",
        "cd6b67bc099b96db7249b8e627b8da9b2ba5613ff22ef5fdcd78f3535171a8f1",
    ),
    "golden_text.npy": (
        f"{_NPCLIP}/text_features.npy",
        "49f7d6bc08ab392a9c853fbce3c35527282d1d2539228eba41ad4500549ea37e",
    ),
} | {
    f"photos/{name}": (f"{_RETRIEVAL}/test_images/{name}", digest)
    for name, digest in {
        "123_456.jpg": "beea717fb5569319864dca6154a44b0553dc0c62d71fc43270e7269b18b493b6",
        "208_495.jpg": "03d43e85412749012167dd51230d6bbf64056e453200bd2da37e889859713d69",
        "416_264.jpg": "bd7bbdd187bc8b065014a8dd71e60b4f455d8670d415b8f9e8a7b1fffb9a2367",
        "456_123.jpg": "20c11f700edf1093a136845dde7a2f6db2aec4c2f734138dbb8adb79698790e7",
        "321_421.jpg": "e5ddc3f7d6a0f4ab6b81a31179251773cfb14ad15879e2bcc1493180192734c6",
        "389_535.jpg": "e7408a4d9d68840939df3cf3ce7804916414e99a46072db6ef506726a0a5bd9e",
        "524_316.jpg": "12a4701d1c6fc59e7f6ba9ff024116c287e9cb4485a5b4146ac4ac850d4407f8",
    }.items()
}
# The class names are cut out of a larger file whose bytes may change; the names themselves may not.
_NAMES = (
    f"{_DETIC}/lvis_v1_train_cat_info.json",
    "ec0290d86a7d76b7f7057c9af07ea20fb7888b3e1a81f5c3200aa07106281b8d",
)


@dataclasses.dataclass(frozen=True)
class RealCLIP:
    """Embeddings of OpenAI's CLIP ViT-B/32, D = 512, all float32 and of unit length.

    class_names: 1,203 LVIS categories. class_embeddings: (1203, 512), of the prompts "a {name}" (the
        prompt is inferred from the published file's name).
    photos: 7 image paths. photo_embeddings: (7, 512).
    golden_prompts: 3 str. golden_text: (3, 512). golden_image: (1, 512). golden_path: that image, of which
        OpenAI saw `Image.open(golden_path).convert("RGB")`. Their softmax at scale 100 is published: .9928, .0042,
        .0030.
    """

    class_names: list
    class_embeddings: torch.Tensor
    photos: list
    photo_embeddings: torch.Tensor
    golden_prompts: tuple
    golden_text: torch.Tensor
    golden_image: torch.Tensor
    golden_path: Path


def load_real_clip():
    """Read the real embeddings, from LABCLIP_DATA or by download (2 MB, plus ViT-B/32 itself for the photos).

    The photos' own embeddings are published only as pickles, which this book does not open. So without
    LABCLIP_DATA they are computed afresh with "ViT-B-32-quickgelu/openai".
    Raises ConnectionError when there is neither the folder nor a network, ValueError for a wrong checksum.
    """
    names = _class_names()
    photos = [fetch(name) for name in FILES if name.startswith("photos/")]
    kept = _local("real_clip_vitb32/photo_embeddings.npy")
    if kept is not None:
        order = json.loads(_local("real_clip_vitb32/names.json").read_text())["photos"]
        rows = [order.index(path.name) for path in photos]
        photo_embeddings = _table(kept)[rows]
    else:
        photo_embeddings = load_backbone("ViT-B-32-quickgelu/openai").encode_images(photos).cpu()
    return RealCLIP(
        names,
        _table(fetch("lvis_text_embeddings.npy")),
        photos,
        photo_embeddings,
        ("a diagram", "a dog", "a cat"),
        _table(fetch("golden_text.npy")),
        _table(fetch("golden_image.npy")),
        fetch("golden_image.png"),
    )


def fetch(name):
    """The path of one of `FILES`, read from LABCLIP_DATA or downloaded into the user's cache folder."""
    return fetch_pinned(f"real_clip_vitb32/{name}", *FILES[name])


def fetch_pinned(name, url, digest):
    """The path of a file, read from LABCLIP_DATA or downloaded into the user's cache folder.

    name: its path below either. url, digest: where it is published, and the SHA-256 it must have.
    Raises ConnectionError when there is neither the folder nor a network, ValueError for a wrong checksum.
    """
    path = _local(name)
    if path is None:
        return _download(url, digest, name)
    if sha256(path) != digest:
        raise ValueError(f"{path} has a wrong checksum; restore it, or unset LABCLIP_DATA to download it.")
    return path


def data_folder():
    """The folder of all data: LABCLIP_DATA, else the cache folder that the book downloads into."""
    return Path(os.environ.get("LABCLIP_DATA") or os.environ.get("LABCLIP_CACHE") or pooch.os_cache("labclip"))


def _local(name):
    folder = os.environ.get("LABCLIP_DATA")
    if not folder:
        return None
    path = Path(folder) / name
    if not path.is_file():
        raise ValueError(f"LABCLIP_DATA is {folder!r} but holds no {name}; unset it to download.")
    return path


def _download(url, digest, name):
    folder = data_folder()
    sound = (folder / name).exists() and (digest is None or sha256(folder / name) == digest)
    if not sound and not online(_HOST):
        raise ConnectionError(
            f"{name} must be downloaded once and {_HOST} cannot be reached; connect to the internet, "
            "or point LABCLIP_DATA at a folder that has it."
        )
    return Path(pooch.retrieve(url, digest and f"sha256:{digest}", fname=name, path=folder))


def _class_names():
    local = _local("real_clip_vitb32/names.json")
    if local is not None:
        names = json.loads(local.read_text())["lvis_classes"]
    else:
        info = json.loads(_download(_NAMES[0], None, "real_clip_vitb32/lvis_v1_train_cat_info.json").read_text())
        names = [entry["name"] for entry in sorted(info, key=lambda entry: entry["id"])]
    if hashlib.sha256("\n".join(names).encode()).hexdigest() != _NAMES[1]:
        raise ValueError(f"The list of {len(names)} class names is not the published one; delete it and try again.")
    return names


def _table(path):
    values = torch.from_numpy(np.load(path, allow_pickle=False).astype(np.float32))
    return torch.nn.functional.normalize(values, dim=-1)
