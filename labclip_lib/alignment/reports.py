"""What the verb `train` reports, on the book's scenes or on a reader's own embeddings."""

import torch

from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.pairs import Pairs, examine_pairs, hold_out
from labclip_lib.alignment.scene_task import binding_task, examine, examine_groups, fit_task


def train_on_scenes(backbone, order="fixed", world=None, layouts=6, **how):
    """A LABCLIP for a backbone, on the book's scenes: (LABCLIP, {"CLIP" or "LABCLIP": measures}, a sentence)."""
    task = binding_task(backbone, world, layouts)
    labclip = fit_task(task, order, **how)
    tables = {
        name: examine(task, which, order) | examine_groups(task, which, order)
        for name, which in (("CLIP", None), ("LABCLIP", labclip))
    }
    summary = (
        f"{len(task.pairs('train', order)):,} captions in {order} order, of combinations that the test does not hold."
    )
    return labclip, tables, f"{summary} {_fit_summary(labclip)}"


def train_on_tables(tables, seed=0, **how):
    """`train_on_scenes` for embeddings from `shards.load_shards`; a tenth of the images validates, another tests."""
    train, validation, test, dropped = split_tables(tables, seed)
    labclip = fit_pairs(train, validation, seed=seed, **how)
    measures = {"CLIP": examine_pairs(test), "LABCLIP": examine_pairs(test, labclip)}
    summary = f"{dropped:,} captions that have themselves among their negatives were left out. " if dropped else ""
    summary += f"{len(train):,} captions to train on, {len(validation):,} to choose by, {len(test):,} to test on."
    return labclip, measures, f"{summary} {_fit_summary(labclip)}"


def split_tables(tables, seed=0):
    """Embeddings from `shards.load_shards` as `Pairs`: (train, validation, test, how many captions were left out).

    No image is in two of them. Captions that have themselves among their negatives are left out.
    Raises ValueError when images or captions are missing, or too few.
    """
    if tables.images is None or tables.captions is None:
        raise ValueError("LABCLIP needs images with captions; embed a .csv of pairs or WebDataset shards.")
    keep = torch.ones(len(tables.captions), dtype=torch.bool, device=tables.captions.device)
    if tables.negative_ids is not None:
        keep = (tables.negative_ids != tables.text_ids[:, None]).all(1)
    image = torch.arange(len(tables.images), device=keep.device) if tables.image is None else tables.image
    n = len(image[keep].unique())
    if n < 3:
        raise ValueError(f"LABCLIP needs 3 or more images with captions, to fit, to choose and to test, got {n}.")
    of_captions = (tables.captions, tables.negatives, image, tables.text_ids, tables.negative_ids)
    pairs = Pairs(tables.images, *(None if table is None else table[keep] for table in of_captions))
    rest, test = hold_out(pairs, seed=seed + 1)
    return *hold_out(rest, seed), test, int((~keep).sum())


def _fit_summary(labclip):
    return f"Fitted in {labclip.history[-1]['seconds']:.1f} s, kept after epoch {labclip.epoch}."
