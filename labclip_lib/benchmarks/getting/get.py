"""Get data: show what and under which licence, ask, fetch, check, unpack; the same call again resumes."""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

from labclip_lib.base.files import disk_errors, sha256, write_bytes
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.base.messages import did_you_mean
from labclip_lib.base.progress import track
from labclip_lib.benchmarks.getting.catalog import BENCHMARKS
from labclip_lib.benchmarks.getting.download import check_online, download
from labclip_lib.benchmarks.getting.inventory import (
    GB,
    begun,
    described,
    download_path,
    holds_files,
    is_other,
    is_there,
    pictures_of,
    target_of,
    total_size,
)
from labclip_lib.benchmarks.getting.unpack import Refused, scratch, unpacked

_ARCHIVES = (".zip", ".tar.gz")


def get(name, root, yes=False, ask=input, out=print, source=None):
    """Fetch the missing parts of some data. Returns whether all of it is present now, and as it was published.

    name: a key of BENCHMARKS. root: the folder of all data. yes: do not ask. ask: a function from a question to the
    answer. out: a function that shows a line. source: a file that was downloaded by hand, or a folder of such files;
    its archives are unpacked, its files copied and its folders linked, and it is not changed.
    Data that is present is not changed, and nothing is deleted that this function did not write. If it is stopped,
    the same call resumes. Raises ValueError, ConnectionError or OSError, in one sentence.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"There is nothing to get by the name {name!r}; {did_you_mean(name, BENCHMARKS)}")
    benchmark, root = BENCHMARKS[name], Path(root)
    if root.exists() and not root.is_dir():
        raise ValueError(f"{root} is a file; name the folder of all data.")
    taken = _take_from(source, benchmark, root)
    missing = [part for part in benchmark.parts if not is_there(root, part)]
    for part in missing:
        _check_free_way(root, part, taken)
    to_do = sorted((part for part in missing if part.url or part in taken), key=lambda part: part not in taken)
    out(f"{name}: {benchmark.title} ({total_size(benchmark)})")
    for line in described(root, [part for part in benchmark.parts if part not in missing], missing, taken):
        out(line)
    out(f"  licence        {benchmark.licence}")
    if benchmark.terms:
        out(f"  terms          {benchmark.terms}")
    if to_do:
        _check_room(root, [part for part in to_do if part not in taken])
        agreed = yes or _agreed(ask, root)
        if not agreed:
            nobody = " Nobody answered; --yes fetches without asking." if agreed is None else ""
            out(f"Nothing was changed.{nobody}")
            return False
        with disk_errors(root), one_at_a_time(root, "get"):
            to_do = [part for part in to_do if not is_there(root, part)]  # another process may have fetched some
            for part in benchmark.parts:
                shutil.rmtree(scratch(target_of(root, part)), ignore_errors=True)
            _obtain_all(root, to_do, taken, out)
    left = [part.path for part in missing if not is_there(root, part)]
    if left:
        rest = f"put them into {root} as above, or name them with --from"
        out(f"{len(left)} of {len(benchmark.parts)} parts are still missing; {rest}.")
    elif other := [part.path for part in benchmark.parts if is_other(root, part)]:
        out(f"{len(other)} of {len(benchmark.parts)} parts are not as published; move them away and run this again.")
        return False
    else:
        out(f"All of {name} is there.")
    return not left


def status(root):
    """A line of each benchmark: how many of its parts are there, how much there is to fetch, and its licence."""
    rows = [("name", "there", "size", "licence")]
    for name, benchmark in BENCHMARKS.items():
        present = sum(is_there(Path(root), part) for part in benchmark.parts)
        rows.append((name, f"{present} of {len(benchmark.parts)}", total_size(benchmark), benchmark.licence))
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    return ["".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _check_free_way(root, part, taken):
    """Raise ValueError when something of the user's is in the place of a part."""
    target = target_of(root, part)
    if part.is_folder and target.is_dir():
        if os.listdir(target) and (part in taken or not part.pictures):
            lacks = part.sign or "files"
            raise ValueError(f"The folder {target} is there without {lacks}; complete it, or move it out of the way.")
    elif target.exists():
        kind = "file" if part.is_folder else "folder"
        raise ValueError(f"{target} is a {kind} where something else belongs; move it out of the way.")


def _check_room(root, parts):
    """Raise OSError when the disk cannot hold these downloads and the unpacked content of the largest archive."""
    sizes = [(part.gigabytes or 0) * GB for part in parts]
    folder = next(path for path in (root.resolve(), *root.resolve().parents) if path.exists())
    need, free = (
        sum(sizes) - sum(begun(root, part) for part in parts) + max(sizes, default=0),
        shutil.disk_usage(folder).free,
    )
    if need > free:
        raise OSError(f"This needs about {need / GB:.0f} GB and {folder} has {free / GB:.1f} GB free; make room.")


def _agreed(ask, root):
    """Whether the user says yes; None where there is nobody to answer."""
    with contextlib.suppress(EOFError):
        return ask(f"Go ahead, into {root}? [y/N] ").strip().lower() in ("y", "yes")
    return None


def _take_from(source, benchmark, root):
    """{part: path of its archive, file or folder} of the missing parts that a source, a path or None, holds."""
    if source is None:
        return {}
    source, taken, wanted = Path(source), {}, {}
    if not source.exists():
        raise ValueError(f"There is no {source}; --from names a download, or a folder of downloads.")
    for part in benchmark.parts:
        if not is_there(root, part):
            name = part.path.rstrip("/").rpartition("/")[2]
            names = [name, part.file, *(name + ending for ending in _ARCHIVES if part.is_folder)]
            wanted[names[-1]] = None
            places = [source] if source.name in names else [source / name for name in (part.path, *names)]
            usable = [place.resolve() for place in places if _usable(part, place)]
            if usable and usable[0] != target_of(root, part):
                taken[part] = usable[0]
    if wanted and not taken:
        raise ValueError(
            f"{source} holds no missing part; give each its published name, such as {', '.join(list(wanted)[:4])}."
        )
    return taken


def _usable(part, place):
    """Whether a path holds a part: a folder, its archive, or a file."""
    if place.is_file():
        return not part.is_folder or place.name.endswith(_ARCHIVES)
    return part.is_folder and holds_files(place)


def _obtain_all(root, parts, taken, out):
    """Obtain the parts one by one; raise ValueError at the end if some could not be obtained."""
    failed = []
    for part in parts:
        if not is_there(root, part):  # it may have come with another part's archive
            try:
                _obtain(root, part, taken.get(part))
                out(f"{part.path} is there now.")
            except ValueError as error:
                failed.append(error)
    if len(failed) > 1:
        raise ValueError(f"{len(failed)} of {len(parts)} parts could not be obtained, the first because {failed[0]}")
    if failed:
        raise failed[0]


def _obtain(root, part, local):
    """Put one part in its place: from `local`, the path of the user's copy, or if that is None from its address."""
    target = target_of(root, part)
    target.parent.mkdir(parents=True, exist_ok=True)
    if local and local.is_dir():
        if part.sign and not (local / part.sign).is_file():
            raise ValueError(f"{local} holds no {part.sign}; name another folder with --from.")
        if target.is_dir():
            target.rmdir()
        target.symlink_to(local, target_is_directory=True)
    elif part.pictures:
        _fetch_pictures(root, part, target)
    elif (local or Path(part.file)).name.endswith(_ARCHIVES):
        archive = local or download_path(root, part, ".whole")
        if not archive.exists():
            _fetch(part, archive)
        try:
            _install(root, part, archive)
        except Refused:
            if not local:
                archive.unlink()
            raise
        if not local:
            archive.unlink()
    elif part.cut and (local is None or local.name == part.file):
        _cut(root, part, local)
    elif local:
        if part.sha256 and sha256(local) != part.sha256:
            raise ValueError(f"{local} has a wrong checksum; download it again.")
        _put(local, target)
    else:
        _fetch(part, target)


def _fetch(part, path):
    check_online(part.url, part.file)
    download(part.url, path, part.file, None if part.cut else part.sha256)  # a part that is cut is checked after that


def _cut(root, part, local):
    """Make a part from its download: `local`, the path of the user's copy, or if that is None from its address."""
    whole = local or download_path(root, part, ".whole")
    if not whole.exists():
        _fetch(part, whole)
    try:
        data = part.cut(whole.read_bytes())
    except (ValueError, LookupError, TypeError):  # not JSON, or not of this form
        data = b""
    matches = hashlib.sha256(data).hexdigest() == part.sha256
    if matches:
        write_bytes(target_of(root, part), data)
    if not local:
        whole.unlink()
    if not matches:
        raise ValueError(f"{local or part.url} holds other data than was published; run the same again.")


def _fetch_pictures(root, part, folder):
    """Download the missing pictures one by one; raise ValueError at the end if some could not be fetched."""
    check_online(part.url, part.file)
    folder.mkdir(exist_ok=True)
    gone = []
    for name in track(pictures_of(root, part), desc=part.path, unit="picture"):
        if not (folder / name).is_file():
            try:
                download(part.url + name, folder / name, name, shows=False)
            except ValueError as error:
                gone.append(str(error))
    if gone:
        raise ValueError(
            f"{len(gone)} of the pictures of {part.path} could not be fetched, the first because {gone[0]}"
        )


def _install(root, part, archive):
    """Unpack an archive into this part, and into the missing parts of other benchmarks that it also holds."""
    every = dict.fromkeys([part, *(other for benchmark in BENCHMARKS.values() for other in benchmark.parts)])
    with unpacked(archive, target_of(root, part)) as folder:
        for one in every:
            if one == part or (one.url == part.url and part.member and not is_there(root, one)):
                inside, target = folder / one.member, target_of(root, one)
                if not (inside / one.sign).exists():
                    raise Refused(f"{archive} holds no {one.member or one.sign}; its publisher has changed it.")
                if one.member:
                    _put(inside, target)
                else:
                    if target.is_dir():
                        target.rmdir()  # it is empty; os.replace can replace a folder on some systems only
                    os.replace(inside, target)


def _put(file, target):
    """Copy a file so that the target never exists in part."""
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, part)
    os.replace(part, target)
