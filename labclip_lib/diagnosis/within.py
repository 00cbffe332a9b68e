"""Does each side alone tell a scene from its twin? Cosines within one modality."""

import math

import numpy as np

from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.world.scenes import World
from labclip_lib.world.twins import pair_clusters


def diagnose_within(backbone, world=None, seed=7):
    """The swap test inside each side, by the same cosine, and how far a caption moves when it is changed.

    Is an image closer to a new layout of its scene than to the twin in that layout? Is a caption closer to
    another wording of itself, or to itself with the objects in the other order, than to the twin's caption in the
    same form? Returns {name: Measure} over all two-object scenes.
    """
    world = world or World()
    scenes, other = (world.compositions(seed=[seed, k]) for k in range(2))
    swapped, cluster = scenes.swapped(), pair_clusters(scenes.color, scenes.shape).numpy()
    anchor, copy, twin = (embed_images(backbone, part) for part in (scenes, other, other.swapped()))
    values = pairwise_outcomes((anchor * copy).sum(1), (anchor * twin).sum(1))
    out = {"image with image: its copy or its twin": Measure(values, cluster, 0.5, 0.5)}
    turn, rng = scenes.mention_order().flip(1), np.random.default_rng(seed)
    longer = "a photo of a {attr1} {obj1} and a {attr2} {obj2}"
    said = {
        "anchor": scenes.captions(),
        "reworded": scenes.captions(template=longer),
        "twin, reworded": swapped.captions(template=longer),
        "objects in the other order": captions_in(scenes, turn),
        "twin, objects in the other order": captions_in(swapped, turn),
        "words shuffled": [" ".join(rng.permutation(caption.split())) for caption in scenes.captions()],
        "colours swapped": swapped.captions(),
        "one colour replaced": scenes.replaced("color", seed).captions(),
    }
    # In one call, because many of them are the same captions.
    texts = embed_texts(backbone, [caption for captions in said.values() for caption in captions]).chunk(len(said))
    cosine = {name: (texts[0] * part).sum(1) for name, part in zip(said, texts, strict=True)}
    for name in ("reworded", "objects in the other order"):
        values = pairwise_outcomes(cosine[name], cosine[f"twin, {name}"])
        out[f"caption with caption, {name}"] = Measure(values, cluster, 0.5, 0.5)
    for name, still in (("words shuffled", 0.0), ("colours swapped", 0.0), ("one colour replaced", math.nan)):
        moved = 1 - cosine[name].cpu().double().numpy()
        out[f"caption moves (1 - cosine), {name}"] = Measure(moved, cluster, bag_of_words=still)
    return out


def captions_in(scenes, mention):
    """Captions that name the objects in a given (N, K) order."""
    names = scenes.world
    color, shape = scenes.color.gather(1, mention).tolist(), scenes.shape.gather(1, mention).tolist()
    return [
        " and ".join(f"{names.colors[c]} {names.shapes[s]}" for c, s in zip(cs, ss, strict=True))
        for cs, ss in zip(color, shape, strict=True)
    ]
