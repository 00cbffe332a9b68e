"""Does each side alone tell a scene from its twin? Cosines within one modality."""

import math

import numpy as np

from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.measures.bags import pairwise_ceiling, same_words
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import pairwise_outcomes
from labclip_lib.world.captions import TEMPLATES
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.twins import pair_clusters


def diagnose_within(backbone, world=None):
    """The swap test within each modality, by the same cosine, and how far a caption moves when it is changed.

    Is an image closer to a new layout of its scene than to the twin in that layout? Is a caption closer to its
    rewording, or to itself with the objects in the other order, than to the twin's caption in the same form?
    Returns {name: Measure} over all two-object scenes of a world; left out, the backbone's own.
    """
    every = Layouts.draw(world or backbone.world, 2)
    scenes, other = every.parts
    swapped, cluster = scenes.swapped(), pair_clusters(scenes.color, scenes.shape).numpy()
    rng, longer = np.random.default_rng(every.seed), TEMPLATES["photo"]
    wordings = {
        "anchor": scenes.captions(),
        "reworded": scenes.captions(template=longer),
        "twin, reworded": swapped.captions(template=longer),
        "objects in the other order": scenes.captions("reversed"),
        "twin, objects in the other order": swapped.captions("reversed"),
        "words shuffled": [" ".join(rng.permutation(caption.split())) for caption in scenes.captions()],
        "colours swapped": swapped.captions(),
        "one colour replaced": scenes.replaced("color", every.seed).captions(),
    }
    # In one call, because many captions occur in several of them.
    every_caption = [caption for captions in wordings.values() for caption in captions]
    texts = embed_texts(backbone, every_caption).chunk(len(wordings))
    cosine = {name: (texts[0] * part).sum(1) for name, part in zip(wordings, texts, strict=True)}

    anchor, copy, twin = (embed_images(backbone, part) for part in (scenes, other, other.swapped()))
    values = pairwise_outcomes((anchor * copy).sum(1), (anchor * twin).sum(1))
    ceiling = pairwise_ceiling(same_words(wordings["anchor"], wordings["colours swapped"]))
    out = {"image with image: its copy or its twin": Measure(values, cluster, 0.5, ceiling)}
    for name in ("reworded", "objects in the other order"):
        values = pairwise_outcomes(cosine[name], cosine[f"twin, {name}"])
        ceiling = pairwise_ceiling(same_words(wordings[name], wordings[f"twin, {name}"]))
        out[f"caption with caption, {name}"] = Measure(values, cluster, 0.5, ceiling)
    for name in ("words shuffled", "colours swapped", "one colour replaced"):
        moved = 1 - cosine[name].cpu().double().numpy()
        still = 0.0 if same_words(wordings["anchor"], wordings[name]).all() else math.nan
        out[f"caption moves (1 - cosine), {name}"] = Measure(moved, cluster, bag_of_words=still)
    return out
