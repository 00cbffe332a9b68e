"""What there is to embed: a folder of images, a file of captions, pairs of the two, or WebDataset tars."""

import csv
import dataclasses
import glob
import hashlib
import io
import os
import re
import tarfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError
from webdataset.shardlists import expand_urls
from webdataset.tariterators import group_by_keys

from labclip_lib.pocket import first_line

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
# Named, because Pillow would try all it knows: one of them starts Ghostscript. Many a .jpg of the web is a GIF.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
WANTED = "give a folder of images, a .txt file of captions, a .csv or .tsv file of pairs, or .tar files"


class Picture(NamedTuple):
    """Where the bytes of an image are: a file, or so many bytes of a tar, of the sample with this key.

    box: (left, upper, right, lower) in pixels, the part that is meant; left out, all of it.
    """

    path: str
    key: str = ""
    first: int = 0
    size: int = -1
    box: tuple = ()

    def __str__(self):
        return f"{self.path!r}" + (f", key {self.key!r}" if self.key else "")

    def read(self):
        """The image, RGB. ValueError, in one sentence, when it cannot be read."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.first)
                data = file.read(self.size)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                image = opened.convert("RGB")
            return image.crop(self.box) if self.box else image
        except UnidentifiedImageError:
            why = f"it is none of {', '.join(FORMATS)}"
        except Exception as error:  # for damaged files Pillow raises a dozen kinds
            why = first_line(error)
        raise ValueError(f"Cannot read an image from {self}: {why}; mend it or leave it out.")


class Texts(NamedTuple):
    """Rows of captions; negatives: a list of K a row, or None; image: the row of its image, or None."""

    captions: list
    negatives: list | None = None
    image: list | None = None


NO_TEXTS = Texts([])


@dataclasses.dataclass(frozen=True)
class Listed:
    """A source whose items are known in advance, in shards of so many rows.

    kind: "folder", "captions" or "pairs". sha256: of whatever tells this source from another.
    """

    kind: str
    path: str
    sha256: str
    shard_size: int
    images: tuple = ()
    texts: Texts = NO_TEXTS

    def shards(self):
        """How many there are of each table."""
        rows = {"images": len(self.images), "captions": len(self.texts.captions)}
        return {name: -(-n // self.shard_size) for name, n in rows.items() if n}

    def pictures(self, shard):
        return list(self.images[self._rows(shard)])

    def captions(self, shard):
        return Texts(*(part and part[self._rows(shard)] for part in self.texts))

    def total(self, table, shards):
        """How many embeddings those shards of a table hold; None where only reading would tell."""
        each = 1 + len(self.texts.negatives[0]) if table == "captions" and self.texts.negatives else 1
        rows = self.images if table == "images" else self.texts.captions
        return each * sum(len(rows[self._rows(shard)]) for shard in shards)

    def place(self, shard):
        """What a shard is of, for errors, and the number of its first row there."""
        return self.path, shard * self.shard_size

    def _rows(self, shard):
        return slice(shard * self.shard_size, (shard + 1) * self.shard_size)


@dataclasses.dataclass(frozen=True)
class Tars:
    """WebDataset tars, one a shard: samples of an image and a caption under one key."""

    path: str
    sha256: str
    tars: tuple
    kind: str = "tars"
    shard_size: None = None

    def shards(self):
        return {"images": len(self.tars), "captions": len(self.tars)}

    def pictures(self, shard):
        return [picture for picture, _ in _samples(self.tars[shard])]

    def captions(self, shard):
        return Texts([caption for _, caption in _samples(self.tars[shard])])

    def total(self, table, shards):
        return None

    def place(self, shard):
        return self.tars[shard], 0


def open_source(source, shard_size):
    """Find out what a source is, and what is in it as far as that is quick: Listed or Tars.

    source: a path, or a pattern of .tar files such as "data/{00000..00003}.tar". Raises ValueError, in one
    sentence, for what is missing or cannot be read.
    """
    path = Path(source)
    if path.is_dir():
        images = [file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()]
        tars = sorted(file for file in path.iterdir() if file.suffix.lower() == ".tar")
        if bool(images) == bool(tars):
            seen = "both images and .tar files" if images else f"no {', '.join(SUFFIXES)} and no .tar file"
            raise ValueError(f"The folder {str(source)!r} holds {seen}; give one of images or one of .tar files.")
        return _tars(source, tars) if tars else _folder(source, images, shard_size)
    if path.is_file() and path.suffix.lower() in READERS:
        return READERS[path.suffix.lower()](path, shard_size)
    if path.is_file():
        raise ValueError(f"Cannot tell what {str(source)!r} is from its ending; {WANTED}.")
    if not re.search(r"[{*?[]", str(source)):
        raise ValueError(f"There is no {str(source)!r}; {WANTED}.")
    try:
        named = expand_urls(str(source))
    except (ValueError, AssertionError) as error:
        raise ValueError(f"Cannot read the pattern {str(source)!r}: {first_line(error)}; {WANTED}.") from None
    found = [file for name in named for file in (sorted(glob.glob(name)) if glob.has_magic(name) else [name])]
    if not found:
        raise ValueError(f"No file fits the pattern {str(source)!r}; {WANTED}.")
    other = [name for name in found if not name.lower().endswith(".tar")]
    if other:
        raise ValueError(f"The pattern {str(source)!r} means {other[0]!r} too; a pattern is for .tar files alone.")
    return _tars(source, [Path(name) for name in found])


def _folder(source, images, shard_size):
    names = {image.relative_to(source).as_posix(): image for image in images}
    ordered = [(name, names[name]) for name in sorted(names)]
    digest = _digest((name, image.stat().st_size, image.stat().st_mtime_ns) for name, image in ordered)
    return Listed("folder", str(source), digest, shard_size, tuple(Picture(str(image)) for _, image in ordered))


def _captions(path, shard_size):
    text = _text(path)
    lines = text.removesuffix("\n").split("\n") if text else []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise ValueError(f"Line {number} of {path} is blank; write one caption a line.")
    if not lines:
        raise ValueError(f"{path} holds no caption; write one a line.")
    return Listed("captions", str(path), _digest([path.read_bytes()]), shard_size, texts=Texts(lines))


def _pairs(path, shard_size):
    rows, columns = _rows(path)
    found = [name for name in columns if name.startswith("negative")]
    negatives = found if found == ["negative"] else [f"negative{k}" for k in range(1, len(found) + 1)]
    if sorted(found) != sorted(negatives):
        raise ValueError(
            f"{path} has the columns {', '.join(found)}; call it negative, or number them negative1, negative2."
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
    sizes = ((image, os.path.getsize(image)) for image in images)
    return Listed(
        "pairs", str(path), _digest([path.read_bytes(), *sizes]), shard_size, tuple(map(Picture, images)), texts
    )


def _rows(path):
    """The rows of a table of pairs, each with its line number, and the names of its columns in order."""
    dialect = "excel-tab" if path.suffix.lower() == ".tsv" else "excel"
    try:
        reader = csv.DictReader(io.StringIO(_text(path), newline=""), dialect=dialect, strict=True)
        columns = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        seen = f"{first_line(error)} by line {reader.reader.line_num}"
        raise ValueError(f"Cannot read {path}: {seen}; look for a stray quote.") from None
    lacking = [name for name in ("image", "caption") if name not in columns]
    if lacking:
        raise ValueError(f"{path} has no column {lacking[0]!r}; its first line names {', '.join(columns) or 'none'}.")
    if not rows:
        raise ValueError(f"{path} holds no pair; give one line a pair below the header.")
    for number, row in rows:
        if None in row:
            raise ValueError(f"Line {number} of {path} has more fields than the header; put quotes around commas.")
        blank = [name for name in columns if name in ("image", "caption") or name.startswith("negative")]
        blank = [name for name in blank if not (row[name] or "").strip()]
        if blank:
            raise ValueError(f"Line {number} of {path} has no {blank[0]}; fill it in or drop the line.")
    return rows, columns


def _tars(source, tars):
    missing = [tar for tar in tars if not tar.is_file()]
    if missing:
        raise ValueError(
            f"{len(missing)} of the {len(tars)} tars of {str(source)!r} are missing, the first is "
            f"{str(missing[0])!r}; fetch them or give another pattern."
        )
    digest = _digest((tar.name, tar.stat().st_size) for tar in tars)
    return Tars(str(source), digest, tuple(map(str, tars)))


def _samples(path):
    """Every sample of a tar: [(Picture, caption)]. Members are located, never unpacked to disk or unpickled."""
    out, after = [], ""
    try:
        with tarfile.open(path, "r:") as tar:
            for sample in group_by_keys(_members(tar, path)):
                key = sample["__key__"]
                images = [sample[end] for end in ("jpg", "jpeg", "png", "webp") if end in sample]
                if len(images) != 1 or "txt" not in sample:
                    lacks = f"{len(images) or 'no'} image" if len(images) != 1 else "no caption (txt)"
                    raise ValueError(
                        f"The sample {key!r} of {path} has {lacks}; the files of a sample stand together in the "
                        "tar, one image and one .txt."
                    )
                caption = tar.extractfile(sample["txt"]).read().decode("utf-8").strip()
                if not caption:
                    raise ValueError(f"The sample {key!r} of {path} has a blank caption; write one or leave it out.")
                out.append((Picture(path, key, images[0].offset_data, images[0].size), caption))
                after = f" after the sample {key!r}"
    except tarfile.TarError as error:
        raise ValueError(f"{path} cannot be read as a plain tar{after} ({first_line(error)}); {FETCH}.") from None
    except UnicodeDecodeError:  # a kind of ValueError
        raise ValueError(
            f"The caption of the sample {key!r} of {path} is not UTF-8; mend it or leave it out."
        ) from None
    except ValueError as error:
        if "duplicate file name" not in str(error):  # then it is one of the sentences above
            raise
        name = error.args[0].partition(": duplicate")[0]
        raise ValueError(f"{path} holds {name!r} twice{after}; {FETCH}.") from None
    with open(path, "rb") as file:
        file.seek(-512, os.SEEK_END)
        if any(file.read()):  # tarfile takes an archive cut between two members, or within a header, for a whole one
            raise ValueError(f"{path} is cut short{after}; {FETCH}.")
    return out


def _members(tar, path):
    for member in tar:
        # By WebDataset's convention what lies in a folder such as __notes__ is no sample.
        if member.isfile() and not member.issparse() and not re.match(r"__[^/]*__($|/)", member.name):
            yield {"fname": member.name, "data": member, "__url__": path}


def _text(path):
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Cannot read {path}: byte {error.start} is not UTF-8; save it as UTF-8.") from None


def _digest(pieces):
    digest = hashlib.sha256()
    for piece in pieces:
        piece = piece if isinstance(piece, bytes) else repr(piece).encode()
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.hexdigest()


FETCH = "fetch or write it again"
READERS = {
    ".txt": _captions, ".csv": _pairs, ".tsv": _pairs,
    ".tar": lambda path, shard_size: _tars(path, [path]),
}  # fmt: skip
