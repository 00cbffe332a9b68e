"""What the playground knows before its reader touches it, and what it computes with afterwards.

A page has PocketCLIP's towers from `export.write_engine`. Beside them lie the tables of this file: LABCLIP's matrix,
linear probes of pictures and of captions, and the embeddings of all captions of two objects.
"""

import dataclasses
import functools
import json
import math

import torch

from labclip_lib.alignment.scene_task import binding_task, fit_task
from labclip_lib.book.live.export import write_engine, write_table
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.geometry import geometry, plain
from labclip_lib.world.scenes import World

SEED, LAYOUTS = 3, 12  # of the first scenes
LIGHT = 0.6  # the least of red, green and blue of their grounds


class Playground:
    """Fits what the playground shows of a PocketCLIP: LABCLIP's default, and a probe for each side.

    All three are fitted to the training scenes of `binding_task`, so of two objects some combinations were never seen.
    matrix: (D, D), LABCLIP's map for captions, at the length at which captions keep theirs on average.
    """

    def __init__(self, backbone, world=World(), layouts=6):
        self.backbone, self.world = backbone, world
        task = binding_task(backbone, world, layouts)
        labclip = fit_task(task)
        with torch.no_grad():
            matrix, captions = labclip.linear.weight, task.texts["fixed order"][0]
            self.matrix = matrix / (captions @ matrix.T).norm(dim=1).mean()
        labels = task.layouts.color.to(backbone.device), task.layouts.shape.to(backbone.device)
        split = split_by_combination(*labels)
        sides = {"image": task.images, "caption": task.texts["random order"]}
        self.probes = {side: probe_attributes(x.flatten(0, 1), *labels, split) for side, x in sides.items()}

    def write(self, folder):
        """Write the towers, the scripts and the tables into a folder of a website."""
        write_engine(folder, self.backbone)
        tables = {"labclip": {"map.weight": self.matrix.half()}, "probes": {}}
        for side, probe in self.probes.items():
            tables["probes"] |= {
                f"{side}.weight": probe.weight.flatten(0, 1).half(),
                f"{side}.bias": probe.bias.flatten(),
            }
        for name, tensors in tables.items():
            write_table(folder, name, {key: value.contiguous() for key, value in tensors.items()}, self.backbone)
        captions = self.world.compositions().captions()
        table = embed_texts(self.backbone, captions).half()
        write_table(folder, "captions", {"caption": table}, self.backbone, {"captions": captions})

    @functools.cached_property
    def first(self):
        """What a page can show before it has the model: a list of five (Scenes of one scene, its answer).

        All on a light ground. First a blue square and an orange triangle for which CLIP prefers the twin's caption and
        LABCLIP does not. Then held-out combinations: CLIP right, CLIP wrong, LABCLIP wrong, CLIP right.
        """
        layouts = [self.world.compositions(seed=[SEED, k]) for k in range(LAYOUTS)]
        color, shape = (
            torch.tensor([names.index(name) for name in two])
            for names, two in ((self.world.colors, ("blue", "orange")), (self.world.shapes, ("square", "triangle")))
        )
        (k,) = torch.where(((layouts[0].color == color) & (layouts[0].shape == shape)).all(1))[0].tolist()
        (blue, *_) = self._chosen((part[k : k + 1] for part in layouts), [(-1, 1)])
        held = torch.where(split_by_combination(layouts[0].color, layouts[0].shape).test)[0]
        held = held[torch.randperm(len(held), generator=torch.Generator().manual_seed(SEED))].tolist()
        others = (part[k : k + 1] for k in held for part in layouts[:2])
        return [blue, *self._chosen(others, [(1, 1), (-1, 1), (-1, -1), (1, 1)])]

    def _chosen(self, scenes, wanted):
        """For each (CLIP, LABCLIP) of signs, a scene that it fits: (scene, answer), in the order of `wanted`."""
        found = [None] * len(wanted)
        for scene in scenes:
            if float(scene.backdrop.min()) < LIGHT:
                continue
            answer = self.answer(scene)
            signs = tuple(1 if ahead(answer, share) > 0 else -1 for share in (0, 1))
            place = next((k for k, one in enumerate(wanted) if one == signs and found[k] is None), None)
            if place is not None:
                found[place] = scene, answer
            if None not in found:
                break
        return [one for one in found if one]

    def answer(self, scene):
        """What the page computes of one scene of two objects in fixed order, computed here."""
        asked = scene, scene.swapped(), _replaced(scene, "color"), _replaced(scene, "shape")
        captions = [part.captions()[0] for part in asked]
        u, v = embed_images(self.backbone, scene), embed_texts(self.backbone, captions)
        m = v @ self.matrix.T
        products = torch.stack([v @ u[0], m @ u[0], (v * m).sum(1), (m * m).sum(1)], 1)
        kinds = "true", "false: colours swapped", "false: one colour replaced", "false: one shape replaced"
        rows = zip(captions, kinds, products.tolist(), strict=True)
        out = {"rows": [{"caption": caption, "kind": kind, "products": row} for caption, kind, row in rows]}
        for side, x in (("image", u[0]), ("caption", v[0])):
            probe = self.probes[side]
            out[side] = (probe.weight @ x.to(probe.weight) + probe.bias).tolist()
        return json.loads(json.dumps(out), parse_float=lambda text: round(float(text), 5))

    def data(self):
        """What a page holds from the start, plain for JSON: the world's geometry and the first scenes.

        An answer is {"rows", "image", "caption"}: rows for the true caption, its twin, one with a replaced colour and
        one with a replaced shape, each {"caption", "kind", "products"}, the products u.v, u.m, v.m and m.m of image,
        caption and mapped caption; and the logits of each side's probe, a list of (C) for each shape.
        """
        return {
            "world": geometry(),
            "first": [{"scene": plain(scene)[0], "answer": answer} for scene, answer in self.first],
        }


def _replaced(scene, what):
    """The scene with the first colour (shape) that it lacks in the object that its caption names first."""
    labels = getattr(scene, what).clone()
    labels[0, scene.shape[0].argmin()] = next(k for k in range(labels.numel() + 1) if k not in labels)
    return dataclasses.replace(scene, **{what: labels})


def cosine(row, share):
    """Of a row of an answer: the image's with the caption at a share of the way from the identity to the matrix."""
    uv, um, vm, mm = row["products"]
    keep = 1 - share
    return (keep * uv + share * um) / math.sqrt(keep**2 + 2 * keep * share * vm + share**2 * mm)


def ahead(answer, share):
    """By how much the true caption's cosine exceeds its twin's."""
    own, twin, *_ = answer["rows"]
    return cosine(own, share) - cosine(twin, share)
