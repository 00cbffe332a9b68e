"""COCO and Flickr30k by the splits of Karpathy & Fei-Fei (2015): retrieval, and captions with negatives to train on.

root/coco/dataset_coco.json            root/coco/{train2014,val2014}/*.jpg
root/flickr30k/dataset_flickr30k.json  root/flickr30k/flickr30k-images/*.jpg
"""

import functools
import itertools
import zlib
from pathlib import Path

import joblib
import numpy as np

from labclip_lib.base.progress import track
from labclip_lib.benchmarks.records import Record, check_records, field_of, picture, read_json, text_of, typed
from labclip_lib.benchmarks.toy_pictures import save_pictures, write_once
from labclip_lib.operators.grammar import ARTICLES, canonical, read
from labclip_lib.operators.on_captions import shuffle_words
from labclip_lib.world.captions import TEMPLATES
from labclip_lib.world.scenes import World

DATASETS = ("coco", "flickr30k")
# "restval" is what Karpathy left of COCO's validation images; as is usual, it is trained on.
SPLITS = {"train": ("train", "restval"), "val": ("val",), "test": ("test",)}
PARTS = tuple(itertools.chain(*SPLITS.values()))
YEARS, FLICKR = ("train2014", "val2014"), "flickr30k/flickr30k-images"
CAPTIONS = 5  # per image; some have six or seven, and as is usual the first five are used


def load(root, split="test", of="coco"):
    """The images of a split with their first five captions that are not blank: Records for retrieval.

    root: the folder of all data. split: "train" (with restval: 113,287 images of COCO), "val" or "test". of: "coco"
    or "flickr30k". Raises ValueError, in one sentence, for what is missing or not in the published format.
    """
    if split not in SPLITS or of not in DATASETS:
        raise ValueError(
            f"There is no split {split!r} of {of!r}; choose from {', '.join(SPLITS)} of {' or '.join(DATASETS)}."
        )
    path = Path(root) / of / f"dataset_{of}.json"
    data = read_json(path, of)
    images = typed(
        field_of(typed(data, dict, path, "the file"), "images", path, "the file"), list, path, "its 'images'"
    )
    records, seen = [], {}
    for number, image in enumerate(images):
        where = f"image {number}"
        name, part = text_of(image, "filename", path, where), text_of(image, "split", path, where)
        if part not in PARTS:
            raise ValueError(f"{path}: {where} is of the split {part!r}; Karpathy's are {', '.join(PARTS)}.")
        if name in seen:  # in any split: no training image may be a test image
            raise ValueError(f"{path} has the image {name!r} twice, in {seen[name]} and in {part}; fetch it again.")
        seen[name] = part
        if part in SPLITS[split]:
            place = picture(root, _folder(of, image, path, where), name, path, where)
            records.append(Record(name, place, _captions(image, path, where), cluster=name))
    if not records:
        raise ValueError(f"{path} has no image of the split {split!r}; fetch it again.")
    return check_records(records, of)


def _folder(of, image, path, where):
    """The folder of an image. Its split does not say: restval images are for training but lie in val2014."""
    if of == "flickr30k":
        return FLICKR
    inner = text_of(image, "filepath", path, where)
    if inner not in YEARS:
        raise ValueError(f"{path}: {where} lies in {inner!r}; COCO's folders are {' and '.join(YEARS)}.")
    return f"coco/{inner}"


def _captions(image, path, where):
    sentences = typed(field_of(image, "sentences", path, where), list, path, f"the 'sentences' of {where}")
    texts = [text_of(sentence, "raw", path, f"a sentence of {where}").strip() for sentence in sentences]
    captions = tuple([caption for caption in texts if caption][:CAPTIONS])
    if not captions:
        raise ValueError(f"{path}: {where} has no sentence; this is not the published format.")
    return captions


def training_pairs(root, seed=0, jobs=1, progress=False):
    """COCO's train split, each caption with one hard negative as in NegCLIP: (Records, number of captions left out).

    record.negatives[i] is record.captions[i] with its nouns and its adjectives shuffled
    (`shuffle_words`) so that its meaning changes: drawn once, and determined by the seed and the caption.
    A caption that has no such negative is left out, and so is an image that is left without captions. jobs: number
    of processes, as in joblib; each takes seconds to start. Errors as in `load`.
    """
    records = load(root, "train")
    captions = [caption for record in records for caption in record.captions]
    negatives = for_each(captions, functools.partial(_negative, seed=seed), jobs, progress)
    out = []
    for record in records:
        pairs = [(caption, negatives[caption]) for caption in record.captions if negatives[caption] is not None]
        if pairs:
            paired_captions, paired_negatives = zip(*pairs, strict=True)
            out.append(record._replace(captions=paired_captions, negatives=paired_negatives))
    return out, len(captions) - sum(len(record.captions) for record in out)


def _negative(caption, seed):
    sentence = read(caption)
    for draw in range(20):
        # With the seed alone, every caption of three nouns would get the same new order.
        seeds = [seed, zlib.crc32(caption.encode()), draw]
        changed = shuffle_words(caption, "nouns and adjectives", seeds).value
        if changed is None or not says_the_same(
            sentence, read(changed, lambda _: [w.kind for w in sentence.words]).words
        ):
            return changed
    return None


def says_the_same(sentence, words):
    """Whether shuffling only reordered a list, as from "a red cat and a black dog" to "a black dog and a red cat".

    sentence: a `grammar.Sentence`. words: its Words after the shuffle.
    """
    old, lists, inside, end = sentence.words, [], set(), None
    for phrase in sentence.noun_phrases:
        between = old[end : phrase.start] if end is not None else ()
        if not between or any(word.key not in ("and", "or", ",") for word in between):
            lists.append([])
        lists[-1].append(slice(phrase.start, phrase.end))
        inside |= set(range(phrase.start, phrase.end))
        end = phrase.end
    for i, word in enumerate(words):
        if word.key != old[i].key and (i not in inside or {word.key, old[i].key} & set(ARTICLES)):
            return False
    before, after = ([sorted(canonical(text[part]) for part in parts) for parts in lists] for text in (old, words))
    return before == after


def for_each(captions, make, jobs=1, progress=False, chunk=500):
    """{caption: make(caption)}, computed once per different caption, in `jobs` processes."""
    captions = list(dict.fromkeys(captions))
    jobs = jobs if len(captions) > 20_000 else 1  # else starting processes takes longer than the work
    parts = [captions[start : start + chunk] for start in range(0, len(captions), chunk)]
    made = joblib.Parallel(jobs, return_as="generator")(joblib.delayed(_all)(make, part) for part in parts)
    bar = track(made, desc="changing captions", total=len(parts), unit=f"{chunk} captions", shows=progress)
    return dict(zip(captions, itertools.chain(*bar), strict=True))


def _all(make, captions):
    return [make(caption) for caption in captions]


# The toy


def write_toy(root, train=1200, test=300, seed=0):
    """Write scenes of two objects as COCO, and half as many test images as Flickr30k; data that exists stays.

    Five captions per image, in words that PocketCLIP knows. train, test: numbers of COCO's images, all of different
    compositions; a tenth of the training images are restval. Raises ValueError for more images than compositions.
    """
    _write(Path(root), "coco", train, test, [seed, 0])
    _write(Path(root), "flickr30k", 0, (test + 1) // 2, [seed, 1])


def _write(root, of, train, test, seed):
    path = root / of / f"dataset_{of}.json"
    if path.exists():
        return
    scenes, rng = World().compositions(seed=seed), np.random.default_rng(seed)
    if train + test > len(scenes):
        raise ValueError(
            f"A toy has at most {len(scenes):,} images, got {train:,} to train on and {test:,} to test on."
        )
    scenes = scenes[rng.permutation(len(scenes))[: train + test].tolist()]
    captions = zip(*(scenes.captions(template=template) for template in _templates()), strict=True)
    images, paths = [], []
    for number, texts in enumerate(captions):
        split = "test" if number < test else "restval" if number % 10 == 0 else "train"
        year = "train2014" if split == "train" else "val2014"
        # Not .jpg, which blurs colours, and no photo's name.
        name = f"COCO_{year}_{number:012}.png" if of == "coco" else f"{number:010}.png"
        sentences = [{"raw": caption, "imgid": number} for caption in texts]
        image = {"filename": name, "split": split, "imgid": number, "sentences": sentences}
        images.append(image | ({"filepath": year, "cocoid": number} if of == "coco" else {}))
        paths.append(root / _folder(of, images[-1], path, name) / name)
    save_pictures(scenes, paths)
    write_once(path, {"images": images, "dataset": of})


def _templates():
    """The templates, and two of them with the objects in the other order."""
    turned = [TEMPLATES[name].translate(str.maketrans("12", "21")) for name in ("paper", "article")]
    return [*TEMPLATES.values(), *turned]
