"""`labclip probe`: what each side holds."""

from pathlib import Path

from labclip_lib.cli.output import HOW_LONG, add_json, announce, can_write, show
from labclip_lib.cli.parser import add_backbone, add_device, add_verb


def add_to(verbs):
    parser = add_verb(
        verbs,
        "probe",
        "which colour has which shape? Linear probes of image and caption embeddings, each side alone. It takes "
        f"{HOW_LONG}",
        "--backbone ViT-B-32-quickgelu/openai",
        run,
    )
    add_subject(parser, "images.npy and captions.npy, or one of the two")


def add_subject(parser, tables):
    """Options that say which embeddings to measure. tables: the files that --tables needs."""
    of = parser.add_mutually_exclusive_group()
    add_backbone(of, ", on the book's scenes")
    of.add_argument(
        "--tables",
        type=Path,
        metavar="FOLDER",
        help="your own embeddings and labels instead: a folder that holds labels.csv (the columns object1, attribute1, "
        f"object2, attribute2, one line per scene) and, row by row to match, {tables}",
    )
    parser.add_argument(
        "--attributes", nargs="+", metavar="WORD", help="with --tables: the attributes there may be, to catch typos"
    )
    add_json(parser)
    add_device(parser)


def look_ahead(args):
    """Raise for mistakes that can be found before the work."""
    if args.attributes and not args.tables:
        raise ValueError("--attributes goes with --tables; the book's scenes have their own colours.")
    can_write("--json", args.json)


def run(args):
    look_ahead(args)
    from labclip_lib.base.devices import pick_device
    from labclip_lib.embeddings.tables import load_tables
    from labclip_lib.models.backbones import load_backbone, random_init_encoder
    from labclip_lib.probing.reports import probe_backbone, probe_tables

    if args.tables:
        tables = load_tables(args.tables, (), args.attributes, pick_device(args.device))
        announce("Probing", args.tables, args.backbone)
        measures = probe_tables(tables)
    else:
        backbone = load_backbone(args.backbone, args.device)
        # The name of a local checkpoint gives no architecture for an untrained encoder; it goes without that control.
        is_checkpoint = Path(args.backbone).suffix == ".safetensors"
        untrained = None if is_checkpoint else random_init_encoder(args.backbone, device=args.device)
        announce("Probing", args.tables, args.backbone)
        measures = probe_backbone(backbone, untrained)
    show(measures, str(args.tables or args.backbone), args.json)
    return 0
