"""How far binding reaches when a scene holds more objects, all different in colour and in shape.

Hold-out: the unseen combination. A bag, which is a set of colours with a set of shapes, is in one part of the split
with all its re-pairings, the ways to share out these colours among these shapes. Each single object occurs in training.
"""

import dataclasses
import itertools
import math

import numpy as np
import torch

from labclip_lib.alignment.fit import fit_pairs
from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.alignment.pairs import Pairs
from labclip_lib.diagnosis.cross_modal import diagnose_embeddings, diagnose_groups
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.embeddings.feed import text_ids
from labclip_lib.measures.bags import count_alike, recall_ceiling, same_words
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import guessed_recall, recall_outcomes
from labclip_lib.probing.protocols import Split, split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.placement import shrink_of
from labclip_lib.world.scenes import World
from labclip_lib.world.twins import pair_clusters

ORDERS = ("random", "fixed")  # of mention
MODES = {"LABCLIP": "HNB", "LABCLIP-SB": "SB"}
ON_TWO = "LABCLIP, fitted on two objects"
HALF = "half the scenes"
APART = 10**6  # so that the bags of one seed are not taken for those of another, where they are other bags


def more_objects(backbone, seed=0, most=6, world=World(), objects=9_600, bags=48, choices=24, **how):
    """Probes, swap test and retrieval for scenes of 2 to `most` objects: {measure: {method: {"2": Measure, ...}}}.

    "probe": which colour has this shape, from images, from captions in either order, and from images of two objects
    that are drawn as small as those in a scene of so many; this shows what size alone does, without the crowd.
    "swap, ... order": an image's caption against the same with the colours of two objects exchanged. "group match, ...
    order": a scene and such a twin, with their captions. "recall@1, ... order": the image chooses among the re-pairings
    of its colours and shapes, all n! or, where these are more, `choices` of them. Captions that are compared name the
    objects in the same order.
    Methods of the last three: CLIP; LABCLIP, and LABCLIP-SB, which has no hard negatives, fitted on scenes of as many
    objects; and LABCLIP fitted on two objects. What ends in "half the scenes" was fitted to half of the training: where
    it is worse, more scenes would do more, and the number is no limit of the towers.
    objects: in the scenes that are drawn for training and validation, the same for every number of objects in a scene.
    So each probe has equally many rows, and a LABCLIP fewer scenes where each holds more. bags: at most so many are
    for the test, each in `choices` images. how: as in `fit_pairs`.
    Raises ValueError for more objects than the world has colours or shapes, or than the backbone can read of.
    """
    out, on_two, pairs = {}, {}, None
    for n in range(2, most + 1):
        crowd = Crowd.draw(world, n, objects // n, bags, choices, seed)
        pairs = pairs or crowd

        def note(measure, method, value, n=str(n)):
            value = value._replace(clusters=np.asarray(value.clusters) + APART * seed)
            out.setdefault(measure, {}).setdefault(method, {})[n] = value

        images = crowd.embed(backbone)
        note("probe", "image", crowd.probe(images))
        note("probe", f"image, {HALF}", crowd.probe(images, 0.5))
        small = images if n == 2 else pairs.shrunk(shrink_of(n) / shrink_of(2)).embed(backbone)
        note("probe", "image, two objects as small", pairs.probe(small))
        for order in ORDERS:
            texts = crowd.embed(backbone, order)
            note("probe", f"text, {order} order", crowd.probe(texts))
            methods = {"CLIP": Unaligned()}
            for name, mode in MODES.items():
                methods[name] = crowd.fit(images, texts, order, mode=mode, seed=seed, **how)
                if order == "random":
                    methods[f"{name}, {HALF}"] = crowd.fit(images, texts, order, 0.5, mode=mode, seed=seed, **how)
            if order == "random":
                note("probe", f"text, {order} order, {HALF}", crowd.probe(texts, 0.5))
            methods[ON_TWO] = on_two.setdefault(order, methods["LABCLIP"])
            for name, labclip in methods.items():
                for measure, value in crowd.examine(images, texts, order, labclip).items():
                    note(f"{measure}, {order} order", name, value)
    return out


@dataclasses.dataclass(frozen=True)
class Crowd:
    """Scenes of n objects, in groups of re-pairings of one bag. Make one with `draw`.

    known: for training and validation, one group in a row, in two Scenes: a pairing, and its twin. tested: likewise, in
    n! Scenes or fewer; the second of each two is the twin of the first. known and tested have G and H groups.
    validation: (G,) mask. seed: of the order of mention.
    """

    known: tuple
    tested: tuple
    validation: torch.Tensor
    seed: tuple

    @classmethod
    def draw(cls, world, n, scenes, bags, choices, seed=0):
        """So many scenes, but for those whose bag is for the test, and each of these bags in `choices` scenes."""
        pool = world.sample(scenes // 2, n, [seed, n, 0])
        split = split_by_combination(pool.color, pool.shape)
        rows = torch.where(split.test)[0]
        one_of_each = np.sort(np.unique(split.cluster[rows], return_index=True)[1])[:bags]
        times = choices // min(math.factorial(n), choices)  # fewer re-pairings, each in more images
        known, tested = pool[~split.test], pool[rows[np.tile(one_of_each, times)]]
        known, tested = re_pairings(known, 2, [seed, n, 2]), re_pairings(tested, choices, [seed, n, 1])
        return cls(known, tested, split.validation[~split.test], (seed, n))

    def shrunk(self, factor):
        """The same scenes with smaller objects, in the same places."""
        known, tested = (
            tuple(dataclasses.replace(part, radius=part.radius * factor) for part in parts)
            for parts in (self.known, self.tested)
        )
        return dataclasses.replace(self, known=known, tested=tested)

    def captions(self, order):
        """Captions of the known and of the tested scenes, two lists, row after row of each group."""
        return tuple(
            [text for group in zip(*(part.captions(order, self.seed) for part in parts), strict=True) for text in group]
            for parts in (self.known, self.tested)
        )

    def embed(self, backbone, order=None):
        """Embeddings of the images, or of the captions in an order: known (G, 2, D) and tested (H, M, D)."""
        if order is None:
            return tuple(
                torch.stack([embed_images(backbone, part) for part in parts], 1) for parts in (self.known, self.tested)
            )
        known, tested = self.captions(order)
        table = embed_texts(backbone, known + tested)
        return table[: len(known)].unflatten(0, (-1, 2)), table[len(known) :].unflatten(0, (-1, len(self.tested)))

    def trains(self, share):
        """(G,) mask of the known groups that are for training, or of this share of them."""
        return ~self.validation & (torch.arange(len(self.validation)) < share * len(self.validation))

    def probe(self, embeddings, share=1):
        """The Measure of `probe_attributes` on embeddings as `embed` gives them, with a share of the training."""
        color, shape = (
            torch.cat([torch.stack([getattr(part, what) for part in parts], 1).flatten(0, 1)
                       for parts in (self.known, self.tested)])
            for what in ("color", "shape")
        )  # fmt: skip
        features = torch.cat([table.flatten(0, 1) for table in embeddings])
        test = torch.arange(len(color)) >= 2 * len(self.validation)
        train, validation = (
            torch.cat([rows.repeat_interleave(2), torch.zeros(int(test.sum()), dtype=torch.bool)])
            for rows in (self.trains(share), self.validation)
        )
        asked = torch.ones_like(color, dtype=torch.bool)
        split = Split(train, validation, test, pair_clusters(color, shape), asked).to(features.device)
        return probe_attributes(features, color.to(features.device), shape.to(features.device), split).measure

    def fit(self, images, texts, order, share=1, **how):
        """A LABCLIP fitted to a share of the training; the hard negative of a scene is its twin's caption."""
        ids = text_ids(self.captions(order)[0]).unflatten(0, (-1, 2)).to(texts[0].device)

        def part(rows):
            tables = images[0], texts[0], texts[0].flip(1), None, ids, ids.flip(1)
            return Pairs(*(None if table is None else table[rows].flatten(0, 1) for table in tables))

        train, validation = (rows.to(texts[0].device) for rows in (self.trains(share), self.validation))
        return fit_pairs(part(train), part(validation), **how)

    def examine(self, images, texts, order, labclip):
        """Swap test, group match and recall@1 among the re-pairings, on the tested scenes: {name: Measure}."""
        with torch.no_grad():
            images, texts = labclip.align_images(images[1]), labclip.align_texts(texts[1])
        m, captions = len(self.tested), self.captions(order)[1]
        groups = pair_clusters(self.tested[0].color, self.tested[0].shape)
        clusters = groups.repeat_interleave(m)
        foil = np.arange(len(captions)) ^ 1
        same = same_words(captions, [captions[row] for row in foil])
        flat = texts.flatten(0, 1)
        swap = diagnose_embeddings(images.flatten(0, 1), flat, flat[foil], clusters, same)["accuracy"]
        twins = (table.flatten(0, 1).unflatten(0, (-1, 2)) for table in (images, texts))
        match = diagnose_groups(*twins, groups.repeat_interleave(m // 2))["group match"]
        similarity = torch.einsum("gid,gjd->gij", images, texts).flatten(0, 1)
        right = recall_outcomes(similarity, 1, torch.arange(m).repeat(len(images)))
        different = len(groups.unique()) * m  # where a bag comes again, its captions are no further choices
        ceiling = recall_ceiling(count_alike(captions[:different]), 1)
        recall = Measure(right, clusters.numpy(), float(guessed_recall(1, m, 1)), ceiling)
        return {"swap": swap, "group match": match, "recall@1": recall}


def re_pairings(scenes, most, seed):
    """Ways to share out each scene's colours among its shapes, all n! or `most` of them: a tuple of M Scenes.

    In every second one, the first two objects of the one before have exchanged colours. All have layouts of their own.
    seed: a list of int.
    """
    color, n = scenes.color.numpy(), scenes.color.shape[1]
    # Of a permutation and the same with two entries exchanged, one is even. So twins of even ones are all different.
    even = np.array([order for order in itertools.permutations(range(n)) if np.linalg.det(np.eye(n)[list(order)]) > 0])
    some = np.random.default_rng(seed).random((len(color), len(even))).argsort(1)[:, : most // 2]
    one = np.take_along_axis(color[:, None], even[some], 2)
    both = np.stack([one, one[..., [1, 0, *range(2, n)]]], 2).reshape(len(color), -1, n)
    return tuple(scenes.world.place(both[:, k], scenes.shape, [*seed, k]) for k in range(both.shape[1]))
