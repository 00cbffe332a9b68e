"""Embed a source shard by shard: worker processes read the images, this process runs the model."""

import contextlib
import hashlib
import itertools
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader

from labclip_lib.base.progress import track
from labclip_lib.measures.lengths import unit


class Texts(NamedTuple):
    """N captions. negatives: for each a list of K, or None. image: for each the row of its image, or None."""

    captions: list
    negatives: list | None = None
    image: list | None = None


class Shard(NamedTuple):
    """A part of a source: its Pictures, its Texts, the source's path, for errors, and the number of its first row."""

    images: list
    texts: Texts
    path: str
    first: int


class Feed:
    """Embeds the shards of a source with a backbone.

    Each different text of a shard is embedded once; text_ids and negative_ids show which texts are the same.
    """

    def __init__(self, backbone, source, batch_size, workers, precision, progress):
        self.backbone, self.source, self.batch_size, self.workers = backbone, source, batch_size, workers
        self.precision, self.progress = precision, progress

    def embed(self, steps):
        """Embed tables of shards, in the order of steps, [(table, number of the shard)].

        Two steps of one shard in a row read it once. Yields (table, number, tensors by name, number of captions that
        were cut), and raises ValueError, in one sentence, for an image or a caption that cannot be embedded.
        """
        shards, images, ready = {}, [k for table, k in steps if table == "images"], None

        def shard(k):
            if k not in shards:
                shards[k] = self.source.shard(k)
            return shards[k]

        def batches():
            """The loader reads ahead from this, so that the workers never wait between two shards."""
            for k in images:
                try:
                    pictures = shard(k).images
                except ValueError:
                    return  # it is raised again in this shard's turn, when those before it are finished
                for i in range(0, max(1, len(pictures)), self.batch_size):  # an empty tar gives one batch too
                    yield pictures[i : i + self.batch_size]

        loader = DataLoader(
            Pictures(self.backbone.preprocess), batch_sampler=batches(), num_workers=self.workers if images else 0,
            collate_fn=_stack, pin_memory=self.backbone.device.type == "cuda",
        )  # fmt: skip
        bar = track(
            total=self.source.total(steps), desc=f"embedding with {self.backbone.name}", unit="",
            shows=self.progress and steps,
        )  # fmt: skip
        try:
            with bar:
                for k, part in itertools.groupby(steps, key=lambda step: step[1]):
                    for table, _ in part:
                        if table == "captions":
                            tensors, cut = self._captions(shard(k), bar)
                        else:
                            ready = iter(loader) if ready is None else ready
                            tensors, cut = {"images": self._rows(shard(k).images, ready, bar)}, 0
                        yield table, k, tensors, cut
                    del shards[k]
        finally:
            del ready  # ends the workers now; an error's traceback would keep them alive

    def _captions(self, shard, bar):
        """Tensors by name, and the number of captions and negatives that were cut."""
        _, (captions, negatives, image), path, first = shard
        n, rows = len(captions), range(first, first + len(captions))
        names = [f"Caption {row} of {path}" for row in rows]
        if negatives is not None:
            width = len(negatives[0])
            names += [f"A negative of caption {row} of {path}" for row in rows for _ in range(width)]
            captions = captions + [negative for row in negatives for negative in row]
        (table, cut), ids = self._texts(captions, names, bar), text_ids(captions)
        out = {"captions": table[:n].clone(), "text_ids": ids[:n].clone()}
        if negatives is not None:
            out["negatives"] = table[n:].unflatten(0, (-1, width)).clone()
            out["negative_ids"] = ids[n:].unflatten(0, (-1, width)).clone()
        if image is not None:
            out["image"] = torch.tensor(image)
        return out, cut

    def _rows(self, pictures, ready, bar):
        """Embeddings (n, D) of a shard's pictures, whose batches come next."""
        rows = []
        while not rows or len(rows) * self.batch_size < len(pictures):
            batch = next(ready)
            if isinstance(batch, str):
                raise ValueError(batch)
            rows.append(self._images(batch) if len(batch) else torch.zeros(0, self.backbone.dim))
            bar.update(len(batch))
        return _storable(torch.cat(rows), pictures)

    @torch.no_grad()
    def _images(self, batch):
        with self._autocast():
            rows = self.backbone.model.encode_image(batch.to(self.backbone.device, non_blocking=True))
        return unit(rows).cpu()

    def _texts(self, captions, names, bar):
        """Embeddings (N, D) of the captions, and how many of them were cut. names: what to call each in errors."""
        # Each text once: embedded again in another batch, its row would differ in the last bits.
        number = {text: i for i, text in enumerate(dict.fromkeys(captions))}
        different, rows, cut = list(number), [torch.zeros(0, self.backbone.dim)], []
        for i in range(0, len(different), self.batch_size):
            batch = different[i : i + self.batch_size]
            tokens, too_long = self.backbone.tokenize(batch, lambda row, batch=batch: names[captions.index(batch[row])])
            with self._autocast():
                rows.append(self.backbone.encode_tokens(tokens).cpu())
            cut += too_long
            bar.update(len(batch))
        bar.update(len(captions) - len(different))
        which = [number[text] for text in captions]
        table = torch.cat(rows)[torch.tensor(which, dtype=torch.long)]
        return _storable(table, names), sum(cut[i] for i in which)

    def _autocast(self):
        return torch.autocast(self.backbone.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")


def text_ids(texts):
    """Number texts by the first 63 bits of their SHA-256: (N,) int64, equal for equal texts, in every run."""
    known = {text: int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1 for text in set(texts)}
    return torch.tensor([known[text] for text in texts], dtype=torch.int64)


class Pictures(torch.utils.data.Dataset):
    """Runs in a worker: turns a Picture into the image tower's input, or into an error message."""

    def __init__(self, preprocess):
        self.preprocess = preprocess

    def __getitem__(self, picture):
        try:
            return self.preprocess(picture.read())
        except ValueError as error:  # not raised, because a worker's errors arrive with its traceback
            return str(error)


def _stack(items):
    wrong = [item for item in items if isinstance(item, str)]
    return wrong[0] if wrong else torch.stack(items) if items else torch.zeros(0)


def _storable(rows, names):
    """Return the rows; ValueError if one is not finite or zero. names: what to call each row."""
    bad = (~torch.isfinite(rows).all(1) | (rows == 0).all(1)).nonzero().flatten().tolist()
    if bad:
        raise ValueError(
            f"{len(bad)} of {len(rows)} embeddings of a shard are NaN, infinite or zero, the first is that of "
            f"{names[bad[0]]}; check the model, and with bfloat16 try float32."
        )
    return rows


@contextlib.contextmanager
def memory_errors(batch_size):
    """Turn torch's long errors about memory into an OSError of one sentence."""
    less = f"the finished shards are kept, run the same command again with a batch size below {batch_size}"
    try:
        yield
    except torch.OutOfMemoryError:
        raise OSError(f"The device has too little memory; {less}.") from None
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise OSError(
            f"A process that reads images was killed, perhaps for want of memory; {less} or with fewer workers."
        ) from None
