"""`labclip pretrain`: a PocketCLIP from nothing."""

from dataclasses import replace
from pathlib import Path

from labclip_lib.cli.parser import Renamed, add_device, add_verb


def add_to(verbs):
    parser = add_verb(
        verbs,
        "pretrain",
        "make a PocketCLIP from nothing. It takes half an hour for each seed, on one core. After a stop, the same "
        "command goes on",
        "--seed 3 --out runs",
        run,
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", default=Path("runs"), help="for RECIPE-SEED (default: runs)"
    )
    parser.add_argument("--seed", type=int, nargs="+", metavar="N", default=[0], help="one training each (default: 0)")
    add_recipe(parser)
    add_device(parser)
    for option, study in (("--report", "acceptance"), ("--dial", "dial"), ("--twins", "twins")):
        parser.add_argument(option, action=Renamed, now=f"study {study}")


def add_recipe(parser):
    """Options that choose a recipe and change it; None keeps the recipe's value."""
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="pocket, pocket-128 for pictures twice as wide, pocket-3d for the world of solid shapes, or "
        "pocket-relations (default: pocket)",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="optimiser steps (default: the recipe's)")
    parser.add_argument(
        "--binding", type=float, metavar="SHARE", help="share of two-object captions that bind (default: the recipe's)"
    )
    parser.add_argument(
        "--text-lr", type=float, metavar="RATE", help="learning rate of the text tower (default: the recipe's)"
    )


def run(args):
    for seed, path in train(args, args.seed):
        print(f"seed {seed}: {path}")
    return 0


def train(args, seeds):
    """Train one PocketCLIP per seed, skipping finished ones; yields (seed, path of the weights) after each."""
    from labclip_lib.base.locks import one_at_a_time
    from labclip_lib.models.pretraining import pretrain
    from labclip_lib.models.recipes import named_recipe

    recipe = named_recipe(args.recipe or "pocket")
    changes = {name: value for name in ("steps", "text_lr") if (value := getattr(args, name)) is not None}
    if args.binding is not None:
        changes["policy"] = replace(recipe.policy, binding=args.binding)
    for recipe in [replace(recipe, seed=seed, **changes) for seed in seeds]:  # a mistake is found before the first
        out = args.out / f"{recipe.name}-{recipe.seed}"
        with one_at_a_time(out, "pretrain"):
            path = pretrain(recipe, out, args.device)
        yield recipe.seed, path
