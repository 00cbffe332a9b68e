"""The book's task for LABCLIP: scenes whose combinations are held out, and the measures on them.

Every two-object scene of a world is drawn in several layouts. A scene's hard negative is the caption of its twin, with
the colours exchanged. A twin pair is never split, so the test scenes show combinations that no matrix was fitted to.
"""

import dataclasses

import numpy as np
import torch

from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.diagnosis.cross_modal import diagnose_groups, twins
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.embeddings.feed import text_ids
from labclip_lib.measures.bags import count_alike, pairwise_ceiling, recall_ceiling, same_words
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes, recall_outcomes, similarities
from labclip_lib.probing.protocols import Split, split_by_combination
from labclip_lib.world.captions import TEMPLATES as WORDINGS
from labclip_lib.world.layouts import Layouts

TEMPLATES = {"another template": WORDINGS["article"], "a longer template": WORDINGS["photo"]}


@dataclasses.dataclass(frozen=True)
class BindingTask:
    """L layouts of S scenes, and their embeddings. Make one with `binding_task`.

    layouts: the scenes. captions: {form: L * S or S str}, where "twin, ..." describes the twin: "fixed order" and
    "random order" as in training, "other order" with the objects named the other way round, the TEMPLATES, "colour
    replaced" and "shape replaced". images (L, S, D), texts {form: (L, S, D) or (1, S, D)}: embeddings. split:
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

        In random order, an image outside the training part has both captions of its scene: either is right.
        """
        rows = getattr(self.split, part)
        images = self.images[:, rows].flatten(0, 1)
        forms = [{"fixed": "fixed order", "random": "random order"}.get(order, order)]
        if order == "random" and part != "train":
            forms = ["fixed order", "other order"]

        def laid_out(table):
            part = table[:, rows]
            return part.expand(len(self.images), *part.shape[1:]).flatten(0, 1)

        def rows_and_ids(prefix):
            names = [prefix + name for name in forms]
            ids = [text_ids(self.captions[name]).to(images.device).view(-1, len(rows)) for name in names]
            return torch.cat([laid_out(self.texts[name]) for name in names]), torch.cat([laid_out(one) for one in ids])

        (texts, caption_ids), (negatives, foil_ids) = rows_and_ids(""), rows_and_ids("twin, ")
        image = torch.arange(len(images), device=images.device).repeat(len(forms))
        return Pairs(images, texts, negatives, image, caption_ids, foil_ids)


def binding_task(backbone, world=None, layouts=10, seed=7):
    """Draw and embed the scenes of a world, by default the backbone's own: a BindingTask, split by combination."""
    world = world or backbone.world
    every = Layouts.draw(world, layouts, seed)
    captions = {}
    for prefix, drawn in (("", every), ("twin, ", every.swapped())):
        captions[f"{prefix}fixed order"] = drawn.scenes.captions()
        captions[f"{prefix}random order"] = drawn.captions("random")
        captions[f"{prefix}other order"] = drawn.scenes.captions("reversed")
        for name, template in TEMPLATES.items():
            captions[f"{prefix}{name}"] = drawn.scenes.captions(template=template)
    for what, name in (("color", "colour"), ("shape", "shape")):
        captions[f"{name} replaced"] = every.replaced(what).captions()
    images = torch.stack([embed_images(backbone, part) for part in every.parts])
    tables = embed_texts(backbone, [caption for form in captions.values() for caption in form])
    tables = tables.split([len(form) for form in captions.values()])
    texts = {name: table.unflatten(0, (-1, images.shape[1])) for name, table in zip(captions, tables, strict=True)}
    split = split_by_combination(every.scenes.color, every.scenes.shape).to(images.device)
    return BindingTask(every, captions, images, texts, split, _singles(backbone, world, seed))


def fit_task(task, order="fixed", **how):
    """`fit_pairs` on the training scenes of a task, with its validation scenes for validation."""
    return fit_pairs(task.pairs("train", order), task.pairs("validation", order), **how)


def examine(task, labclip=None, order="fixed"):
    """How a LABCLIP, or CLIP as it is, does on the test scenes: {name: Measure}, clustered by twin pair.

    order: the mention order of the training captions.
    """
    labclip, rows = labclip or Unaligned(), task.split.test
    asked = {"swap": (f"{order} order", f"twin, {order} order")}
    if order == "fixed":
        asked["swap, the other order"] = ("other order", "twin, other order")
    asked["only the true caption in the other order"] = ("other order", "twin, fixed order")
    asked |= {f"swap, {name}": (name, f"twin, {name}") for name in TEMPLATES}
    asked |= {f"replace {what}": ("fixed order", f"{what} replaced") for what in ("colour", "shape")}
    out = compare_forms(task, asked, labclip)
    with torch.no_grad():
        images, captions = labclip.align_images(task.images), labclip.align_texts(task.texts["fixed order"][0])
        clusters = task.split.cluster[rows].repeat(len(images)).cpu().numpy()
        ceiling = recall_ceiling(count_alike(task.captions["fixed order"])[rows.cpu()], 1)
        out |= _retrieval(images, captions, rows, clusters, ceiling)
        out |= _zero_shot(task, labclip)
    return out


def compare_forms(task, asked, labclip=None):
    """Whether a test image is closer to its caption in one form than to a foil in another: {name: Measure}.

    asked: {name: (form of the caption, form of the foil)}, forms out of `BindingTask.texts`. Clustered by twin pair.
    """
    labclip, rows = labclip or Unaligned(), task.split.test
    layouts, scenes = task.images.shape[:2]
    clusters = task.split.cluster[rows].repeat(layouts).cpu().numpy()
    with torch.no_grad():
        images = labclip.align_images(task.images)[:, rows]
        forms = dict.fromkeys(form for pair in asked.values() for form in pair)
        cosine = {name: (images * labclip.align_texts(task.texts[name])[:, rows]).sum(-1).flatten() for name in forms}
    captions = {name: task.captions[name] * (layouts * scenes // len(task.captions[name])) for name in forms}
    out = {}
    for name, (true, foil) in asked.items():
        same = same_words(captions[true], captions[foil]).reshape(layouts, scenes)[:, rows.cpu()]
        outcomes = pairwise_outcomes(cosine[true], cosine[foil])
        out[name] = Measure(outcomes, clusters, 0.5, pairwise_ceiling(same))
    return out


def examine_groups(task, labclip=None, order="fixed"):
    """The group score and the group match of the test scenes with their twins, as `diagnose_groups` gives them.

    A pair's captions are those of one of its scenes, true and swapped, in each layout; both images have that layout's
    number. Arguments as of `examine`.
    """
    labclip, twin = labclip or Unaligned(), twins(task.layouts.scenes).to(task.images.device)
    first = torch.where(task.split.test & (torch.arange(len(twin), device=twin.device) < twin))[0]
    with torch.no_grad():
        images = labclip.align_images(task.images)
        texts = [labclip.align_texts(task.texts[name]) for name in (f"{order} order", f"twin, {order} order")]
    pictures = torch.stack([images[:, first], images[:, twin[first]]], 2)
    both = torch.stack([table[:, first].expand(len(images), -1, -1) for table in texts], 2)
    clusters = task.split.cluster[first].repeat(len(images))
    return diagnose_groups(pictures.flatten(0, 1), both.flatten(0, 1), clusters)


def _retrieval(images, captions, rows, clusters, ceiling):
    """Retrieval both ways for the test scenes, among all of the world's scenes, one caption each."""
    targets = torch.where(rows)[0]
    similarity = similarities(images[:, rows].flatten(0, 1), captions)
    n, layouts = len(captions), len(images)
    to_text = recall_outcomes(similarity, 1, targets.repeat(layouts))
    to_image = np.concatenate([recall_outcomes(similarities(captions[rows], layout), 1, targets) for layout in images])
    return {
        f"image to text, recall@1 of {n:,}": Measure(to_text, clusters, 1 / n, ceiling),
        f"text to image, recall@1 of {n:,}": Measure(to_image, clusters, 1 / n, ceiling),
    }


def _classes(world):
    return [f"a {color} {shape}" for color in world.colors for shape in world.shapes]


def _singles(backbone, world, seed):
    ones = world.sample(512, 1, seed=[seed, 1])
    labels = ones.color[:, 0] * len(world.shapes) + ones.shape[:, 0]
    return embed_images(backbone, ones), labels.to(backbone.device), embed_texts(backbone, _classes(world))


def _zero_shot(task, labclip):
    """Zero-shot accuracy on single objects: the caption of each among those of all colours and shapes."""
    images, labels, captions = task.singles
    similarity = similarities(labclip.align_images(images), labclip.align_texts(captions))
    outcomes = recall_outcomes(similarity, 1, labels)
    classes = _classes(task.layouts.scenes.world)
    levels = 1 / len(classes), recall_ceiling(count_alike(classes)[labels.cpu()], 1)
    return {f"zero-shot, single objects, {len(classes)} classes": Measure(outcomes, np.arange(len(outcomes)), *levels)}
