import dataclasses
import errno
import os
import shutil

import pytest
import several as together
import torch
from bindable import bound, small, swap_accuracy, tables, unit
from torch.nn.functional import cross_entropy, normalize

from labclip_lib.alignment.closed_form import discriminant_map, fit_closed_form
from labclip_lib.alignment.fit import RECIPES, Recipe, fit_labclip, fit_pairs, learning_rate
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import Pairs, choice_outcomes, hold_out

LAST = {"start": "identity", "select": False, "cosine": False, "learning_rate": 1e-2, "batch_size": 16}


def fit(pairs=None, **how):
    pairs = pairs or small()
    return fit_pairs(pairs, **{"batch_size": 16, "epochs": 3} | how)


def found(labclip):
    return together.found(labclip)


def same(first, second):
    """Whether two fits ended alike, bit for bit, and had the same history."""
    first, second = found(first), found(second)
    return first["history"] == second["history"] and all(torch.equal(first[k], second[k]) for k in ("matrix", "t"))


# What it finds


@pytest.mark.parametrize(
    ("how", "at_least"),
    [
        ({"mode": "HNB"}, 0.97),
        ({"mode": "SB"}, 0.95),
        ({"mode": "HNB", "side": "image"}, 0.97),
        ({"mode": "HNB", "rank": 20, "learning_rate": 2e-3}, 0.9),
        ({"mode": "HNB", "recipe": "paper", "epochs": 20}, 0.97),
        ({"mode": "SB", "recipe": "paper", "epochs": 20}, 0.9),
        ({"mode": "HNB", "precision": "bfloat16"}, 0.95),
    ],
)
def test_it_binds_where_the_cosine_is_blind(how, at_least, device):
    train, validation, test = (bound(part, device=device) for part in ("train", "validation", "test"))
    assert 0.3 < swap_accuracy(test) < 0.7
    labclip = fit_pairs(train, validation=validation, **{"batch_size": 64} | how)
    assert swap_accuracy(test, labclip) >= at_least
    assert labclip.linear.weight.device.type == device and labclip.side == how.get("side", "text")


def paper(pairs, mode, seed, epochs, batch_size=128, learning_rate=0.01):
    """The authors' training, as their paper and code say it, in float64."""
    images, texts, negatives = pairs.images.double(), pairs.texts.double(), pairs.negatives[:, 0].double()
    a = torch.eye(images.shape[1], dtype=torch.float64, requires_grad=True)
    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([a, t], lr=learning_rate)
    generator, losses = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(texts), generator=generator).split(batch_size):
            image, own = images[pairs.image[rows]], torch.arange(len(rows))
            said, foils = normalize(texts[rows] @ a.T, dim=-1), normalize(negatives[rows] @ a.T, dim=-1)
            choices = torch.cat([said, foils]) if mode == "HNB" else said
            there = cross_entropy(t.exp() * image @ choices.T, own)
            back = cross_entropy(t.exp() * said @ image.T, own)
            loss = (there + back) / 2
            adam.zero_grad()
            loss.backward()
            adam.step()
            total += float(loss.detach()) * len(rows)
        losses.append(total / len(texts))
    return a.detach(), t.detach(), losses


@pytest.mark.parametrize("mode", ["HNB", "SB"])
@pytest.mark.parametrize("seed", [0, 3])
def test_the_papers_recipe_is_the_papers(mode, seed, device):
    pairs = small(images=200, captions=300, dim=12)
    a, t, losses = paper(pairs, mode, seed, epochs=4)
    labclip = fit_pairs(pairs.to(device), mode=mode, recipe="paper", seed=seed, epochs=4)
    assert torch.allclose(labclip.linear.weight.double().cpu(), a, atol=1e-4)
    assert float(labclip.t) == pytest.approx(float(t), abs=1e-5) and abs(float(t)) > 0.02
    assert [row["loss"] for row in labclip.history] == pytest.approx([None, *losses], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "rate", "batch_size", "epochs"),
    [("paper", 0.01, 128, 50), ("paper-pug", 0.01, 512, 50), ("paper-coco", 0.001, 1024, 10)],
)
def test_the_authors_settings(name, rate, batch_size, epochs):
    recipe = RECIPES[name]
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs) == (rate, batch_size, epochs)
    assert recipe.start == "identity" and recipe.logit_scale == 1 and not recipe.cosine and not recipe.select


def test_the_learning_rate_falls_along_half_a_cosine(monkeypatch):
    rates, sound = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: rates.append(self.param_groups[0]["lr"]) or sound(self))
    validation = small(10)
    fit(validation=validation, epochs=2, batch_size=21, learning_rate=1e-3)
    assert rates == pytest.approx([1e-3, 0.8535534e-3, 0.5e-3, 0.1464466e-3])
    rates.clear()
    fit(validation=validation, epochs=2, batch_size=21, learning_rate=1e-3, cosine=False)
    assert rates == [1e-3] * 4


def test_the_learning_rate_at_a_share_of_the_steps():
    assert [learning_rate(Recipe(), done) for done in (0, 0.5, 1)] == pytest.approx([2e-4, 1e-4, 0])
    assert learning_rate(RECIPES["paper"], 0.7) == 1e-2


def test_it_starts_from_the_closed_form_at_the_length_of_the_identity():
    train, validation = bound("train"), bound("validation")
    labclip = fit_pairs(train, validation=validation, epochs=0)
    weight, scores = fit_closed_form(train, validation, rivals=train.texts.unique(dim=0))
    weight = weight.linear.weight.detach()
    assert torch.allclose(labclip.linear.weight, weight * 7 / weight.norm(), atol=1e-6)
    (row,) = labclip.history
    assert row["strength"] == max(scores, key=scores.get) and row["validation"] == max(scores.values())
    assert row["logit_scale"] == pytest.approx(150)


def test_without_negatives_it_starts_from_random_foils():
    train, validation = bound("train"), bound("validation")
    labclip = fit_labclip(train.images, train.texts, mode="SB", validation=validation, epochs=0)
    w = discriminant_map(train, "random")
    s = labclip.history[0]["strength"]
    weight = w if s == float("inf") else torch.eye(49) + s * w
    assert torch.allclose(labclip.linear.weight, weight * 7 / weight.norm(), atol=1e-5)


@pytest.mark.parametrize("rank", [5, 20])
def test_of_a_low_rank_it_starts_from_the_best_closed_form_of_that_rank(rank):
    train, validation = bound("train"), bound("validation")
    labclip = fit_pairs(train, validation=validation, rank=rank, epochs=0)
    weight, scores = fit_closed_form(train, validation, rank=rank, rivals=train.texts)
    assert torch.allclose(labclip.linear.weight, weight.linear.weight.detach(), atol=1e-6)
    assert labclip.history[0]["validation"] == max(scores.values())


def test_a_labclip_of_ones_own_is_fitted_in_place_of_a_new_one(tmp_path, raises_saying):
    class Shifted(LABCLIP):
        def __init__(self, dim):
            super().__init__(dim)
            self.shift = torch.nn.Parameter(torch.zeros(dim))

        def forward(self, embeddings):
            return normalize(self.linear(embeddings) + self.shift, dim=-1)

    pairs = small()
    assert same(fit(pairs, labclip=LABCLIP(pairs.texts.shape[1])), fit(pairs))
    given, path = Shifted(pairs.texts.shape[1]), tmp_path / "fit.pt"
    assert fit(pairs, labclip=given, select=False, checkpoint=path) is given
    assert float(given.shift.abs().min()) > 0 and not given.shift.requires_grad
    with raises_saying(ValueError, "other settings"):
        fit(pairs, select=False, checkpoint=path)


@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_of_a_low_rank_the_change_is_of_that_rank(recipe):
    labclip = fit(rank=3, recipe=recipe, side="image")
    change = torch.linalg.svdvals((labclip.linear.weight - torch.eye(8)).double())
    assert change[0] > 1e-3 and change[3] < 1e-5


def test_a_fit_of_a_low_rank_is_kept_merged(tmp_path):
    labclip = fit(rank=3, side="image")
    labclip.save(tmp_path / "a.safetensors")
    back = LABCLIP.load(tmp_path / "a.safetensors")
    assert back.side == "image" and torch.equal(back.linear.weight, labclip.linear.weight)
    assert back.logit_scale == labclip.logit_scale


def test_what_comes_back_is_finished_and_what_went_in_is_untouched(device):
    pairs, before, validation = small().to(device), small(), small(10).to(device)
    texts = pairs.texts.requires_grad_()
    labclip = fit_labclip(**tables(pairs), validation=validation, batch_size=16, epochs=3)
    assert not any(p.requires_grad for p in labclip.parameters()) and not labclip(texts.detach()).requires_grad
    assert labclip.linear.weight.device.type == device
    assert texts.grad is None and torch.equal(texts.detach().cpu(), before.texts)
    assert all(torch.equal(a.cpu(), b) for a, b in zip(vars(pairs).values(), vars(before).values(), strict=True))
    assert all(
        torch.equal(a.cpu(), b) for a, b in zip(vars(validation).values(), vars(small(10)).values(), strict=True)
    )


def test_the_seed_decides_alone(tmp_path):
    torch.manual_seed(1)
    first = fit(seed=5)
    torch.manual_seed(2)
    assert same(first, fit(seed=5))
    assert not torch.equal(fit(seed=5, **LAST).linear.weight, fit(seed=6, **LAST).linear.weight)


def test_negatives_mean_nothing_to_sb():
    pairs = bound("train")
    others = -1 - torch.arange(len(pairs))[:, None]
    unbeatable = dataclasses.replace(pairs, negatives=pairs.texts, negative_ids=others)  # each as good as the caption
    without = fit(pairs.without_negatives(), mode="SB")
    assert same(fit(unbeatable, mode="SB"), without) and without.history[0]["validation"] > 0.5


@pytest.mark.parametrize("how", [{}, {"mode": "SB"}, {"side": "image"}, {"recipe": "paper"}])
@pytest.mark.parametrize("chunk", [1, 7, 16])
def test_chunks_change_nothing(how, chunk):
    whole, parts = fit(**how), fit(**how, chunk=chunk)
    assert torch.allclose(whole.linear.weight, parts.linear.weight, atol=1e-5)
    assert parts.history[-1]["loss"] == pytest.approx(whole.history[-1]["loss"], abs=1e-5)


def test_bfloat16_is_close_to_float32():
    train, validation = bound("train"), bound("validation")
    for how in ({"recipe": "paper", "batch_size": 64, "epochs": 3}, {"batch_size": 64, "select": False}):
        one, other = (fit_pairs(train, validation=validation, precision=p, **how) for p in ("float32", "bfloat16"))
        assert not torch.equal(one.linear.weight, other.linear.weight)
        assert other.linear.weight.dtype == torch.float32 and other.history[-1]["loss"] == pytest.approx(
            one.history[-1]["loss"], rel=0.03, abs=0.01
        )


# Which epoch is kept


def choosing(seed, rate, **how):
    """A fit to pairs so noisy that the accuracy on validation rises and falls."""
    train, validation = (bound(part, times=1, noise=0.5) for part in ("train", "validation"))
    how = {"validation": validation, "batch_size": 64, "learning_rate": rate, "seed": seed} | how
    return fit(train, **LAST | how)


def chosen(values, patience):
    """The epoch that is kept and the last one of a fit, by the accuracies on validation that it would find."""
    best = 0
    for epoch, value in enumerate(values):
        if value > values[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return best, epoch


def test_the_epoch_that_chooses_best_is_kept_and_patience_ends():
    seen = set()
    for seed, rate in ((0, 0.03), (2, 0.03), (3, 0.03), (5, 0.03), (1, 0.1), (3, 0.1)):
        values = [row["validation"] for row in choosing(seed, rate, select=True, epochs=6, patience=9).history]
        after = {}
        for patience in (0, 1, 2, 9):
            labclip = choosing(seed, rate, select=True, epochs=6, patience=patience)
            kept, last = chosen(values, patience)
            assert [row["validation"] for row in labclip.history] == values[: last + 1]
            assert [row["epoch"] for row in labclip.history] == list(range(last + 1)) and labclip.epoch == kept
            after[kept] = after.get(kept) or choosing(seed, rate, epochs=kept)
            assert torch.equal(labclip.linear.weight, after[kept].linear.weight)
            seen |= {("kept", kept), ("last", last), ("of equals", values.count(values[kept]) > 1)}
            seen |= {("too late", patience > 0 and values[kept] < max(values))}
            seen |= {("fell and rose", kept > 1 and values[kept - 1] < max(values[:kept]))}
    assert {("kept", 0), ("kept", 1), ("kept", 4), ("last", 0), ("last", 1), ("last", 3), ("last", 6)} <= seen
    assert {("of equals", True), ("too late", True), ("fell and rose", True)} <= seen


def test_where_no_epoch_is_chosen_the_last_is_kept():
    labclip = choosing(2, 0.03, epochs=3, patience=1)
    values = [row["validation"] for row in labclip.history]
    assert len(values) == 4 and values.index(max(values)) < 2 and labclip.epoch == 3  # patience would have ended it
    assert torch.equal(labclip.linear.weight, choosing(2, 0.03, epochs=3, validation=None).linear.weight)


def test_it_is_never_worse_on_validation_than_at_its_start():
    validation = small(10)
    for rate in (1e-3, 1.0):
        labclip = fit(validation=validation, learning_rate=rate, epochs=4)
        kept = float(choice_outcomes(validation, labclip, small().texts).mean())
        assert kept == max(row["validation"] for row in labclip.history) >= labclip.history[0]["validation"]


def test_history():
    labclip = fit(validation=small(10), patience=9)
    first, *rest = labclip.history
    assert set(first) == {"epoch", "loss", "strength", "validation", "logit_scale", "seconds"} and first["loss"] is None
    assert [row["epoch"] for row in rest] == [1, 2, 3] and len(rest) == 3
    assert all(set(row) == {"epoch", "loss", "validation", "logit_scale", "seconds"} for row in rest)
    seconds = [row["seconds"] for row in labclip.history]
    assert seconds == sorted(seconds) and seconds[0] > 0
    alone = fit_pairs(small(), **LAST, epochs=1).history
    assert "validation" not in alone[0] and alone[0]["strength"] is None
    assert alone[0]["logit_scale"] == pytest.approx(150) and len(alone) == 2


def test_progress_is_shown_where_it_is_asked_for(capsys):
    fit()
    assert capsys.readouterr().err == ""
    fit(mode="SB", progress=True, patience=9)
    shown = capsys.readouterr().err
    assert "LABCLIP SB" in shown and "3/3" in shown and "loss=" in shown


# Validation of its own


def test_images_are_held_out_with_all_their_captions():
    pairs = small(images=30, captions=200)
    kept, held = hold_out(pairs, seed=1)

    def known(part):
        return {tuple(row) for row in part.images.tolist()}, [tuple(row) for row in part.texts.tolist()]

    (images, captions), (others, other_captions) = known(kept), known(held)
    assert not images & others and len(others) == 3 and images | others == known(pairs)[0]
    assert sorted(captions + other_captions) == sorted(known(pairs)[1])
    for part in (kept, held):  # each with its own image and negatives
        for row, text in enumerate(part.texts):
            whole = int((pairs.texts == text).all(1).nonzero()[0])
            assert torch.equal(part.images[part.image[row]], pairs.images[pairs.image[whole]])
            assert torch.equal(part.negatives[row], pairs.negatives[whole])


def test_the_seed_says_which_are_held_out():
    first, again, other = (hold_out(small(), seed)[1].texts for seed in (1, 1, 2))
    assert torch.equal(first, again) and not (len(first) == len(other) and torch.equal(first, other))
    assert len(hold_out(small(), 1, share=0.5)[1].images) == 15


def test_only_images_with_captions_are_held_out():
    pairs = Pairs(unit(0, 100, 4), unit(1, 4, 4), None, torch.tensor([70, 70, 80, 90]))
    for seed in range(5):
        kept, held = hold_out(pairs, seed)
        assert len(held.images) == 1 and len(kept.images) == 2


def test_left_out_validation_is_a_tenth_of_the_images():
    pairs = small(images=60, captions=90)
    kept, held = hold_out(pairs, 4)
    assert same(fit(pairs, seed=4), fit(kept, validation=held, seed=4))


def test_where_no_validation_is_needed_none_is_held_out():
    pairs = small()
    labclip = fit(pairs, recipe="paper", batch_size=41, epochs=1)
    assert labclip.history[1]["loss"] == pytest.approx(paper(pairs, "HNB", 0, 1)[2][0], abs=1e-5)


def test_one_image_cannot_be_split(raises_saying):
    one = Pairs(unit(0, 1, 8), unit(1, 9, 8), unit(2, 9, 8), torch.zeros(9, dtype=torch.long))
    with raises_saying(ValueError, "One image", "validation="):
        fit(one, batch_size=4)
    assert len(fit(one, batch_size=4, recipe="paper").history) == 4


# What does not fit


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ({"mode": "hnb"}, ["'SB' or 'HNB'", "'hnb'"]),
        ({"negatives": None}, ["needs negatives", "mode='SB'"]),
        ({"precision": "float16"}, ["'float32' or 'bfloat16'", "'float16'"]),
        ({"recipe": "papers"}, ["'papers'", "default, paper, paper-pug, paper-coco"]),
        ({"start": "closed_form"}, ["'identity' or 'closed form'", "'closed_form'"]),
        ({"batch_size": 42, "recipe": "paper"}, ["between 2 and the 41 captions", "got 42"]),
        ({"batch_size": 2000}, ["got 2,000"]),
        ({"epochs": -1}, ["epochs", "got -1"]),
        ({"batch_size": 1}, ["got 1."]),
        ({"side": "both"}, ["'both'"]),
        ({"rank": 9}, ["between 1 and 8", "9"]),
        ({"chunk": 0}, ["chunk", "0"]),
        ({"texts": unit(1, 5, 8)}, ["images (30, 8)"]),
    ],
)
def test_what_does_not_fit_is_refused(how, seen, raises_saying):
    with raises_saying(ValueError, *seen):
        fit_labclip(**{**tables(small()), "batch_size": 16} | how)


def test_a_setting_that_there_is_not():
    with pytest.raises(TypeError, match="epoch"):
        fit(epoch=3)


def test_a_recipe_of_ones_own_and_changes_to_it():
    own = Recipe(start="identity", select=False, batch_size=16, epochs=2)
    assert same(fit_pairs(small(), recipe=own), fit(**dataclasses.asdict(own)))
    assert len(fit_pairs(small(), recipe=own, epochs=1).history) == 2 and own.epochs == 2


# Checkpoints

KINDS = {
    "default": {"select": False},
    "chosen": {
        "pairs": bound("train"), "validation": bound("validation"), "batch_size": 60, "start": "identity",
        "learning_rate": 1e-2,
    },
    "paper": {"recipe": "paper"},
    "rank": {"rank": 3},
    "image": {"side": "image", "mode": "SB", "precision": "bfloat16"},
    "one epoch": {"patience": 1, "learning_rate": 1e-9},
}  # fmt: skip


def stop_at(monkeypatch, step):
    """An interruption at this step of a fit; returns the steps that were begun."""
    begun, sound = [], torch.optim.Adam.step

    def do(adam):
        begun.append(adam)
        if len(begun) == step:
            raise KeyboardInterrupt
        return sound(adam)

    monkeypatch.setattr(torch.optim.Adam, "step", do)
    return begun


@pytest.mark.parametrize("step", [1, 2, 4, 5, 8])
@pytest.mark.parametrize("how", KINDS.values(), ids=KINDS)
def test_an_interrupted_fit_goes_on_as_if_nothing_had_been(how, step, tmp_path, monkeypatch):
    how = {"validation": small(10), "patience": 9, "epochs": 3} | how
    path = tmp_path / "runs" / "fit.checkpoint"
    whole = fit(**how)
    with monkeypatch.context() as patch:
        begun = stop_at(patch, step)
        try:
            fit(**how, checkpoint=path)
        except KeyboardInterrupt:
            assert path.exists() == (step > 3) and len(begun) == step
        else:
            assert how["patience"] == 1 and step > 3  # it had ended
    with monkeypatch.context() as patch:
        begun = stop_at(patch, 0)
        assert same(fit(**how, checkpoint=path), whole)
        epochs = len(whole.history) - 1
        assert len(begun) == 3 * (epochs - min((step - 1) // 3, epochs))
    with monkeypatch.context() as patch:
        begun = stop_at(patch, 0)
        assert same(fit(**how, checkpoint=str(path)), whole) and not begun  # it is finished, and stays so
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_time_goes_on_too(tmp_path):
    path = tmp_path / "a"
    first = fit(checkpoint=path).history
    assert fit(checkpoint=path).history == first


@pytest.mark.parametrize(
    "how",
    [
        {"seed": 1}, {"mode": "SB"}, {"recipe": "paper"}, {"epochs": 4}, {"side": "image"}, {"rank": 2},
        {"learning_rate": 1e-3}, {"precision": "bfloat16"}, {"pairs": small(1)}, {"pairs": small(captions=40)},
        {"pairs": small(negatives=2)}, {"validation": small(11)}, {"validation": None},
    ],
)  # fmt: skip
def test_a_checkpoint_of_something_else_is_refused(how, tmp_path, raises_saying):
    path = tmp_path / "a.checkpoint"
    fit(checkpoint=path, validation=small(10))
    before = path.read_bytes()
    with raises_saying(ValueError, str(path), "other pairs or other settings", "another file"):
        fit(**{"checkpoint": path, "validation": small(10)} | how)
    assert path.read_bytes() == before
    assert fit(checkpoint=path, validation=small(10), chunk=3, progress=False)  # these may change


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_checkpoint_that_cannot_be_written_leaves_the_earlier_one(number, tmp_path, monkeypatch, raises_saying):
    path, written, sound = tmp_path / "a.checkpoint", [], os.replace

    def replace(*args):
        written.append(args)
        if len(written) == 2:
            raise OSError(number, "No space left on device")
        sound(*args)

    whole = fit(patience=9)
    with monkeypatch.context() as patch, raises_saying(OSError, str(path), "No space left", "earlier one is kept"):
        patch.setattr(os, "replace", replace)
        fit(checkpoint=path, patience=9)
    assert torch.load(path)["epoch"] == 1
    assert same(fit(checkpoint=path, patience=9), whole)


def test_a_fit_that_was_killed_while_it_wrote_goes_on(several_folder, tmp_path, monkeypatch):
    path = shutil.copy(several_folder / "fit.checkpoint", tmp_path)
    assert len(list(several_folder.glob(".fit.checkpoint.*"))) == 1 and torch.load(path)["epoch"] == 1
    begun = stop_at(monkeypatch, 0)
    again = together.fit("default", checkpoint=path)
    assert len(begun) == 6
    whole = together.fit("default")
    assert torch.equal(again["matrix"], whole["matrix"]) and again["history"] == whole["history"]


# Several processes


@pytest.mark.parametrize("name", together.FITS)
def test_several_processes_fit_what_one_does(several, name):
    whole, parts = together.fit(name), [found["fits"][name] for found in several]
    for part in parts:
        assert torch.equal(part["matrix"], parts[0]["matrix"]) and part["history"] == parts[0]["history"]
    near = 1e-2 if name == "bfloat16" else 1e-4
    assert torch.allclose(parts[0]["matrix"], whole["matrix"], atol=near)
    assert float(parts[0]["t"]) == pytest.approx(float(whole["t"]), abs=near)
    for one, other in zip(parts[0]["history"], whole["history"], strict=True):
        assert one.keys() == other.keys()
        for key in other.keys() - ({"validation"} if name == "bfloat16" else set()):
            value = other[key]
            assert one[key] == (value if value is None else pytest.approx(value, rel=1e-2 if near > 1e-3 else 1e-5))


def test_the_fits_of_several_processes_end_with_a_batch_of_one():
    assert len(small()) % 20 == 1 and len(bound("train")) % together.FITS["chosen"]["batch_size"] == 1


def test_a_fit_of_which_one_process_was_killed_goes_on_when_all_start_again(several_folder):
    undisturbed = torch.load(several_folder / "0-of-2.pt")["fits"]["paper"]
    for rank in range(2):
        again = torch.load(several_folder / "again" / f"{rank}-of-2.pt")
        assert again["steps"] == 3  # of nine
        assert torch.equal(again["matrix"], undisturbed["matrix"]) and again["history"] == undisturbed["history"]


def test_without_negatives_none_choose_either():
    """Mode SB is the control for HNB: negatives of the validation pairs must not choose its strength or epoch."""
    train, bare = bound("train"), dataclasses.replace(bound("validation"), negatives=None)
    unbeatable = dataclasses.replace(bare, negatives=bare.images[bare.image])
    how = {"mode": "SB", "batch_size": 16, "epochs": 3, "patience": 9}
    first, second = (fit_labclip(train.images, train.texts, validation=v, **how) for v in (bare, unbeatable))
    assert same(first, second) and len(first.history) == 4 and first.history[0]["validation"] > 0


def test_of_a_killed_torchrun_a_process_alone_may_take_over(processes, monkeypatch):
    folder = processes("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", fails=True)
    assert (folder / "killed").exists() and not list(folder.glob("*.pt"))
    begun = stop_at(monkeypatch, 0)
    again = together.fit("paper", checkpoint=folder / "fit.checkpoint")
    assert len(begun) == 3
    assert torch.allclose(again["matrix"], together.fit("paper")["matrix"], atol=1e-4)


def test_a_fit_that_comes_apart_says_so_and_gives_no_matrix(raises_saying):
    images, negatives = (torch.nn.functional.normalize(torch.randn(40, 8), dim=1) for _ in "ab")
    with raises_saying(ValueError, "in epoch", "loss of nan", "lower learning rate than 1e+09"):
        fit_labclip(images, images.clone(), negatives, recipe="paper", batch_size=10, epochs=4, learning_rate=1e9)


def test_of_fewer_captions_than_a_batch_all_are_one():
    train = Pairs(*(torch.nn.functional.normalize(torch.randn(40, 8), dim=1) for _ in "abc"))
    assert len(fit_pairs(train, epochs=2).history) == 3
