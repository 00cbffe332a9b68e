"""What the verb `diagnose` reports on a reader's own embeddings."""

import torch

from labclip_lib.diagnosis.cross_modal import diagnose_embeddings, twin_errors
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import recall_outcomes, similarities
from labclip_lib.world.twins import pair_clusters


def diagnose_tables(tables):
    """{name: Measure} of a reader's `tables.Tables`: the swap test, and retrieval among its different captions."""
    images, captions, swapped = (tables.unit(name) for name in ("images", "captions", "swapped"))
    cluster = pair_clusters(tables.attribute, tables.object)
    found = diagnose_embeddings(images, captions, swapped, cluster)
    out = {"swap accuracy": found["accuracy"], "swap, margin of the cosine": found["margin"]}
    # A caption that many images share stands in the dictionary once.
    number = {}
    scenes = [
        list(zip(a, o, strict=True)) for a, o in zip(tables.attribute.tolist(), tables.object.tolist(), strict=True)
    ]
    for row, scene in enumerate(scenes):
        number.setdefault(_unordered(scene), (len(number), row))
    own = torch.tensor([number[_unordered(scene)][0] for scene in scenes])
    similarity = similarities(images, captions[[row for _, row in number.values()]])
    n, clusters = len(number), cluster.cpu().numpy()
    for k in (1, 5, 10):
        if k < n:
            values = recall_outcomes(similarity, k, own)
            out[f"recall@{k} among {n:,} captions"] = Measure(values, clusters, k / n)
    twin = [number.get(_unordered(_swapped(scene)), (None,))[0] for scene in scenes]
    rows = torch.tensor([i for i, t in enumerate(twin) if t is not None and t != int(own[i])], dtype=torch.long)
    if len(rows):
        twin = torch.tensor([twin[i] for i in rows.tolist()])
        errors, wrong = twin_errors(similarity[rows], own[rows], twin)
        if len(errors):
            clusters = clusters[rows[wrong].numpy()]
            out["wrong first choices that are the twin"] = Measure(errors, clusters, 1 / (n - 1), 1.0)
    return out


def _unordered(scene):
    return tuple(sorted(scene))  # not a set: an object may be there twice


def _swapped(scene):
    (a, x), (b, y), *rest = scene
    return [(b, x), (a, y), *rest]
