"""`labclip embed`: images and captions as a folder of tables."""

import json
import operator
from pathlib import Path

from labclip_lib.cli.output import can_write
from labclip_lib.cli.parser import add_backbone, add_device, add_reading, add_verb


def add_to(verbs):
    parser = add_verb(
        verbs,
        "embed",
        "embed images, captions or pairs into a folder of tables. After a stop, the same command goes on",
        "pairs.csv --backbone ViT-B-32-quickgelu/openai --out tables",
        run,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder of images, a .txt of captions, a .csv or .tsv with the columns image, caption and, if you have "
        "any, negative, or WebDataset .tar files such as 'shards/{000..009}.tar'",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="for the tables")
    add_backbone(parser)
    add_reading(parser)
    parser.add_argument(
        "--shard-size",
        type=int,
        metavar="N",
        default=8192,
        help="rows per file; one file for each .tar (default: 8192)",
    )
    add_device(parser)


def run(args):
    can_write("--out", args.out / "manifest.json")

    from labclip_lib.base.devices import device_of_rank, ranks
    from labclip_lib.embeddings.shards import embed_shards
    from labclip_lib.embeddings.sources import open_source
    from labclip_lib.models.backbones import load_backbone

    backbone = load_backbone(args.backbone, device_of_rank(args.device))
    source = open_source(args.source, args.shard_size)
    options = {name: getattr(args, name) for name in ("batch_size", "workers", "precision")}
    new = not args.out.exists()
    try:
        out = embed_shards(backbone, source, args.out, **options)
    except ValueError:
        if new and args.out.is_dir() and not any(args.out.glob("*.safetensors")):
            (args.out / "manifest.json").unlink(missing_ok=True)  # of no shard
            args.out.rmdir()
        raise
    if ranks().rank == 0:
        manifest = json.loads((out / "manifest.json").read_text())
        rows, last = manifest["rows"], manifest["last_run"]
        counts = [f"{rows[name]} {name}" for name in ("images", "captions") if name in rows]
        negatives = source.texts.negatives if "negatives" in rows else ()
        if negatives:
            counts.append(f"{len(negatives) * len(negatives[0])} negatives")
        speed = last["embedded"] / max(last["seconds"], 0.001)
        took = f"{last['embedded']} embedded now, in {last['seconds']:.1f} s ({speed:.0f} a second)"
        print(f"{', '.join(counts)} in {out}; {took}.")
        if source.summary:
            print(source.summary)
        if manifest["truncated"]:
            print(f"Captions longer than the model reads, of which it saw the beginning: {manifest['truncated']}.")
        same = sum(map(operator.contains, negatives, source.texts.captions)) if negatives else 0
        if same:
            print(f"Captions that are among their own negatives, which `train` leaves out: {same}.")
    return 0
