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
from labclip_lib.diagnosis.within import captions_in
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.embeddings.feed import text_ids
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes, recall_outcomes, similarities
from labclip_lib.probing.protocols import Split, split_by_combination
from labclip_lib.world.scenes import World

TEMPLATES = {
    "another template": "a {attr1} {obj1} and a {attr2} {obj2}",
    "a longer template": "a photo of a {attr1} {obj1} and a {attr2} {obj2}",
}


@dataclasses.dataclass(frozen=True)
class BindingTask:
    """Embeddings of L layouts of S scenes. Make one with `binding_task`.

    images (L, S, D). texts: {what is said: (L, S, D) or (1, S, D)}, where "twin, ..." is said of the twin:
    "fixed order" and "random order" as in training, "other order" with the objects named the other way round, the
    TEMPLATES, "colour replaced" and "shape replaced". text_ids: {what is said: (L, S) or (1, S) int64}, as of
    `feed.text_ids`. split: of the S scenes. singles: (images, labels, captions) of scenes of one object, for zero-shot
    classification.
    """

    images: torch.Tensor
    texts: dict
    text_ids: dict
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

        of_captions = (
            torch.cat([laid_out(table[prefix + name]) for name in said])
            for table in (self.texts, self.text_ids) for prefix in ("", "twin, ")
        )  # fmt: skip
        texts, negatives, text_ids, negative_ids = of_captions
        image = torch.arange(len(images), device=images.device).repeat(len(said))
        return Pairs(images, texts, negatives, image, text_ids, negative_ids)


def binding_task(backbone, world=None, layouts=10, seed=7):
    """Draw and embed the scenes of a world: a BindingTask, split by combination."""
    world = world or World()
    parts = [world.compositions(seed=[seed, k]) for k in range(layouts)]
    scenes = parts[0]
    images = torch.stack([embed_images(backbone, part) for part in parts])
    turn = scenes.mention_order().flip(1)
    texts = {}
    for prefix, change in (("", lambda part: part), ("twin, ", lambda part: part.swapped())):
        one = change(scenes)
        texts[f"{prefix}fixed order"] = [one.captions()]
        texts[f"{prefix}random order"] = [
            change(part).captions("random", seed=[seed, k]) for k, part in enumerate(parts)
        ]
        texts[f"{prefix}other order"] = [captions_in(one, turn)]
        for name, template in TEMPLATES.items():
            texts[f"{prefix}{name}"] = [one.captions(template=template)]
    for what, name in (("color", "colour"), ("shape", "shape")):
        texts[f"{name} replaced"] = [part.replaced(what, seed).captions() for part in parts]
    embedded = embed_texts(backbone, [caption for said in texts.values() for part in said for caption in part])
    tables = iter(embedded.split(len(scenes)))
    ids = {name: torch.stack([text_ids(part) for part in said]).to(images.device) for name, said in texts.items()}
    texts = {name: torch.stack([next(tables) for _ in said]) for name, said in texts.items()}
    split = split_by_combination(scenes.color, scenes.shape)
    return BindingTask(images, texts, ids, split.to(images.device), _singles(backbone, world, seed))


def fit_task(task, order="fixed", **how):
    """`fit_pairs` on the training scenes of a task, chosen by its validation scenes."""
    return fit_pairs(task.pairs("train", order), task.pairs("validation", order), **how)


def examine(task, labclip=None, order="fixed"):
    """How a LABCLIP, or CLIP as it is, does on the test scenes: {name: Measure}, clustered by twin pair.

    order: in which the captions of training named the objects; all else is put in relation to it.
    """
    rows = task.split.test
    layouts = len(task.images)
    clusters = task.split.cluster[rows].repeat(layouts).cpu().numpy()
    with torch.no_grad():
        align = labclip.align_texts if labclip else lambda texts: texts
        texts = {name: align(table) for name, table in task.texts.items()}
        images = labclip.align_images(task.images) if labclip else task.images
        cosine = {name: (images[:, rows] * table[:, rows]).sum(-1).flatten() for name, table in texts.items()}

        def ask(name, true, foil, bag_of_words):
            return {name: Measure(pairwise_outcomes(cosine[true], cosine[foil]), clusters, 0.5, bag_of_words)}

        said = f"{order} order"
        out = ask("swap", said, f"twin, {said}", 0.5)
        if order == "fixed":
            out |= ask("swap, the other order", "other order", "twin, other order", 0.5)
        out |= ask("reworded, against the twin as usual", "other order", "twin, fixed order", 0.5)
        for name in TEMPLATES:
            out |= ask(f"swap, {name}", name, f"twin, {name}", 0.5)
        out |= ask("replace colour", "fixed order", "colour replaced", 1.0)
        out |= ask("replace shape", "fixed order", "shape replaced", 1.0)
        out |= _retrieval(images, texts["fixed order"][0], rows, clusters)
        out |= _zero_shot(task.singles, labclip)
    return out


def _retrieval(images, captions, rows, clusters):
    """Both ways over all of the world's scenes, one caption each; the test's are asked about."""
    own = torch.where(rows)[0]
    similarity = similarities(images[:, rows].flatten(0, 1), captions)
    n, layouts = len(captions), len(images)
    there = recall_outcomes(similarity, 1, own.repeat(layouts))
    back = np.concatenate([recall_outcomes(similarities(captions[rows], layout), 1, own) for layout in images])
    return {
        f"image to text, recall@1 of {n:,}": Measure(there, clusters, 1 / n, 0.5),
        f"text to image, recall@1 of {n:,}": Measure(back, clusters, 1 / n, 0.5),
    }


def _singles(backbone, world, seed):
    ones = world.sample(512, 1, seed=[seed, 1])
    labels = ones.color[:, 0] * len(world.shapes) + ones.shape[:, 0]
    captions = [f"a {color} {shape}" for color in world.colors for shape in world.shapes]
    return embed_images(backbone, ones), labels.to(backbone.device), embed_texts(backbone, captions)


def _zero_shot(singles, labclip):
    """Which colour and shape has a single object? Its caption among those of all colours and shapes."""
    images, labels, captions = singles
    if labclip:
        images, captions = labclip.align_images(images), labclip.align_texts(captions)
    found = recall_outcomes(similarities(images, captions), 1, labels)
    return {
        f"zero-shot, single objects, {len(captions)} classes": Measure(
            found, np.arange(len(found)), 1 / len(captions), 1.0
        )
    }
