"""The command line: `python -m labclip_lib <verb>`."""

import argparse
import sys
import traceback
from pathlib import Path

from labclip_lib.cli import commands


def main(argv=None):
    """Run one verb; returns the exit status. A user's mistake is one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m labclip_lib", description="The tools of the book.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("doctor", help="say what is installed and what is missing").set_defaults(run=commands.run_doctor)
    make = verbs.add_parser("pretrain", help="make a PocketCLIP from nothing, or report on one")
    make.add_argument("--out", type=Path, default=Path("runs"), help="folder for runs (default: runs)")
    make.add_argument(
        "--seed", type=int, nargs="+", default=None, help="seeds to train (default: 0; with --report 0 1 2)"
    )
    make.add_argument("--steps", type=int, help="optimiser steps, instead of the recipe's")
    make.add_argument("--binding", type=float, help="share of two-object captions that bind, instead of the recipe's")
    make.add_argument("--text-lr", type=float, help="learning rate of the text tower, instead of the recipe's")
    make.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    make.add_argument("--report", action="store_true", help="measure and print the acceptance table")
    make.add_argument("--dial", action="store_true", help="train and measure one for each share of binding captions")
    make.add_argument("--twins", action="store_true", help="train and measure some in worlds that lack twins")
    make.add_argument("--backbone", help="with --report: measure this one (such as 'pocket') and train nothing")
    make.set_defaults(run=commands.run_pretrain)
    embed = verbs.add_parser("embed", help="embed images, captions or pairs into a folder of tables")
    embed.add_argument("source", help="a folder of images, a .txt, .csv or .tsv file, or WebDataset .tar files")
    embed.add_argument("--out", type=Path, required=True, help="folder for the tables; the same again goes on")
    embed.add_argument("--backbone", default="pocket", help="'pocket', an open_clip pair or a checkpoint")
    embed.add_argument("--batch-size", type=int, default=256, help="images or captions at once (default: 256)")
    embed.add_argument("--shard-size", type=int, default=8192, help="rows a file (default: 8192; of tars, a file each)")
    embed.add_argument("--workers", type=int, default=2, help="processes that read images (default: 2)")
    embed.add_argument("--precision", default="float32", help="float32 or bfloat16")
    embed.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    embed.set_defaults(run=commands.run_embed)
    train = verbs.add_parser("train", help="fit a LABCLIP, and print CLIP beside it")
    on = train.add_mutually_exclusive_group()
    on.add_argument(
        "--backbone", help="'pocket' (the default), an open_clip pair or a checkpoint, on the book's scenes"
    )
    on.add_argument("--embeddings", type=Path, help="a folder that `embed` made of a source with captions")
    on.add_argument("--report", type=Path, metavar="RUNS", nargs="?", const=Path("runs"),
                    help="compare all methods on the PocketCLIPs that `pretrain --report` left there")  # fmt: skip
    train.add_argument("--out", type=Path, default=Path("labclip.safetensors"),
                       help="file for the matrix; of --report the folder (default: labclip.safetensors)")  # fmt: skip
    train.add_argument("--order", choices=("fixed", "random"), help="how captions of scenes name the objects (fixed)")
    train.add_argument("--mode", choices=("HNB", "SB"), default="HNB", help="with hard negatives, or without")
    train.add_argument("--recipe", default="default", help="default, paper, paper-pug or paper-coco")
    train.add_argument("--epochs", type=int, help="instead of the recipe's; 0 for the closed form alone")
    train.add_argument("--batch-size", type=int, help="instead of the recipe's")
    train.add_argument("--learning-rate", type=float, help="instead of the recipe's")
    train.add_argument("--side", choices=("text", "image"), default="text", help="whose embeddings the matrix maps")
    train.add_argument("--rank", type=int, help="rank of the change, at most; left out, any")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--chunk", type=int, help="rows of the similarity matrix held at a time, for large batches")
    train.add_argument("--precision", default="float32", help="float32 or bfloat16")
    train.add_argument("--json", type=Path, help="also write the tables to this file")
    train.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    train.set_defaults(run=commands.run_train)
    for verb, run, what in (
        ("probe", commands.run_probe, "which colour has which shape? probes of each side alone"),
        ("diagnose", commands.run_diagnose, "is that used? swap and replace accuracy, retrieval, margins"),
    ):
        ask = verbs.add_parser(verb, help=what)
        of = ask.add_mutually_exclusive_group()
        of.add_argument(
            "--backbone", default="pocket", help="'pocket', an open_clip pair or a checkpoint, on the book's scenes"
        )
        of.add_argument(
            "--tables",
            type=Path,
            help="a folder of your own embeddings and labels (see labclip_lib/embeddings/tables.py)",
        )
        ask.add_argument("--attributes", nargs="+", help="with --tables: the attributes there may be, to catch typos")
        ask.add_argument("--json", type=Path, help="also write the table to this file")
        ask.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
        ask.set_defaults(run=run)
    get = verbs.add_parser("get", help="get the book's texts or a benchmark's data, or say what is there")
    get.add_argument("name", nargs="?", help="texts, or which benchmark; left out, the list of all")
    get.add_argument("--data", type=Path, help="folder of all data (default: LABCLIP_DATA, or the cache folder)")
    get.add_argument("--from", dest="source", type=Path, help="a file fetched by hand, or a folder of such")
    get.add_argument("--yes", action="store_true", help="do not ask before fetching")
    get.set_defaults(run=commands.run_get)
    redo = verbs.add_parser("reproduce", help="the papers' tables, theirs beside yours")
    redo.add_argument("--table", nargs="+", default=["all"], help="probes, crossmodal, alignment, aro, sugarcrepe, "
                      "retrieval, further or all (default: all)")  # fmt: skip
    redo.add_argument("--backbone", default="pocket", help="'pocket', an open_clip pair or a checkpoint")
    redo.add_argument("--data", type=Path, help="folder of all data, see `get` (default: LABCLIP_DATA; of 'pocket', "
                      "the book's world in the benchmarks' formats)")  # fmt: skip
    redo.add_argument("--labclip", type=Path, help="a LABCLIP for real captions, instead of fitting some on COCO")
    redo.add_argument("--out", type=Path, default=Path("runs/reproduce"), help="folder for the report and all that "
                      "is kept for the next time (default: runs/reproduce)")  # fmt: skip
    redo.add_argument("--batch-size", type=int, default=256, help="images or captions at once (default: 256)")
    redo.add_argument("--workers", type=int, default=2, help="processes that read images (default: 2)")
    redo.add_argument("--precision", default="float32", help="float32 or bfloat16, of the towers")
    redo.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    redo.set_defaults(run=commands.run_reproduce)
    course = verbs.add_parser("course", help="make, release and grade the assignments of a course").add_subparsers(
        dest="step", required=True, metavar="step"
    )
    make = course.add_parser("new", help="make a course folder, with the book's assignments in it")
    make.add_argument("folder", type=Path)
    make.set_defaults(run=lambda args: _course("run_new", args))
    for step, what in (
        ("release", "write the students' notebook, and look for solutions in everything they get"),
        ("grade", "mark what was handed in and has changed since; stopped, the same again goes on"),
        ("report", "the gradebook, feedback for each student, marks as CSV, and an overview"),
    ):
        each = course.add_parser(step, help=what)
        each.add_argument("assignment", help="its name, such as 1-infonce")
        each.add_argument("--course", type=Path, default=Path("."), help="the course folder (default: this one)")
        if step == "grade":
            each.add_argument("--jobs", type=int, default=1, help="submissions at once (default: 1)")
            each.add_argument(
                "--seconds",
                type=float,
                default=300,
                help="for all cells of a submission (default: 300)",
            )
        each.set_defaults(run=lambda args, step=step: _course(f"run_{step}", args))
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on where it stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        broken = _cannot_be_loaded(error)
        if not broken and not isinstance(error, (ValueError, OSError)):
            raise
        print(f"{parser.prog} {args.verb}: {broken or error}", file=sys.stderr)
        return 2


def _cannot_be_loaded(error):
    """The sentence for a package that is missing, or breaks while it is loaded; "" for any other error."""
    if isinstance(error, ModuleNotFoundError):
        what = f"{error.name} is missing"
    else:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        loading = [frame.f_globals["__name__"] for frame in frames if frame.f_code.co_name == "<module>"]
        if isinstance(error, SyntaxError) and Path(error.filename or "").is_file():  # then no frame of its own is there
            loading.append(Path(error.filename).parent.name)
        if not loading or loading[-1].startswith("labclip_lib"):
            return ""
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        what = f"{loading[-1].partition('.')[0]} cannot be loaded ({first})"
    return f"{what}; `python -m labclip_lib doctor` says what to install."


def _course(name, args):
    from labclip_lib.cli import course as steps  # nbformat, which `doctor` does without

    return getattr(steps, name)(args)


if __name__ == "__main__":
    sys.exit(main())
