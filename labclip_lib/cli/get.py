"""`labclip get`: texts and benchmarks."""

from pathlib import Path

from labclip_lib.benchmarks.getting.catalog import BENCHMARKS
from labclip_lib.cli.parser import add_verb, as_typed


def add_to(verbs):
    parser = add_verb(
        verbs,
        "get",
        "get the book's texts or a benchmark's data, or say what is there; it asks before it fetches",
        "sugarcrepe --data DATA",
        run,
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="what to get, out of the names below (default: the list of all)"
    )
    names = "\n".join(f"  {name:<15}{benchmark.title}" for name, benchmark in BENCHMARKS.items())
    parser.epilog = f"names:\n{names}\n\n{parser.epilog}"
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="of all data (default: LABCLIP_DATA, or the cache folder)"
    )
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="PATH", help="a file fetched by hand, or a folder of such"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before fetching")


def run(args):
    from labclip_lib.base.published_files import data_folder
    from labclip_lib.benchmarks.getting.get import get, status

    root = args.data or data_folder()
    if args.name is None and (args.source or args.yes):
        raise ValueError(f"{'--from' if args.source else '--yes'} goes with a name; `get` alone lists them.")
    if args.name is None:
        print("\n".join(status(root)))
        more = as_typed("`python -m labclip_lib get NAME` says more of one, and asks before it fetches", args.data)
        print(f"\nData are in {root}. {more}.")
        return 0
    return 0 if get(args.name, root, args.yes, source=args.source) else 1
