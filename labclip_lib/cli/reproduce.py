"""`labclip reproduce`: the papers' tables."""

import shlex
import sys
from pathlib import Path

from labclip_lib.benchmarks.reproduce.names import CONTENTS, check_names
from labclip_lib.cli.output import can_write
from labclip_lib.cli.parser import add_backbone, add_device, add_reading, add_verb, as_typed, command

# Not of a paper, and of several PocketCLIPs, so each is made by itself.
OWN = {
    "limits": "the book's own: what chapter 7 keeps of its experiments on PocketCLIPs (two hours on two cores)",
    "inside": "what chapter 8 keeps of attention and parts; or that of one --backbone (an hour and a half on one core)",
}


def add_to(verbs):
    parser = add_verb(
        verbs,
        "reproduce",
        "print the papers' tables, theirs beside yours, and write a report. After a stop, the same command goes on",
        "--table sugarcrepe --backbone ViT-B-32-quickgelu/openai --data DATA",
        run,
    )
    parser.add_argument(
        "--table",
        nargs="+",
        metavar="NAME",
        default=["all"],
        help="names out of the list below, or all, which are those of the papers (default: all)",
    )
    tables = "\n".join(f"  {name:<12}{what}" for name, what in (CONTENTS | OWN).items())
    parser.epilog = f"tables:\n{tables}\n\n{parser.epilog}"
    parser.add_argument(
        "--runs",
        type=Path,
        metavar="FOLDER",
        default=Path("runs"),
        help="of limits and inside: where `study acceptance` left its PocketCLIPs (default: runs)",
    )
    add_backbone(parser)
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="of all data, see `get` (default: LABCLIP_DATA; of 'pocket', the book's world in the benchmarks' formats)",
    )
    parser.add_argument(
        "--labclip", type=Path, metavar="FILE", help="a LABCLIP for real captions, instead of fitting some on COCO"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default=Path("runs/reproduce"),
        help="for the report and all that is kept for the next time (default: runs/reproduce)",
    )
    add_reading(parser)
    add_device(parser)


def run(args):
    if own := [name for name in args.table if name in OWN]:
        return _run_own(own[0], args)
    names = list(CONTENTS) if args.table == ["all"] else args.table
    check_names(names)
    can_write("--out", args.out / "report.html")

    from labclip_lib.base.devices import ranks
    from labclip_lib.base.published_files import data_folder
    from labclip_lib.benchmarks.reproduce.report import as_markdown, write_report
    from labclip_lib.benchmarks.reproduce.study import Study, check_labclip, write_toys
    from labclip_lib.benchmarks.reproduce.tables import reproduce
    from labclip_lib.models.backbones import load_backbone

    if ranks().world > 1:
        raise ValueError(f"reproduce runs in one process, got {ranks().world}; start it without torchrun.")
    backbone = load_backbone(args.backbone, args.device)
    check_labclip(args.labclip, backbone)
    root, notes = args.data, []
    if root is None and args.backbone == "pocket":
        root = args.out / "toys"
        write_toys(root)
    root = root or data_folder()
    how = {name: getattr(args, name) for name in ("batch_size", "workers", "precision")}
    study = Study(backbone, root, args.out, args.labclip, **how)
    if study.toy:
        notes.append(
            "The data are the book's coloured shapes, written in the benchmarks' formats: they show that every step "
            "runs, and what PocketCLIP does. They are not the benchmarks, so no figure here repeats a paper's. The "
            "paper's recipe for COCO was made for half a million captions; on six thousand it takes few steps."
        )
    tables = [
        table._replace(note=as_typed(table.note, args.data), missing=as_typed(table.missing, args.data))
        for table in reproduce(names, study)
    ]
    notes += [f"Backbone: {backbone.name}.", f"Data: {root}.", f"Made by `{command()} {shlex.join(sys.argv[1:])}`."]
    heading = "The papers' tables, theirs beside ours"
    print(as_markdown(tables, heading, notes))
    print(f"\nThe report with its figures: {write_report(tables, args.out, heading, notes)}")
    return 0 if any(table.rows for table in tables) else 1


def _run_own(name, args):
    if args.table != [name]:
        others = " ".join(other for other in args.table if other != name)
        raise ValueError(f"--table {name} is made by itself, got {others} beside it; leave that out.")
    backbone = args.backbone if args.backbone != "pocket" else None
    given = [f"--{option}" for option in ("data", "labclip") if getattr(args, option) is not None]
    given += ["--backbone"] if backbone and name == "limits" else []
    if given:
        raise ValueError(f"--table {name} is about the PocketCLIPs in --runs, and takes no {given[0]}; leave it out.")
    from importlib import import_module

    from labclip_lib.limits.experiments import remake

    experiments = import_module(f"labclip_lib.{name}.experiments").EXPERIMENTS
    for path in remake(args.runs, args.out / name, args.device, experiments, backbone=backbone):
        print(path, flush=True)
    return 0
