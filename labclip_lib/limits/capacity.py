"""Is linear enough? LABCLIP beside maps that can do less, maps that can do more, and towers that learn, at equal data.

All of them are fitted to the training scenes of `scene_task.binding_task`, with the twins' captions as hard negatives.
"""

import functools
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu, normalize

from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.pairs import choice_outcomes
from labclip_lib.alignment.scene_task import (
    TEMPLATES,
    binding_task,
    compare_forms,
    examine,
    examine_groups,
    fit_task,
)
from labclip_lib.limits.lora import add_lora, merge_lora
from labclip_lib.measures.bags import count_alike, recall_ceiling
from labclip_lib.measures.measure import Measure
from labclip_lib.studies.comparison import LAYOUTS, all_weights, finetune
from labclip_lib.world.scenes import World

# Name -> rank or hidden units, and the arguments of `fit_labclip`; None is CLIP as it is. The MLPs' learning rates are
# those that chose best on validation scenes of training 0 in three layouts, of 1e-3, 3e-3 and 1e-2 from the identity,
# and of 2e-5, 5e-5 and 2e-4 from the closed form, of equals the higher; LABCLIP's own was best of 5e-5, 2e-4 and 1e-3.
HEADS = {
    "CLIP": None,
    "closed form": {"epochs": 0},
    "LABCLIP": {},
    "LABCLIP, rank 32": {"rank": 32},
    "LABCLIP, rank 8": {"rank": 8},
    "MLP": {"hidden": 1024, "start": "identity", "learning_rate": 1e-3, "epochs": 20, "patience": 20},
    "MLP, from the closed form": {"hidden": 1024, "learning_rate": 5e-5},
}
# Name -> the towers with LoRA, None for all weights; and the learning rate. LoRA's is the best of 1e-3, 4e-3 and 1.5e-2
# on the text tower, chosen alike; that of all weights is `finetune`'s own.
TOWERS = {
    "LoRA, text tower": (("text",), 4e-3),
    "LoRA, both towers": (("text", "image"), 4e-3),
    "all weights": (None, 3e-4),
}


class MLP(LABCLIP):
    """LABCLIP's matrix A and two layers beside it: v becomes A v + W2 gelu(W1 v + b1) + b2, at unit length.

    W2 and b2 start at zero: at first it is what A is. seed: of W1.
    """

    def __init__(self, dim, hidden, seed=0):
        super().__init__(dim)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.second = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        for parameter in self.second.parameters():
            nn.init.zeros_(parameter)

    def forward(self, embeddings):
        return normalize(self.linear(embeddings) + self.second(gelu(self.first(embeddings))), dim=-1)


def capacities(backbone, seed=0, order="random", world=World(), layouts=LAYOUTS, steps=250, batch_size=128,
               heads=HEADS, towers=TOWERS):  # fmt: skip
    """Each method on a PocketCLIP: {method: {measure: Measure}}.

    Held out are combinations of colour and shape, as in `binding_task`. seed: of the fits, of the MLPs and of LoRA; the
    scenes are the same for each. steps, batch_size: of the towers that learn. heads, towers: in the form of HEADS and
    TOWERS.
    "hard positive, ...": the image with its caption in a template that no fit has seen, against the swapped caption in
    the words of the fit. "validation": whether an image chooses its caption among those of the validation scenes.
    "parameters": how many numbers are fitted, the loss's temperature not counted; "seconds": of a processor, for the
    fit alone.
    """
    task = functools.cache(lambda: binding_task(backbone, world, layouts))  # not for a tower that sees anew
    out = {name: _with_head(task(), order, seed, how) for name, how in heads.items()}
    for name, (which, rate) in towers.items():
        unfreeze = all_weights if which is None else functools.partial(add_lora, towers=which, seed=seed)
        count = []

        def counted(model, unfreeze=unfreeze, count=count):
            count.append(_fitted(unfreeze(model)))
            return model

        images = task().images if which == ("text",) else None
        started = time.process_time()
        tuned = finetune(backbone, order, world, layouts, steps=steps, batch_size=batch_size, rate=rate,
                         progress=False, unfreeze=counted, images=images)  # fmt: skip
        seconds = time.process_time() - started
        merge_lora(tuned.model)
        out[name] = _measured(binding_task(tuned, world, layouts), None, order, seed, *count, seconds)
    return out


def _with_head(task, order, seed, how):
    if how is None:
        return _measured(task, None, order, seed, 0, 0.0)
    how, dim = dict(how), task.images.shape[2]
    rank, hidden = how.pop("rank", None), how.pop("hidden", None)
    head = LABCLIP(dim, rank=rank) if hidden is None else MLP(dim, hidden, seed)
    count, started = _fitted(head), time.process_time()
    head = fit_task(task, order, seed=seed, rank=rank, labclip=head, **how)
    return _measured(task, head, order, seed, count, time.process_time() - started)


def _fitted(model):
    """How many numbers learn, without the loss's temperature."""
    named = model.named_parameters()
    return sum(p.numel() for name, p in named if p.requires_grad and name not in ("t", "logit_scale"))


def _measured(task, head, order, seed, count, seconds):
    foil = f"twin, {order} order"
    out = examine(task, head, order) | examine_groups(task, head, order)
    out |= compare_forms(task, {f"hard positive, {name}": (name, foil) for name in TEMPLATES}, head)
    rows = task.split.validation.cpu()
    values = choice_outcomes(task.pairs("validation", order), head).numpy()
    clusters = task.split.cluster.cpu()[rows].repeat(len(task.images)).numpy()
    captions = [task.captions["fixed order"][row] for row in torch.where(rows)[0].tolist()]
    out["validation"] = Measure(values, clusters, 1 / len(captions), recall_ceiling(count_alike(captions), 1))
    for name, value in (("parameters", count), ("seconds", seconds)):
        out[name] = Measure(np.array([float(value)]), np.array([seed]))
    return out
