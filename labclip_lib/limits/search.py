"""Is there a red circle among red squares and blue circles? Conjunctive search, with ever more objects in the picture.

The search is that of people in Treisman and Gelade 1980, "A feature-integration theory of attention", asked of models
of vision and language by Campbell et al. 2024 (arXiv 2411.00238). Here a linear classifier looks for the target in the
image embedding, and a prompt that names the target is compared with it.

Two kinds of distractor do not make a bag of words fail. Of n objects, the red ones and the circles add up to n without
the target and to n + 1 with it, so whoever counts them knows. A second conjunctive search has blue squares too, and its
pictures with and without the target hold the same colours and shapes equally often.
"""

import dataclasses
import math
from collections import Counter
from itertools import combinations_with_replacement

import numpy as np
import torch

from labclip_lib.alignment.scene_task import binding_task, fit_task
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import standing, tie_width
from labclip_lib.models.backbones import Backbone
from labclip_lib.probing.linear_probe import LinearProbe
from labclip_lib.world.captions import TEMPLATES, one_object
from labclip_lib.world.placement import draw_places
from labclip_lib.world.scenes import PAPER_TEMPLATE, World, fill

# An object is (colour, shape): 0 as of the target, 1 the other one.
TARGET, SAME_COLOR, SAME_SHAPE, NEITHER = (0, 0), (0, 1), (1, 0), (1, 1)
# Search -> what a picture with the target holds for sure, what one without it does, and what all else is drawn from.
SEARCHES = {
    "conjunction": ((TARGET,), (), (SAME_COLOR, SAME_SHAPE)),
    "conjunction, same counts": (
        (TARGET, NEITHER), (SAME_COLOR, SAME_SHAPE), (SAME_COLOR, SAME_SHAPE, NEITHER),
    ),
    "feature": ((TARGET,), (), (SAME_SHAPE,)),
}  # fmt: skip
OBJECTS = (2, 4, 6, 8, 12, 16, 24, 35)
SOME = (2, 12, 35)


def search_scenes(kind, objects, pictures, seed=0, colors=(0, 5), shapes=(0, 1), world=World()):
    """Scenes of a search: `pictures` with the target, then as many without it.

    kind: out of SEARCHES. objects: in a picture, 2 to 36. colors, shapes: label numbers of the target's, then of the
    other one. Each object that a search leaves open is drawn by itself, every kind of distractor equally often.
    Raises ValueError for another kind, and for fewer than two objects.

    >>> search_scenes("feature", 2, 1).captions()
    ['red circle and blue circle', 'blue circle and blue circle']
    """
    *sides, others = _parts(kind, objects)
    rng = np.random.default_rng(seed)
    drawn = []
    for sure in sides:
        rest = np.array(others)[rng.integers(0, len(others), (pictures, objects - len(sure)))]
        drawn.append(np.concatenate([np.tile(np.array(sure, int).reshape(1, -1, 2), (pictures, 1, 1)), rest], 1))
    color, shape = np.moveaxis(np.concatenate(drawn), -1, 0)
    return world.place(np.array(colors)[color], np.array(shapes)[shape], rng)


def search_ceilings(kind, objects):
    """The best that a search allows who sees no pairs: {"counts" or "words": {"AUC": float, "accuracy": float}}.

    "counts": who knows how many objects have each colour and each shape, a bag of words. "words": who knows only which
    colours and shapes there are. Exact, by the likelihood ratio of all that they can see, over all pictures that
    `search_scenes` can draw. Raises ValueError as `search_scenes`.
    """
    *sides, others = _parts(kind, objects)
    out = {}
    for reader in ("counts", "words"):
        seen = [Counter(), Counter()]
        for counter, sure in zip(seen, sides, strict=True):
            for rest in combinations_with_replacement(others, objects - len(sure)):
                ways = math.factorial(len(rest)) // math.prod(map(math.factorial, Counter(rest).values()))
                labels = np.array([*sure, *rest])
                counts = np.concatenate([(labels == 0).sum(0), (labels == 1).sum(0)])
                counter[tuple(counts if reader == "counts" else counts > 0)] += ways / len(others) ** len(rest)
        p, q = (np.array([counter[view] for view in seen[0] | seen[1]]) for counter in seen)
        auc = (1 + np.abs(np.outer(p, q) - np.outer(q, p)).sum() / 2) / 2
        out[reader] = {"AUC": float(auc), "accuracy": float((1 + np.abs(p - q).sum() / 2) / 2)}
    return out


def conjunctive_search(
    backbone, seed=0, world=World(), objects=OBJECTS, some=SOME, draws=4, train=1000, test=200,
    examples=(250, 1000, 4000), layouts=5,
):  # fmt: skip
    """How well a target is found: {search: {objects: {method: {"AUC", "accuracy" or "margin": Measure}}}}.

    Methods: "classifier", a `LinearProbe` of the image embedding fitted to pictures of the same search; "classifier of
    two", fitted to its pictures of two objects; "classifier, middle", a probe of the mean over places of the map in the
    middle of the image tower, a ResNet; "prompt", the cosine with "a red circle"; "LABCLIP", the same with a matrix
    fitted to scenes of two objects in random order; "prompt, pairs" and "LABCLIP, pairs", the mean cosine with the
    captions of the target beside any other object, such as the matrix was fitted to. Prompts have no threshold, so no
    accuracy. Held out are new images of the same target and distractors.

    AUC: how often a picture with the target has the higher score of the two beside one without; a tie counts half.
    margin: the difference of the mean scores in standard deviations, d'. Besides the SEARCHES the tree has "small
    objects", the conjunction with few objects as small as among the most; "few pixels", with objects of usual size
    that are painted with as few pixels as these; and "examples", {objects: {training pictures: {classifier: ...}}}.

    objects: of the conjunction, two first; some: of the other searches, and the last two for the examples, the first
    and the last but one for the small objects. draws: targets with distractors, drawn from the seed; each is the
    cluster of its pictures. train, test, examples: pictures, half of them with the target. layouts: of `binding_task`.
    """
    asked = _Asked(backbone, world, seed, _quests(world, draws, seed), test)
    one, pairs = asked.prompts()
    labclip = fit_task(binding_task(backbone, world, layouts), "random", seed=seed)
    prompts = {"prompt": one, "LABCLIP": labclip.align_texts(one)}
    prompts |= {"prompt, pairs": pairs.mean(1), "LABCLIP, pairs": labclip.align_texts(pairs).mean(1)}

    def fit(seen, pictures):
        parts = {"classifier": seen["embedding"], "classifier, middle": seen["middle"]}
        return {name: asked.fit(rows, pictures) for name, rows in parts.items()}

    def measure(unseen, probes, texts, kind, n):
        rows = {name: unseen["middle" if name == "classifier, middle" else "embedding"] for name in probes | texts}
        scores = {name: _decide(each, rows[name]) for name, each in probes.items()}
        scores |= {name: torch.einsum("qsnd,qd->qsn", rows[name], each).cpu() for name, each in texts.items()}
        ceilings = search_ceilings(kind, n)["counts"]
        return {name: asked.judge(values, ceilings, name in probes) for name, values in scores.items()}

    out = {"examples": {}}
    for kind in SEARCHES:
        out[kind], of_two = {}, None
        for n in objects if kind == "conjunction" else some:
            sizes = examples if kind == "conjunction" and n in some[-2:] else ()
            seen, unseen = asked.pictures(kind, n, max(sizes, default=train))
            own = fit(seen, train)
            of_two = of_two or {"classifier of two": own["classifier"]}
            out[kind][str(n)] = measure(unseen, own | of_two, prompts, kind, n)
            if sizes:
                rows = {str(size): measure(unseen, fit(seen, size), {}, kind, n) for size in sizes}
                out["examples"][str(n)] = rows
    for how in ("small objects", "few pixels"):
        out[how] = {}
        for n in (some[0], some[-2]):
            seen, unseen = asked.pictures("conjunction", n, train, how, max(objects))
            out[how][str(n)] = measure(unseen, fit(seen, train), prompts, "conjunction", n)
    return out


@dataclasses.dataclass(frozen=True)
class _Asked:
    """The targets that one backbone looks for. quests: Q of ((target's, other colour), (target's, other shape))."""

    backbone: Backbone
    world: World
    seed: int
    quests: list
    test: int

    def prompts(self):
        """Embeddings of captions of each target alone (Q, D), and beside all that differs in both (Q, P, D)."""
        texts, world = [], self.world
        for (color, _), (shape, _) in self.quests:
            target = [(world.colors[color], world.shapes[shape])]
            others = [(c, s) for c in world.colors for s in world.shapes if c != target[0][0] and s != target[0][1]]
            pairs = [(*target, other) for other in others] + [(other, *target) for other in others]
            texts += [fill(one_object(TEMPLATES["article"]), *zip(*target, strict=True))]
            texts += [fill(PAPER_TEMPLATE, *zip(*pair, strict=True)) for pair in pairs]
        rows = embed_texts(self.backbone, texts).unflatten(0, (len(self.quests), -1))
        return rows[:, 0], rows[:, 1:]

    def pictures(self, kind, n, train, how=None, most=None):
        """Training and test pictures, {"embedding" or "middle": (Q, 2, pictures / 2, D)}, those with the target first.

        how: "small objects" or "few pixels", as small as among `most` objects.
        """
        parts = []
        for part, pictures in enumerate((train, self.test)):
            rows = []
            for number, (colors, shapes) in enumerate(self.quests):
                rng = np.random.default_rng([self.seed, number, n, part])
                scenes = search_scenes(kind, n, pictures // 2, rng, colors, shapes, self.world)
                if how is not None:
                    small = torch.from_numpy(draw_places(len(scenes), most, rng)[1][:, :n]).float()
                    if how == "small objects":
                        scenes = dataclasses.replace(scenes, radius=small)
                    else:
                        share = float(small.mean() / scenes.radius.mean())
                        scenes = scenes.render(round(share * self.backbone.image_size))
                rows.append(_embed(self.backbone, scenes))
            parts.append({name: torch.stack([row[name] for row in rows]).unflatten(1, (2, -1)) for name in rows[0]})
        return parts

    def fit(self, rows, pictures):
        """A classifier for each target, fitted to so many of its pictures (Q, 2, N, D)."""
        half = pictures // 2
        has_it = np.repeat([1, 0], half)
        return [
            LinearProbe(device=self.backbone.device, random_state=self.seed).fit(each[:, :half].flatten(0, 1), has_it)
            for each in rows
        ]

    def judge(self, scores, ceilings, threshold):
        """{what: Measure} of the scores (Q, 2, N) of N pictures with the target and N without it.

        A pair's share in the AUC is what its two pictures add to it, so that their spread is that of the AUC (DeLong et
        al. 1988). threshold: whether a score above zero says that the target is there.
        """
        pair = np.array([_number(self.world, *one) for one in self.quests])
        shares = []
        for present, absent in scores:
            (above, tied), (below, level) = _beaten(present, absent), _beaten(absent, present)
            won, lost = 1 - (above + tied / 2) / len(absent), (below + level / 2) / len(present)
            shares.append(won + lost - won.mean())
        spread = scores.var(2).mean(1).sqrt()
        margin = torch.where(spread > 0, (scores[:, 0] - scores[:, 1]).mean(1) / spread, 0)
        clusters = pair.repeat(scores.shape[2])
        out = {
            "AUC": Measure(torch.cat(shares).numpy(), clusters, 0.5, ceilings["AUC"]),
            "margin": Measure(margin.numpy(), pair, 0.0),
        }
        if threshold:
            right = (scores.sign() * torch.tensor([[1.0], [-1.0]]) + 1) / 2
            out["accuracy"] = Measure(
                right.flatten().numpy(), pair.repeat(2 * scores.shape[2]), 0.5, ceilings["accuracy"]
            )
        return out


def _parts(kind, objects):
    if kind not in SEARCHES:
        raise ValueError(f"There is no search {kind!r}; choose from {', '.join(SEARCHES)}.")
    if objects < 2:
        raise ValueError(f"A search needs 2 or more objects in a picture, got {objects}.")
    return SEARCHES[kind]


def _quests(world, draws, seed):
    """Different targets with their distractors, drawn at random."""
    rng = np.random.default_rng(seed)
    found = {}
    while len(found) < draws:
        labels = [tuple(rng.permutation(len(names))[:2].tolist()) for names in (world.colors, world.shapes)]
        found[_number(world, *labels)] = labels
    return list(found.values())


def _number(world, colors, shapes):
    """The number of a quest, the same in all runs."""
    return int(np.ravel_multi_index((*colors, *shapes), (len(world.colors),) * 2 + (len(world.shapes),) * 2))


def _embed(backbone, images):
    """Embeddings (N, D), and the mean over places of the image tower's second stage of four (N, C)."""
    middle = []
    hook = backbone.model.visual.layer2.register_forward_hook(lambda *call: middle.append(call[-1].mean((2, 3))))
    try:
        return {"embedding": embed_images(backbone, images), "middle": torch.cat(middle)}
    finally:
        hook.remove()


def _decide(probes, unseen):
    """What each target's classifier says of its pictures (Q, 2, N, D): (Q, 2, N)."""
    scores = [probe.decision_function(rows.flatten(0, 1)) for probe, rows in zip(probes, unseen, strict=True)]
    return torch.from_numpy(np.stack(scores)).unflatten(1, unseen.shape[1:3])


def _beaten(scores, others):
    """By how many of the others each score is beaten, and with how many it ties: two (N,) tensors."""
    level = scores[:, None]
    return standing(others.expand(len(scores), -1), level, tie_width(level))
