"""`labclip train`: a LABCLIP, and CLIP beside it."""

import functools
from pathlib import Path

from labclip_lib.cli.output import HOW_LONG, add_json, announce, can_write, write_table
from labclip_lib.cli.parser import Renamed, add_backbone, add_device, add_precision, add_verb


def add_to(verbs):
    parser = add_verb(
        verbs,
        "train",
        f"fit a LABCLIP, and print CLIP beside it. After a stop, the same command goes on. It takes {HOW_LONG}",
        "--embeddings tables --out labclip.safetensors",
        run,
    )
    on = parser.add_mutually_exclusive_group()
    add_backbone(on, ", on the book's scenes")
    on.add_argument(
        "--embeddings",
        type=Path,
        metavar="FOLDER",
        help="a folder that `embed` made of a source with captions, instead of scenes",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        default=Path("labclip.safetensors"),
        help="for the matrix (default: labclip.safetensors)",
    )
    parser.add_argument(
        "--order", choices=("fixed", "random"), help="how captions of scenes name the objects (default: fixed)"
    )
    parser.add_argument(
        "--mode", choices=("HNB", "SB"), default="HNB", help="with hard negatives, or without (default: HNB)"
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        default="default",
        help="default, or the authors' paper, paper-pug or paper-coco (default: default)",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="0 for the closed form alone (default: the recipe's)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="captions per step (default: the recipe's)")
    parser.add_argument("--learning-rate", type=float, metavar="RATE", help="at the start (default: the recipe's)")
    parser.add_argument(
        "--side", choices=("text", "image"), default="text", help="whose embeddings the matrix maps (default: text)"
    )
    parser.add_argument(
        "--rank", type=int, metavar="N", help="the highest rank of what the matrix changes (default: any)"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of batches and of what is held out (default: 0)"
    )
    parser.add_argument(
        "--chunk", type=int, metavar="N", help="rows of the similarity matrix in memory at a time (default: all)"
    )
    add_precision(parser, "the similarities")
    add_json(parser)
    add_device(parser)
    parser.add_argument("--report", action=Renamed, now="study comparison")


def run(args):
    if args.out.suffix != ".safetensors":
        raise ValueError(f"--out is the file of the matrix and ends in .safetensors, got {str(args.out)!r}.")
    if args.embeddings and args.order:
        raise ValueError("--order is for the book's scenes; embeddings have the captions that they were made of.")
    can_write("--out", args.out)
    can_write("--json", args.json)

    from labclip_lib.base.devices import device_of_rank, process_group
    from labclip_lib.base.locks import one_at_a_time

    device = device_of_rank(args.device)
    alone = one_at_a_time(args.out.parent, "train", f".{args.out.name}.lock")
    with alone, process_group(device) as process:
        return _fit(args, device, process)


def _fit(args, device, process):
    import torch.distributed as dist

    from labclip_lib.alignment.fit import named_recipe
    from labclip_lib.alignment.labclip import LABCLIP
    from labclip_lib.alignment.reports import train_on_scenes, train_on_tables
    from labclip_lib.embeddings.shards import load_shards
    from labclip_lib.measures.markdown import as_columns, as_rows
    from labclip_lib.models.backbones import load_backbone

    checkpoint = args.out.with_suffix(".checkpoint")
    how = {name: getattr(args, name) for name in ("mode", "recipe", "side", "rank", "seed", "chunk", "precision")}
    changes = ("epochs", "batch_size", "learning_rate")
    changes = {name: value for name in changes if (value := getattr(args, name)) is not None}
    named_recipe(args.recipe, changes)  # mistakes in it are found before the work
    how |= changes | {"checkpoint": checkpoint, "progress": True}
    if args.embeddings:
        fit = functools.partial(train_on_tables, load_shards(args.embeddings, device=device))
    else:
        backbone = load_backbone(args.backbone, device)
        LABCLIP(backbone.dim, args.side, args.rank)  # and a rank that does not fit
        fit = functools.partial(train_on_scenes, backbone, args.order or "fixed")
    if process.rank == 0:
        announce("Fitting a LABCLIP to", args.embeddings, args.backbone)
    labclip, tables, summary = fit(**how)
    if process.world > 1:
        dist.barrier()  # now every process has read the checkpoint, and it may go
    if process.rank == 0:
        labclip.save(args.out)
        checkpoint.unlink(missing_ok=True)
        print(as_columns(tables))
        print(f"\n{summary} The matrix is in {args.out}.")
        rows = {name: as_rows(measures) for name, measures in tables.items()}
        write_table(args.json, {"of": str(args.embeddings or args.backbone)} | rows)
    return 0
