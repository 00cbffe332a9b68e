"""Embeddings of a source, a shard at a time: worker processes read the images, the model embeds."""

import contextlib
import hashlib

import torch
from torch.utils.data import DataLoader

from labclip_lib.base.progress import track
from labclip_lib.measures.lengths import unit


class Feed:
    """Embeds a source with a backbone, one shard at a time.

    Each different text of a shard is embedded once; text_ids and negative_ids say which texts are the same.

    captions, images: generators over the shards of that table whose numbers are asked for. Each yields (number,
    tensors by name, how many captions were cut), and raises ValueError, in one sentence, for an image or a caption
    that cannot be embedded.
    """

    def __init__(self, backbone, source, batch_size, workers, precision, progress):
        self.backbone, self.source, self.batch_size, self.workers = backbone, source, batch_size, workers
        self.precision, self.progress = precision, progress

    def captions(self, todo):
        with self._bar("captions", todo) as bar:
            for k in todo:
                _, (captions, negatives, image), path, first = self.source.shard(k)
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
                yield k, out, cut

    def images(self, todo):
        planned = {}

        def batches():
            """Asked by the loader ahead of time, so that the workers never wait between two shards."""
            for k in todo:
                planned[k] = self.source.shard(k).images
                for i in range(0, max(1, len(planned[k])), self.batch_size):  # one also for an empty tar
                    yield planned[k][i : i + self.batch_size]

        loader = DataLoader(
            Pictures(self.backbone.preprocess), batch_sampler=batches(), num_workers=self.workers if todo else 0,
            collate_fn=_stack, pin_memory=self.backbone.device.type == "cuda",
        )  # fmt: skip
        ready = iter(loader)
        try:
            with self._bar("images", todo) as bar:
                for k in todo:
                    rows = []
                    while not rows or len(rows) * self.batch_size < len(planned[k]):
                        batch = next(ready)
                        if isinstance(batch, str):
                            raise ValueError(batch)
                        rows.append(self._images(batch) if len(batch) else torch.zeros(0, self.backbone.dim))
                        bar.update(len(batch))
                    yield k, {"images": _storable(torch.cat(rows), planned.pop(k))}, 0
        finally:
            del ready  # its workers end now, and not when an error's traceback is forgotten

    @torch.no_grad()
    def _images(self, batch):
        with self._autocast():
            rows = self.backbone.model.encode_image(batch.to(self.backbone.device, non_blocking=True))
        return unit(rows).cpu()

    def _texts(self, captions, names, bar):
        """Embeddings (N, D) of the captions, and how many of them were cut. names: what to call each in an error."""
        # Each text once: embedded again among others it would get a row that differs in the last bits.
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

    def _bar(self, table, todo):
        return track(
            total=self.source.total(table, todo), desc=f"{table} with {self.backbone.name}", unit="",
            shows=self.progress and todo,
        )  # fmt: skip


def text_ids(texts):
    """(N,) int64, the first 63 bits of each text's SHA-256: equal where texts are, anywhere and for good."""
    known = {text: int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1 for text in set(texts)}
    return torch.tensor([known[text] for text in texts], dtype=torch.int64)


class Pictures(torch.utils.data.Dataset):
    """What a worker does: a Picture in, what the image tower sees out, or the sentence why not."""

    def __init__(self, preprocess):
        self.preprocess = preprocess

    def __getitem__(self, picture):
        try:
            return self.preprocess(picture.read())
        except ValueError as error:  # not raised, for a worker's errors arrive with its traceback
            return str(error)


def _stack(items):
    wrong = [item for item in items if isinstance(item, str)]
    return wrong[0] if wrong else torch.stack(items) if items else torch.zeros(0)


def _storable(rows, names):
    """The rows, if all can be stored."""
    bad = (~torch.isfinite(rows).all(1) | (rows == 0).all(1)).nonzero().flatten().tolist()
    if bad:
        raise ValueError(
            f"{len(bad)} of {len(rows)} embeddings of a shard are NaN, infinite or zero, the first is that of "
            f"{names[bad[0]]}; check the model, and with bfloat16 try float32."
        )
    return rows


@contextlib.contextmanager
def memory_errors(batch_size):
    """Say in one sentence what torch says in many when memory runs out."""
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
