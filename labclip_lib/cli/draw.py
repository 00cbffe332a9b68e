"""`labclip draw`: scenes of one of the book's worlds as files, in CLEVR's format."""

import shlex
from pathlib import Path

from labclip_lib.cli.parser import add_verb, command


def add_to(verbs):
    parser = add_verb(
        verbs,
        "draw",
        "draw scenes of one of the book's worlds as pictures and labels in CLEVR's format, for `reproduce`. After a "
        "stop, the same command goes on",
        "--recipe pocket-3d --objects 2 3 4 --scenes 1000 --out solids",
        run,
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        default="pocket",
        help="whose world: pocket, or pocket-3d for solid shapes (default: pocket)",
    )
    parser.add_argument(
        "--objects", type=int, nargs="+", metavar="N", default=[2], help="in a scene, 2 to 10 (default: 2)"
    )
    parser.add_argument(
        "--scenes", type=int, metavar="N", default=1000, help="for each number of objects (default: 1000)"
    )
    parser.add_argument("--size", type=int, metavar="N", default=64, help="pixels a side (default: 64)")
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="of the scenes (default: 0)")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", required=True, help="for the data; a new one, or one that this verb made"
    )


def run(args):
    from labclip_lib.benchmarks.formats.clevr import draw
    from labclip_lib.models.recipes import named_recipe

    draw(args.out, named_recipe(args.recipe).world, args.objects, args.scenes, args.size, args.seed)
    tables = f"{command()} reproduce --table probes --backbone {args.recipe} --data {shlex.quote(str(args.out))}"
    print(f"The scenes are in {args.out / 'clevr'}; `{tables}` reads them.")
    return 0
