"""WebDataset tars as a source: where the images and captions of their samples lie."""

import dataclasses
import os
import re
import tarfile

from webdataset.tariterators import group_by_keys

from labclip_lib.base.folders import LeftOut, ending, is_hidden
from labclip_lib.base.messages import first_line
from labclip_lib.base.text_files import decoded, is_blank
from labclip_lib.embeddings.feed import Shard, Texts
from labclip_lib.models.image_files import SUFFIXES, Picture

FETCH = "fetch or write it again"


@dataclasses.dataclass(frozen=True)
class Tars:
    """WebDataset tars, each one shard: samples of an image and a caption under one key.

    left_out: beside the tars. inside: {number of a tar that was read through: what was left out of it}.
    """

    path: str
    sha256: str
    tars: tuple
    left_out: LeftOut
    kind: str = "tars"
    shard_size: None = None
    inside: dict = dataclasses.field(default_factory=dict)

    @property
    def summary(self):
        """As in `Listed`; it reads through those tars that were not."""
        for k in set(range(len(self.tars))) - set(self.inside):
            self.shard(k)
        left_out = LeftOut()
        for part in (self.left_out, *map(self.inside.get, range(len(self.tars)))):
            for reason, (count, first) in part.items():
                left_out.add(reason, first, count)
        return summarise(f"{len(self.tars):,} .tar", left_out)

    def shards(self):
        return {"images": len(self.tars), "captions": len(self.tars)}

    def shard(self, k):
        """The shard of one tar; this reads through the tar."""
        self.inside[k] = LeftOut()
        samples = _samples(self.tars[k], self.inside[k])
        texts = Texts([caption for _, caption in samples])
        return Shard([picture for picture, _ in samples], texts, self.tars[k], 0)

    def steps(self):
        """As in `Listed`; the two tables of a tar follow each other, so that it is read through once."""
        return [(table, k) for k in range(len(self.tars)) for table in ("captions", "images")]

    def total(self, steps):
        """Unknown before the tars are read."""
        return None


def summarise(taken, left_out):
    """One line about what is taken from a source and what is left out."""
    return f"Taken: {taken}; left out: {left_out or 'nothing'}."


def _samples(path, left_out):
    """The samples of a tar: [(Picture, caption)]. Members are located, never unpacked to disk or unpickled.

    left_out: what is left out is added to it.
    """
    out, after = [], ""
    try:
        with tarfile.open(path, "r:") as tar:
            for sample in group_by_keys(_members(tar, path, left_out)):
                key = sample["__key__"]
                images = [sample[end[1:]] for end in SUFFIXES if end[1:] in sample]
                if len(images) != 1 or "txt" not in sample:
                    lacks = f"{len(images) or 'no'} image" if len(images) != 1 else "no caption (txt)"
                    raise ValueError(
                        f"The sample {key!r} of {path} has {lacks}; the files of a sample stand together in the "
                        "tar, one image and one .txt."
                    )
                text = tar.extractfile(sample["txt"]).read()
                caption = decoded(text, f"the caption of the sample {key!r} of {path}").strip()
                if is_blank(caption):
                    raise ValueError(f"The sample {key!r} of {path} has a blank caption; write one or leave it out.")
                out.append((Picture(path, key, images[0].offset_data, images[0].size), caption))
                after = f" after the sample {key!r}"
    except tarfile.TarError as error:
        raise ValueError(f"{path} cannot be read as a plain tar{after} ({first_line(error)}); {FETCH}.") from None
    except ValueError as error:
        if "duplicate file name" not in str(error):  # then it is one of the sentences above
            raise
        name = error.args[0].partition(": duplicate")[0]
        raise ValueError(f"{path} holds {name!r} twice{after}; {FETCH}.") from None
    with open(path, "rb") as file:
        file.seek(-512, os.SEEK_END)
        if any(file.read()):  # tarfile accepts an archive cut between two members or within a header
            raise ValueError(f"{path} is cut short{after}; {FETCH}.")
    return out


def _members(tar, path, left_out):
    """The files of a tar's samples, as WebDataset groups them; all other members are added to left_out."""
    for member in tar:
        # By WebDataset's convention files in a folder such as __notes__ are not samples.
        if is_hidden(member.name) or re.match(r"__[^/]*__($|/)", member.name):
            left_out.add("hidden", member.name)
        elif member.isdir():
            continue
        elif not member.isfile() or member.issparse():
            left_out.add("links or no files", member.name)
        else:
            kind = ending(member.name)
            if kind != ".txt" and kind not in SUFFIXES:
                left_out.add(kind, member.name)
            yield {"fname": member.name, "data": member, "__url__": path}
