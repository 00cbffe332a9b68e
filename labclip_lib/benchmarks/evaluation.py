"""Evaluate a backbone on a benchmark: which caption fits the image, and which image fits the caption?"""

import hashlib
import os
import re
import tempfile

import numpy as np
import torch

from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.benchmarks.results import Answers, Results
from labclip_lib.embeddings.feed import Texts
from labclip_lib.embeddings.shards import embed_shards, load_shards
from labclip_lib.embeddings.sources import Listed, contents
from labclip_lib.measures.outcomes import (
    UNIT_ROWS,
    columns_of,
    first_choice,
    guessed_first_choice,
    guessed_recall,
    recall,
    similarities,
)

CHOICE = "image to text"
BOTH_IMAGES, BOTH_CAPTIONS, ALL_FOUR = "image to text, both", "text to image, both", "all four"
PARAPHRASE = "text to text"
RECALL = (1, 5, 10)


def evaluate(backbone, records, transform=None, *, benchmark="", cache=None, progress=False, **how):
    """Evaluate a backbone on a list of Records; returns a Results.

    Negatives: does the image prefer all its captions to all negatives? Two captions and negatives: are the captions,
    each other's paraphrases, also closer to each other than to any negative? Another image: do both images choose
    their caption, do both captions choose their image, and both at once? No negatives at all: retrieval both ways
    among all images and captions of the records.

    transform: a LABCLIP, or None for the backbone as it is. cache: a folder for the embeddings; the next
    call with the same backbone and records reads them from there, whatever its transform. how: batch_size, workers,
    precision, as of `shards.embed_shards`.
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
        aligned = (transform or Unaligned()).to(device)
        images, texts = aligned.align_images(images), aligned.align_texts(texts)
        ask = {(True, False): _choices, (True, True): _pairs, (False, False): _retrieval}[kinds.pop()]
        answers = ask(rows, images, texts)
    name = backbone.name if transform is None else f"{backbone.name} with LABCLIP"
    return Results(benchmark, name, answers, captions_cut)


class _Table:
    """Embeddings (T, D) of T different images or texts, and the row of each."""

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
        # Named after content and model, so that a change of either never finds the old embeddings.
        name = f"{digest.hexdigest()[:16]}-{backbone.fingerprint[:16]}"
        out = os.path.join(cache or folder, name)
        tables = load_shards(embed_shards(backbone, source, out, progress=progress, **how))
    return _Table(pictures, tables.images), _Table(texts, tables.captions), tables.manifest["truncated"]


class _Rows:
    """The records' rows in the tables: image, other (N,), captions (N, C), negatives (N, K); -1 where there is none.

    A text that a record holds twice counts once.
    """

    def __init__(self, records, images, texts):
        self.records = records
        self.image = torch.tensor([images.row[record.image] for record in records])
        self.other = torch.tensor([images.row.get(record.other_image, -1) for record in records])
        self.captions = _padded([[texts.row[text] for text in dict.fromkeys(record.captions)] for record in records])
        self.negatives = _padded([[texts.row[text] for text in dict.fromkeys(record.negatives)] for record in records])

    def counts(self):
        """How many captions, how many negatives, and how many texts that are both, each record has: three (N,)."""
        both = [len(set(record.captions) & set(record.negatives)) for record in self.records]
        return (*((where >= 0).sum(1).numpy() for where in (self.captions, self.negatives)), np.array(both))

    def same_words(self):
        """(N, K): 1 where a negative holds the same words as a caption, else 0; -inf is padding."""
        out = torch.full(self.negatives.shape, -torch.inf)
        for row, record in zip(out, self.records, strict=True):
            bags, negatives = [bag(caption) for caption in record.captions], dict.fromkeys(record.negatives)
            row[: len(negatives)] = torch.tensor([float(bag(text) in bags) for text in negatives])
        return out

    def labels(self):
        return (np.array([str(getattr(r, name)) for r in self.records]) for name in ("key", "group", "cluster"))


def cosines(anchor, texts, where, absent=-torch.inf):
    """(N, C) cosines of each anchor (N, D) with its texts, rows `where` (N, C) of `texts`; `absent` for -1."""
    rows = zip(anchor.split(1024), where.clamp(min=0).split(1024), strict=True)
    out = torch.cat([(one[:, None] * texts[among]).sum(-1) for one, among in rows])
    return out.masked_fill((where < 0).to(out.device), absent)


def bag(text):
    """A caption's words in alphabetical order, a list of str: what a bag of words knows of it."""
    return sorted(re.findall(r"\w+", text.lower()))


def _choices(rows, images, texts):
    anchor = images[rows.image]
    captions = cosines(anchor, texts, rows.captions, torch.inf)
    negatives = cosines(anchor, texts, rows.negatives)
    n, k, both = rows.counts()
    sure = torch.where(rows.captions >= 0, 1.0, torch.inf)
    bag_of_words = first_choice(sure, rows.same_words())
    guess = guessed_first_choice(n, k, both)
    out = {CHOICE: Answers(*rows.labels(), first_choice(captions, negatives, UNIT_ROWS), guess, bag_of_words)}
    if (n == 2).all():
        first, second = texts[rows.captions[:, 0]], texts[rows.captions[:, 1]]
        paraphrase = (first * second).sum(1, keepdim=True)
        negative = torch.cat([cosines(one, texts, rows.negatives) for one in (first, second)], 1)
        unknown = np.full(len(n), np.nan)
        # A negative that is also a caption is as close to it as can be.
        guess = np.where(both > 0, 0.0, guessed_first_choice(1, 2 * k))
        out[PARAPHRASE] = Answers(*rows.labels(), first_choice(paraphrase, negative, UNIT_ROWS), guess, unknown)
    return out


def _pairs(rows, images, texts):
    """As in Winoground: two images, two captions, four cosines."""
    if rows.captions.shape[1] != 1 or rows.negatives.shape[1] != 1:
        raise ValueError("A record with another image needs one caption and one negative, the other image's caption.")
    two_images = images[rows.image], images[rows.other]
    two_texts = texts[rows.captions[:, 0]], texts[rows.negatives[:, 0]]
    s = torch.stack([(image * text).sum(1) for image in two_images for text in two_texts], 1)
    same = rows.same_words()[:, 0]
    words = torch.stack([torch.ones_like(same), same, same, torch.ones_like(same)], 1)

    def four(s):
        return first_choice(s[:, [0, 3]], s[:, [1, 2]], UNIT_ROWS)

    def both(s, order):
        first, last = s[:, [0]], s[:, [3]]
        return first_choice(first, s[:, [order[0]]], UNIT_ROWS) * first_choice(last, s[:, [order[1]]], UNIT_ROWS)

    labels = [*rows.labels()]
    one, both_ways = (np.full(len(s), guessed_first_choice(n, n)) for n in (1, 2))
    return {
        BOTH_IMAGES: Answers(*labels, both(s, [1, 2]), one**2, both(words, [1, 2])),
        BOTH_CAPTIONS: Answers(*labels, both(s, [2, 1]), one**2, both(words, [2, 1])),
        ALL_FOUR: Answers(*labels, four(s), both_ways, four(words)),
    }


def _retrieval(rows, images, texts, chunk=1024):
    """Recall@k both ways. An image counts as right when any of its captions is among the first k."""
    keys, groups, clusters = rows.labels()
    caption_rows = [where[where >= 0] for where in rows.captions]
    counts = torch.tensor([len(where) for where in caption_rows])
    owner = torch.repeat_interleave(torch.arange(len(counts)), counts)
    # A picture or text that several records share is one candidate, and right for each of them.
    picture, image = rows.image.unique(return_inverse=True)
    text, caption = torch.cat(caption_rows).unique(return_inverse=True)
    ks = [k for k in RECALL if k < min(len(picture), len(text))]
    if not ks:
        raise ValueError(f"Retrieval needs 2 or more images and captions, got {len(picture)} and {len(text)}.")
    number = np.concatenate([np.arange(len(where)) for where in caption_rows])
    of_caption = [labels[owner.numpy()] for labels in (keys, groups, clusters)]
    of_caption[0] = np.array([f"{key}/{i}" for key, i in zip(of_caption[0], number, strict=True)])
    images, texts = images[picture], texts[text]
    ways = (
        ("image to text", images[image], texts, columns_of(image[owner], caption, len(picture))[image],
         (keys, groups, clusters)),
        ("text to image", texts[caption], images, columns_of(caption, image[owner], len(text))[caption], of_caption),
    )  # fmt: skip
    out = {}
    for name, asking, among, targets, labels in ways:
        outcomes = {k: [] for k in ks}
        for part in torch.arange(len(targets)).split(chunk):
            for k, values in recall(similarities(asking[part], among), targets[part], ks, UNIT_ROWS).items():
                outcomes[k].append(values)
        for k in ks:
            guess, unknown = guessed_recall((targets >= 0).sum(1).numpy(), len(among), k), np.full(len(targets), np.nan)
            out[f"{name}, recall@{k}"] = Answers(*labels, np.concatenate(outcomes[k]), guess, unknown)
    return out


def _padded(rows):
    width = max(len(row) for row in rows)
    return torch.tensor([row + [-1] * (width - len(row)) for row in rows])
