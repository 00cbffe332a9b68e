"""How PocketCLIP is made: contrastive pretraining from nothing on rendered scenes.

Every step draws fresh scenes and captions from the run's seed and the step's number, so a run that was
interrupted and resumed ends with the same weights as one that was not.
"""

import json
import math
import shutil
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import normalize

from labclip_lib.base.devices import pick_device
from labclip_lib.base.files import sha256, write_atomically, write_json, write_text
from labclip_lib.base.progress import track
from labclip_lib.models.backbones import Backbone
from labclip_lib.models.chunked import chunked_info_nce
from labclip_lib.models.pocket import new_pocket, pocket_tokenizer, unpadded

MAX_LOGIT_SCALE = 100  # as in Radford et al. (2021)


class Trainer:
    """The training state of one recipe; `step` takes one optimiser step and returns the loss."""

    def __init__(self, recipe, device="cpu"):
        self.recipe, self.device = recipe, torch.device(device)
        self.tokenizer = pocket_tokenizer(recipe.vocabulary(), recipe.config)
        wanted = json.loads(Path(recipe.config).read_text())["text_cfg"]["vocab_size"]
        if wanted != self.tokenizer.vocab_size:
            raise ValueError(
                f"{recipe.config} says vocab_size {wanted}, but this world's words need "
                f"{self.tokenizer.vocab_size}; set it to that."
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = new_pocket(
                recipe.config, position_std=recipe.position_std
            )  # on the CPU, so that all devices start alike
        self.model = model.to(device, memory_format=torch.channels_last).train()  # a third faster on a CPU
        self.backbone = None
        self.done = 0
        preprocess = model.visual.preprocess_cfg
        self._mean = torch.tensor(preprocess["mean"], device=device)[:, None, None]
        self._std = torch.tensor(preprocess["std"], device=device)[:, None, None]
        self._encode_text = unpadded(self.model)
        self.optimizer = torch.optim.AdamW(self._groups(), betas=recipe.betas)

    def _groups(self):
        recipe, groups = self.recipe, {}
        for name, parameter in self.model.named_parameters():
            slow = name.startswith("text.") and not name.startswith(("text.ln_final", "text.text_projection"))
            decays = parameter.ndim > 1  # biases, gains and the logit scale are not decayed
            groups.setdefault((slow, decays), []).append(parameter)
        return [
            {
                "params": parameters,
                "peak": recipe.text_lr if slow else recipe.image_lr,
                "weight_decay": recipe.weight_decay * decays,
            }
            for (slow, decays), parameters in groups.items()
        ]

    def step(self):
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * schedule(self.done, recipe.steps, recipe.warmup)
        *parts, captions = recipe.policy.sample(recipe.world, recipe.batch_size, seed=[recipe.seed, self.done])
        size = self.model.visual.image_size
        size = size if isinstance(size, int) else size[0]
        pixels = torch.cat([part.render(size, self.device) for part in parts])
        images = normalize(self.model.encode_image((pixels - self._mean) / self._std), dim=-1)
        texts = normalize(self._encode_text(self.tokenizer(captions).to(self.device)), dim=-1)
        texts, *negatives = texts.split(len(images))
        # The plain form rounds otherwise, and a training of another rounding is another training.
        scale = self.model.logit_scale.exp()
        loss = chunked_info_nce(images, texts, *negatives or [None], scale, len(images))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, math.log(MAX_LOGIT_SCALE))
        self.done += 1
        return loss.detach()

    def snapshot(self):
        """A frozen copy of the model so far, as a Backbone; its matrices are rounded to half precision (`stored`)."""
        model = new_pocket(self.recipe.config)
        model.load_state_dict(stored(self.model.state_dict()))
        return Backbone(model, self.tokenizer, f"pocket at step {self.done}", self.device)

    def state(self):
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "done": self.done}

    def load(self, state):
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.done = state["done"]


def schedule(step, steps, warmup):
    """Learning-rate factor in (0, 1]: linear warm-up, then half a cosine down to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def stored(state):
    """Weights as they are shipped: matrices in half precision, everything else unchanged."""
    return {
        key: value.detach().cpu().half().contiguous() if value.ndim > 1 else value.detach().cpu().contiguous()
        for key, value in state.items()
    }


def pretrain(recipe, out, device="auto", progress=True, save_every=50):
    """Train a PocketCLIP and write it to a folder; returns the path of its checkpoint.

    Writes NAME.safetensors, NAME.json (open_clip config), NAME-card.json (recipe, checksum, time) and NAME-log.csv
    (loss and logit scale, one row per step), where NAME is the recipe's, such as "pocket". Resumes an unfinished run of
    the same recipe in the folder; does nothing if that run is finished.
    Raises ValueError when the folder holds another recipe's run.
    """
    out, device = Path(out), pick_device(device)
    card_path, resume_path = out / f"{recipe.name}-card.json", out / "resume.pt"
    weights = out / f"{recipe.name}.safetensors"
    if card_path.exists():
        if json.loads(card_path.read_text())["recipe"] != recipe.as_dict():
            raise ValueError(f"{out} holds a PocketCLIP of another recipe; choose another --out folder.")
        return weights
    out.mkdir(parents=True, exist_ok=True)
    trainer, log, seconds = Trainer(recipe, device), [], 0.0
    if resume_path.exists():
        saved = torch.load(resume_path, map_location=device, weights_only=True)
        if saved["recipe"] != recipe.as_dict():
            raise ValueError(f"{out} holds an unfinished run of another recipe; choose another --out folder.")
        trainer.load(saved["state"])
        log, seconds = saved["log"], saved["seconds"]
    started = time.perf_counter() - seconds

    def save():
        state = {
            "recipe": recipe.as_dict(), "state": trainer.state(), "log": log,
            "seconds": time.perf_counter() - started,
        }  # fmt: skip
        write_atomically(resume_path, lambda part: torch.save(state, part))

    bar = track(total=recipe.steps, initial=trainer.done, desc=f"PocketCLIP seed {recipe.seed}", shows=progress)
    try:
        while trainer.done < recipe.steps:
            loss = float(trainer.step())
            log.append([trainer.done, loss, math.exp(trainer.model.logit_scale.item())])
            bar.update()
            bar.set_postfix(loss=f"{loss:.2f}")
            if trainer.done % save_every == 0:
                save()
    finally:
        bar.close()
    seconds = time.perf_counter() - started
    rows = ["step,loss,logit_scale", *(f"{step},{loss:.5f},{scale:.4f}" for step, loss, scale in log)]
    write_text(out / f"{recipe.name}-log.csv", "\n".join(rows) + "\n")
    metadata = {"words": json.dumps(recipe.vocabulary())}  # one entry: safetensors writes several in random order
    write_atomically(weights, lambda part: save_file(stored(trainer.model.state_dict()), part, metadata))
    write_atomically(out / f"{recipe.name}.json", lambda part: shutil.copyfile(recipe.config, part))
    card = {
        "recipe": recipe.as_dict(), "sha256": sha256(weights), "seconds": round(seconds, 1),
        "device": str(device), "threads": torch.get_num_threads(), "torch": torch.__version__,
    }  # fmt: skip
    write_json(card_path, card)
    resume_path.unlink(missing_ok=True)
    return weights
