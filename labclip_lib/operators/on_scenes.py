"""SWAP, REPLACE, ADD and shuffling on `Scenes`."""

import dataclasses

import torch


def swap_scenes(scenes, what):
    if scenes.color.shape[1] < 2:
        return "A scene of one object has nothing to exchange."
    order = [1, 0, *range(2, scenes.color.shape[1])]
    places = ["center", "radius", "angle"]
    fields = {"attributes": ["color"], "objects": ["shape"], "phrases": places, "arguments": places}.get(what)
    if fields is None:
        return "A scene has no verbs to exchange."
    if what in ("attributes", "objects"):
        labels = getattr(scenes, fields[0])
        same = int((labels[:, 0] == labels[:, 1]).sum())
        if same:
            return f"In {same} of {len(scenes)} scenes the first two objects have the same {fields[0]}."
    return dataclasses.replace(scenes, **{field: getattr(scenes, field)[:, order] for field in fields})


def replace_in_scenes(scenes, what, seed):
    if what == "relation":
        return "A scene has no relation; replace an object or an attribute."
    try:
        return scenes.replaced({"object": "shape", "attribute": "color"}[what], seed)
    except ValueError as error:
        return str(error)


def add_to_scenes(scenes, what, seed):
    if what != "object":
        return f"A picture shows what there is, so no {what} can be added to a scene."
    try:
        return scenes.added(seed)
    except ValueError as error:
        return str(error)


def shuffle_scenes(scenes, what, rng):
    field = {"attributes": "color", "objects": "shape"}.get(what)
    if field is None:
        return f"A scene has no words; shuffle its attributes or objects, not {what}."
    labels = getattr(scenes, field)
    if bool((labels == labels[:, :1]).all(1).any()):
        return f"A scene whose objects all have one {field} cannot be shuffled."
    out = labels.clone()
    waiting = torch.arange(len(labels), device=labels.device)
    while len(waiting):  # redraw the scenes that the shuffle left unchanged
        order = torch.from_numpy(rng.random((len(waiting), labels.shape[1])).argsort(1)).to(labels.device)
        out[waiting] = labels[waiting].gather(1, order)
        waiting = waiting[(out[waiting] == labels[waiting]).all(1)]
    return dataclasses.replace(scenes, **{field: out})
