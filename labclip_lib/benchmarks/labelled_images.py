"""Images of several objects with known attributes: what the benchmarks CLEVR and PUG have in common."""

import dataclasses
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

import numpy as np
import torch

from labclip_lib.benchmarks.records import Record, check_records
from labclip_lib.embeddings.tables import Tables
from labclip_lib.models.image_files import Picture
from labclip_lib.world.twins import pair_clusters


@dataclasses.dataclass(frozen=True)
class LabelledImages:
    """N images of K objects each; index it by a slice, a mask or a list of rows.

    attributes, objects: tuples of names. attribute, object: (N, K) int64 label numbers into them, in the order in
    which a caption mentions the objects. images: N `Picture`s. keys: N file names, relative to the
    benchmark's folder. groups: N names of the category that results are reported by.
    """

    name: str
    attributes: tuple
    objects: tuple
    attribute: torch.Tensor
    object: torch.Tensor
    images: tuple
    keys: tuple
    groups: tuple

    def __len__(self):
        return len(self.images)

    def __getitem__(self, rows):
        rows = torch.arange(len(self))[rows].reshape(-1)
        names = ("images", "keys", "groups")
        columns = {name: tuple(getattr(self, name)[row] for row in rows.tolist()) for name in names}
        return dataclasses.replace(self, attribute=self.attribute[rows], object=self.object[rows], **columns)

    def captions(self):
        """N str after the paper's template, "{attr1} {obj1} and {attr2} {obj2}" and so on for more objects."""
        return self._captions_with(self.attribute)

    def swapped(self):
        """The captions with the first two attributes exchanged."""
        return self._captions_with(self.attribute[:, [1, 0, *range(2, self.attribute.shape[1])]])

    def swappable(self):
        """(N,) mask: True where the swapped caption describes another scene, as the first two differ in both labels."""
        return (self.attribute[:, 0] != self.attribute[:, 1]) & (self.object[:, 0] != self.object[:, 1])

    def records(self):
        """A `records.Record` for each swappable image: its caption against the swapped one, clustered by twin pair.

        The others are left out, as the paper leaves out scenes of two equal colours.
        """
        cluster = pair_clusters(self.attribute, self.object)
        columns = (self.keys, self.images, self.captions(), self.swapped(), self.groups, cluster.tolist())
        return [
            Record(key, image, (caption,), (foil,), group, str(number))
            for key, image, caption, foil, group, number, ask in zip(*columns, self.swappable().tolist(), strict=True)
            if ask
        ]

    def tables(self, images, captions, swapped):
        """The Tables that `probe_tables` and `diagnose_tables` read, from three (N, D) tables of embeddings.

        `diagnose_tables` evaluates every row: for the paper's swap test give it data[data.swappable()].
        Raises ValueError when a table does not have one row per image.
        """
        embeddings = {"images": images, "captions": captions, "swapped": swapped}
        for name, table in embeddings.items():
            if table.ndim != 2 or len(table) != len(self):
                raise ValueError(
                    f"{name} has the shape {tuple(table.shape)}; give ({len(self)}, D), one row per image."
                )
        labels = self.attribute.to(images.device), self.object.to(images.device)
        return Tables(self.attributes, self.objects, *labels, embeddings)

    def _captions_with(self, attribute):
        return [
            " and ".join(f"{self.attributes[a]} {self.objects[o]}" for a, o in zip(*row, strict=True))
            for row in zip(attribute.tolist(), self.object.tolist(), strict=True)
        ]


class Item(NamedTuple):
    """One image as the file of labels has it: key, group, and K words each for attributes and objects."""

    key: str
    group: str
    attributes: list
    objects: list


def from_items(name, folder, items, of):
    """LabelledImages of a list of Items, their names sorted; ValueError when an image is missing or comes twice.

    folder: what the keys are relative to. of: the benchmark's name as in `check_records`.
    """
    images = tuple(Picture(str(Path(folder, item.key))) for item in items)
    check_records([Record(item.key, image, ()) for item, image in zip(items, images, strict=True)], of)
    attributes, attribute = np.unique([item.attributes for item in items], return_inverse=True)
    objects, object = np.unique([item.objects for item in items], return_inverse=True)
    shape = len(items), len(items[0].objects)
    labels = (torch.from_numpy(numbers.reshape(shape)) for numbers in (attribute, object))
    keys, groups = tuple(item.key for item in items), tuple(item.group for item in items)
    return LabelledImages(name, tuple(attributes.tolist()), tuple(objects.tolist()), *labels, images, keys, groups)


def key_of(*parts, where):
    """Join the parts of a file name with forward slashes; ValueError when it leads out of its folder.

    where: what holds the name, for the error message.
    """
    for part in map(PureWindowsPath, parts):  # which splits at both kinds of slash
        if part.anchor or ".." in part.parts:
            name = str(PurePosixPath(*parts))
            raise ValueError(f"{where} names the file {name!r}, which lies outside its folder; correct the name.")
    return str(PurePosixPath(*parts))


# Small versions, made from the book's world


def lay_out(world, color, shape, seed):
    """Scenes of given (N, K) colours and shapes, each in a random layout."""
    scenes = world.sample(len(color), color.shape[1], seed=seed, distinct=False)
    return dataclasses.replace(scenes, color=color, shape=shape)
