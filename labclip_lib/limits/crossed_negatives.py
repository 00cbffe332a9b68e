"""Which hard negatives teach which: a LABCLIP fitted on each kind of negative, and tested on every kind.

Captions are the book's "red circle and blue square", in random mention order, and the negatives are those of the wing
`operators`. In a caption of two objects, shuffling its attributes is SWAP of attributes, and shuffling its objects is
SWAP of objects, so these are one kind each. ADD draws an object of the world: another is a word PocketCLIP cannot read.
"""

import dataclasses
import functools
import itertools
from collections import Counter

import numpy as np
import torch

from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.alignment.scene_task import TEMPLATES, BindingTask, binding_task, examine
from labclip_lib.embeddings.embed import embed_texts
from labclip_lib.embeddings.feed import text_ids
from labclip_lib.measures.bags import pairwise_ceiling, same_words
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.operators.grammar import canonical
from labclip_lib.operators.on_captions import compose, replace, shuffle_words, swap
from labclip_lib.operators.tagging import world_tagger
from labclip_lib.world.captions import parse
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.scenes import World

TRUE, SWAPPED, CONTROL, ADDED, MIX = "true", "swap attributes", "swap phrases", "add object", "a mix"
TEMPLATE, BOTH = "another template", "twin, another template"
# What is true, against what is false. The false caption of the first two is as in training, the true one is not.
HARD_POSITIVES = {
    "true in the other order": (CONTROL, SWAPPED),
    "true in another template": (TEMPLATE, SWAPPED),
    "both in another template": (TEMPLATE, BOTH),
}


def crossed_negatives(backbone, seed=0, world=World(), layouts=2, **how):
    """Fit a LABCLIP on each kind of negative and test each on all kinds, on held-out scenes.

    Hold-out: an unseen scene; a twin pair is never split. layouts: pictures of each scene. how: as in `fit_pairs`.
    Returns {"fits": {fitted on: {tested on: Measure}}, "negatives alone": the same, "texts": {kind: {what: Measure}}}.

    Fitted on "CLIP as it is", "no negatives" (mode SB), each kind, and "a mix", one kind drawn for each caption.
    "swap phrases" is the control: it names the same objects in the other order, so what it makes is true, and it is not
    in the mix. Tested on a true caption against each kind, on HARD_POSITIVES, and on retrieval and zero-shot as in
    `examine`. The ceilings are those of a reader of all words but articles.
    "negatives alone": in "fits" an image chooses among its negatives and the captions of its batch. Here it is the
    closed form before any batch: what a caption has and its negative has not is all that the matrix hears.
    "texts": how often a kind's first draw was true of the picture, so that it was drawn again until it was false, and
    how often a negative is no English.
    """
    task = binding_task(backbone, world, layouts, seed)
    told, clusters = task.captions["random order"], task.split.cluster.repeat(layouts).cpu().numpy()
    negatives, true_first = make_negatives(task.layouts, told, seed)
    # A scene has two true captions. A fit is chosen by both of them, each with negatives of its own.
    held = task.split.validation.repeat(layouts).nonzero()[:, 0].tolist()
    others = make_negatives(task.layouts, negatives[CONTROL], seed + 1, held)[0] | {TRUE: negatives[CONTROL]}
    others = {name: [texts[row] for row in held] for name, texts in others.items()}
    captions = {TRUE: told} | negatives
    for name, drawn in ((TEMPLATE, task.layouts), (BOTH, task.layouts.swapped())):
        captions[name] = [
            text
            for k, part in enumerate(drawn.parts)
            for text in part.captions("random", [drawn.seed, k], TEMPLATES[TEMPLATE])
        ]
    bench = _Bench(task, captions, _embedded(backbone, captions), _embedded(backbone, others))
    fits = {"CLIP as it is": bench.examine(Unaligned())}
    fits["no negatives"] = bench.examine(bench.fit(SWAPPED, mode="SB", seed=seed, **how))
    fits |= {kind: bench.examine(bench.fit(kind, seed=seed, **how)) for kind in negatives}
    alone = {kind: bench.examine(bench.fit(kind, seed=seed, **how | {"epochs": 0})) for kind in negatives}
    texts = {
        kind: {
            "true at first": Measure(true_first[kind], clusters),
            "no English": Measure(np.array([not is_english(text, world) for text in negatives[kind]], float), clusters),
        }
        for kind in true_first
    }
    return {"fits": fits, "negatives alone": alone, "texts": texts}


def make_negatives(layouts, captions, seed, rows=None):
    """Negatives of every kind for captions of `Layouts`: ({kind: list of str}, {kind: (N,) float64}).

    captions: L * S str, told in full, of the scenes. rows: positions, left out all; a caption elsewhere is returned as
    it is. The second: 1 where the first draw was true of the picture. Only `CONTROL` keeps such a draw.
    """
    world, rows = layouts.scenes.world, range(len(captions)) if rows is None else rows
    out, true_first = {}, {}
    for kind, operator in _operators(world).items():
        out[kind], again = list(captions), np.zeros(len(captions))
        for row in rows:
            for draw in itertools.count():
                out[kind][row] = operator(captions[row], seed=[seed, row, draw]).value
                if not says_the_same(out[kind][row], captions[row], world):
                    break
                again[row] = 1
                if kind == CONTROL:
                    break
        true_first[kind] = again
    more = tuple(part.added([seed, k]) for k, part in enumerate(layouts.parts))
    out[ADDED], true_first[ADDED] = Layouts(more, seed).captions("random"), np.zeros(len(captions))
    false = [kind for kind in out if kind != CONTROL]
    pick = np.random.default_rng(seed).integers(len(false), size=len(captions))
    out[MIX] = [out[false[k]][row] for row, k in enumerate(pick)]
    return out, true_first


def says_the_same(text, caption, world):
    """Whether two texts name the same objects, read by `parse`: in any order, as in any order within a phrase."""
    return Counter(parse(text, world)) == Counter(parse(caption, world))


def is_english(text, world):
    """Whether a text reads "red circle and blue square", with any number of objects."""
    return " and ".join(f"{color} {shape}" for color, shape in parse(text, world)) == text


@functools.cache
def _operators(world):
    recolour = functools.partial(replace, what="attribute", words=world.colors)
    reshape = functools.partial(replace, what="object", words=world.shapes)
    kinds = {
        "shuffle all words": shuffle_words,
        SWAPPED: swap,
        "swap objects": functools.partial(swap, what="objects"),
        "shuffle nouns and adjectives": functools.partial(shuffle_words, what="nouns and adjectives"),
        CONTROL: functools.partial(swap, what="phrases"),
        "replace attribute": recolour,
        "replace object": reshape,
        "swap attributes, then replace object": compose(swap, reshape),
    }
    return {name: functools.partial(operator, tagger=world_tagger(world)) for name, operator in kinds.items()}


def _embedded(backbone, captions):
    """{name: (table, ids)} of {name: captions}."""
    tables = embed_texts(backbone, list(itertools.chain(*captions.values()))).split([len(c) for c in captions.values()])
    return {
        name: (table, text_ids(texts).to(table.device))
        for (name, texts), table in zip(captions.items(), tables, strict=True)
    }


@dataclasses.dataclass(frozen=True)
class _Bench:
    """A task with its captions and negatives. others: of the validation rows alone, captions in the other order."""

    task: BindingTask
    captions: dict
    told: dict
    others: dict

    def fit(self, kind, **how):
        return fit_pairs(self._pairs("train", kind), self._pairs("validation", kind), **how)

    def _rows(self, part):
        return getattr(self.task.split, part).repeat(len(self.task.images)).nonzero()[:, 0]

    def _pairs(self, part, kind):
        rows, images = self._rows(part), self.task.images.flatten(0, 1)
        tables = [{name: [one[rows] for one in self.told[name]] for name in (TRUE, kind)}]
        tables += [self.others] if part == "validation" else []
        texts, negatives, *ids = (
            torch.cat([each[name][i] for each in tables]) for i in (0, 1) for name in (TRUE, kind)
        )
        image = torch.arange(len(rows), device=images.device).repeat(len(tables))
        return Pairs(images[rows], texts, negatives, image, *ids)

    def examine(self, labclip):
        rows = self._rows("test")
        clusters = self.task.split.cluster.repeat(len(self.task.images))[rows].cpu().numpy()
        with torch.no_grad():
            images = labclip.align_images(self.task.images.flatten(0, 1)[rows])
            cosine = {name: (images * labclip.align_texts(one[rows])).sum(1) for name, (one, _) in self.told.items()}
        words = {name: [" ".join(canonical(texts[row])) for row in rows] for name, texts in self.captions.items()}
        out = {}
        asked = {kind: (TRUE, kind) for kind in self.others if kind not in (TRUE, MIX)} | HARD_POSITIVES
        for name, (true, false) in asked.items():
            ceiling = pairwise_ceiling(same_words(words[true], words[false]))
            out[name] = Measure(pairwise_outcomes(cosine[true], cosine[false]), clusters, 0.5, ceiling)
        rest = examine(self.task, labclip, "random")
        return out | {name: measure for name, measure in rest.items() if "recall" in name or "zero-shot" in name}
