"""Sources to embed: a folder of images, a file of captions, a table of pairs, or WebDataset tars."""

import dataclasses
import glob
import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from webdataset.shardlists import expand_urls

from labclip_lib.base.csv_tables import BREAK, check_filled, read_table
from labclip_lib.base.files import digest, sha256
from labclip_lib.base.folders import LeftOut, ending, files_below
from labclip_lib.base.messages import first_line
from labclip_lib.base.progress import track
from labclip_lib.base.text_files import is_blank, read_text
from labclip_lib.embeddings.feed import Shard, Texts
from labclip_lib.embeddings.tars import Tars, summarise
from labclip_lib.models.image_files import SUFFIXES, Picture, looks_like_a_picture

WANTED = "give a folder of images, a .txt file of captions, a .csv or .tsv file of pairs, or .tar files"
NO_TEXTS = Texts([])


@dataclasses.dataclass(frozen=True)
class Listed:
    """A source whose items are listed in advance, in shards of shard_size rows.

    kind: "folder", "captions", "pairs", or another word for what a caller lists. path: what to call it in errors.
    sha256: of the embedded contents only, so touching or copying a file does not change it. summary: one line about
    what was taken from a folder or table and what was left out.
    """

    kind: str
    path: str
    sha256: str
    shard_size: int
    images: tuple = ()
    texts: Texts = NO_TEXTS
    summary: str = ""

    def shards(self):
        """The number of shards of each table."""
        rows = {"images": len(self.images), "captions": len(self.texts.captions)}
        return {name: -(-n // self.shard_size) for name, n in rows.items() if n}

    def shard(self, k):
        rows = self._rows(k)
        texts = Texts(*(part and part[rows] for part in self.texts))
        return Shard(list(self.images[rows]), texts, self.path, rows.start)

    def steps(self):
        """[(table, shard)] in the order to embed them in."""
        # Captions first: they are quick, and a mistake in one of them surfaces before hours of images.
        return sorted((table, k) for table, n in self.shards().items() for k in range(n))

    def total(self, steps):
        """The number of embeddings of these steps."""
        each = 1 + len(self.texts.negatives[0]) if self.texts.negatives else 1
        return sum(
            len(self.images[self._rows(k)]) if table == "images" else each * len(self.texts.captions[self._rows(k)])
            for table, k in steps
        )

    def _rows(self, shard):
        return slice(shard * self.shard_size, (shard + 1) * self.shard_size)


def open_source(source, shard_size):
    """Find out what kind of source a path is, and list its items unless they lie in tars: Listed or Tars.

    source: a path, or a pattern of .tar files such as "data/{00000..00003}.tar". Raises ValueError, in one
    sentence, for what is missing or cannot be read.
    """
    if shard_size < 1:
        raise ValueError(f"shard_size must be 1 or more, got {shard_size}.")
    path = Path(source)
    if path.is_dir():
        return _folder(path, shard_size)
    if path.is_file() and path.suffix.lower() in READERS:
        return READERS[path.suffix.lower()](path, shard_size)
    if path.is_file():
        raise ValueError(f"Unknown file type {str(source)!r}; {WANTED}.")
    if not re.search(r"[{*?[]", str(source)):
        raise ValueError(f"There is no {str(source)!r}; {WANTED}.")
    try:
        named = expand_urls(str(source))
    except (ValueError, AssertionError) as error:
        raise ValueError(f"Cannot read the pattern {str(source)!r}: {first_line(error)}; {WANTED}.") from None
    matches = [file for name in named for file in (sorted(glob.glob(name)) if glob.has_magic(name) else [name])]
    if not matches:
        raise ValueError(f"No file fits the pattern {str(source)!r}; {WANTED}.")
    other = [name for name in matches if not name.lower().endswith(".tar")]
    if other:
        raise ValueError(f"The pattern {str(source)!r} matches {other[0]!r} too; a pattern is for .tar files alone.")
    return _tars(source, [Path(name) for name in matches], LeftOut())


def _folder(path, shard_size):
    left_out, images, tars = LeftOut(), {}, {}
    try:
        files = files_below(path, left_out)
    except OSError as error:
        raise ValueError(f"Cannot read the folder {error.filename!r} ({error.strerror}); mend or move it.") from None
    for name, file in files.items():
        kind = ending(name)
        if kind == ".tar":
            tars[name] = file
        elif kind in SUFFIXES or (not file.suffix and looks_like_a_picture(file)):
            images[name] = file
        else:
            left_out.add(kind, name)
    if bool(images) == bool(tars):
        seen = "both images and .tar files" if images else f"no {', '.join(SUFFIXES)} and no .tar file"
        also = f" (left out: {left_out})" if left_out else ""
        raise ValueError(f"The folder {str(path)!r} holds {seen}{also}; give one of images or one of .tar files.")
    if tars:
        return _tars(path, list(tars.values()), left_out)
    paths, kinds = list(map(str, images.values())), Counter(map(ending, images))
    summary = summarise(" and ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items())), left_out)
    pictures = tuple(map(Picture, paths))
    return Listed("folder", str(path), digest(*contents(paths)), shard_size, pictures, summary=summary)


def contents(paths):
    """The SHA-256 of each file's content, as hex, in order: identifies an input.

    Size and time would not do: a tar is padded to full blocks, and times are restored, or change in a copy. Hashing
    costs about a twentieth of decoding a photo. Raises ValueError, in one sentence, for a file that cannot be read.
    """
    try:
        with ThreadPoolExecutor(8) as pool:
            read = pool.map(sha256, paths)
            return list(track(read, desc="reading the files", total=len(paths), unit="", delay=5))
    except OSError as error:
        raise ValueError(f"Cannot read {str(error.filename)!r} ({error.strerror}); mend it or leave it out.") from None


def _captions(path, shard_size):
    lines = BREAK.split(read_text(path))
    lines = lines if lines[-1] else lines[:-1]
    for number, line in enumerate(lines, 1):
        if is_blank(line):
            raise ValueError(f"Line {number} of {path} is blank; write one caption per line.")
    if not lines:
        raise ValueError(f"{path} holds no caption; write one per line.")
    return Listed("captions", str(path), digest(*lines), shard_size, texts=Texts(lines))


def _pairs(path, shard_size):
    rows, columns = _rows(path)
    given = [name for name in columns if name.startswith("negative")]
    negatives = given if given == ["negative"] else [f"negative{k}" for k in range(1, len(given) + 1)]
    if sorted(given) != sorted(negatives):
        raise ValueError(
            f"{path} has the columns {', '.join(given)}; call it negative, or number them negative1, negative2."
        )
    images = {}
    for _, row in rows:
        images.setdefault(os.path.normpath(path.parent / row["image"]), len(images))
    missing = [image for image in images if not os.path.isfile(image)]
    if missing:
        raise ValueError(
            f"{len(missing)} of the {len(images)} images of {path} are missing, the first is {missing[0]!r}; "
            "their paths are read from the file's own folder."
        )
    texts = Texts(
        [row["caption"] for _, row in rows],
        [[row[name] for name in negatives] for _, row in rows] if negatives else None,
        [images[os.path.normpath(path.parent / row["image"])] for _, row in rows],
    )
    content = digest(repr(texts), *contents(list(images)))
    taken = ["image", "caption", *negatives]
    summary = summarise(f"the columns {', '.join(taken)}", ", ".join(name for name in columns if name not in taken))
    return Listed("pairs", str(path), content, shard_size, tuple(map(Picture, images)), texts, summary)


def _rows(path):
    """The rows of a table of pairs, each with its line number, and the names of its columns in order."""
    columns, rows = read_table(path, ("image", "caption"))
    if not rows:
        raise ValueError(f"{path} holds no pair; give one line per pair below the header.")
    wanted = [name for name in columns if name in ("image", "caption") or name.startswith("negative")]
    check_filled(rows, wanted, path)
    return rows, columns


def _tars(source, tars, left_out):
    missing = [tar for tar in tars if not tar.is_file()]
    if missing:
        raise ValueError(
            f"{len(missing)} of the {len(tars)} tars of {str(source)!r} are missing, the first is "
            f"{str(missing[0])!r}; fetch them or give another pattern."
        )
    return Tars(str(source), digest(*contents(tars)), tuple(map(str, tars)), left_out)


READERS = {
    ".txt": _captions, ".csv": _pairs, ".tsv": _pairs,
    ".tar": lambda path, shard_size: _tars(path, [path], LeftOut()),
}  # fmt: skip
