"""Small things to embed: pictures, captions, pairs and WebDataset tars, and a backbone that answers by rule."""

import io
import tarfile
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import normalize
from torchvision.transforms.functional import to_tensor

from labclip_lib.world.scenes import World


def png(seed, size=(40, 32), form="PNG"):
    """The bytes of a noisy picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, form)
    return data.getvalue()


def pictures(folder, n):
    """A folder of n pictures, some in a folder below it; gives their paths in order."""
    (folder / "b").mkdir(parents=True)
    paths = [folder / ("b" if i % 2 else "") / f"{i:03d}.png" for i in range(n)]
    for seed, path in enumerate(paths):
        path.write_bytes(png(seed))
    return sorted(paths, key=lambda path: path.relative_to(folder).as_posix())


def captions(n):
    """n captions that PocketCLIP can read."""
    return World().sample(200, seed=1).captions()[:n]


def pairs(folder, rows=7, negatives=2):
    """A CSV of rows, two to an image, and the lists it was made from: (path, images, captions, negatives)."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = captions(rows * (1 + negatives))
    images = [folder / f"{row // 2}.png" for row in range(rows)]
    for seed, path in enumerate(dict.fromkeys(images)):
        path.write_bytes(png(seed))
    wrong = [texts[rows + row * negatives :][:negatives] for row in range(rows)]
    header = ",".join(["image", "caption", *(f"negative{k}" for k in range(1, negatives + 1))])
    lines = [",".join([path.name, text, *foils]) for path, text, foils in zip(images, texts, wrong, strict=False)]
    (folder / "pairs.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder / "pairs.csv", images, texts[:rows], wrong


def tar(path, members):
    """A tar of members {name: bytes}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def samples(first, n):
    """The members of n WebDataset samples."""
    out = {}
    for i, caption in enumerate(captions(first + n)[first:], first):
        out |= {f"s/{i:04d}.png": png(i), f"s/{i:04d}.txt": caption.encode() + b"\n", f"s/{i:04d}.json": b"{}"}
    return out


def everything(source):
    """All pictures and all captions of a source, shard after shard."""
    shards = source.shards()
    images = [picture for k in range(shards.get("images", 0)) for picture in source.shard(k).images]
    return images, [text for k in range(shards.get("captions", 0)) for text in source.shard(k).texts.captions]


class Ruled:
    """A backbone whose embedding of an image is made of its mean colour, and of a caption of its length.

    A black image, or a caption with the word "nan", gives a NaN; a caption of more than 20 letters is cut.
    """

    name, dim, device = "ruled", 4, torch.device("cpu")

    def __init__(self, fingerprint="f" * 64):
        self.fingerprint, self.calls, self.preprocess = fingerprint, [], to_tensor
        self.model = SimpleNamespace(encode_image=self._encode_image)

    def _encode_image(self, batch):
        self.calls.append(len(batch))
        colour = batch.mean((2, 3))
        colour[colour.sum(1) == 0] = float("nan")
        return torch.cat([colour, torch.ones(len(batch), 1)], 1)

    def tokenize(self, captions, name=None):
        lengths = [[float("nan") if "nan" in text else len(text)] for text in captions]
        return torch.tensor(lengths), [len(caption) > 20 for caption in captions]

    def encode_tokens(self, tokens):
        self.calls.append(len(tokens))
        return normalize(torch.cat([tokens, torch.tensor([1.0, 2.0, 3.0]).expand(len(tokens), 3)], 1), dim=-1)
