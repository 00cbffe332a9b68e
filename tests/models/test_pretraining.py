import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from labclip_lib.base.files import sha256
from labclip_lib.models.backbones import load_backbone
from labclip_lib.models.pretraining import Trainer, pretrain, schedule, stored
from labclip_lib.models.recipes import Recipe
from labclip_lib.world.captions import CaptionPolicy
from labclip_lib.world.scenes import World


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    return dataclasses.replace(tiny_recipe, steps=6)


@pytest.fixture(scope="module")
def uninterrupted(recipe, tmp_path_factory):
    """SHA-256 of the weights that six steps in one go give."""
    return sha256(pretrain(recipe, tmp_path_factory.mktemp("whole"), "cpu", progress=False))


def test_files_of_a_run(tiny_checkpoint, tiny_recipe):
    folder = tiny_checkpoint.parent
    assert {path.name for path in folder.iterdir()} == {
        "pocket.safetensors", "pocket.json", "pocket-card.json", "pocket-log.csv"
    }  # fmt: skip
    card = json.loads((folder / "pocket-card.json").read_text())
    assert card["sha256"] == sha256(tiny_checkpoint) and card["recipe"] == tiny_recipe.as_dict()
    assert card["device"] == "cpu" and card["threads"] == 1
    assert 0 <= card["seconds"] < 3600  # a run of three steps may round to 0.0
    head, *rows = (folder / "pocket-log.csv").read_text().splitlines()
    assert head == "step,loss,logit_scale" and [row.split(",")[0] for row in rows] == ["1", "2", "3"]


def test_files_are_called_as_the_recipe_is(tiny_3d_checkpoint, tiny_3d_recipe):
    names = {path.name for path in tiny_3d_checkpoint.parent.iterdir()}
    assert names == {f"pocket-3d{end}" for end in (".safetensors", ".json", "-card.json", "-log.csv")}
    before = tiny_3d_checkpoint.stat().st_mtime_ns
    assert pretrain(tiny_3d_recipe, tiny_3d_checkpoint.parent, "cpu", progress=False) == tiny_3d_checkpoint
    assert tiny_3d_checkpoint.stat().st_mtime_ns == before


def test_matrices_are_stored_in_half_precision(tiny_checkpoint):
    weights = load_file(tiny_checkpoint)
    assert {value.dtype for value in weights.values() if value.ndim > 1} == {torch.float16}
    vectors = {key: value.dtype for key, value in weights.items() if value.ndim <= 1}
    assert set(vectors.values()) == {torch.float32, torch.int64}  # int64: BatchNorm's count of batches
    assert vectors["logit_scale"] == torch.float32


def test_same_seed_same_weights(recipe, uninterrupted, tmp_path):
    assert sha256(pretrain(recipe, tmp_path, "cpu", progress=False)) == uninterrupted


def test_another_seed_other_weights(recipe, uninterrupted, tmp_path):
    other = dataclasses.replace(recipe, seed=1)
    assert sha256(pretrain(other, tmp_path, "cpu", progress=False)) != uninterrupted


def test_training_leaves_the_reader_s_random_numbers_alone(tiny_recipe):
    torch.manual_seed(3)
    want = torch.rand(1)
    torch.manual_seed(3)
    Trainer(tiny_recipe)
    assert torch.equal(torch.rand(1), want)


# Where Ctrl-C may strike: between two steps, after the forward pass, after the weights have moved.
STRIKES = {
    "before a step": (Trainer, "step"),
    "before the gradients": (torch.Tensor, "backward"),
    "after the optimiser": (torch.optim.AdamW, "step"),
}


@pytest.mark.parametrize("strike", STRIKES)
def test_interrupted_run_ends_as_if_it_had_not_been(strike, recipe, uninterrupted, tmp_path, monkeypatch):
    owner, name = STRIKES[strike]
    original, calls = getattr(owner, name), []

    def interrupt(*args, **kwargs):
        calls.append(1)
        if len(calls) == 4 and strike != "after the optimiser":
            raise KeyboardInterrupt
        result = original(*args, **kwargs)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return result

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            pretrain(recipe, tmp_path, "cpu", progress=False, save_every=2)
    assert not (tmp_path / "pocket.safetensors").exists()

    steps = []
    with monkeypatch.context() as patch:
        step = torch.optim.AdamW.step
        patch.setattr(torch.optim.AdamW, "step", lambda adam: steps.append(adam) or step(adam))
        weights = pretrain(recipe, tmp_path, "cpu", progress=False)
    assert sha256(weights) == uninterrupted
    assert len(steps) == 4  # it went on after the second, it did not start again
    rows = (tmp_path / "pocket-log.csv").read_text().splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == [1, 2, 3, 4, 5, 6]


KILLED = """
import json, os, signal, sys
from labclip_lib.models.pretraining import Trainer, pretrain
from labclip_lib.models.recipes import Recipe
step = Trainer.step
def killed(trainer):
    if trainer.done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(trainer)
Trainer.step = killed
recipe = Recipe(steps=6, batch_size=8, warmup=2, config=sys.argv[1])
pretrain(recipe, sys.argv[2], "cpu", progress=False, save_every=2)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_run_ends_as_if_it_had_not_been(recipe, uninterrupted, tmp_path, root):
    env = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", KILLED, recipe.config, str(tmp_path)], env=env, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["resume.pt"]
    assert sha256(pretrain(recipe, tmp_path, "cpu", progress=False)) == uninterrupted
    assert not (tmp_path / "resume.pt").exists()


def test_finished_run_is_not_done_again(tiny_checkpoint, tiny_recipe):
    before = {path: path.stat().st_mtime_ns for path in tiny_checkpoint.parent.iterdir()}
    assert pretrain(tiny_recipe, tiny_checkpoint.parent, "cpu", progress=False) == tiny_checkpoint
    assert {path: path.stat().st_mtime_ns for path in tiny_checkpoint.parent.iterdir()} == before


@pytest.mark.parametrize("change", [{"seed": 9}, {"steps": 4}, {"policy": CaptionPolicy(binding=0.5)}])
def test_folder_of_another_recipe_is_refused(tiny_checkpoint, tiny_recipe, change, raises_saying):
    with raises_saying(ValueError, str(tiny_checkpoint.parent), "another recipe", "--out"):
        pretrain(dataclasses.replace(tiny_recipe, **change), tiny_checkpoint.parent, "cpu", progress=False)


def test_unfinished_run_of_another_recipe_is_refused(recipe, tmp_path, monkeypatch, raises_saying):
    begun, step = [], torch.optim.AdamW.step

    def interrupt(adam):
        begun.append(adam)
        if len(begun) > 2:
            raise KeyboardInterrupt
        return step(adam)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pretrain(recipe, tmp_path, "cpu", progress=False, save_every=1)
    with raises_saying(ValueError, str(tmp_path), "unfinished"):
        pretrain(dataclasses.replace(recipe, seed=9), tmp_path, "cpu", progress=False)


def test_vocabulary_that_does_not_fit_the_config_is_refused(tiny_recipe, raises_saying):
    with raises_saying(ValueError, "26", "24"):
        Trainer(
            dataclasses.replace(tiny_recipe, world=World(shapes=("circle", "star", "ring", "heart", "moon", "cross")))
        )


def test_learning_rate_warms_up_and_dies_away():
    rates = [schedule(step, 600, 150) for step in range(600)]
    assert rates[0] == pytest.approx(1 / 150) and rates[149] == 1.0 == max(rates)
    assert rates[:150] == sorted(rates[:150]) and rates[150:] == sorted(rates[150:], reverse=True)
    assert 0 < rates[-1] < 1e-4
    assert schedule(375, 600, 150) == pytest.approx(0.5)


def test_the_text_transformer_learns_at_its_own_rate(tiny_recipe):
    trainer = Trainer(tiny_recipe)
    peak = {id(p): group["peak"] for group in trainer.optimizer.param_groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in trainer.optimizer.param_groups for p in group["params"]}
    for name, parameter in trainer.model.named_parameters():
        last = ("text.ln_final", "text.text_projection")
        slow = name.startswith("text.") and not name.startswith(last)
        assert peak[id(parameter)] == (tiny_recipe.text_lr if slow else tiny_recipe.image_lr), name
        assert decay[id(parameter)] == (tiny_recipe.weight_decay if parameter.ndim > 1 else 0.0), name
    assert len(peak) == len(list(trainer.model.parameters()))


def test_every_step_of_every_seed_sees_other_captions(tiny_recipe):
    seen = []

    class Noting(CaptionPolicy):
        def sample(self, *args, **options):
            drawn = super().sample(*args, **options)
            seen.append(tuple(drawn[2]))
            return drawn

    for seed in (0, 1):
        trainer = Trainer(dataclasses.replace(tiny_recipe, seed=seed, policy=Noting()))
        for _ in range(3):
            trainer.step()
    assert len(set(seen)) == len(seen) == 6


@pytest.mark.parametrize("parts", [1, 3])
def test_a_policy_gives_any_number_of_scenes(tiny_recipe, parts):
    class Crowds(CaptionPolicy):
        def sample(self, world, n, seed=0):
            scenes = [world.sample(n // parts, k, seed=seed) for k in range(1, parts + 1)]
            return *scenes, [caption for part in scenes for caption in part.captions()]

    trainer = Trainer(dataclasses.replace(tiny_recipe, batch_size=6, policy=Crowds()))
    assert 0 < float(trainer.step()) < 10


def test_loss_falls(tiny_recipe):
    trainer = Trainer(dataclasses.replace(tiny_recipe, steps=60, batch_size=32, image_lr=3e-3, text_lr=3e-3))
    losses = [float(trainer.step()) for _ in range(60)]
    assert sum(losses[-10:]) / 10 < sum(losses[:5]) / 5 - 0.3


def test_logit_scale_stays_below_its_cap(tiny_recipe):
    trainer = Trainer(tiny_recipe)
    with torch.no_grad():
        trainer.model.logit_scale.fill_(9.0)
    trainer.step()
    assert float(trainer.model.logit_scale.detach().exp()) == pytest.approx(100, rel=1e-4)


def test_snapshot_is_the_checkpoint_to_be(tiny_recipe, tiny):
    trainer = Trainer(tiny_recipe)
    for _ in range(tiny_recipe.steps):
        trainer.step()
    snapshot = trainer.snapshot()
    assert torch.allclose(snapshot.encode_texts(["a star"]), tiny.encode_texts(["a star"]), atol=1e-6)
    trainer.step()  # training on does not touch it
    assert torch.allclose(snapshot.encode_texts(["a star"]), tiny.encode_texts(["a star"]), atol=1e-6)


def test_stored_weights_are_copies_on_the_cpu():
    kept = stored({"matrix": torch.ones(2, 2), "vector": torch.ones(2), "count": torch.tensor(3)})
    assert [value.dtype for value in kept.values()] == [torch.float16, torch.float32, torch.int64]


def test_recipe_is_plain_data(tiny_recipe):
    plain = tiny_recipe.as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["config"]["embed_dim"] == 16  # the config by its contents: a path says nothing elsewhere
    assert Recipe().as_dict() != Recipe(policy=CaptionPolicy(binding=0.1)).as_dict()


def test_trained_on_a_device_it_loads_on_the_cpu(tiny_recipe, tmp_path, device):
    path = pretrain(tiny_recipe, tmp_path, device, progress=False)
    assert load_backbone(str(path), "cpu").encode_texts(["a star"]).shape == (1, 16)


def test_unknown_device_is_refused(tiny_recipe, tmp_path, raises_saying):
    with raises_saying(ValueError, "'tpu'"):
        pretrain(tiny_recipe, tmp_path, "tpu", progress=False)
