"""The book's task for LABCLIP: scenes whose combinations are held out, and the examination that follows.

Every two-object scene of a world is drawn in several layouts. A scene's hard negative is the caption of its twin, with
the colours exchanged. A twin pair is never split, so the examination asks about combinations that no matrix was
fitted to.
"""

import dataclasses

import numpy as np
import torch

from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.embeddings.feed import text_ids
from labclip_lib.measures.bags import count_alike, pairwise_ceiling, recall_ceiling, same_words
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes, recall_outcomes, similarities
from labclip_lib.probing.protocols import Split, split_by_combination
from labclip_lib.world.captions import TEMPLATES as WORDINGS
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.scenes import World

TEMPLATES = {"another template": WORDINGS["article"], "a longer template": WORDINGS["photo"]}


@dataclasses.dataclass(frozen=True)
class BindingTask:
    """L layouts of S scenes, and their embeddings. Make one with `binding_task`.

    layouts: the scenes. captions: {what is said: L * S or S str}, where "twin, ..." is said of the twin: "fixed order"
    and "random order" as in training, "other order" with the objects named the other way round, the TEMPLATES, "colour
    replaced" and "shape replaced". images (L, S, D), texts {what is said: (L, S, D) or (1, S, D)}: embeddings. split:
    of the S scenes. singles: (images, labels, captions) of scenes of one object, for zero-shot classification.
    """

    layouts: Layouts
    captions: dict
    images: torch.Tensor
    texts: dict
    split: Split
    singles: tuple

    def pairs(self, part="train", order="fixed"):
        """`Pairs` of a part of the split, captions and negatives in one order, or in another form out of `texts`.

        To validate in random order, an image has every caption of its scene: both orders are right.
        """
        rows = getattr(self.split, part)
        images = self.images[:, rows].flatten(0, 1)
        said = [{"fixed": "fixed order", "random": "random order"}.get(order, order)]
        if order == "random" and part != "train":
            said = ["fixed order", "other order"]

        def laid_out(table):
            part = table[:, rows]
            return part.expand(len(self.images), *part.shape[1:]).flatten(0, 1)

        def rows_and_ids(prefix):
            names = [prefix + name for name in said]
            ids = [text_ids(self.captions[name]).to(images.device).view(-1, len(rows)) for name in names]
            return torch.cat([laid_out(self.texts[name]) for name in names]), torch.cat([laid_out(one) for one in ids])

        (texts, own), (negatives, foils) = rows_and_ids(""), rows_and_ids("twin, ")
        image = torch.arange(len(images), device=images.device).repeat(len(said))
        return Pairs(images, texts, negatives, image, own, foils)


def binding_task(backbone, world=World(), layouts=10, seed=7):
    """Draw and embed the scenes of a world: a BindingTask, split by combination."""
    every = Layouts.draw(world, layouts, seed)
    captions = {}
    for prefix, told in (("", every), ("twin, ", every.swapped())):
        captions[f"{prefix}fixed order"] = told.scenes.captions()
        captions[f"{prefix}random order"] = told.captions("random")
        captions[f"{prefix}other order"] = told.scenes.captions("reversed")
        for name, template in TEMPLATES.items():
            captions[f"{prefix}{name}"] = told.scenes.captions(template=template)
    for what, name in (("color", "colour"), ("shape", "shape")):
        captions[f"{name} replaced"] = every.replaced(what).captions()
    images = torch.stack([embed_images(backbone, part) for part in every.parts])
    tables = embed_texts(backbone, [caption for said in captions.values() for caption in said])
    tables = tables.split([len(said) for said in captions.values()])
    texts = {name: table.unflatten(0, (-1, images.shape[1])) for name, table in zip(captions, tables, strict=True)}
    split = split_by_combination(every.scenes.color, every.scenes.shape).to(images.device)
    return BindingTask(every, captions, images, texts, split, _singles(backbone, world, seed))


def fit_task(task, order="fixed", **how):
    """`fit_pairs` on the training scenes of a task, chosen by its validation scenes."""
    return fit_pairs(task.pairs("train", order), task.pairs("validation", order), **how)


def examine(task, labclip=None, order="fixed"):
    """How a LABCLIP, or CLIP as it is, does on the test scenes: {name: Measure}, clustered by twin pair.

    order: in which the captions of training named the objects; all else is put in relation to it.
    """
    rows = task.split.test
    layouts, scenes = task.images.shape[:2]
    clusters = task.split.cluster[rows].repeat(layouts).cpu().numpy()
    said = {name: captions * (layouts * scenes // len(captions)) for name, captions in task.captions.items()}
    with torch.no_grad():
        align = labclip.align_texts if labclip else lambda texts: texts
        texts = {name: align(table) for name, table in task.texts.items()}
        images = labclip.align_images(task.images) if labclip else task.images
        cosine = {name: (images[:, rows] * table[:, rows]).sum(-1).flatten() for name, table in texts.items()}

        def ask(name, true, foil):
            same = same_words(said[true], said[foil]).reshape(layouts, scenes)[:, rows.cpu()]
            outcomes = pairwise_outcomes(cosine[true], cosine[foil])
            return {name: Measure(outcomes, clusters, 0.5, pairwise_ceiling(same))}

        out = ask("swap", f"{order} order", f"twin, {order} order")
        if order == "fixed":
            out |= ask("swap, the other order", "other order", "twin, other order")
        out |= ask("reworded, against the twin as usual", "other order", "twin, fixed order")
        for name in TEMPLATES:
            out |= ask(f"swap, {name}", name, f"twin, {name}")
        out |= ask("replace colour", "fixed order", "colour replaced")
        out |= ask("replace shape", "fixed order", "shape replaced")
        ceiling = recall_ceiling(count_alike(task.captions["fixed order"])[rows.cpu()], 1)
        out |= _retrieval(images, texts["fixed order"][0], rows, clusters, ceiling)
        out |= _zero_shot(task, labclip)
    return out


def _retrieval(images, captions, rows, clusters, ceiling):
    """Both ways over all of the world's scenes, one caption each; the test's are asked about."""
    own = torch.where(rows)[0]
    similarity = similarities(images[:, rows].flatten(0, 1), captions)
    n, layouts = len(captions), len(images)
    there = recall_outcomes(similarity, 1, own.repeat(layouts))
    back = np.concatenate([recall_outcomes(similarities(captions[rows], layout), 1, own) for layout in images])
    return {
        f"image to text, recall@1 of {n:,}": Measure(there, clusters, 1 / n, ceiling),
        f"text to image, recall@1 of {n:,}": Measure(back, clusters, 1 / n, ceiling),
    }


def _classes(world):
    return [f"a {color} {shape}" for color in world.colors for shape in world.shapes]


def _singles(backbone, world, seed):
    ones = world.sample(512, 1, seed=[seed, 1])
    labels = ones.color[:, 0] * len(world.shapes) + ones.shape[:, 0]
    return embed_images(backbone, ones), labels.to(backbone.device), embed_texts(backbone, _classes(world))


def _zero_shot(task, labclip):
    """Which colour and shape has a single object? Its caption among those of all colours and shapes."""
    images, labels, captions = task.singles
    if labclip:
        images, captions = labclip.align_images(images), labclip.align_texts(captions)
    found = recall_outcomes(similarities(images, captions), 1, labels)
    classes = _classes(task.layouts.scenes.world)
    levels = 1 / len(classes), recall_ceiling(count_alike(classes)[labels.cpu()], 1)
    return {f"zero-shot, single objects, {len(classes)} classes": Measure(found, np.arange(len(found)), *levels)}
