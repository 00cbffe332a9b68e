"""COLA's multi-object task (Ray et al., 2023): two images and two captions, each of which fits one image.

Under the folder of all data: cola/COLA_multiobjects_matching_benchmark.json and cola/images/, which holds the
images under the last part of their addresses.
"""

from pathlib import Path

from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from labclip_lib.benchmarks.records import Record, check_records, picture, read_json, typed
from labclip_lib.benchmarks.toy_pictures import save_pictures, write_once
from labclip_lib.world.scenes import World

_NAME = "cola"
_FILE = "COLA_multiobjects_matching_benchmark.json"


def load(root):
    """COLA's 210 pairs as Records of one caption, one negative and the other image, whose caption the negative is.

    root: the folder of all data. An image is in up to fifteen pairs: pairs that share one, directly or through other
    pairs, are a cluster. Raises ValueError when the file or an image is missing or not as published.
    """
    return check_records(read(root), _NAME)


def read(root):
    """`load` without checking that the images exist."""
    path = Path(root) / _NAME / _FILE
    rows = []
    for number, row in enumerate(typed(read_json(path, _NAME), list, path, "the file")):
        where = f"item {number}"
        if len(typed(row, list, path, where)) != 4:
            raise ValueError(
                f"{path}: {where} holds {len(row)} values instead of two addresses, each with its caption; "
                "this is not the published format."
            )
        first, caption, second, negative = (typed(value, str, path, f"a value of {where}") for value in row)
        images = [picture(root, f"{_NAME}/images", url.rpartition("/")[2], path, where) for url in (first, second)]
        rows.append((*images, caption, negative))
    return [
        Record(str(number), image, (caption,), (negative,), "multi-object", cluster, other)
        for number, ((image, other, caption, negative), cluster) in enumerate(zip(rows, _clusters(rows), strict=True))
    ]


def _clusters(rows):
    """A label for each pair: the same for pairs whose images are connected."""
    place = {image: i for i, image in enumerate(dict.fromkeys(image for row in rows for image in row[:2]))}
    first, second = ([place[row[side]] for row in rows] for side in (0, 1))
    links = coo_array(([1] * len(rows), (first, second)), shape=(len(place), len(place)))
    component = connected_components(links, directed=False)[1]
    return [str(component[i]) for i in first]


def write_toy(root, n=200, seed=0):
    """Write a toy COLA: n scenes of the book's world, each with the twin whose colours are swapped.

    In words that PocketCLIP knows. Writes nothing where the file exists already, a real one included.
    """
    folder = Path(root) / _NAME
    if (folder / _FILE).exists():
        return
    scenes = World().sample(n, seed=seed)
    rows = [[], [], [], []]
    for side, part in enumerate((scenes, scenes.swapped())):
        names = [f"toy_{i}_{side}.jpg" for i in range(n)]
        save_pictures(part, [folder / "images" / name for name in names])
        rows[2 * side] = [f"https://example.org/images/{name}" for name in names]
        rows[2 * side + 1] = part.captions("random", seed)
    write_once(folder / _FILE, list(zip(*rows, strict=True)))
