"""`labclip diagnose`: whether what an embedding holds is used."""

from labclip_lib.cli.output import HOW_LONG, announce, show
from labclip_lib.cli.parser import add_verb
from labclip_lib.cli.probe import add_subject, look_ahead


def add_to(verbs):
    parser = add_verb(
        verbs,
        "diagnose",
        "is the binding used? Swap and replace accuracy, retrieval and margins between images and captions. It takes "
        f"{HOW_LONG}",
        "--tables my-embeddings --json table.json",
        run,
    )
    add_subject(parser, "images.npy, captions.npy and swapped.npy (of the captions with colours exchanged)")


def run(args):
    look_ahead(args)
    from labclip_lib.base.devices import pick_device
    from labclip_lib.diagnosis.cross_modal import diagnose, diagnose_tables
    from labclip_lib.embeddings.tables import TABLES, load_tables
    from labclip_lib.models.backbones import load_backbone

    if args.tables:
        tables = load_tables(args.tables, TABLES, args.attributes, pick_device(args.device))
        announce("Testing", args.tables, args.backbone)
        measures = diagnose_tables(tables)
    else:
        backbone = load_backbone(args.backbone, args.device)
        announce("Testing", args.tables, args.backbone)
        measures = diagnose(backbone)
    show(measures, str(args.tables or args.backbone), args.json)
    return 0
