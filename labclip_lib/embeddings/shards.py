"""Embedding tables on disk, made shard by shard: interrupted work resumes, and another model's tables are refused.

    manifest.json               which model, which source, how many rows
    images-00000.safetensors    images (n, D)
    captions-00000.safetensors  captions (n, D), text_ids (n,); for pairs also image (n,) and, if there are any,
                                negatives (n, K, D) and negative_ids (n, K)

Which texts are the same is stored as numbers (`feed.text_ids`), never inferred from embeddings. A shard's metadata hold
what it was made from, and the SHA-256 of its tensors.
"""

import dataclasses
import hashlib
import json
import shlex
import time
from collections import Counter
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from labclip_lib.base.devices import pick_device, ranks
from labclip_lib.base.files import disk_errors, write_bytes
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.embeddings.feed import Feed, memory_errors
from labclip_lib.embeddings.sources import open_source

FORMAT = 2
IDS = ("text_ids", "negative_ids")
PRECISIONS = ("float32", "bfloat16")
SETTINGS = ("precision", "shard_size")


@dataclasses.dataclass(frozen=True)
class EmbeddedTables:
    """The result of `load_shards`: float32 tables of unit-length rows, each None where the source had no such data.

    images: (M, D). captions: (N, D). negatives: (N, K, D), of each caption. image: (N,) int64, the row in
    `images` of each caption's image; None too when row i goes with row i. manifest: the dict of manifest.json.
    text_ids (N,), negative_ids (N, K): int64, equal for equal texts, which have equal rows; None if unknown.
    """

    images: torch.Tensor | None
    captions: torch.Tensor | None
    negatives: torch.Tensor | None
    image: torch.Tensor | None
    manifest: dict
    text_ids: torch.Tensor | None = None
    negative_ids: torch.Tensor | None = None


def embed_source(backbone, path, out, *, shard_size=8192, **how):
    """Embed what lies at a path into the folder `out`, and return `out`; finished shards are not made again.

    path: a folder of images (in the order of their relative paths); a .txt file, one caption per line; a .csv or
        .tsv file with the columns image, caption and optionally negative, or negative1 to negativeK; WebDataset
        tars, each sample an image and a caption: one, a folder of them, or a pattern "data/{00000..00003}.tar".
    shard_size: rows per shard; each tar is one shard. how: as of `embed_shards`, which raises what this does.
    """
    return embed_shards(backbone, open_source(path, shard_size), out, **how)


def embed_shards(backbone, source, out, *, batch_size=256, workers=2, precision="float32", progress=True):
    """Embed the shards of a source into the folder `out`, and return its path; finished shards are not made again.

    source: the result of `open_source`, or a `Listed` of what a program has at hand.
    workers: processes that read images; 0: this one does.
    precision: "float32", or "bfloat16", which is faster on a graphics card. The tables are always float32.
    Under torchrun every process makes its share of the shards, and rank 0 waits for the others. Waits for another job
    in the same folder.
    Raises ValueError, in one sentence, for what cannot be read or embedded, and for a folder made with another model,
    source or settings; OSError when the disk is full.
    """
    for name, value, least in (("batch_size", batch_size, 1), ("workers", workers, 0)):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}.")
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}.")
    process, out = ranks(), Path(out)
    with one_at_a_time(out, "embed"):
        feed = Feed(backbone, source, batch_size, workers, precision, progress and process.rank == 0)
        with memory_errors(batch_size):
            _embed(feed, out, process)
    return out


def _embed(feed, out, process):
    started, source = time.perf_counter(), feed.source
    manifest = {
        "format": FORMAT, "model": feed.backbone.name, "fingerprint": feed.backbone.fingerprint,
        "dim": feed.backbone.dim, "precision": feed.precision, "shard_size": source.shard_size,
        "source": {"kind": source.kind, "path": source.path, "sha256": source.sha256}, "shards": source.shards(),
    }  # fmt: skip
    _prepare(out, manifest, process)
    paths = _paths(out, manifest)
    mine = [(table, k) for table, k in source.steps() if k % process.world == process.rank]
    existing = {path for files in paths.values() for path in files if path.exists()}
    counts = {paths[table][k]: _counts(paths[table][k], manifest) for table, k in mine}
    todo = [(table, k) for table, k in mine if counts[paths[table][k]] is None]
    for table, k, tensors, truncated in feed.embed(todo):
        _write(paths[table][k], tensors, truncated, manifest)
    if process.rank == 0:
        before = existing - {paths[table][k] for table, k in todo}
        counted = _count(paths, counts, before, manifest, process)
        counted["last_run"]["seconds"] = round(time.perf_counter() - started, 3)
        _save(out / "manifest.json", _json(manifest | counted))


def load_shards(folder, backbone=None, device="cpu"):
    """Read the tables that `embed_source` wrote, checking every shard: EmbeddedTables on the device.

    Raises ValueError, in one sentence, for a folder that is unfinished, damaged or, if a backbone is given, made by
    another model.
    """
    folder, device = Path(folder), pick_device(device)
    manifest = _read_manifest(folder)
    if manifest is None:
        raise ValueError(f"There is no {folder / 'manifest.json'}; give a folder that `embed` wrote.")
    if backbone is not None and backbone.fingerprint != manifest["fingerprint"]:
        made = _made_by(folder, manifest, backbone.name, backbone.fingerprint)
        raise ValueError(f"{made}; load that model, or embed with this one into another folder.")
    paths, command = _paths(folder, manifest), _command(folder, manifest)
    missing = [path for files in paths.values() for path in files if not path.exists()]
    if missing or "rows" not in manifest:
        n = sum(manifest["shards"].values())
        raise ValueError(f"{folder} is not finished, {len(missing)} of {n} shards are missing; run `{command}`.")
    tables = {}
    for files in paths.values():
        shards = []
        for path in files:
            shard = _read(path, manifest)
            if shard is None:
                raise ValueError(f"The shard {path} is damaged; `{command}` makes it anew.")
            shards.append(shard[0])
        for name in shards[0]:
            tables[name] = torch.cat([tensors[name] for tensors in shards])
    rows = {name: len(table) for name, table in tables.items() if name not in IDS}
    if rows != manifest["rows"]:
        raise ValueError(f"{folder} holds {rows} rows, its manifest says {manifest['rows']}; embed into a new folder.")
    _one_row_per_text(tables)
    tables = {name: table.to(device) for name, table in tables.items()}
    return EmbeddedTables(
        *map(tables.get, ("images", "captions", "negatives", "image")), manifest, *map(tables.get, IDS)
    )


def _one_row_per_text(tables):
    """In place, give a text that was embedded in several shards the row that it has in the first of them."""
    if "text_ids" not in tables:
        return
    texts = [tables[name].flatten(0, -2) for name in ("captions", "negatives") if name in tables]  # views
    ids = torch.cat([tables[name].flatten() for name in IDS if name in tables])
    # Positions number the rows of both tables, one table after the other.
    positions, n = torch.arange(len(ids)), len(texts[0])
    different, number = ids.unique(return_inverse=True)
    first = torch.full((len(different),), len(ids)).scatter_reduce_(0, number, positions, "amin")[number]
    for table, start in zip(texts, (0, n), strict=False):
        for source, begin in zip(texts, (0, n), strict=False):
            rows = positions[start : start + len(table)]
            comes = first[rows]
            rows = rows[(comes != rows) & (comes >= begin) & (comes < begin + len(source))]
            table[rows - start] = source[first[rows] - begin]


def _command(folder, manifest):
    """The command line that finishes a folder."""
    words = ["python", "-m", "labclip_lib", "embed", manifest["source"]["path"], "--out", str(folder)]
    words += ["--backbone", manifest["model"], "--precision", manifest["precision"]]
    words += ["--shard-size", str(manifest["shard_size"])] if manifest["shard_size"] else []
    return shlex.join(words)


# The folder


def _paths(folder, manifest):
    """The paths of the shards, by table."""
    return {
        table: [folder / f"{table}-{k:05d}.safetensors" for k in range(n)] for table, n in manifest["shards"].items()
    }


def _prepare(out, manifest, process):
    """Check that the folder belongs to this model, source and settings; delete the remains of interrupted writes."""
    old, other = _read_manifest(out), "choose another folder for this one"
    if old is not None and not any(path.exists() for files in _paths(out, old).values() for path in files):
        old = None  # that run ended before its first shard, and the source may have been corrected since
    if old is not None:
        if old["fingerprint"] != manifest["fingerprint"]:
            raise ValueError(f"{_made_by(out, old, manifest['model'], manifest['fingerprint'])}; {other}.")
        if _run(old | {name: manifest[name] for name in SETTINGS}) != _run(manifest):
            raise ValueError(
                f"{out} was embedded from another source than {manifest['source']['path']!r} is now "
                f"(from {old['source']['path']!r} as it was then); {other}."
            )
        for name in SETTINGS:
            if old[name] != manifest[name]:
                raise ValueError(f"{out} was embedded with {name} {old[name]}, not {manifest[name]}; {other}.")
    # Each process deletes only the remains of files that it writes itself; others may be writing already.
    written = {path.name for paths in _paths(out, manifest).values() for path in paths[process.rank :: process.world]}
    written |= {"manifest.json"} if process.rank == 0 else set()
    for left in out.glob(".*"):
        if left.name[1:].rpartition(".")[0] in written:
            left.unlink(missing_ok=True)
    if process.rank == 0 and old is None:
        _save(out / "manifest.json", _json(manifest))


def _run(manifest):
    """SHA-256 of the model, source and settings that a shard must have been made with to belong to this manifest."""
    source = {name: manifest["source"][name] for name in ("kind", "sha256")}
    settings = {name: manifest[name] for name in ("format", "fingerprint", *SETTINGS)}
    return hashlib.sha256(_json(settings | source)).hexdigest()


def _read_manifest(folder):
    """The dict of manifest.json, or None where there is none."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        _run(manifest), _paths(folder, manifest), manifest["source"]["path"], manifest["model"], manifest["dim"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"Cannot read {path}; delete it and run `embed` again, finished shards are kept.") from None
    if manifest["format"] != FORMAT:
        raise ValueError(f"{path} has format {manifest['format']}, not {FORMAT}; embed into another folder.")
    return manifest


def _made_by(folder, manifest, name, fingerprint):
    return (
        f"{folder} was embedded by {manifest['model']!r} (fingerprint {manifest['fingerprint'][:12]}), "
        f"not by {name!r} ({fingerprint[:12]})"
    )


def _read(path, manifest):
    """A shard of this manifest: (tensors, number of captions cut), or None if it is missing, damaged or another's."""
    try:
        with safe_open(path, "pt") as file:
            note = json.loads(file.metadata()["shard"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        tables = [table for name, table in tensors.items() if name != "image" and name not in IDS]
        known = {IDS[of == "negatives"]: tensors[of].shape[:-1] for of in ("captions", "negatives") if of in tensors}
        sound = (
            note == _note(path, tensors, note["truncated"], manifest)
            and all(table.shape[-1] == manifest["dim"] and bool(torch.isfinite(table).all()) for table in tables)
            and len({len(table) for table in tensors.values()}) == 1
            and known == {name: tensors[name].shape for name in IDS if name in tensors}
        )
    except (OSError, SafetensorError, ValueError, LookupError, TypeError):
        return None
    return (tensors, note["truncated"]) if sound else None


def _write(path, tensors, truncated, manifest):
    # One entry, because safetensors writes several in random order; not save_file, whose errors hide a full disk.
    note = {"shard": json.dumps(_note(path, tensors, truncated, manifest))}
    _save(path, safetensors.torch.save(tensors, note))


def _note(path, tensors, truncated, manifest):
    """A shard's metadata, with its file name, because a renamed shard is as wrong as a damaged one."""
    return {"name": path.name, "run": _run(manifest), "sha256": _sha256(tensors), "truncated": truncated}


def _sha256(tensors):
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _counts(path, manifest):
    """A shard's rows by table, its number of embeddings and its number of captions cut; or None, as `_read`."""
    if (shard := _read(path, manifest)) is None:
        return None
    tensors, truncated = shard
    rows = {name: len(tensor) for name, tensor in tensors.items() if name not in IDS}
    return rows, sum(tensors[name].shape[:-1].numel() for name in rows if name != "image"), truncated


def _count(paths, counts, before, manifest, process):
    """The manifest's final counts, once all shards are there; waits for those of other processes.

    counts: {path: `_counts`}, of shards that were read already. before: paths of shards that are older than this run.
    """
    rows, truncated, embedded = Counter(), 0, 0
    for files in paths.values():
        for k, path in enumerate(files):
            # What this process has just written is read back: that is the check of the disk.
            while (shard := counts.get(path) or _counts(path, manifest)) is None:
                if k % process.world == process.rank:
                    raise OSError(f"{path} was written and reads otherwise; check the disk and run the command again.")
                time.sleep(0.2)
            rows.update(shard[0])
            embedded += 0 if path in before else shard[1]
            truncated += shard[2]
    return {"rows": dict(rows), "truncated": truncated, "last_run": {"embedded": embedded}}


def _json(content):
    return (json.dumps(content, indent=2) + "\n").encode()


def _save(path, data):
    with disk_errors(path.parent):
        write_bytes(path, data)
