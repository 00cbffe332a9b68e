"""The command line: `python -m labclip_lib <verb>`."""

import argparse
import json
import sys
from pathlib import Path

from labclip_lib.doctor import doctor
from labclip_lib.embed import write_atomically


def main(argv=None):
    """Run one verb; returns the exit status. A user's mistake is one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m labclip_lib", description="The tools of the book.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("doctor", help="say what is installed and what is missing").set_defaults(run=_doctor)
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
    make.add_argument("--backbone", help="with --report: measure this one (such as 'pocket') and train nothing")
    make.set_defaults(run=_pretrain)
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on where it stopped.", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"{parser.prog} {args.verb}: {error}", file=sys.stderr)
        return 2


def _doctor(args):
    return 0 if doctor() else 1


def _pretrain(args):
    # Imported late, so that `doctor` still answers when something these need is missing.
    from labclip_lib.acceptance import as_markdown, measure, summary
    from labclip_lib.backbones import load_backbone, verify_weights
    from labclip_lib.captions import CaptionPolicy
    from labclip_lib.pretrain import Recipe, pretrain

    if args.backbone:
        table = summary([measure(load_backbone(args.backbone, args.device))])
        print(as_markdown(table))
        if args.backbone == "pocket":
            kept = verify_weights()["report"]
            worst = max(abs(table[metric]["mean"] - kept[metric]["mean"]) for metric in table)
            print(f"\nLargest difference from the figures kept with the weights: {worst:.4f}")
        return 0
    changes = {name: value for name in ("steps", "text_lr") if (value := getattr(args, name)) is not None}
    if args.binding is not None:
        changes["policy"] = CaptionPolicy(binding=args.binding)
    paths = []
    for seed in args.seed or ([0, 1, 2] if args.report else [0]):
        paths.append(pretrain(Recipe(seed=seed, **changes), args.out / f"pocket-{seed}", args.device))
        print(f"seed {seed}: {paths[-1]}")
    if args.report:
        runs = [measure(load_backbone(str(path), args.device)) for path in paths]
        table = summary(runs)
        cards = [
            _add_report(path.with_name("pocket-card.json"), summary([run]))
            for path, run in zip(paths, runs, strict=True)
        ]
        print(as_markdown(table))
        times = ", ".join(
            f"{card['seconds'] / 60:.1f} min on {card['device']} ({card['threads']} threads)" for card in cards
        )
        print(f"\nPretraining time, seed by seed: {times}.")
        _write(args.out / "pocket-report.json", {"recipes": [card["recipe"] for card in cards], "table": table})
        return 0 if all(row["accepted"] for row in table.values()) else 1
    return 0


def _add_report(path, report):
    card = json.loads(path.read_text()) | {"report": report}
    _write(path, card)
    return card


def _write(path, content):
    write_atomically(path, lambda part: Path(part).write_text(json.dumps(content, indent=2) + "\n"))


if __name__ == "__main__":
    sys.exit(main())
