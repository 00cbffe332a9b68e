"""`labclip embed`: images and captions as a folder of tables."""

import json
from pathlib import Path

from labclip_lib.cli.parser import add_backbone, add_device, add_reading, add_verb


def add_to(verbs):
    parser = add_verb(
        verbs,
        "embed",
        "embed images, captions or pairs into a folder of tables; interrupted, the same command goes on",
        "pairs.csv --backbone ViT-B-32-quickgelu/openai --out tables",
        run,
    )
    parser.add_argument(
        "source",
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
    from labclip_lib.base.devices import device_of_rank, ranks
    from labclip_lib.embeddings.shards import embed_shards
    from labclip_lib.embeddings.sources import open_source
    from labclip_lib.models.backbones import load_backbone

    backbone = load_backbone(args.backbone, device_of_rank(args.device))
    source = open_source(args.source, args.shard_size)
    options = {name: getattr(args, name) for name in ("batch_size", "workers", "precision")}
    out = embed_shards(backbone, source, args.out, **options)
    if ranks().rank == 0:
        manifest = json.loads((out / "manifest.json").read_text())
        rows, last = manifest["rows"], manifest["last_run"]
        tables = " and ".join(f"{rows[name]} {name}" for name in ("images", "captions") if name in rows)
        speed = last["embedded"] / max(last["seconds"], 0.001)
        print(f"{tables} in {out}; {last['embedded']} embedded now, in {last['seconds']:.1f} s ({speed:.0f} a second).")
        if source.summary:
            print(source.summary)
        if manifest["truncated"]:
            print(f"Captions longer than the model reads, of which it saw the beginning: {manifest['truncated']}.")
    return 0
