"""Fitting a LABCLIP by Adam: the authors' recipes, and a faster one."""

import dataclasses
import json
import math
import time
from pathlib import Path

import torch

from labclip_lib.alignment.checkpoint import digest, read_checkpoint, write_checkpoint
from labclip_lib.alignment.closed_form import fit_closed_form
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import Pairs, choice_outcomes, hold_out
from labclip_lib.base import devices
from labclip_lib.base.progress import track
from labclip_lib.models.chunked import chunked_info_nce

MODES = ("SB", "HNB")
STARTS = ("identity", "closed form")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a LABCLIP is fitted by Adam: all settings but the pairs and the seed.

    start: "identity", or "closed form", the map of `closed_form.fit_closed_form`. learning_rate: at the start; with
    cosine it falls to 0 along half a cosine, else it stays. logit_scale: exp(t) at the start; it is learned too.
    select: keep the epoch, the start among them, at which most validation images choose rightly; otherwise the
    last. patience: epochs without a better one before training ends early.
    """

    start: str = "closed form"
    learning_rate: float = 2e-4
    batch_size: int = 512
    epochs: int = 4
    logit_scale: float = 150.0
    cosine: bool = True
    select: bool = True
    patience: int = 2


# The authors' settings (Koishigarina et al., 2025): CLEVR, PUG, COCO. "default" gets there in fewer epochs.
RECIPES = {
    "default": Recipe(),
    "paper": Recipe("identity", 1e-2, 128, 50, 1.0, cosine=False, select=False),
    "paper-pug": Recipe("identity", 1e-2, 512, 50, 1.0, cosine=False, select=False),
    "paper-coco": Recipe("identity", 1e-3, 1024, 10, 1.0, cosine=False, select=False),
}


def fit_labclip(
    images, texts, negatives=None, *, image=None, text_ids=None, negative_ids=None, validation=None, mode="HNB", **how
):
    """Fit a LABCLIP to embeddings of a frozen CLIP; returns it, with `.history`, one dict per epoch, and `.epoch`.

    images, texts, negatives, image, text_ids, negative_ids: as in `pairs.Pairs`.
    mode: "HNB", images choose among all captions and negatives of their batch, or "SB", among the captions alone.
    validation: `Pairs` for choosing the epoch; left out, a tenth of the images is held out where the recipe needs some.
    how: recipe, side, rank, seed, epochs, checkpoint and more, as in `fit_pairs`.
    Raises ValueError, in one sentence, for what does not fit.

    >>> rows = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    >>> images = torch.nn.functional.normalize(rows, dim=-1)
    >>> texts = images.roll(1, dims=1)  # the same, in other directions
    >>> labclip = fit_labclip(images, texts, mode="SB")
    >>> bool((images * labclip(texts)).sum(1).mean() > 0.8)
    True
    """
    negatives = None if mode == "SB" else negatives
    return fit_pairs(Pairs(images, texts, negatives, image, text_ids, negative_ids), validation, mode=mode, **how)


def fit_pairs(
    train, validation=None, *, mode="HNB", recipe="default", side="text", rank=None, seed=0, chunk=None,
    precision="float32", checkpoint=None, progress=False, labclip=None, **changes,
):  # fmt: skip
    """Fit a LABCLIP to `Pairs`; returns it, with `.history`, one dict per epoch, and `.epoch`, the one that was kept.

    train: `Pairs`; the map is fitted on their device.
    validation: `Pairs` for choosing the epoch and the closed form's strength: each of their images must choose its
        caption among theirs, its own hard negatives (not in mode "SB"), and up to 20,000 captions of the training.
        Left out, the pairs of a tenth of the images are held out where the recipe needs some.
    mode: "HNB", images choose among all captions and negatives of their batch, or "SB", among the captions alone.
    recipe: a name out of RECIPES or a Recipe; changes: its fields to replace, such as epochs=10.
    side, rank: as in LABCLIP. chunk: as in `chunked_info_nce`. precision: "bfloat16" for the similarities.
    checkpoint: a file. It is written after each epoch, and a fit of the same pairs and settings goes on from there.
    labclip: a LABCLIP, or one of its subclasses, to fit in place of a new one; side and rank are then its own.
    With several processes, each does its share of every batch and holds the whole tables.
    Raises ValueError, in one sentence, for pairs, names or settings that do not fit; OSError where the checkpoint
    cannot be written.
    """
    recipe = _checked(train, mode, precision, recipe, changes)
    if mode == "SB":
        train, validation = train.without_negatives(), None if validation is None else validation.without_negatives()
    if validation is None and (recipe.select or recipe.start == "closed form"):
        train, validation = hold_out(train, seed)
    recipe = _batches_that_fit(recipe, len(train), "batch_size" in changes)
    settings = {
        "recipe": dataclasses.asdict(recipe), "mode": mode, "side": side, "rank": rank, "seed": seed,
        "precision": precision, "pairs": digest(train), "validation": validation and digest(validation),
    }  # fmt: skip
    device, rivals = train.texts.device, _sample_rivals(train, seed)
    if labclip is None:
        labclip = LABCLIP(train.texts.shape[1], side, rank)
    else:
        settings["labclip"] = repr(labclip)
    fit = _Fit(labclip.to(device), recipe, seed)
    if checkpoint is not None:
        Path(checkpoint).parent.mkdir(parents=True, exist_ok=True)
    state = read_checkpoint(checkpoint, settings)
    if state is None:
        started, strength = time.perf_counter(), None
        if recipe.start == "closed form":
            strength = _start(fit.labclip, train, validation, mode, side, rank, rivals)
        fit.seconds += time.perf_counter() - started
        fit.note(validation, rivals, loss=None, strength=strength)
    else:
        fit.load_state_dict(state)
    bar = track(total=recipe.epochs, initial=fit.epoch, desc=f"LABCLIP {mode}", unit="epoch",
                shows=progress and devices.rank() == 0)  # fmt: skip
    with bar:
        while fit.epoch < recipe.epochs and not fit.out_of_patience:
            started, total = time.perf_counter(), torch.zeros((), device=device)
            batches = torch.randperm(len(train), generator=fit.generator).to(device).split(recipe.batch_size)
            for step, rows in enumerate(batches):
                done = (fit.epoch + step / len(batches)) / recipe.epochs
                loss = batch_loss(fit.labclip, train, rows, mode, chunk, precision)
                total += descend(fit.adam, loss, learning_rate(recipe, done)) * len(rows)  # no waiting for the device
            fit.epoch, loss = fit.epoch + 1, float(total) / len(train)
            fit.seconds += time.perf_counter() - started
            if not math.isfinite(loss) or not all(bool(p.isfinite().all()) for p in fit.labclip.parameters()):
                raise ValueError(
                    f"The fit diverged in epoch {fit.epoch}, with a loss of {loss:g} and a matrix that is perhaps "
                    f"not finite; try a lower learning rate than {recipe.learning_rate:g}."
                )
            fit.note(validation, rivals, loss=loss)
            write_checkpoint(checkpoint, settings, fit.state_dict())
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}")
    return fit.result()


def learning_rate(recipe, done):
    """The learning rate when a share of all steps is done, in [0, 1]."""
    return recipe.learning_rate * ((1 + math.cos(math.pi * done)) / 2 if recipe.cosine else 1)


def batch_loss(labclip, pairs, rows, mode, chunk=None, precision="float32"):
    """The loss of the captions at (B,) rows; with several processes, the part of this one's rows."""
    first, end = devices.part(len(rows))
    local, align = rows[first:end], labclip.align_texts
    with torch.autocast(rows.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        images, texts = labclip.align_images(pairs.images[pairs.image[local]]), align(pairs.texts[local])
        negatives = align(pairs.negatives[local]) if mode == "HNB" else None
        return chunked_info_nce(images, texts, negatives, labclip.logit_scale, len(rows), chunk)


def descend(adam, loss, rate):
    """One step of Adam, on the sum of all processes' losses; returns it."""
    adam.zero_grad()
    loss.backward()
    for group in adam.param_groups:
        group["lr"] = rate
        for parameter in group["params"]:
            devices.all_sum(parameter.grad)
    adam.step()
    return devices.all_sum(loss.detach().clone())


def _start(labclip, train, validation, mode, side, rank, rivals):
    """Set a LABCLIP to the closed form; returns the chosen strength."""
    foils = "negatives" if mode == "HNB" else "random"
    closed_form, scores = fit_closed_form(train, validation, foils=foils, side=side, rank=rank, **rivals)
    weight = closed_form.linear.weight.detach()
    # The length of A is free. At that of the identity, a step of the same size turns it as far.
    # Not with a rank: after rescaling, it would no longer be the identity plus a matrix of that rank.
    labclip.set_matrix(weight if rank else weight / weight.norm() * math.sqrt(len(weight)))
    return max(scores, key=scores.get)


class _Fit:
    """The state of a fit: all that changes during it and goes into its checkpoint."""

    def __init__(self, labclip, recipe, seed):
        self.labclip, self.recipe = labclip, recipe
        with torch.no_grad():
            labclip.t.fill_(math.log(recipe.logit_scale))
        parameters = [p for p in labclip.parameters() if p.requires_grad]
        self.adam = torch.optim.Adam(parameters, lr=recipe.learning_rate, fused=True)
        self.generator = torch.Generator().manual_seed(seed)
        self.epoch, self.history, self.best, self.seconds = 0, [], None, 0.0

    def note(self, validation, rivals, **row):
        """Append the epoch to the history; remember the weights if validation improved, or always without select."""
        row = {"epoch": self.epoch} | row
        if validation is not None:
            row["validation"] = float(choice_outcomes(validation, self.labclip, **rivals).mean())
        row |= {"logit_scale": float(self.labclip.logit_scale.detach()), "seconds": self.seconds}
        self.history.append(row)
        if self.best is None or not self.recipe.select or row["validation"] > self.history[self.best[0]]["validation"]:
            state = {name: value.detach().clone() for name, value in self.labclip.state_dict().items()}
            self.best = self.epoch, state

    @property
    def out_of_patience(self):
        return self.recipe.select and self.epoch - self.best[0] >= self.recipe.patience

    def state_dict(self):
        return {
            "history": json.dumps(self.history), "epoch": self.epoch, "best": self.best,
            "labclip": self.labclip.state_dict(), "optimizer": self.adam.state_dict(),
            "generator": self.generator.get_state(), "seconds": self.seconds,
        }  # fmt: skip

    def load_state_dict(self, state):
        self.labclip.load_state_dict(state["labclip"])
        self.adam.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.epoch, self.best, self.seconds = state["epoch"], state["best"], state["seconds"]
        self.history = json.loads(state["history"])

    def result(self):
        self.labclip.load_state_dict(self.best[1])
        self.labclip.requires_grad_(False)
        self.labclip.history, self.labclip.epoch = self.history, self.best[0]
        return self.labclip


def _checked(train, mode, precision, recipe, changes):
    """The Recipe with its changes; ValueError for unknown names, impossible numbers and missing negatives."""
    if mode not in MODES:
        raise ValueError(f"mode must be 'SB' or 'HNB', got {mode!r}.")
    if mode == "HNB" and train.negatives is None:
        raise ValueError("mode 'HNB' needs negatives; pass some, or mode='SB'.")
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision must be 'float32' or 'bfloat16', got {precision!r}.")
    return named_recipe(recipe, changes)


def named_recipe(recipe, changes):
    """The Recipe of a name, or a Recipe itself, with changes to its fields; ValueError for what does not fit."""
    if not isinstance(recipe, Recipe):
        if recipe not in RECIPES:
            raise ValueError(f"There is no recipe {recipe!r}; choose from {', '.join(RECIPES)}.")
        recipe = RECIPES[recipe]
    recipe = dataclasses.replace(recipe, **changes)
    if recipe.start not in STARTS:
        raise ValueError(f"start must be 'identity' or 'closed form', got {recipe.start!r}.")
    if recipe.epochs < 0:
        raise ValueError(f"epochs must be 0 or more, got {recipe.epochs}.")
    if not recipe.learning_rate > 0:
        raise ValueError(f"learning_rate must be above 0, got {recipe.learning_rate}.")
    return recipe


def _batches_that_fit(recipe, n, asked_for):
    """The Recipe with batches of at most n captions; ValueError for a batch size that does not fit."""
    if not asked_for:
        recipe = dataclasses.replace(recipe, batch_size=max(2, min(recipe.batch_size, n)))
    if recipe.epochs and not 2 <= recipe.batch_size <= n:
        raise ValueError(f"batch_size must be between 2 and the {n:,} captions to train on, got {recipe.batch_size:,}.")
    return recipe


def _sample_rivals(train, seed, most=20_000):
    """Up to `most` captions, drawn at random, as the arguments of `choice_outcomes` that hold rivals."""
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:most].to(train.texts.device)
    return {"rivals": train.texts[order], "rival_ids": None if train.text_ids is None else train.text_ids[order]}
