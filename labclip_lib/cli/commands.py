"""What each verb of the command line does with its arguments; `__main__.py` says what they are."""

import json
import tempfile
from pathlib import Path

from labclip_lib.cli.doctor import doctor


def run_doctor(args):
    return 0 if doctor() else 1


def run_pretrain(args):
    # Imported late, so that `doctor` and --help still answer when something these need is missing.
    from labclip_lib.diagnosis.within import diagnose_within
    from labclip_lib.models.backbones import load_backbone
    from labclip_lib.models.pocket import verify_weights
    from labclip_lib.models.pretraining import Recipe, pretrain
    from labclip_lib.studies.acceptance import as_markdown, measure, pooled, summary
    from labclip_lib.studies.binding_share import turn_dial
    from labclip_lib.studies.missing_twins import take_twins_away
    from labclip_lib.world.captions import CaptionPolicy

    if args.dial or args.twins:
        given = [
            name for name in ("seed", "steps", "binding", "text_lr", "backbone") if getattr(args, name) is not None
        ]
        given += [name for name in ("report", "twins") if getattr(args, name) and (args.dial or name != "twins")]
        if given:
            this, name = "--dial" if args.dial else "--twins", given[0].replace("_", "-")
            raise ValueError(f"{this} has a recipe of its own, and takes no --{name}; leave it out.")
        print((turn_dial if args.dial else take_twins_away)(args.out, args.device))
        return 0
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
        backbones = [load_backbone(str(path), args.device) for path in paths]
        runs = [measure(backbone) for backbone in backbones]
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
        inside = [diagnose_within(backbone) for backbone in backbones]
        within = {name: pooled([run[name] for run in inside]) for name in inside[0]}
        recipes = [card["recipe"] for card in cards]
        _write(args.out / "pocket-report.json", {"recipes": recipes, "table": table, "within": within})
        return 0 if all(row["accepted"] for row in table.values()) else 1
    return 0


def run_probe(args):
    from labclip_lib.base.devices import pick_device
    from labclip_lib.embeddings.tables import load_tables
    from labclip_lib.models.backbones import load_backbone, random_init_encoder
    from labclip_lib.probing.reports import probe_backbone, probe_tables

    _look_ahead(args)
    if args.tables:
        return _report(args, probe_tables(load_tables(args.tables, (), args.attributes, pick_device(args.device))))
    backbone = load_backbone(args.backbone, args.device)
    # A checkpoint of one's own names no architecture to start anew from; it goes without that control.
    own = Path(args.backbone).suffix == ".safetensors"
    untrained = None if own else random_init_encoder(args.backbone, device=args.device)
    return _report(args, probe_backbone(backbone, untrained))


def run_diagnose(args):
    from labclip_lib.base.devices import pick_device
    from labclip_lib.diagnosis.cross_modal import diagnose, diagnose_tables
    from labclip_lib.embeddings.tables import TABLES, load_tables
    from labclip_lib.models.backbones import load_backbone

    _look_ahead(args)
    if args.tables:
        return _report(
            args, diagnose_tables(load_tables(args.tables, TABLES, args.attributes, pick_device(args.device)))
        )
    return _report(args, diagnose(load_backbone(args.backbone, args.device)))


def run_embed(args):
    from labclip_lib.base.devices import device_of_rank, ranks
    from labclip_lib.embeddings.shards import embed_source
    from labclip_lib.embeddings.sources import open_source
    from labclip_lib.models.backbones import load_backbone

    backbone = load_backbone(args.backbone, device_of_rank(args.device))
    source = open_source(args.source, args.shard_size)
    options = {name: getattr(args, name) for name in ("batch_size", "shard_size", "workers", "precision")}
    out = embed_source(backbone, source, args.out, **options)
    if ranks().rank == 0:
        manifest = json.loads((out / "manifest.json").read_text())
        rows, last = manifest["rows"], manifest["last_run"]
        tables = " and ".join(f"{rows[name]} {name}" for name in ("images", "captions") if name in rows)
        speed = last["embedded"] / max(last["seconds"], 0.001)
        print(f"{tables} in {out}; {last['embedded']} embedded now, in {last['seconds']:.1f} s ({speed:.0f} a second).")
        if source.told:
            print(source.told)
        if manifest["truncated"]:
            print(f"Captions longer than the model reads, of which it saw the beginning: {manifest['truncated']}.")
    return 0


def run_train(args):
    from labclip_lib.base.devices import device_of_rank, process_group

    if args.report:
        from labclip_lib.studies.comparison import compare

        plain = {"mode": "HNB", "recipe": "default", "side": "text", "seed": 0, "precision": "float32"}
        options = (*plain, "order", "epochs", "batch_size", "learning_rate", "rank", "chunk", "json")
        given = [name for name in options if getattr(args, name) != plain.get(name)]
        if given:
            raise ValueError(
                f"--report compares all methods, and takes no --{given[0].replace('_', '-')}; leave it out."
            )
        out = Path("runs/labclip") if args.out.suffix == ".safetensors" else args.out
        print(compare(args.report, out, args.device))
        return 0
    if args.out.suffix != ".safetensors":
        raise ValueError(f"--out is the file of the matrix and ends in .safetensors, got {str(args.out)!r}.")
    if args.embeddings and args.order:
        raise ValueError("--order is for the book's scenes; embeddings have the captions that they were made of.")
    for path in (args.out, args.json):
        _can_write(path)
    device = device_of_rank(args.device)
    with process_group(device) as here:
        return _fit(args, device, here)


def run_get(args):
    from labclip_lib.benchmarks.getting.fetch import get, status
    from labclip_lib.embeddings.real_clip import data_folder

    root = args.data or data_folder()
    if args.name is None:
        print("\n".join(status(root)))
        return 0
    return 0 if get(args.name, root, args.yes, source=args.source) else 1


def run_reproduce(args):
    import shlex
    import sys

    from labclip_lib.base.devices import ranks
    from labclip_lib.benchmarks.reproduce.report import as_markdown, write_report
    from labclip_lib.benchmarks.reproduce.study import Study, check_labclip, write_toys
    from labclip_lib.benchmarks.reproduce.tables import TABLES, check_names, reproduce
    from labclip_lib.embeddings.real_clip import data_folder
    from labclip_lib.models.backbones import load_backbone

    names = list(TABLES) if args.table == ["all"] else args.table
    check_names(names)
    if ranks().world > 1:
        raise ValueError(f"reproduce runs in one process, got {ranks().world}; start it without torchrun.")
    backbone = load_backbone(args.backbone, args.device)
    check_labclip(args.labclip, backbone)
    root, told = args.data, []
    if root is None and args.backbone == "pocket":
        root = args.out / "toys"
        write_toys(root)
    root = root or data_folder()
    how = {name: getattr(args, name) for name in ("batch_size", "workers", "precision")}
    study = Study(backbone, root, args.out, args.labclip, **how)
    if study.toy:
        told.append(
            "The data are the book's coloured shapes, written in the benchmarks' formats: they show that every step "
            "runs, and what PocketCLIP does. They are not the benchmarks, so no figure here repeats a paper's. The "
            "paper's recipe for COCO was made for half a million captions; on six thousand it takes few steps."
        )
    tables = reproduce(names, study)
    told += [
        f"Backbone: {backbone.name}.",
        f"Data: {root}.",
        f"Made by `{shlex.join(['python', '-m', 'labclip_lib', *sys.argv[1:]])}`.",
    ]
    heading = "The papers' tables, theirs beside ours"
    print(as_markdown(tables, heading, told))
    print(f"\nThe report with its figures: {write_report(tables, args.out, heading, told)}")
    return 0


def _fit(args, device, here):
    import torch.distributed as dist

    from labclip_lib.alignment.reports import train_on_scenes, train_on_tables
    from labclip_lib.embeddings.shards import load_shards
    from labclip_lib.measures.markdown import as_columns, as_rows
    from labclip_lib.models.backbones import load_backbone

    checkpoint = args.out.with_suffix(".checkpoint")
    how = {name: getattr(args, name) for name in ("mode", "recipe", "side", "rank", "seed", "chunk", "precision")}
    how |= {
        name: value for name in ("epochs", "batch_size", "learning_rate") if (value := getattr(args, name)) is not None
    }
    how |= {"checkpoint": checkpoint, "progress": True, "here": here}
    if args.embeddings:
        labclip, tables, told = train_on_tables(load_shards(args.embeddings, device=device), **how)
    else:
        backbone = load_backbone(args.backbone or "pocket", device)
        labclip, tables, told = train_on_scenes(backbone, args.order or "fixed", **how)
    if here.world > 1:
        dist.barrier()  # now every process has read the checkpoint, and it may go
    if here.rank == 0:
        labclip.save(args.out)
        checkpoint.unlink(missing_ok=True)
        print(as_columns(tables))
        print(f"\n{told} The matrix is in {args.out}.")
        if args.json:
            of = str(args.embeddings or args.backbone or "pocket")
            _write(args.json, {"of": of} | {name: as_rows(measures) for name, measures in tables.items()})
    return 0


def _can_write(path):
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def _look_ahead(args):
    """Find the mistakes that can be found before the work."""
    if args.attributes and not args.tables:
        raise ValueError("--attributes goes with --tables; the book's scenes have their own colours.")
    _can_write(args.json)


def _report(args, measures):
    from labclip_lib.measures.markdown import as_rows, as_table

    print(as_table(measures))
    if args.json:
        _write(args.json, {"of": str(args.tables or args.backbone), "table": as_rows(measures)})
    return 0


def _add_report(path, report):
    card = json.loads(path.read_text()) | {"report": report}
    _write(path, card)
    return card


def _write(path, content):
    from labclip_lib.base.files import write_atomically

    write_atomically(path, lambda part: Path(part).write_text(json.dumps(content, indent=2) + "\n"))
