"""A reader's own embeddings: a folder with tables of numbers and a CSV of labels.

    labels.csv       one line per scene: object1, attribute1, object2, attribute2, ... (words)
    images.npy       (N, D) image embeddings, row i for line i; or images.safetensors, one tensor of any name
    captions.npy     (N, D) embeddings of the true captions, the same way
    swapped.npy      (N, D) embeddings of the captions with the first two attributes exchanged; for `diagnose`

`probe` reads whichever of images and captions there is; `diagnose` needs all three.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from labclip_lib.base.csv_tables import as_table, check_filled, read_lines
from labclip_lib.base.messages import did_you_mean
from labclip_lib.base.text_files import trimmed
from labclip_lib.measures.lengths import even_lengths, look_over, unit

TABLES = ("images", "captions", "swapped")


@dataclasses.dataclass(frozen=True)
class Tables:
    """A folder's embeddings and labels.

    attribute, object: (N, K) label numbers into `attributes` and `objects` (names).
    embeddings: {"images" | "captions" | "swapped": (N, D) float32}, as in the files, with two exceptions. A table
    beyond the range of float32 is divided by its largest number, and a row a million times longer or shorter than the
    median row gets its length.
    """

    attributes: tuple
    objects: tuple
    attribute: torch.Tensor
    object: torch.Tensor
    embeddings: dict

    def unit(self, name):
        """(N, D) embeddings of unit length."""
        return unit(self.embeddings[name])


def load_tables(folder, needed=(), attributes=None, device="cpu"):
    """Read a folder of a reader's own embeddings: labels.csv, and images, captions, swapped as .npy or .safetensors.

    needed: names out of TABLES that must be present. attributes: the allowed attribute names; by default all that
    occur. Raises ValueError, in one sentence, for whatever is missing, damaged or inconsistent.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"There is no folder {str(folder)!r}; give one that holds labels.csv and embeddings.")
    words = _read_labels(folder / "labels.csv")
    embeddings = {}
    for name in TABLES:
        table = _read_table(folder, name)
        if table is not None:
            embeddings[name] = _look_over(table, name, len(words)).to(device)
    missing = [name for name in needed if name not in embeddings]
    if missing or not {"images", "captions"} & set(embeddings):
        what = missing[0] if missing else "images"
        raise ValueError(f"{folder} has no {what}.npy and no {what}.safetensors; put the (N, D) embeddings there.")
    widths = {name: table.shape[1] for name, table in embeddings.items()}
    if needed and len(set(widths.values())) > 1:
        seen = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise ValueError(f"The embeddings in {folder} differ in width ({seen}); they must come from one model.")
    attribute, names = _number(words[:, 1::2], "attribute", attributes)
    object, objects = _number(words[:, 0::2], "object", None)
    return Tables(names, objects, attribute.to(device), object.to(device), embeddings)


def _read_labels(path):
    """Read labels.csv as (N, 2K) words: object1, attribute1, object2, attribute2, ..."""
    if not path.is_file():
        raise ValueError(f"There is no {path}; write one with the columns object1, attribute1, object2, attribute2.")
    lines = read_lines(path)
    columns = as_table(lines[:1], path).columns
    numbers = [int(match[1]) for name in columns if (match := re.fullmatch(r"(?:object|attribute)(\d+)", name))]
    wanted = [f"{what}{k}" for k in range(1, max([2, *numbers]) + 1) for what in ("object", "attribute")]
    rows = as_table(lines, path, wanted).rows
    if not rows:
        raise ValueError(f"{path} holds no scene; give one line per scene below the header.")
    check_filled(rows, wanted, path)
    return np.array([[trimmed(row[name]) for name in wanted] for _, row in rows])


def _read_table(folder, name):
    array, tensors = folder / f"{name}.npy", folder / f"{name}.safetensors"
    try:
        if array.is_file():
            # np.load would open other types of file too, and its errors advise to unpickle them.
            with open(array, "rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        if tensors.is_file():
            named_tensors = load_file(tensors)
            if len(named_tensors) != 1:
                raise ValueError(f"it holds {len(named_tensors)} tensors, one is wanted")
            table = next(iter(named_tensors.values()))
            return (table.float() if table.is_floating_point() else table).numpy()
    except (ValueError, OSError, EOFError, MemoryError, SafetensorError) as error:
        path = array if array.is_file() else tensors
        why = str(error).partition("\n")[0].partition(". ")[0].rstrip(".") or type(error).__name__
        raise ValueError(f"Cannot read {path}: {why}.") from None
    return None


def _look_over(table, name, lines):
    """Check that an array has a row per line of labels, each with a direction, and return an (N, D) float32 tensor."""
    if table.ndim != 2 or not table.shape[1] or not np.issubdtype(table.dtype, np.floating):
        raise ValueError(f"{name} holds {table.dtype} of shape {table.shape}; (N, D) floats are wanted.")
    if len(table) != lines:
        raise ValueError(f"{name} has {len(table)} rows, but labels.csv has {lines} lines; one row per line is wanted.")
    dtype = {2: np.float16, 4: np.float32}.get(table.dtype.itemsize, np.float64)
    rows = torch.from_numpy(table.astype(dtype))
    look_over(rows, name)
    rows = even_lengths(rows)
    largest = float(rows.abs().max())
    return (rows if 1e-30 < largest < 1e30 else rows.double() / largest).float()


def _number(words, what, known):
    """Turn words into label numbers, and return the names too; ValueError for a word that is not in `known`."""
    names = sorted(set(words.flatten().tolist())) if known is None else list(known)
    unknown = sorted(set(words.flatten().tolist()) - set(names))
    if unknown:
        raise ValueError(f"labels.csv has the unknown {what} {unknown[0]!r}; {did_you_mean(unknown[0], names)}")
    place = {name: i for i, name in enumerate(names)}
    return torch.tensor([[place[word] for word in row] for row in words.tolist()]), tuple(names)
