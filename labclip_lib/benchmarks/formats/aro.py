"""ARO (Yuksekgonul et al., 2023): which word goes with which thing in Visual Genome, and in which order words stand.

root/aro/visual_genome_relation.json     VG-R: "the horse is eating the grass", "the grass is eating the horse"
root/aro/visual_genome_attribution.json  VG-A: "the crouched cat and the open door", "the open cat and ..."
root/aro/images/*.jpg
COCO-Order and Flickr-Order: the captions of `coco.py`, each with up to four shuffles of its words
"""

import dataclasses
import functools
import itertools
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from labclip_lib.base.messages import did_you_mean
from labclip_lib.benchmarks.formats import coco
from labclip_lib.benchmarks.records import Record, check_records, field_of, picture, read_json, text_of, typed
from labclip_lib.benchmarks.toy_pictures import write_once
from labclip_lib.models.image_files import FORMATS, Picture
from labclip_lib.operators.grammar import read
from labclip_lib.operators.tagging import ADJECTIVE, NOUN
from labclip_lib.world.scenes import World

_FILES = {"VG-R": "visual_genome_relation.json", "VG-A": "visual_genome_attribution.json"}
_ORDER = {"COCO-Order": "coco", "Flickr-Order": "flickr30k"}
TASKS = (*_FILES, *_ORDER)

# The relations of VG-R that ARO's notebook drops. Many of the rarer ones ("licking") are not symmetric at all.
SYMMETRIC = frozenset(
    re.split(
        r",\s+",
        """adjusting, attached to, between, bigger than, biting, boarding, brushing, chewing, cleaning,
    climbing, close to, coming from, coming out of, contain, crossing, dragging, draped over, drinking, drinking from,
    driving, driving down, driving on, eating from, eating in, enclosing, exiting, facing, filled with, floating in,
    floating on, flying, flying above, flying in, flying over, flying through, full of, going down, going into,
    going through, grazing in, growing in, growing on, guiding, hanging from, hanging in, hanging off, hanging over,
    higher than, holding onto, hugging, in between, jumping off, jumping on, jumping over, kept in, larger than,
    leading, leaning over, leaving, licking, longer than, looking in, looking into, looking out, looking over,
    looking through, lying next to, lying on top of, making, mixed with, mounted on, moving, on the back of,
    on the edge of, on the front of, on the other side of, opening, painted on, parked at, parked beside, parked by,
    parked in, parked in front of, parked near, parked next to, perched on, petting, piled on, playing, playing in,
    playing on, playing with, pouring, reaching for, reading, reflected on, riding on, running in, running on,
    running through, seen through, sitting behind, sitting beside, sitting by, sitting in front of, sitting near,
    sitting next to, sitting under, skiing down, skiing on, sleeping in, sleeping on, smiling at, sniffing, splashing,
    sprinkled on, stacked on, standing against, standing around, standing behind, standing beside,
    standing in front of, standing near, standing next to, staring at, stuck in, surrounding, swimming in, swinging,
    talking to, topped with, touching, traveling down, traveling on, tying, typing on, underneath, wading in,
    waiting for, walking across, walking by, walking down, walking next to, walking through, working in, working on,
    worn on, wrapped around, wrapped in, by, of, near, next to, with, beside, on the side of, around""",
    )
)
CONVENTIONS = ("ARO", "LABCLIP")
FEWEST = 25  # items that an attribute pair needs to be counted, in ARO's code


def load(root, task, seed=0, jobs=1, tagger=None, progress=False):
    """The items of a task, one of TASKS: a list of Records.

    VG-R, VG-A: the part of the image that ARO crops; group: the relation, or the two attributes ("crouched_open");
    cluster: the image. COCO-Order, Flickr-Order: the test captions as ARO cleans them, with `order_negatives`; a
    caption that no shuffle changes is left out. seed, tagger and jobs (number of processes) are for these two.
    Raises ValueError, in one sentence, for what is missing or not in the published format.
    """
    if task in _FILES:
        return _visual_genome(root, task)
    if task in _ORDER:
        return _order(root, task, functools.partial(order_negatives, seed=seed, tagger=tagger), jobs, progress)
    raise ValueError(f"ARO has no task {task!r}; {did_you_mean(task, TASKS)}")


# Relations and attributes


def _visual_genome(root, task):
    path = Path(root) / "aro" / _FILES[task]
    records = []
    # Items may repeat: two buttons of one shirt share a box and a caption.
    for number, item in enumerate(typed(read_json(path, "aro"), list, path, "the file")):
        where = f"item {number}"
        name, true, false = (text_of(item, key, path, where) for key in ("image_path", "true_caption", "false_caption"))
        x, y, w, h = (
            typed(field_of(item, f"bbox_{side}", path, where), int, path, f"bbox_{side} of {where}") for side in "xywh"
        )
        image = picture(root, "aro/images", name, path, where)._replace(box=(x, y, x + w, y + h))
        group = text_of(item, "relation_name", path, where) if task == "VG-R" else _attributes(item, path, where)
        records.append(Record(f"{number}/{name}", image, (true,), (false,), group, name))
    check_records(records, "aro")
    sizes = {image: _size(image) for image in dict.fromkeys(record.image.path for record in records)}
    for number, record in enumerate(records):
        left, upper, right, lower = record.image.box
        width, height = sizes[record.image.path]
        # A box may reach over the image's edge: like ARO's own crop it is black there.
        if not (left < right and upper < lower and left < width and upper < height and right > 0 and lower > 0):
            raise ValueError(
                f"{path}: the box {record.image.box} of item {number} holds nothing of its image, {record.image.path}, "
                f"of {width} x {height} pixels; fetch both again."
            )
    return records


def _attributes(item, path, where):
    pair = typed(field_of(item, "attributes", path, where), list, path, f"the 'attributes' of {where}")
    if len(pair) != 2:
        raise ValueError(f"{path}: {where} has {len(pair)} attributes, not two; this is not the published format.")
    return "_".join(typed(attribute, str, path, f"an attribute of {where}") for attribute in pair)


def _size(path):
    try:
        with Image.open(path, formats=FORMATS) as image:  # reads no more than the header
            return image.size
    except Exception:  # Picture.read says in one sentence what is wrong
        return Picture(path).read().size


def kept(groups, task, convention):
    """Which items go into the macro average over groups: (N,) bool.

    groups: (N,) labels of all items of the task, "VG-R" or "VG-A". convention: "ARO": VG-R without the SYMMETRIC
    relations, as in its authors' notebook, and of VG-A the attribute pairs with 25 items or more. "LABCLIP": all
    of VG-R. The paper does not say what it does with rare attribute pairs, so we follow ARO's rule.
    Raises ValueError for another task or convention.
    """
    if task not in _FILES or convention not in CONVENTIONS:
        raise ValueError(
            f"There is no macro average of {task!r} by {convention!r}; choose from {', '.join(_FILES)} and from "
            f"{', '.join(CONVENTIONS)}."
        )
    groups = [str(group) for group in groups]
    if task == "VG-A":
        count = Counter(groups)
        return np.array([count[group] >= FEWEST for group in groups], bool)
    return np.array([convention == "LABCLIP" or group not in SYMMETRIC for group in groups], bool)


# The order of words


def _order(root, task, make, jobs, progress):
    records = coco.load(root, "test", _ORDER[task])
    captions = [caption for record in records for caption in record.captions]
    negatives = coco.for_each(captions, make, jobs, progress)
    return [
        Record(f"{record.key}/{i}", record.image, (plain(caption),), tuple(negatives[caption]), "", record.cluster)
        for record in records
        for i, caption in enumerate(record.captions)
        if negatives[caption]
    ]


def plain(caption):
    """A caption as ARO cleans it: in lower case, without .!"()*#:;~ and cut to 30 words."""
    return " ".join(re.sub(r'[.!"()*#:;~]', " ", caption.lower()).split()[:30])


def order_negatives(caption, seed=0, tagger=None):
    """Up to four shuffles of a caption, all different from it and from each other: a list of str.

    In this order: nouns among their places and adjectives among theirs; all other words; the words within each run of
    three; the runs of three. Not quite ARO's: a shuffle that can give nothing new is left out, while in ARO an
    unchanged caption, or "a cat and a dog" for "a dog and a cat", counts as wrong; and punctuation marks stay in
    their places, so that spacing gives no negative away.
    caption: a str, made `plain` first. seed: the draws depend on it and on the caption. tagger: see `grammar.read`.
    """
    true = plain(caption)
    sentence = read(true, tagger)
    words = sentence.words
    places = [i for i, word in enumerate(words) if word.text[:1].isalnum()]
    nouns, adjectives = ([i for i in places if words[i].kind == kind] for kind in (NOUN, ADJECTIVE))
    others = [i for i in places if words[i].kind not in (NOUN, ADJECTIVE)]
    threes = [places[k : k + 3] for k in range(0, len(places), 3)]
    rng = random.Random(f"{seed} {true}")  # unlike hash(), the same in every process
    texts = [true]
    for groups in ([nouns, adjectives], [others], threes, None):
        for _ in range(100):  # if none of 100 draws is new, there is hardly a new shuffle
            if groups is None:
                order = list(itertools.chain(*rng.sample(threes, len(threes))))
                comes_from = dict(zip(places, order, strict=True))
            else:
                comes_from = {
                    i: j for group in groups for i, j in zip(group, rng.sample(group, len(group)), strict=True)
                }
            moved = [words[comes_from.get(i, i)] for i in range(len(words))]
            new = "".join(word.space + other.text for word, other in zip(words, moved, strict=True))
            if new not in texts and not coco.says_the_same(sentence, moved):
                texts.append(new)
                break
    return texts[1:]


# The toy

_TOY = "the {attr1} {obj1} and the {attr2} {obj2}"


def write_toy(root, seed=0):
    """Write VG-A from scenes of two objects, in words that PocketCLIP knows; data that exists stays.

    Two scenes in every image, each an item with its own box, so that only that part of the image fits the
    caption. Eight pairs of colours have 30 items, four have 10. There is no VG-R: PocketCLIP has no word for a
    relation that can be reversed. COCO-Order and Flickr-Order: see `coco.write_toy`.
    """
    folder = Path(root) / "aro"
    path = folder / _FILES["VG-A"]
    if path.exists():
        return
    world, rng = World(), np.random.default_rng(seed)
    ordered = np.array(list(itertools.permutations(range(len(world.colors)), 2)))
    ordered = rng.permutation(ordered)[:12].repeat([30] * 8 + [10] * 4, axis=0)
    color = torch.from_numpy(rng.permutation(ordered))
    scenes = world.sample(len(color), seed=seed)
    # The shape that is named first gets the first colour of the pair.
    scenes = dataclasses.replace(scenes, color=torch.empty_like(color).scatter_(1, scenes.mention_order(), color))
    captions = zip(scenes.captions(template=_TOY), scenes.swapped().captions(template=_TOY), strict=True)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    items = []
    for number, (pixels, (true, false)) in enumerate(zip(scenes.render(64), captions, strict=True)):
        half = number % 2
        if half == 0:
            canvas = Image.new("RGB", (200, 100), tuple(rng.integers(0, 256, 3).tolist()))
        x, y = 100 * half + int(rng.integers(36)), int(rng.integers(36))
        canvas.paste(to_pil_image(pixels), (x, y))
        name = f"{number // 2 + 1}.png"
        canvas.save(folder / "images" / name)
        item = {"image_path": name, "bbox_x": x, "bbox_y": y, "bbox_w": 64, "bbox_h": 64}
        item |= {"true_caption": true, "false_caption": false}
        items.append(item | {"attributes": [world.colors[c] for c in color[number]]})
    write_once(path, items)
