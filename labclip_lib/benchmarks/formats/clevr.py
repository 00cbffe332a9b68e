"""CLEVR as the LABCLIP paper uses it: rendered scenes of two to ten plain shapes in plain colours.

    clevr/output_{n}obj.csv     no header, one line per image: filename,object,attribute,object,attribute,...
    clevr/images_{n}obj/        the images of n objects each

The published set has 3 shapes and 8 colours; a reader's own renders may have others.
"""

import dataclasses
import itertools
import json
from pathlib import Path

import torch

from labclip_lib.base.csv_tables import as_csv
from labclip_lib.base.files import disk_errors, write_text
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.base.progress import track
from labclip_lib.base.text_files import trimmed
from labclip_lib.benchmarks.labelled_images import Item, from_items, key_of, lay_out
from labclip_lib.benchmarks.records import read_csv
from labclip_lib.benchmarks.toy_pictures import TOY, mark_toys, save_pictures, write_once
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
        save_pictures(scenes, _pictures(path, len(scenes)))
        write_text(path, _labels(path, scenes, scenes.color, scenes.shape))


def draw(root, world, objects=(2,), scenes=1000, size=64, seed=0, progress=True):
    """Write the same files with so many scenes of each number of objects in a world, `size` x `size` pixels.

    Two objects differ in colour and in shape; of more, colours and shapes repeat, as in CLEVR. The labels name the
    objects in the order of the world's shapes. After a stop, the same call goes on. The folder is marked as holding the
    book's scenes. Raises ValueError for numbers that cannot be, and where the folder holds other data or other scenes.
    """
    root, settings = Path(root), {"world": dataclasses.asdict(world), "scenes": scenes, "size": size, "seed": seed}
    settings = json.loads(json.dumps(settings))
    for name, least in (("scenes", 1), ("size", 1), ("seed", 0)):
        if settings[name] < least:
            raise ValueError(f"{name} must be {least} or more, got {settings[name]}.")
    if wrong := [n for n in objects if n not in range(2, 11)]:
        raise ValueError(f"objects must be between 2 and 10, as in CLEVR, got {wrong[0]}.")
    with disk_errors(root), one_at_a_time(root, "draw"):
        others = [path for path in root.iterdir() if not path.name.startswith(".")]
        if others and not (root / TOY).is_file():
            raise ValueError(f"{root} holds other data, such as {others[0].name}; choose another folder.")
        paths = {n: root / "clevr" / f"output_{n}obj.csv" for n in objects}
        for path in paths.values():
            kept = path.with_suffix(".json")
            if json.loads(kept.read_text()) != settings if kept.is_file() else path.is_file():
                raise ValueError(f"The scenes of {path} were drawn otherwise; choose another folder.")
        mark_toys(root)
        for n, path in paths.items():
            if not path.is_file():
                write_once(path.with_suffix(".json"), settings)
                drawn, pictures = world.sample(scenes, n, seed=[seed, n], distinct=n == 2), _pictures(path, scenes)
                missing = [row for row in range(scenes) if not pictures[row].is_file()]
                done = scenes - len(missing)
                with track(total=scenes, initial=done, desc=f"{n} objects", unit="picture", shows=progress) as bar:
                    for start in range(0, len(missing), 32):
                        rows = missing[start : start + 32]
                        save_pictures(drawn[rows], [pictures[row] for row in rows], size)
                        bar.update(len(rows))
                order = drawn.mention_order()
                write_text(path, _labels(path, drawn, drawn.color.gather(1, order), drawn.shape.gather(1, order)))


def _pictures(path, count):
    """The paths of the pictures that a file of labels is about."""
    folder = path.parent / path.stem.replace("output", "images")
    return [folder / f"{i:06d}.png" for i in range(count)]


def _labels(path, scenes, color, shape):
    """The text of a file of labels. color, shape: (N, K), in the order in which captions mention the objects."""
    rows, names = [], scenes.world
    for picture, colors, shapes in zip(_pictures(path, len(scenes)), color.tolist(), shape.tolist(), strict=True):
        pairs = [(names.shapes[s], names.colors[c]) for c, s in zip(colors, shapes, strict=True)]
        rows.append([picture.name, *itertools.chain.from_iterable(pairs)])
    return as_csv(rows)
