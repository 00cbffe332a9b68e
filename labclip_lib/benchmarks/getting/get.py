"""Getting data: say what and under which licence, ask, fetch, check, unpack; the same again goes on."""

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
    holds_files,
    is_other,
    is_there,
    kept,
    pictures_of,
    target_of,
)
from labclip_lib.benchmarks.getting.unpack import Refused, scratch, unpacked

_ARCHIVES = (".zip", ".tar.gz")


def get(name, root, yes=False, ask=input, out=print, source=None):
    """Fetch what is missing of some data. Returns whether all of it is there now, and as it was published.

    name: a key of BENCHMARKS. root: the folder of all data. yes: do not ask. ask: given a question, returns the
    answer. out: given a line, shows it. source: a file that was downloaded by hand, or a folder of such; archives in
    it are unpacked, files copied and folders linked, and it is left as it is.
    What is there already is left as it is, and nothing is deleted that this function did not write. Stopped at
    any moment, the same call goes on. Raises ValueError, ConnectionError or OSError, in one sentence.
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
    out(f"{name}: {benchmark.title}")
    for line in described(root, [part for part in benchmark.parts if part not in missing], missing, taken):
        out(line)
    out(f"  licence        {benchmark.licence}")
    if benchmark.limits:
        out(f"  limits         {benchmark.limits}")
    if to_do:
        _check_room(root, [part for part in to_do if part not in taken])
        if not (yes or _agreed(ask, root)):
            out("Nothing was changed.")
            return False
        with disk_errors(root), one_at_a_time(root, "get"):
            to_do = [part for part in to_do if not is_there(root, part)]  # another may have been at work
            for part in benchmark.parts:
                shutil.rmtree(scratch(target_of(root, part)), ignore_errors=True)
            _obtain_all(root, to_do, taken, out)
    left = [part.path for part in missing if not is_there(root, part)]
    if left:
        out(f"{len(left)} of {len(benchmark.parts)} parts are still missing; put them into {root} as above, or --from.")
    elif other := [part.path for part in benchmark.parts if is_other(root, part)]:
        out(f"{len(other)} of {len(benchmark.parts)} parts are not as published; move them away and run this again.")
        return False
    else:
        out(f"All of {name} is there.")
    return not left


def status(root):
    """For each benchmark what is there of its data, what is missing and how to get it, and its licence: lines."""
    root, lines = Path(root), []
    for name, benchmark in BENCHMARKS.items():
        there = [part for part in benchmark.parts if is_there(root, part)]
        missing = [part for part in benchmark.parts if part not in there]
        seen = f"{len(there)} of {len(benchmark.parts)} parts are there" if missing else "all is there"
        lines += [f"{name}: {seen} ({benchmark.title})", *described(root, there, missing, {})]
        if any(part.url for part in missing):
            lines.append(f"  get it with    python -m labclip_lib get {name} --data {root}")
        lines.append(f"  licence        {benchmark.licence}. {benchmark.limits}".rstrip())
    return lines


def _check_free_way(root, part, taken):
    """ValueError when something of the user's stands where a part would go."""
    target = target_of(root, part)
    if part.is_folder and target.is_dir():
        if os.listdir(target) and (part in taken or not part.pictures):
            lacks = part.sign or "files"
            raise ValueError(f"The folder {target} is there without {lacks}; complete it, or move it out of the way.")
    elif target.exists():
        kind = "file" if part.is_folder else "folder"
        raise ValueError(f"{target} is a {kind} where something else belongs; move it out of the way.")


def _check_room(root, parts):
    """OSError when the disk cannot hold these downloads and, beside the largest archive, what it unpacks to."""
    sizes = [(part.gigabytes or 0) * GB for part in parts]
    folder = next(path for path in (root.resolve(), *root.resolve().parents) if path.exists())
    need, free = (
        sum(sizes) - sum(begun(root, part) for part in parts) + max(sizes, default=0),
        shutil.disk_usage(folder).free,
    )
    if need > free:
        raise OSError(f"This needs about {need / GB:.0f} GB and {folder} has {free / GB:.1f} GB free; make room.")


def _agreed(ask, root):
    with contextlib.suppress(EOFError):  # nobody there to answer
        return ask(f"Go ahead, into {root}? [y/N] ").strip().lower() in ("y", "yes")
    return False


def _take_from(source, benchmark, root):
    """The missing parts that a source (a path or None) has: part -> path of its archive, file or folder."""
    if source is None:
        return {}
    source, taken, wanted = Path(source), {}, {}
    if not source.exists():
        raise ValueError(f"There is no {source}; --from names a download, or a folder of downloads.")
    for part in benchmark.parts:
        if not is_there(root, part):
            own = part.path.rstrip("/").rpartition("/")[2]
            names = [own, part.file, *(own + ending for ending in _ARCHIVES if part.is_folder)]
            wanted[names[-1]] = None
            places = [source] if source.name in names else [source / name for name in (part.path, *names)]
            found = [place.resolve() for place in places if _usable(part, place)]
            if found and found[0] != target_of(root, part):
                taken[part] = found[0]
    if wanted and not taken:
        raise ValueError(
            f"{source} has nothing that is missing; call it as what it is, such as {', '.join(list(wanted)[:4])}."
        )
    return taken


def _usable(part, place):
    """Whether a path holds a part: a folder, its archive, or a file."""
    if place.is_file():
        return not part.is_folder or place.name.endswith(_ARCHIVES)
    return part.is_folder and holds_files(place)


def _obtain_all(root, parts, taken, out):
    """Bring the parts, and tell at the end of those that could not be had."""
    failed = []
    for part in parts:
        if not is_there(root, part):  # it may have come out of another's archive
            try:
                _obtain(root, part, taken.get(part))
                out(f"{part.path} is there now.")
            except ValueError as error:
                failed.append(error)
    if len(failed) > 1:
        raise ValueError(f"{len(failed)} of {len(parts)} parts could not be had, the first because {failed[0]}")
    if failed:
        raise failed[0]


def _obtain(root, part, found):
    """Bring one part to where it belongs: from the path where a person has it, or from its address."""
    target = target_of(root, part)
    target.parent.mkdir(parents=True, exist_ok=True)
    if found and found.is_dir():
        if part.sign and not (found / part.sign).is_file():
            raise ValueError(f"{found} holds no {part.sign}; name another folder with --from.")
        if target.is_dir():
            target.rmdir()
        target.symlink_to(found, target_is_directory=True)
    elif part.pictures:
        _fetch_pictures(root, part, target)
    elif (found or Path(part.file)).name.endswith(_ARCHIVES):
        archive = found or kept(root, part, ".whole")
        if not archive.exists():
            _fetch(part, archive)
        try:
            _install(root, part, archive)
        except Refused:
            if not found:
                archive.unlink()
            raise
        if not found:
            archive.unlink()
    elif part.cut and (found is None or found.name == part.file):
        _cut(root, part, found)
    elif found:
        if part.sha256 and sha256(found) != part.sha256:
            raise ValueError(f"{found} has a wrong checksum; download it again.")
        _put(found, target)
    else:
        _fetch(part, target)


def _fetch(part, path):
    check_online(part.url, part.file)
    download(part.url, path, part.file, None if part.cut else part.sha256)  # what is cut is checked then


def _cut(root, part, found):
    """Make a part out of its download, from the path where a person has that or from its address."""
    whole = found or kept(root, part, ".whole")
    if not whole.exists():
        _fetch(part, whole)
    try:
        data = part.cut(whole.read_bytes())
    except (ValueError, LookupError, TypeError):  # not JSON, or not of this form
        data = b""
    right = hashlib.sha256(data).hexdigest() == part.sha256
    if right:
        write_bytes(target_of(root, part), data)
    if not found:
        whole.unlink()
    if not right:
        raise ValueError(f"{found or part.url} holds other data than was published; run the same again.")


def _fetch_pictures(root, part, folder):
    """The pictures that are missing, one by one; those that are gone are told at the end."""
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
    """Unpack an archive into this part, and into the parts of other benchmarks that come out of the same one."""
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
                        target.rmdir()  # an empty one; os.replace takes its place on some systems only
                    os.replace(inside, target)


def _put(file, target):
    """Copy a file, so that the target is whole whenever it is there."""
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, part)
    os.replace(part, target)
