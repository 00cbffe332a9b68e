"""`labclip study`: the long trainings whose results the book keeps."""

import json
from pathlib import Path

from labclip_lib.base.files import write_json
from labclip_lib.cli.output import announce
from labclip_lib.cli.parser import add_device, add_verb
from labclip_lib.cli.pretrain import add_recipe, train

SEEDS = (0, 1, 2)
HOW_LONG = "a minute for each PocketCLIP, on one core"
RECIPE = {"--recipe": "recipe", "--seed": "seed", "--steps": "steps", "--binding": "binding", "--text-lr": "text_lr"}


def add_to(verbs):
    parser = add_verb(
        verbs,
        "study",
        "make anew what the book keeps of long trainings. After a stop, the same command goes on",
        "dial --out runs/dial",
    )
    studies = parser.add_verbs("STUDY")

    accept = add_verb(
        studies,
        "acceptance",
        "train three PocketCLIPs and measure what one must show before it ships (an hour and a half)",
        "--backbone pocket",
        run_acceptance,
    )
    accept.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default=Path("runs"),
        help="for RECIPE-SEED and the table (default: runs)",
    )
    accept.add_argument("--seed", type=int, nargs="+", metavar="N", help="one training each (default: 0 1 2)")
    add_recipe(accept)
    accept.add_argument("--backbone", metavar="MODEL", help="measure this one, such as 'pocket', and train nothing")
    add_device(accept)

    for name, run, what in (
        ("dial", run_dial, "train and measure one for each share of binding captions and seed (an hour and a half)"),
        ("twins", run_twins, "train and measure some in worlds that lack twins (an hour and a half)"),
        (
            "image-space",
            run_other_captions,
            "take away what may make the image space bind, in short trainings (an hour and a half)",
        ),
        ("captions", run_other_captions, "turn what captions mention, in short trainings (two hours)"),
        ("comparison", run_comparison, "compare LABCLIP in all forms on three PocketCLIPs (three quarters of an hour)"),
        ("loudness", run_loudness, "turn and even the embeddings of three PocketCLIPs (three minutes)"),
    ):
        each = add_verb(studies, name, what, f"--out runs/{name}", run)
        each.set_defaults(study=name)
        if name in ("comparison", "loudness"):
            each.add_argument(
                "--runs",
                type=Path,
                metavar="FOLDER",
                default=Path("runs"),
                help="where `study acceptance` left its PocketCLIPs (default: runs)",
            )
        out = Path("runs", name)
        each.add_argument(
            "--out", type=Path, metavar="FOLDER", default=out, help=f"for trainings and table (default: {out})"
        )
        add_device(each)


def run_acceptance(args):
    from labclip_lib.diagnosis.within_modality import diagnose_within
    from labclip_lib.models.backbones import load_backbone
    from labclip_lib.studies.acceptance import as_markdown, measure, pooled, summary

    if args.backbone:
        given = [option for option, name in RECIPE.items() if getattr(args, name) is not None]
        if given:
            raise ValueError(f"--backbone trains nothing, and takes no {given[0]}; leave one of the two out.")
        return _measure_one(args)
    paths = []
    for seed, path in train(args, args.seed or SEEDS):
        paths.append(path)
        print(f"seed {seed}: {path}")
    backbones = [load_backbone(str(path), args.device) for path in paths]
    announce("Measuring", None, f"{len(backbones)} PocketCLIPs", HOW_LONG)
    runs = [measure(backbone) for backbone in backbones]
    table = summary(runs)
    cards = [_add_report(path, summary([run])) for path, run in zip(paths, runs, strict=True)]
    print(as_markdown(table))
    times = [f"{card['seconds'] / 60:.1f} min on {card['device']} ({card['threads']} threads)" for card in cards]
    print(f"\nPretraining time, seed by seed: {', '.join(times)}.")
    inside = [diagnose_within(backbone) for backbone in backbones]
    within = {name: pooled([run[name] for run in inside]) for name in inside[0]}
    recipes = [card["recipe"] for card in cards]
    write_json(args.out / f"{paths[0].stem}-report.json", {"recipes": recipes, "table": table, "within": within})
    return 0 if all(row["accepted"] for row in table.values()) else 1


def run_dial(args):
    from labclip_lib.studies.binding_share import train_binding_shares

    print(train_binding_shares(args.out, args.device))
    return 0


def run_twins(args):
    from labclip_lib.studies.missing_twins import train_without_twins

    print(train_without_twins(args.out, args.device))
    return 0


def run_other_captions(args):
    from labclip_lib.studies.other_captions import train_other_captions

    print(train_other_captions(args.study, args.out, args.device))
    return 0


def run_comparison(args):
    from labclip_lib.studies.comparison import compare

    print(compare(args.runs, args.out, args.device))
    return 0


def run_loudness(args):
    from labclip_lib.studies.loudness import weigh

    print(weigh(args.runs, args.out, args.device))
    return 0


def _measure_one(args):
    from labclip_lib.models.backbones import load_backbone
    from labclip_lib.models.pocket import WEIGHTS, verify_weights
    from labclip_lib.models.recipes import RECIPES
    from labclip_lib.studies.acceptance import as_markdown, measure, summary

    backbone = load_backbone(args.backbone, args.device)
    announce("Measuring", None, args.backbone, HOW_LONG)
    table = summary([measure(backbone)])
    print(as_markdown(table))
    if args.backbone in RECIPES:
        shipped = verify_weights(WEIGHTS, args.backbone)["report"]
        worst = max(abs(table[metric]["mean"] - shipped[metric]["mean"]) for metric in table)
        print(f"\nLargest difference from the figures kept with the weights: {worst:.4f}")
    return 0


def _add_report(path, report):
    """Write a training's own row on the card beside its weights; returns the card."""
    card_path = path.with_name(f"{path.stem}-card.json")
    card = json.loads(card_path.read_text()) | {"report": report}
    write_json(card_path, card)
    return card
