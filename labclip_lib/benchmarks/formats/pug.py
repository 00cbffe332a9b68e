"""PUG as the LABCLIP paper uses it: photorealistic scenes of two animals, each with a colour or texture.

    pug_spare/PUG_SPARE.csv     12 animals x 8 colours, the images in pug_spare/{world_name}/{filename}
    pug_spar/labels.csv         32 animals x 4 textures, the images in pug_spar/{filename}

Both have the columns of COLUMNS, and others that are not read.
"""

import itertools
from pathlib import Path

import torch

from labclip_lib.base.csv_tables import as_csv, check_filled
from labclip_lib.base.files import write_text
from labclip_lib.base.text_files import trimmed
from labclip_lib.benchmarks.labelled_images import Item, from_items, key_of, lay_out
from labclip_lib.benchmarks.records import read_csv
from labclip_lib.benchmarks.toy_pictures import save_pictures
from labclip_lib.world.scenes import World

COLUMNS = ("filename", "world_name", "character_name", "character2_name", "character_texture", "character2_texture")
# Worlds of the small versions: the four of SPARE, and as many as SPAR has.
PLACES = ("Desert", "Island", "MountainRange", "Spaceship", *(f"World{k}" for k in range(5, 11)))
FILES = {"SPARE": ("pug_spare", "PUG_SPARE.csv"), "SPAR": ("pug_spar", "labels.csv")}


def load(root, which):
    """PUG:SPARE or PUG:SPAR, which = "SPARE" or "SPAR": a LabelledImages, grouped by world, with the file's names.

    Captions mention the objects in the order of the columns. Of SPAR, rows with a `blank` character, with two equal
    characters or with the texture `Default` are left out, as in the paper. Raises ValueError, in one sentence, for
    a column or field that is missing and for images that are missing or come twice.
    """
    path = _path(root, which)
    of = path.parent.name
    items = []
    for number, row in read_csv(path, of, COLUMNS):
        where = f"Line {number} of {path}"
        words = {column: trimmed(row[column]) for column in COLUMNS}
        filename, world, *both = words.values()
        objects, attributes = both[:2], both[2:]
        if which == "SPAR" and ("blank" in objects or objects[0] == objects[1] or "Default" in attributes):
            continue
        check_filled([(number, words)], COLUMNS, path)
        key = key_of(*([world] if which == "SPARE" else []), filename, where=where)
        items.append(Item(key, world, attributes, objects))
    return from_items(f"PUG:{which}", path.parent, items, of)


def write_toy(root, which, seed=0):
    """Write the same files with scenes of the book's world, 64 x 64: shapes for animals, a layout for each PUG world.

    SPARE: the 3,136 ordered scenes of two different shapes in two different colours, in 2 worlds. SPAR: the 112 of
    two different shapes, blue and red or green and yellow, in 10 worlds; and a few of the rows that `load` leaves
    out. A file that exists is left as it is.
    """
    path = _path(root, which)
    if path.is_file():
        return
    world = World()
    pairs = torch.tensor(list(itertools.permutations(range(8), 2)))
    if which == "SPARE":
        shape, color, places = pairs.repeat_interleave(len(pairs), 0), pairs.repeat(len(pairs), 1), PLACES[:2]
    else:
        textures = [[world.colors.index(name) for name in pair] for pair in (("blue", "red"), ("green", "yellow"))]
        shape, color, places = pairs.repeat(2, 1), torch.tensor(textures).repeat_interleave(len(pairs), 0), PLACES
    rows = []
    for k, place in enumerate(places):
        rows += _save(lay_out(world, color, shape, [seed, k]), path.parent, which, place)
    if which == "SPAR":
        place = places[0]
        alone = _save(world.sample(8, 1, seed=[seed, len(places)]), path.parent, which, place, "blank_")
        rows += [[*row[:3], "blank", row[3], row[3]] for row in alone]
        plain = _save(world.sample(8, 2, seed=[seed, len(places) + 1]), path.parent, which, place, "Default_")
        rows += [[*row[:4], "Default", "Default"] for row in plain]
    write_text(path, as_csv([COLUMNS, *rows]))


def _save(scenes, folder, which, place, tag=""):
    """Write the images of a world; returns their rows: file name, world, shapes, colours."""
    prefix = f"{place}_" if which == "SPAR" else ""
    names = [f"{prefix}{tag}{i:04d}.png" for i in range(len(scenes))]
    save_pictures(scenes, [Path(folder, "" if prefix else place, name) for name in names])
    return [
        [name, place, *(scenes.world.shapes[s] for s in shapes), *(scenes.world.colors[c] for c in colors)]
        for name, shapes, colors in zip(names, scenes.shape.tolist(), scenes.color.tolist(), strict=True)
    ]


def _path(root, which):
    if which not in FILES:
        raise ValueError(f"which must be 'SPARE' or 'SPAR', got {which!r}.")
    return Path(root, *FILES[which])
