"""`labclip doctor`: what is installed, what is missing and how to get it.

It answers where nothing else is installed, so it imports at its top only what comes with Python.
"""

import importlib
import importlib.metadata
import platform
import re
import sys
from pathlib import Path

from labclip_lib.base.published_files import ADDRESSES, at_hand, data_folder
from labclip_lib.benchmarks.getting.catalog import BENCHMARKS
from labclip_lib.benchmarks.getting.inventory import is_there
from labclip_lib.cli.parser import add_verb, command

CLONE = Path(__file__).resolve().parents[2]


def add_to(verbs):
    add_verb(verbs, "doctor", "say what is installed, what is missing and how to get it", "", run)


def run(args):
    return 0 if doctor() else 1


def doctor():
    """Print the state of the installation; returns True when PocketCLIP can be used."""
    print(f"Python {platform.python_version()} on {platform.platform()}")
    sound = sys.version_info >= (3, 11)
    if not sound:
        print("  too old: Python 3.11 or newer is needed")
        return False
    try:
        groups = list(requirements())
    except importlib.metadata.PackageNotFoundError:
        print("what the library needs is not known here: run `pip install .` in a clone of the book")
        groups, sound = [], False
    for purpose, needed, lines in groups:
        states = {line: _state(line) for line in lines}
        for text, fits in states.values():
            print(text if fits else f"{text} for {purpose}")
        wanting = [repr(line) for line, (_, fits) in states.items() if not fits]
        if wanting:
            print(f"  for {purpose}: pip install {' '.join(wanting)}")
        sound = sound and not (wanting and needed)
    sound = all([sound, _print_finding(_device), _print_finding(_weights)])
    for line in (*_texts(), _benchmarks()):
        print(line)
    return sound


def requirements():
    """What the library needs, each of its extras, and the book: (purpose, whether PocketCLIP needs it, [str]).

    From pyproject.toml and requirements.txt where this is a clone of the book, else from the installed package.
    Raises PackageNotFoundError where it is neither.
    """
    project, book = CLONE / "pyproject.toml", CLONE / "requirements.txt"
    if project.is_file() and book.is_file():
        import tomllib

        project_table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        yield "the library", True, project_table["dependencies"]
        for extra, lines in project_table["optional-dependencies"].items():
            yield f"`{extra}`", False, lines
        lines = [line for line in book.read_text(encoding="utf-8").splitlines() if re.match(r"\w", line)]
        yield "building the book", False, lines
        return
    groups = {"": []}
    for line in importlib.metadata.requires("labclip_lib"):
        line, _, marker = line.partition(";")
        extra = re.search(r"extra == .([\w-]+)", marker)
        groups.setdefault(extra[1] if extra else "", []).append(line.strip())
    for extra, lines in groups.items():
        yield f"`{extra}`" if extra else "the library", not extra, lines


def _state(line):
    """A line about one requirement, such as "numpy>=2.0", and whether it is met."""
    name, wanted = re.fullmatch(r"([\w.-]+)(?:\[.*?\])?\s*(.*?)\s*", line).groups()
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"{name} is missing, needed", False
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:  # then versions cannot be compared
        return f"{name} {version}", True
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return f"{name} {version}", True
    return f"{name} {version} is installed, {wanted} is needed", False


def _print_finding(look):
    """Print what a look at the installation finds; a package that cannot be loaded may raise anything."""
    try:
        print(look())
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        print(f"{look.__doc__} cannot be used: {type(error).__name__}{first and ': '}{first}")
        return False
    return True


def _device():
    """torch"""
    import torch

    from labclip_lib.base.devices import pick_device

    device = pick_device()
    named = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    return f"device: {device} ({named})"


def _weights():
    """a PocketCLIP"""
    from labclip_lib.models.pocket import verify_weights
    from labclip_lib.models.recipes import RECIPES

    cards = {name: verify_weights(name=name) for name in RECIPES}
    return "\n".join(
        f"{name}'s weights: SHA-256 {card['sha256'][:12]}... as expected, seed {card['recipe']['seed']}"
        for name, card in cards.items()
    )


def _texts():
    """Lines about the texts of the book: how many are present, and which are not what was published."""
    present, damaged = 0, []
    for name in ADDRESSES:
        try:
            present += at_hand(name)
        except ValueError as error:
            damaged.append(str(error))
    seen = "all" if present == len(ADDRESSES) else f"{present} of" if present else "none of"
    rest = "" if present == len(ADDRESSES) else f"; fetch them with `{command()} get texts`"
    yield f"texts of the book: {seen} {len(ADDRESSES)} are in {data_folder()}{rest}"
    yield from damaged


def _benchmarks():
    """A line about the benchmarks' data: which are complete, which in part, and where."""
    whole, begun, root = [], [], data_folder()
    for name, benchmark in BENCHMARKS.items():
        present = [is_there(root, part) for part in benchmark.parts]
        if name != "texts" and any(present):
            (whole if all(present) else begun).append(name)
    part = f", {', '.join(begun)} in part" if begun else ""
    return f"benchmarks: {', '.join(whole) or 'none'} in {root}{part}; `{command()} get` lists all"
