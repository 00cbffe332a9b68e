"""Ask a backbone the questions of a benchmark: which caption fits the image, and which image the caption?"""

import hashlib
import os
import re
import tempfile

import numpy as np
import torch
from scipy.special import comb

from labclip_lib.benchmarks.results import Answers, Results
from labclip_lib.shards import embed_source, load_shards
from labclip_lib.sources import Listed, Texts, contents

CHOICE = "image to text"
BOTH_IMAGES, BOTH_CAPTIONS, ALL_FOUR = "image to text, both", "text to image, both", "all four"
PARAPHRASE = "text to text"
RECALL = (1, 5, 10)


def evaluate(backbone, records, transform=None, *, benchmark="", cache=None, progress=False, **how):
    """How a backbone answers the questions that a list of Records holds: a Results.

    Negatives: does the image prefer all its captions to all negatives? Two captions and negatives: are the captions,
    each other's paraphrases, also closer to each other than to a negative? Another image: do both images choose
    their caption, do both captions choose their image, and both at once? No negatives at all: retrieval both ways
    among all images and captions of the records.

    transform: a LABCLIP, or None for the backbone as it is. cache: a folder for the embeddings; the same again, with
    another transform too, embeds nothing anew. how: batch_size, workers, precision, as of `shards.embed_source`.
    Raises ValueError when some records have negatives and others have none, and for whatever cannot be embedded.
    """
    kinds = {(bool(record.negatives), bool(record.other_image)) for record in records}
    if len(kinds) != 1 or (False, True) in kinds:
        raise ValueError(
            f"evaluate needs records of one kind, with or without negatives and other images, got {len(kinds)}."
        )
    images, texts, captions_cut = embed_records(backbone, records, cache, progress, **how)
    device = backbone.device
    with torch.no_grad():
        rows = _Rows(records, images, texts)
        images, texts = images.table.to(device), texts.table.to(device)
        if transform is not None:
            transform = transform.to(device)
            images, texts = transform.align_images(images), transform.align_texts(texts)
        ask = {(True, False): _choices, (True, True): _pairs, (False, False): _retrieval}[kinds.pop()]
        answers = ask(rows, images, texts)
    name = backbone.name if transform is None else f"{backbone.name} with LABCLIP"
    return Results(benchmark, name, answers, captions_cut)


class _Table:
    """Embeddings (T, D) of the different things among many, and each thing's row."""

    def __init__(self, things, table):
        self.row, self.table = {thing: row for row, thing in enumerate(things)}, table


def embed_records(backbone, records, cache=None, progress=False, **how):
    """Embed each image and text of the records once: (images, texts, texts cut), the first two with .row and .table."""
    pictures = list(
        dict.fromkeys(picture for record in records for picture in (record.image, record.other_image) if picture)
    )
    texts = list(dict.fromkeys(text for record in records for text in (*record.captions, *record.negatives)))
    digest = hashlib.sha256()
    paths = list(dict.fromkeys(picture.path for picture in pictures))
    content = dict(zip(paths, contents(paths), strict=True))
    for picture in pictures:
        digest.update(f"{content[picture.path]} {picture[2:]}\n".encode())
    for text in texts:
        digest.update(f"{len(text)} {text}\n".encode())
    source = Listed("benchmark", "its records", digest.hexdigest(), 8192, tuple(pictures), Texts(texts))
    with tempfile.TemporaryDirectory() as folder:
        # A name of their own, so that a change of the records or of the model is never served stale.
        kept = f"{digest.hexdigest()[:16]}-{backbone.fingerprint[:16]}"
        out = os.path.join(cache or folder, kept)
        tables = load_shards(embed_source(backbone, source, out, progress=progress, **how))
    return _Table(pictures, tables.images), _Table(texts, tables.captions), tables.manifest["truncated"]


class _Rows:
    """The records' rows in the tables: image, other (N,), captions (N, C), negatives (N, K); -1 where there is none."""

    def __init__(self, records, images, texts):
        self.records = records
        self.image = torch.tensor([images.row[record.image] for record in records])
        self.other = torch.tensor([images.row.get(record.other_image, -1) for record in records])
        self.captions = _padded([[texts.row[text] for text in record.captions] for record in records])
        self.negatives = _padded([[texts.row[text] for text in record.negatives] for record in records])

    def same_words(self):
        """(N, K): 1 where a negative holds the same words as a caption, else 0; -inf where there is none."""
        out = torch.full(self.negatives.shape, -torch.inf)
        for row, record in zip(out, self.records, strict=True):
            bags = [bag(caption) for caption in record.captions]
            row[: len(record.negatives)] = torch.tensor([float(bag(text) in bags) for text in record.negatives])
        return out

    def labels(self):
        return (np.array([str(getattr(r, name)) for r in self.records]) for name in ("key", "group", "cluster"))


def first_choice(right, wrong):
    """Is everything right above everything wrong? (N, C) and (N, K) to (N,) float64; ties by the luck of the draw.

    Of what is not there: inf among the right, -inf among the wrong.
    """
    lowest, highest = right.amin(1, keepdim=True), wrong.amax(1, keepdim=True)
    level = torch.maximum(lowest, highest)
    a, b = (right == lowest).sum(1).cpu().numpy(), (wrong == level).sum(1).cpu().numpy()
    won, tied = ((lowest > highest)[:, 0].cpu().numpy(), (lowest == highest)[:, 0].cpu().numpy())
    return np.where(won, 1.0, np.where(tied, 1 / comb(a + b, a), 0.0))


def cosines(anchor, texts, where, absent=-torch.inf):
    """(N, C) cosines of each anchor (N, D) with its texts: rows `where` (N, C) of a table, `absent` where it is -1."""
    out = torch.einsum("bd,bcd->bc", anchor, texts[where.clamp(min=0)])
    return out.masked_fill((where < 0).to(out.device), absent)


def bag(text):
    """A caption's words in alphabetical order: what a bag of words knows of it."""
    return sorted(re.findall(r"\w+", text.lower()))


def _choices(rows, images, texts):
    anchor = images[rows.image]
    captions = cosines(anchor, texts, rows.captions, torch.inf)
    negatives = cosines(anchor, texts, rows.negatives)
    n, k = ((where >= 0).sum(1).numpy() for where in (rows.captions, rows.negatives))
    sure = torch.where(rows.captions >= 0, 1.0, torch.inf)
    bag_of_words = first_choice(sure, rows.same_words())
    out = {CHOICE: Answers(*rows.labels(), first_choice(captions, negatives), 1 / comb(n + k, n), bag_of_words)}
    if (n == 2).all():
        first, second = texts[rows.captions[:, 0]], texts[rows.captions[:, 1]]
        own = (first * second).sum(1, keepdim=True)
        rivals = torch.cat([cosines(one, texts, rows.negatives) for one in (first, second)], 1)
        unknown = np.full(len(n), np.nan)
        out[PARAPHRASE] = Answers(*rows.labels(), first_choice(own, rivals), 1 / (1 + 2 * k), unknown)
    return out


def _pairs(rows, images, texts):
    """As in Winoground: two images, two captions, four cosines."""
    if rows.captions.shape[1] != 1 or rows.negatives.shape[1] != 1:
        raise ValueError("A record with another image needs one caption and one negative, the other image's caption.")
    here, there = images[rows.image], images[rows.other]
    mine, other = texts[rows.captions[:, 0]], texts[rows.negatives[:, 0]]
    s = torch.stack([(image * text).sum(1) for image in (here, there) for text in (mine, other)], 1)
    same = rows.same_words()[:, 0]
    words = torch.stack([torch.ones_like(same), same, same, torch.ones_like(same)], 1)

    def four(s):
        return first_choice(s[:, [0, 3]], s[:, [1, 2]])

    def both(s, order):
        return first_choice(s[:, [0]], s[:, [order[0]]]) * first_choice(s[:, [3]], s[:, [order[1]]])

    labels = [*rows.labels()]
    n = len(s)
    return {
        BOTH_IMAGES: Answers(*labels, both(s, [1, 2]), np.full(n, 1 / 4), both(words, [1, 2])),
        BOTH_CAPTIONS: Answers(*labels, both(s, [2, 1]), np.full(n, 1 / 4), both(words, [2, 1])),
        ALL_FOUR: Answers(*labels, four(s), np.full(n, 1 / 6), four(words)),
    }


def _retrieval(rows, images, texts, chunk=1024):
    """Recall@k both ways. An image has found its captions when one of them is among the first k."""
    keys, groups, clusters = rows.labels()
    own = [where[where >= 0] for where in rows.captions]
    owner = torch.repeat_interleave(torch.arange(len(own)), torch.tensor([len(where) for where in own]))
    captions, image = torch.cat(own), rows.image
    pool = images[image], texts[captions]
    ks = [k for k in RECALL if k < min(len(image), len(captions))]
    if not ks:
        raise ValueError(f"Retrieval needs 2 or more records, got {len(image)}.")
    number = np.concatenate([np.arange(len(where)) for where in own])
    of_caption = [labels[owner.numpy()] for labels in (keys, groups, clusters)]
    of_caption[0] = np.array([f"{key}/{i}" for key, i in zip(of_caption[0], number, strict=True)])
    place = torch.arange(len(captions)).split([len(where) for where in own])  # in the pool, of each image's captions
    ways = (
        ("image to text", pool, _padded([part.tolist() for part in place]), (keys, groups, clusters)),
        ("text to image", pool[::-1], owner[:, None], of_caption),
    )
    out = {}
    for name, (asking, among), right, labels in ways:
        found = {k: [] for k in ks}
        for part in torch.arange(len(right)).split(chunk):
            for k, values in _recall(asking[part] @ among.T, right[part], ks).items():
                found[k].append(values)
        n, m = len(among), (right >= 0).sum(1).numpy()  # m of them are right
        for k in ks:
            guess = 1 - comb(n - m, k) / comb(n, k)
            out[f"{name}, recall@{k}"] = Answers(*labels, np.concatenate(found[k]), guess, np.full(len(m), np.nan))
    return out


def _recall(similarity, right, ks):
    """Is one of a row's right columns (N, C), -1 for none, among the k most similar? {k: (N,)}; ties by luck."""
    right = right.to(similarity.device)
    own = similarity.gather(1, right.clamp(min=0)).masked_fill(right < 0, -torch.inf)
    best = own.amax(1, keepdim=True)
    above = (similarity > best).sum(1).cpu().numpy()  # none of them is right
    level, ours = ((part == best).sum(1).cpu().numpy() for part in (similarity, own))
    out = {}
    for k in ks:
        room = np.clip(k - above, 0, None)
        missed = comb(level - ours, room) / np.maximum(comb(level, room), 1)  # none of the right ones is drawn
        out[k] = np.where(room == 0, 0.0, np.where(room >= level, 1.0, 1 - missed))
    return out


def _padded(rows):
    width = max(len(row) for row in rows)
    return torch.tensor([row + [-1] * (width - len(row)) for row in rows])
