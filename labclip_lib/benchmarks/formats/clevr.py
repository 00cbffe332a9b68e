"""CLEVR as the LABCLIP paper uses it: rendered scenes of two to ten plain shapes in plain colours.

    clevr/output_{n}obj.csv     no header, one line per image: filename,object,attribute,object,attribute,...
    clevr/images_{n}obj/        the images of n objects each

The published set has 3 shapes and 8 colours; a reader's own renders may have others.
"""

import itertools
from pathlib import Path

import torch

from labclip_lib.base.csv_tables import as_csv
from labclip_lib.base.files import write_text
from labclip_lib.base.text_files import trimmed
from labclip_lib.benchmarks.labelled_images import Item, from_items, key_of, lay_out
from labclip_lib.benchmarks.records import read_csv
from labclip_lib.benchmarks.toy_pictures import save_pictures
from labclip_lib.world.scenes import World


def load(root, objects=2):
    """The scenes of `objects` objects (2 to 10), a LabelledImages; its names are those in the file, sorted.

    Raises ValueError, in one sentence, for a line that does not fit and for images that are missing or come twice.
    """
    if objects not in range(2, 11):
        raise ValueError(f"CLEVR has scenes of 2 to 10 objects, got objects={objects!r}.")
    folder = Path(root, "clevr")
    path = folder / f"output_{objects}obj.csv"
    items = []
    for number, row in read_csv(path, "clevr", header=False):
        words, where = [trimmed(word) for word in row], f"Line {number} of {path}"
        if len(words) != 1 + 2 * objects:
            wanted = f"filename and then object,attribute for each of {objects} objects"
            raise ValueError(f"{where} has {len(words)} fields; it needs {1 + 2 * objects}, {wanted}.")
        if not all(words):
            raise ValueError(f"{where} has a blank field, number {words.index('') + 1}; fill it in or drop the line.")
        key = key_of(f"images_{objects}obj", words[0], where=where)
        items.append(Item(key, f"{objects} objects", words[2::2], words[1::2]))
    return from_items("CLEVR", folder, items, "clevr")


def write_toy(root, objects=(2, 3, 4, 5), copies=8, seed=0):
    """Write the same files with scenes of the book's world, 64 x 64: eight colours, and three shapes like CLEVR's.

    Two objects: each of the 192 scenes of different shapes (colours may be equal) in `copies` layouts. More objects:
    600 random scenes each, in which colours and shapes repeat. A file that exists is left as it is.
    """
    world = World(shapes=("circle", "square", "triangle"))
    for n in objects:
        path = Path(root, "clevr", f"output_{n}obj.csv")
        if path.is_file():
            continue
        if n == 2:
            pairs = torch.combinations(torch.arange(len(world.shapes)))
            color = torch.tensor(list(itertools.product(range(len(world.colors)), repeat=2)))
            shape, color = pairs.repeat_interleave(len(color), 0), color.repeat(len(pairs), 1)
            scenes = lay_out(world, color.repeat(copies, 1), shape.repeat(copies, 1), [seed, n])
        else:
            scenes = world.sample(600, n, seed=[seed, n], distinct=False)
        names = [f"{i:06d}.png" for i in range(len(scenes))]
        save_pictures(scenes, [path.parent / f"images_{n}obj" / name for name in names])
        rows = []
        for name, colors, shapes in zip(names, scenes.color.tolist(), scenes.shape.tolist(), strict=True):
            pairs = [(world.shapes[s], world.colors[c]) for c, s in zip(colors, shapes, strict=True)]
            rows.append([name, *itertools.chain.from_iterable(pairs)])
        write_text(path, as_csv(rows))
