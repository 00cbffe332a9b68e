"""Statements of `world.statements` as LABCLIP's task: pictures, captions, twins, and the measures on them.

Each kind is asked as colours are: a picture and its twin hold the same two things, and a caption and its twin the same
words. Only who is left, large, two or there is exchanged.
"""

import dataclasses

import numpy as np
import torch

from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.alignment.pairs import Pairs, choice_outcomes
from labclip_lib.diagnosis.cross_modal import diagnose_embeddings, diagnose_groups
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.embeddings.feed import text_ids
from labclip_lib.measures.bags import count_alike, recall_ceiling, same_words
from labclip_lib.measures.measure import Measure
from labclip_lib.probing.protocols import Split, split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.scenes import World
from labclip_lib.world.statements import Statements, one_reading

COLOURS = "colours"
ORDERS = ("fixed", "random")


@dataclasses.dataclass(frozen=True)
class StatementTask:
    """N statements of a kind and, after them, their N twins. Make one with `task_of`.

    images (2N, D). captions, foils: {order: 2N str}; texts, foil_texts: their embeddings, (2N, D). value, object:
    (2N, 2) what each of the two things has, and which shape it is. split: of the 2N, twins always together.
    """

    images: torch.Tensor
    captions: dict
    foils: dict
    texts: dict
    foil_texts: dict
    value: torch.Tensor
    object: torch.Tensor
    split: Split

    def pairs(self, part, order="random", most=None):
        """`Pairs` of a part of the split, the first `most` of it."""
        rows = torch.where(getattr(self.split, part))[0][:most]
        ids = [text_ids(texts).to(rows.device)[rows] for texts in (self.captions[order], self.foils[order])]
        return Pairs(self.images[rows], self.texts[order][rows], self.foil_texts[order][rows], None, *ids)


def task_of(backbone, kind, n=3000, seed=0, world=World()):
    """Draw and embed n statements of a kind, out of KINDS or COLOURS, and their twins: a StatementTask."""
    if kind == COLOURS:
        scenes = world.sample(n, 2, seed)
        both, color, shape = (scenes, scenes.swapped()), scenes.color, scenes.shape
        value, object = torch.cat([one.color for one in both]), torch.cat([shape, shape])
        pictures = both
    else:
        told = Statements.draw(world, kind, n, seed)
        both, color, shape = (told, told.swapped()), told.color, told.shape
        value, object = torch.cat([told.value] * 2), torch.cat([one.shape for one in both])
        pictures = [one.scenes() for one in both]
    captions = {order: [one.captions(order, seed=[seed, 3]) for one in both] for order in ORDERS}
    split = split_by_combination(color, shape).repeated(2).to(backbone.device)
    captions, foils = ({order: first + second for order, (first, second) in forms.items()}
                       for forms in (captions, {order: texts[::-1] for order, texts in captions.items()}))  # fmt: skip
    return StatementTask(
        torch.cat([embed_images(backbone, part) for part in pictures]),
        captions, foils,
        *({order: embed_texts(backbone, texts) for order, texts in forms.items()} for forms in (captions, foils)),
        value.to(backbone.device), object.to(backbone.device), split,
    )  # fmt: skip


def statement_probes(task):
    """Which of the two things has which value? {"image probe", "text probe, fixed order", ...: Measure}."""
    tables = {"image probe": task.images} | {f"text probe, {order} order": task.texts[order] for order in ORDERS}
    return {
        name: probe_attributes(table, task.value, task.object, task.split).measure for name, table in tables.items()
    }


def swap_and_match(task, labclip=None):
    """{"swap, fixed order", "swap, random order", "group match": Measure} over the test pairs of twins.

    The group match is of captions in random order.
    """
    labclip, half = labclip or Unaligned(), len(task.images) // 2
    test, cluster = torch.where(task.split.test)[0], task.split.cluster.cpu()
    with torch.no_grad():
        images = labclip.align_images(task.images)
        texts = {order: [labclip.align_texts(table[order]) for table in (task.texts, task.foil_texts)]
                 for order in ORDERS}  # fmt: skip
    out = {}
    for order, (true, foil) in texts.items():
        rows = test.tolist()
        same = same_words(*([form[order][row] for row in rows] for form in (task.captions, task.foils)))
        out[f"swap, {order} order"] = diagnose_embeddings(images[test], true[test], foil[test], cluster[test], same)[
            "accuracy"
        ]
    first = test[test < half]
    pictures = torch.stack([images[first], images[first + half]], 1)
    captions = torch.stack([table[first] for table in texts["random"]], 1)
    return out | {"group match": diagnose_groups(pictures, captions, cluster[first])["group match"]}


def choice_of_caption(task, labclip=None):
    """{"own caption": Measure}: whether a test image chooses its caption among those of the test and the training.

    All in random order, each text once. It is the question by which `fit_pairs` chooses, asked of the test.
    """
    rows, train = torch.where(task.split.test)[0], task.pairs("train")
    values = choice_outcomes(
        task.pairs("test").without_negatives(), labclip, train.texts, rival_ids=train.text_ids
    ).numpy()
    own, others = ([task.captions["random"][row] for row in torch.where(part)[0].tolist()]
                   for part in (task.split.test, task.split.train))  # fmt: skip
    texts = [*dict.fromkeys(own + others)]
    alike = dict(zip(texts, count_alike(texts), strict=True))
    ceiling = recall_ceiling([alike[caption] for caption in own], 1)
    return {"own caption": Measure(values, task.split.cluster[rows].cpu().numpy(), 1 / len(texts), ceiling)}


def one_reading_tables(backbone, kind, n=1000, seed=0, world=World()):
    """Embeddings of `one_reading`: parts of ((N, D) images, captions, foils, and (N,) bool, same words)."""
    return [
        (
            embed_images(backbone, scenes),
            *(embed_texts(backbone, texts) for texts in (captions, foils)),
            same_words(captions, foils),
        )
        for scenes, captions, foils in one_reading(world, kind, n, [seed, 5])
    ]


def one_reading_accuracy(tables, labclip=None):
    """Does a picture choose the caption with the right word, where its place does not matter? A Measure.

    tables: of `one_reading_tables`.
    """
    labclip, values, same = labclip or Unaligned(), [], []
    for pictures, captions, foils, alike in tables:
        with torch.no_grad():
            images = labclip.align_images(pictures)
            true, foil = (labclip.align_texts(texts) for texts in (captions, foils))
        right = diagnose_embeddings(images, true, foil, range(len(images)), alike)["accuracy"]
        values.append(right.values)
        same.append(right.bag_of_words)
    values = np.concatenate(values)
    return Measure(values, np.arange(len(values)), 0.5, float(np.mean(same)))
