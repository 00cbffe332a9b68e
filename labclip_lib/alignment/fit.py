"""Fitting a LABCLIP: the authors' recipes, and a faster one."""

import dataclasses
import hashlib
import io
import json
import math
import os
import time
from pathlib import Path

import torch
import torch.distributed as dist

from labclip_lib.alignment.closed_form import fit_closed_form, mean_over_ranks
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import Pairs, choice_outcomes
from labclip_lib.base.devices import ALONE
from labclip_lib.base.files import write_atomically
from labclip_lib.base.progress import track
from labclip_lib.models.losses import hard_negative_info_nce, info_nce

MODES = ("SB", "HNB")
STARTS = ("identity", "closed form")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a LABCLIP is fitted, by Adam; but for the pairs and the seed.

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


# The authors' settings (Koishigarina et al., 2025): CLEVR, PUG, COCO. "default" gets there sooner.
RECIPES = {
    "default": Recipe(),
    "paper": Recipe("identity", 1e-2, 128, 50, 1.0, cosine=False, select=False),
    "paper-pug": Recipe("identity", 1e-2, 512, 50, 1.0, cosine=False, select=False),
    "paper-coco": Recipe("identity", 1e-3, 1024, 10, 1.0, cosine=False, select=False),
}


def fit_labclip(
    images, texts, negatives=None, *, image=None, mode="HNB", recipe="default", validation=None, side="text",
    rank=None, seed=0, chunk=None, precision="float32", checkpoint=None, progress=False, here=ALONE, text_ids=None,
    negative_ids=None, **changes,
):  # fmt: skip
    """Fit a LABCLIP to embeddings of a frozen CLIP; returns it, with `.history`, one dict an epoch, and `.epoch`.

    images, texts, negatives, image, text_ids, negative_ids: as in `pairs.Pairs`; they stay on the device they are on,
        and so does the map.
    mode: "HNB", images choose among all captions and negatives of their batch, or "SB", among the captions alone.
    recipe: a name out of RECIPES or a Recipe; changes: fields of it to replace, such as epochs=10.
    validation: `Pairs` for choosing the epoch and the closed form's strength: each of their images must choose its
        caption among theirs, its own hard negatives (not in mode "SB"), and up to 20,000 captions of the training.
        Left out, the pairs of a tenth of the images are held out where the recipe needs some.
    side, rank: as in LABCLIP. chunk: as in `losses.info_nce`. precision: "bfloat16" for the similarities.
    checkpoint: a file. It is written after each epoch, and a fit of the same pairs and settings goes on from there.
    here: with several processes, each does its share of every batch and holds the whole tables.
    Raises ValueError, in one sentence, for pairs, names or settings that do not fit; OSError where the checkpoint
    cannot be written.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be 'SB' or 'HNB', got {mode!r}.")
    if mode == "HNB" and negatives is None:
        raise ValueError("mode 'HNB' needs negatives; pass some, or mode='SB'.")
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision must be 'float32' or 'bfloat16', got {precision!r}.")
    recipe = dataclasses.replace(_named(recipe), **changes)
    if recipe.start not in STARTS:
        raise ValueError(f"start must be 'identity' or 'closed form', got {recipe.start!r}.")
    train = Pairs(images, texts, negatives if mode == "HNB" else None, image, text_ids, negative_ids)
    if validation is None and (recipe.select or recipe.start == "closed form"):
        train, validation = hold_out(train, seed)
    if validation is not None and mode == "SB":
        validation = dataclasses.replace(validation, negatives=None)
    if recipe.epochs < 0:
        raise ValueError(f"epochs must be 0 or more, got {recipe.epochs}.")
    if "batch_size" not in changes:  # of fewer captions than the recipe was made for, a batch is all of them
        recipe = dataclasses.replace(recipe, batch_size=max(2, min(recipe.batch_size, len(train))))
    if recipe.epochs and not 2 <= recipe.batch_size <= len(train):
        raise ValueError(
            f"batch_size must be between 2 and the {len(train):,} captions to train on, got {recipe.batch_size:,}."
        )
    if checkpoint is not None:
        Path(checkpoint).parent.mkdir(parents=True, exist_ok=True)
    fit = _Fit(train, validation, mode, recipe, side, rank, seed, chunk, precision, here)
    fit.resume(checkpoint)
    bar = track(total=recipe.epochs, initial=fit.epoch, desc=f"LABCLIP {mode}", unit="epoch",
               shows=progress and here.rank == 0)  # fmt: skip
    with bar:
        while fit.epoch < recipe.epochs and not fit.tired:
            fit.run_epoch()
            fit.keep(checkpoint)
            bar.update()
            bar.set_postfix(loss=f"{fit.history[-1]['loss']:.3f}")
    return fit.result()


def hold_out(pairs, seed=0, share=0.1):
    """Pairs with all captions of a random share of the images held out: (kept, held out)."""
    used = pairs.image.unique().cpu()  # an image without a caption would leave nothing to choose by
    n = len(used)
    if n < 2:
        raise ValueError("One image cannot be split into training and validation; pass validation=.")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    held = torch.zeros(len(pairs.images), dtype=torch.bool)
    held[used[order[: max(1, int(share * n))]]] = True
    held = held.to(pairs.image.device)[pairs.image]
    return pairs[~held], pairs[held]


def _named(recipe):
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise ValueError(f"There is no recipe {recipe!r}; choose from {', '.join(RECIPES)}.")
    return RECIPES[recipe]


class _Fit:
    """The state of one fit; `run_epoch` goes once through the captions."""

    def __init__(self, train, validation, mode, recipe, side, rank, seed, chunk, precision, here):
        self.train, self.validation, self.mode, self.recipe = train, validation, mode, recipe
        self.chunk, self.precision, self.here, self.device = chunk, precision, here, train.texts.device
        self.settings = {
            "recipe": dataclasses.asdict(recipe), "mode": mode, "side": side, "rank": rank, "seed": seed,
            "precision": precision, "pairs": _digest(train), "validation": validation and _digest(validation),
        }  # fmt: skip
        self.generator = torch.Generator().manual_seed(seed)
        self.rivals = {} if validation is None else _some(train, seed)
        self.labclip = LABCLIP(train.texts.shape[1], side, rank).to(self.device)
        self.epoch, self.history, self.best, self.seconds = 0, [], None, 0.0
        self.optimizer = None

    def begin(self):
        """Where the descent starts. Not needed when a checkpoint says where it had got to."""
        started = time.perf_counter()
        strength = None
        if self.recipe.start == "closed form":
            foils = "negatives" if self.mode == "HNB" else "random"
            side, rank = self.settings["side"], self.settings["rank"]
            start, scores = fit_closed_form(
                self.train, self.validation, foils=foils, side=side, rank=rank, here=self.here, **self.rivals
            )
            strength = max(scores, key=scores.get)
            weight = start.linear.weight.detach()
            # The length of A is free. At that of the identity, a step of the same size turns it as far.
            # Not so with a rank: the identity plus such a matrix, shortened, is none any more.
            self.labclip.set_matrix(weight if rank else weight / weight.norm() * math.sqrt(len(weight)))
        with torch.no_grad():
            self.labclip.t.fill_(math.log(self.recipe.logit_scale))
        self.seconds += time.perf_counter() - started
        self.note(epoch=0, loss=None, strength=strength)

    def adam(self):
        parameters = [p for p in self.labclip.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(parameters, lr=self.recipe.learning_rate, fused=True)

    def run_epoch(self):
        recipe, started = self.recipe, time.perf_counter()
        batches = torch.randperm(len(self.train), generator=self.generator).to(self.device).split(recipe.batch_size)
        total = torch.zeros((), device=self.device)
        for step, rows in enumerate(batches):
            if recipe.cosine:
                done = (self.epoch + step / len(batches)) / recipe.epochs
                for group in self.optimizer.param_groups:
                    group["lr"] = recipe.learning_rate * (1 + math.cos(math.pi * done)) / 2
            total += self.step(rows) * len(rows)  # stays on the device: no waiting for it
        self.epoch += 1
        self.seconds += time.perf_counter() - started
        loss = float(total) / len(self.train)
        if not math.isfinite(loss) or not all(bool(p.isfinite().all()) for p in self.labclip.parameters()):
            raise ValueError(
                f"The fit came apart in epoch {self.epoch}, with a loss of {loss:g} and a matrix that is perhaps not "
                f"finite; try a lower learning rate than {recipe.learning_rate:g}."
            )
        self.note(epoch=self.epoch, loss=loss)

    def step(self, rows):
        """One step on a batch; with several processes, each embeds its own rows and scores them against all."""
        first, end = self.here.part(len(rows))
        mine, n = rows[first:end], len(rows)
        align = self.labclip.align_texts
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            images = self.labclip.align_images(self.train.images[self.train.image[mine]])
            texts = align(self.train.texts[mine])
            scale, how = self.labclip.logit_scale, {"chunk": self.chunk, "here": self.here, "batch": n}
            if self.mode == "HNB":
                loss = hard_negative_info_nce(images, texts, align(self.train.negatives[mine]), scale, **how)
            else:
                loss = info_nce(images, texts, scale, **how)
        self.optimizer.zero_grad()
        loss.backward()
        if self.here.world > 1:
            loss = loss.detach().clone()
            dist.all_reduce(loss)
            for parameter in self.labclip.parameters():
                if parameter.requires_grad:
                    dist.all_reduce(parameter.grad)
        self.optimizer.step()
        return loss.detach()

    def note(self, **row):
        """Write down how it stands, and keep the map if it is the best so far, or the last where that is wanted."""
        if self.validation is not None:
            row["validation"] = mean_over_ranks(
                choice_outcomes(self.validation, self.labclip, here=self.here, **self.rivals), self.here
            )
        row |= {"logit_scale": float(self.labclip.logit_scale.detach()), "seconds": self.seconds}
        self.history.append(row)
        if self.best is None or not self.recipe.select or row["validation"] > self.history[self.best[0]]["validation"]:
            state = {name: value.detach().clone() for name, value in self.labclip.state_dict().items()}
            self.best = self.epoch, state

    @property
    def tired(self):
        return self.recipe.select and self.epoch - self.best[0] >= self.recipe.patience

    def keep(self, path):
        if path is None or self.here.rank > 0:
            return
        state = {
            "settings": json.dumps(self.settings), "history": json.dumps(self.history), "epoch": self.epoch,
            "best": self.best, "labclip": self.labclip.state_dict(), "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(), "seconds": self.seconds,
        }  # fmt: skip
        data = io.BytesIO()
        torch.save(state, data)  # not to the file itself: its errors hide that the disk is full
        try:
            write_atomically(Path(path), lambda part: Path(part).write_bytes(data.getbuffer()))
        except OSError as error:
            raise OSError(
                f"Cannot write the checkpoint {path} ({error.strerror}); an earlier one is kept, so run the same again "
                "when there is room."
            ) from None

    def resume(self, path):
        """Go on from a checkpoint, if there is one of this very fit; else begin."""
        kept = _read(path)
        if kept is None:
            self.begin()
            self.adam()
            return
        if kept["settings"] != json.dumps(self.settings):
            raise ValueError(
                f"{path} is a checkpoint of other pairs or other settings; remove it or name another file."
            )
        self.adam()
        self.labclip.load_state_dict(kept["labclip"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.generator.set_state(kept["generator"])
        self.epoch, self.best, self.seconds = kept["epoch"], kept["best"], kept["seconds"]
        self.history = json.loads(kept["history"])

    def result(self):
        self.labclip.load_state_dict(self.best[1])
        self.labclip.requires_grad_(False)
        self.labclip.history, self.labclip.epoch = self.history, self.best[0]
        return self.labclip


def _read(path):
    """The contents of a checkpoint; None where there is no file."""
    if path is None or not os.path.exists(path):
        return None
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(kept, dict) or "settings" not in kept:
            raise ValueError
    except Exception:  # torch.load alone raises five kinds for a damaged file
        raise ValueError(
            f"{path} is no checkpoint of a LABCLIP, or a damaged one; remove it and start again."
        ) from None
    return kept


def _some(train, seed, most=20_000):
    """Up to so many captions, drawn at random, as arguments of `choice_outcomes`."""
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:most].to(train.texts.device)
    return {"rivals": train.texts[order], "rival_ids": None if train.text_ids is None else train.text_ids[order]}


def _digest(pairs):
    """SHA-256 of the shapes and of a thousand rows of each table, to tell pairs apart."""
    digest = hashlib.sha256()
    for table in vars(pairs).values():
        if table is not None:
            rows = torch.linspace(0, len(table) - 1, min(1000, len(table))).round().long().to(table.device)
            digest.update(str(tuple(table.shape)).encode() + table[rows].cpu().numpy().tobytes())
    return digest.hexdigest()
