"""SugarCrepe (Hsieh et al., 2023) and SugarCrepe++ (Dumpala et al., 2024): COCO captions, each with a fluent negative.

Under the folder of all data: sugarcrepe/{subset}.json, sugarcrepe_pp/{subset}.json, coco/val2017/*.jpg.
"""

import dataclasses
from pathlib import Path

import numpy as np

from labclip_lib.base.messages import did_you_mean
from labclip_lib.base.published_files import pinned_file
from labclip_lib.benchmarks.evaluation import CHOICE, bag
from labclip_lib.benchmarks.hard_negatives import SUBSETS
from labclip_lib.benchmarks.records import Record, check_records, field_of, picture, read_csv, read_json, text_of, typed
from labclip_lib.benchmarks.results import Answers, Results
from labclip_lib.benchmarks.toy_pictures import save_pictures, write_once
from labclip_lib.operators.on_captions import swap
from labclip_lib.world.captions import TEMPLATES, one_object
from labclip_lib.world.scenes import World

PLAIN, PLUS = "sugarcrepe", "sugarcrepe_pp"
IMAGES = "coco/val2017"
_SUBSETS = {
    folder: [name.partition("/")[2] for name in SUBSETS if name.startswith(f"{project}/")]
    for folder, project in ((PLAIN, "SugarCrepe"), (PLUS, "SugarCrepe++"))
}

# What BiVLC (Miranda et al., 2024) publishes, of three models of the size ViT-B/32.
MODELS = {
    "ViT-B/32": "bivlc/SUGARCREPE_CORRECT_ViT-B-32.csv",
    "fine-tuned on COCO": "bivlc/SUGARCREPE_CORRECT_CLIP_COCO.csv",
    "TROHN-Text": "bivlc/SUGARCREPE_CORRECT_CLIP_TROHN-Text.csv",
}
# The pinned swap_obj.json skips this id, and so has 245 items; the published outcomes, and the tables, count 246.
WITHDRAWN = "swap_obj/108"


def load(root):
    """SugarCrepe's 7,511 Records: one caption, one negative; groups are the seven subsets, clusters the images.

    root: the folder of all data. Raises ValueError when a file or an image is missing or not as published.
    """
    return check_records(read(root), PLAIN)


def load_pp(root):
    """SugarCrepe++'s 4,757 Records in five subsets: as `load`, but with two captions, each the other's paraphrase."""
    return check_records(read_pp(root), PLUS)


def read(root):
    """`load` without checking that the images exist."""
    records = []
    for subset in _SUBSETS[PLAIN]:
        path = Path(root) / PLAIN / f"{subset}.json"
        for key, item in typed(read_json(path, PLAIN), dict, path, "the file").items():
            records.append(_record(root, path, key, item, ("caption",)))
    return records


def read_pp(root):
    """`load_pp` without checking that the images exist."""
    records = []
    for subset in _SUBSETS[PLUS]:
        path = Path(root) / PLUS / f"{subset}.json"
        for number, item in enumerate(typed(read_json(path, PLUS), list, path, "the file")):
            key = field_of(typed(item, dict, path, f"item {number}"), "id", path, f"item {number}")
            records.append(_record(root, path, key, item, ("caption", "caption2")))
    return records


def _record(root, path, key, item, captions):
    where = f"item {key!r}"
    name = text_of(item, "filename", path, where)
    return Record(
        f"{path.stem}/{key}",
        picture(root, IMAGES, name, path, where),
        tuple(text_of(item, field, path, where) for field in captions),
        (text_of(item, "negative_caption", path, where),),
        path.stem,
        name,
    )


def published(model):
    """Results of a real model, as BiVLC publishes them: whether it ranked each of 7,512 items correctly.

    model: a key of MODELS. Keys, groups and clusters are those of `load`, in its order; one more item, WITHDRAWN, is in
    no file that `load` reads. Raises ValueError for another model, and when the file is not there.
    """
    if model not in MODELS:
        raise ValueError(f"There are no published outcomes of {model!r}; {did_you_mean(model, MODELS)}")
    path = pinned_file(MODELS[model])
    by_subset = {subset: [] for subset in _SUBSETS[PLAIN]}
    for _, row in read_csv(path, PLAIN, ("filename", "caption", "negative_caption", "type", "subtype", "correct")):
        by_subset[f"{row['type']}_{row['subtype']}"].append(row)
    # A row's place in its subset is the item's id.
    rows = [(f"{subset}/{i}", subset, row) for subset, part in by_subset.items() for i, row in enumerate(part)]
    same = [bag(row["caption"]) == bag(row["negative_caption"]) for _, _, row in rows]
    answers = Answers(
        np.array([key for key, _, _ in rows]),
        np.array([subset for _, subset, _ in rows]),
        np.array([row["filename"] for _, _, row in rows]),
        np.array([row["correct"] for _, _, row in rows], float),
        np.full(len(rows), 0.5),
        np.where(same, 0.5, 1.0),
    )
    return Results("SugarCrepe", model, {CHOICE: answers})


# The toy


def write_toy(root, n=200, seed=0):
    """Write toys of both benchmarks: n items per subset about n pictures of the book's world, in PocketCLIP's words.

    The world has no relations: in the toy's replace_rel another object replaces a whole object, colour and shape.
    Swapping two colours and swapping two shapes differ only in the order of the phrases. Writes nothing where the
    files exist already, real ones included.
    """
    root = Path(root)
    files = {folder: [root / folder / f"{subset}.json" for subset in _SUBSETS[folder]] for folder in _SUBSETS}
    if all(path.exists() for paths in files.values() for path in paths):
        return
    scenes = World().sample(n, seed=seed)
    names = [f"{900_000 + i:012}.jpg" for i in range(n)]  # larger than COCO's ids, so that no photo is overwritten
    save_pictures(scenes, [root / IMAGES / name for name in names])
    pairs, paraphrases = _toy_captions(scenes, seed)
    for path in files[PLAIN]:
        items = [
            {"filename": name, "caption": caption, "negative_caption": negative}
            for name, caption, negative in zip(names, *pairs[path.stem], strict=True)
        ]
        write_once(path, {str(i): item for i, item in enumerate(items)})
    for path in files[PLUS]:
        rows = enumerate(zip(names, *pairs[path.stem], paraphrases, strict=True))
        write_once(
            path,
            [
                {"id": i, "filename": name, "caption": caption, "caption2": again, "negative_caption": negative}
                for i, (name, caption, negative, again) in rows
            ],
        )


def _toy_captions(scenes, seed):
    """{subset: (captions, negatives)}, and paraphrases of the captions of the subsets that SugarCrepe++ shares."""

    def say(of, template=TEMPLATES["article"]):
        # The order of the objects depends on the seed alone, so a caption and its negative share it.
        return of.captions("random", seed, template)

    one = one_object(TEMPLATES["article"])
    more = scenes.added(seed)
    false_color, false_shape = more.color[:, [-1, -1]], more.shape[:, [-1, -1]]
    recoloured = dataclasses.replace(scenes, color=false_color)
    absent = say(dataclasses.replace(recoloured, shape=false_shape), one)
    full, first, second = say(scenes), say(scenes, one), say(scenes, "a {attr2} {obj2}")

    def both(left, right):
        return [f"{a} and {b}" for a, b in zip(left, right, strict=True)]

    return {
        "add_att": (both(say(scenes, "a {obj1}"), second), both(say(recoloured, one), second)),
        "add_obj": (full, both(full, absent)),
        "replace_att": (full, say(scenes.replaced("color", seed))),
        "replace_obj": (full, say(scenes.replaced("shape", seed))),
        "replace_rel": (full, both(first, absent)),
        "swap_att": (full, say(scenes.swapped())),
        "swap_obj": (full, say(swap(scenes, "objects").value)),
    }, both(second, first)
