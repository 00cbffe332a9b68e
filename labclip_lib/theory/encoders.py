"""Encoders of a finite world: the ideal ones, and those that reach the same loss and are blind."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import lil_array
from scipy.sparse.csgraph import connected_components

from labclip_lib.operators.negatives import Negative

# Encoders


def ideal_encoders(world):
    """Encoders that reach the minimum in a `finite_world` and tell all apart: images (S, D), texts (T, D), float64.

    One axis per scene and one per caption that describes none, so D >= S; a caption lies on its scene's axis. Every
    embedding has the squared length `world.margin`; at unit length, that would be the logit scale. Worlds that
    differ only in what occurs share them.
    """
    n, stray = len(world.scenes), world.owner < 0
    axis = torch.where(stray, n + stray.cumsum(0) - 1, world.owner)
    axes = math.sqrt(world.margin) * torch.eye(n + int(stray.sum()), dtype=torch.float64)
    return axes[:n], axes[axis]


def orbits(items, operator):
    """Groups of items that an operator connects, in any number of steps: (N,) int64 labels, -1 for an item alone.

    operator: one of `OPERATORS`, or any function of an item that returns an item (a tuple is one item), None, or a
    list, set or generator of items.
    What is not among `items` is ignored.
    """
    row = {item: i for i, item in enumerate(dict.fromkeys(items))}
    links = lil_array((len(row), len(row)), dtype=bool)
    for item in row:
        result = _value(operator(item))
        # A str and a scene can be looped over too, but each is one item.
        for other in result if isinstance(result, list | set | Iterator) else [result]:
            if other in row:
                links[row[item], row[other]] = True
    _, label = connected_components(links, directed=False)
    label[np.bincount(label)[label] == 1] = -1
    return torch.tensor([label[row[item]] for item in items], dtype=torch.int64)


def pseudo_optimal(embeddings, support, orbit):
    """Encoders with the same loss and no sensitivity: a copy that is constant on every orbit.

    embeddings: (N, D) of captions or of scenes. support: (N,) mask of those that occur. orbit: (N,) labels from
    `orbits`. On the support nothing changes, bit for bit. Off it, members of an orbit take the embedding of the
    member that occurs, or of the orbit's first where none does.
    Raises ValueError when two members of an orbit occur and differ: merging those would cost `merging_cost`.
    """
    out = embeddings.clone()
    for label in orbit[orbit >= 0].unique().tolist():
        members = torch.where(orbit == label)[0]
        occurring = members[support[members]]
        source = (occurring if len(occurring) else members)[0]
        for i in occurring.tolist():
            if not torch.equal(embeddings[i], embeddings[source]):
                raise ValueError(
                    f"Items {int(source)} and {i} share an orbit and both occur with different embeddings, and "
                    "what occurs is not changed here; take one off the support or change the operator."
                )
        out[members[~support[members]]] = embeddings[source]
    return out


def lookup(items, embeddings):
    """An encoder that looks embeddings up: takes a list of items, returns their rows of `embeddings` (N, D).

    Raises ValueError for an item that the table lacks.
    """
    row = {item: i for i, item in enumerate(items)}

    def encode(wanted):
        missing = [item for item in wanted if item not in row]
        if missing:
            raise ValueError(f"The table has no embedding of {missing[0]!r}; add it to the items.")
        return embeddings[[row[item] for item in wanted]]

    return encode


def sensitivity(encode, captions, operator):
    """How far an operator moves captions: 1 - cosine, (M,) float64 in [0, 2], and the (M,) indices of these captions.

    encode: takes a list of str, returns (N, D) embeddings, such as `Backbone.encode_texts`. operator: one of
    `OPERATORS`, or a function that takes a caption and returns one, or None where it does not apply. Exactly 0
    where the two embeddings are equal.
    Raises ValueError when it applies to no caption.
    """
    changed = {i: new for i, caption in enumerate(captions) if (new := _value(operator(caption))) is not None}
    if not changed:
        raise ValueError(f"The operator applies to none of the {len(captions)} captions; choose another.")
    before, after = _unit(encode([captions[i] for i in changed])), _unit(encode(list(changed.values())))
    # For unit vectors this equals 1 - before · after, which rounding would keep from being exactly 0.
    return (((before - after) ** 2).sum(1) / 2).numpy(), np.array(list(changed))


def _value(result):
    return result.value if isinstance(result, Negative) else result


def modality_gap(images, texts):
    """Distance of the mean image from the mean caption, in [0, 2] (Liang et al., 2022).

    images: (N, D), texts: (M, D) embeddings of any length; they are brought to length one first.
    """
    return float((_unit(images).mean(0) - _unit(texts).mean(0)).norm())


def _unit(embeddings):
    embeddings = torch.as_tensor(embeddings).detach().cpu().double()
    length = embeddings.norm(dim=1, keepdim=True)
    bad = int((~(length.isfinite() & (length > 0))).sum())
    if bad:
        raise ValueError(f"{bad} embeddings are zero or not finite and have no direction; check the encoder.")
    return embeddings / length
