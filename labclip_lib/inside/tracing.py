"""Where in the towers does who has what live, and is it lost on the way? Patching and probes, layer by layer."""

import math

import numpy as np
import torch
from torch.nn.functional import adaptive_max_pool2d

from labclip_lib.embeddings.embed import embed_images
from labclip_lib.inside.looking import check_words, recoloured, world_of_tokens
from labclip_lib.inside.patching import outputs_exchanged, pattern_exchanged, share_of_twin
from labclip_lib.measures.measure import Measure
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.twins import number_scenes, pair_clusters

STEP = 128  # pairs: a batch of both is what `Backbone` passes on in one
WORDS = ("first colour", "first shape", "and", "second colour", "second shape", "end of text")
END = len(WORDS)  # its token, after the start of text
NUMBERS = 512  # principal components of all places together, which a probe is fitted to


def where_it_lives(backbone, seed=0, pairs=512, layouts=3, world=None):
    """How far each piece, exchanged between twins, carries an embedding to the twin's, and what probes read: a tree.

    Each piece has {"carried", "read"}. "carried": `share_of_twin` over scenes and twins in one layout. "read": how
    often a probe of embeddings then tells the twin's colour of a shape, over those of the scenes that it was not fitted
    to; a colour that neither has does not count.
    "patched", {"image": {layer: {"both objects", "one object", "the rest"}}, "text": {layer: {word: ...}}}: a place of
    a layer's map belongs to an object that can be seen in any part of it. A ViT's layers have a "class token", too.
    "attention", {"image" or "text": {layer: ...}}: only a layer's attention weights come from the twin. "other
    colours", {image layer: ...}: they come from the scene in two colours that it does not have, as a control; "to
    these" is how far that carries to the embedding of this other scene.
    "whole", {"image" or "text": {"own", "twin"}}: what is read of embeddings as they are, and of the twins'.
    "covered": {layer: the share of the places that belong to an object}.
    "probe", {"image": {layer: {"mean of places", ...}}, "text": {layer: {"end of text"}}}: which colour has this shape,
    combinations held out; "all places" of the last layer are first brought to NUMBERS principal components of the
    training's. "embedding" stands beside the layers.
    pairs: scenes that are patched, each with its twin, drawn by the seed. layouts: of all scenes, for the probes.
    world: the scenes', left out, `looking.world_of_tokens`.
    Every cluster is a twin pair. For ResNets and ViTs that open_clip builds itself; ValueError for another, and where a
    word is more than one token.
    """
    world, maps, blocks = world or world_of_tokens(backbone), _maps(backbone), _blocks(backbone)
    every = world.compositions(seed=[7, seed])
    check_words(backbone, every.captions())
    first = torch.arange(len(every)) < number_scenes(every.color, every.shape)[2]
    rows = np.random.default_rng([seed, 13]).permutation(torch.where(first)[0].numpy())[:pairs]
    scenes, known = every[rows], split_by_combination(every.color, every.shape).train[rows]
    probes, answers = _probes(backbone, maps, blocks, layouts, world)
    pixels = [part.render(backbone.image_size) for part in (scenes, scenes.swapped())]
    other = recoloured(scenes, seed).render(backbone.image_size)
    captions = [part.captions("random", seed) for part in (scenes, scenes.swapped())]
    images = _Tower(
        scenes,
        ~known,
        answers["image"],
        lambda part: embed_images(backbone, torch.cat([each[part] for each in pixels])),
    )
    texts = _Tower(
        scenes, ~known, answers["text"],
        lambda part: backbone.encode_texts([one for each in captions for one in each[part]]),
    )  # fmt: skip
    out = {
        "whole": {"image": images.whole(), "text": texts.whole()},
        "probe": probes,
        "covered": {},
        "other colours": {},
    }
    out |= {"patched": {"image": {}, "text": {}}, "attention": {"image": {}, "text": {}}}
    for name, module in maps.items():
        out["covered"][name], regions = _regions(backbone, module, scenes, images.clusters)
        out["patched"]["image"][name] = {
            region: images.patched(lambda part, m=module, w=where: outputs_exchanged(m, w[part] if w.ndim > 2 else w))
            for region, where in regions.items()
        }
    length = _length(backbone, captions[0][:1])
    for name, module in {"words": _text(backbone).token_embedding, **blocks}.items():
        places = {word: torch.arange(length, device=backbone.device)[:, None] == k for k, word in enumerate(WORDS, 1)}
        out["patched"]["text"][name] = {
            word: texts.patched(lambda part, m=module, w=where: outputs_exchanged(m, w))
            for word, where in places.items()
        }
    for name, module in _attention(backbone).items():
        out["attention"]["image"][name] = images.patched(lambda part, m=module: pattern_exchanged(m))

        def embed(part, module=module):
            with pattern_exchanged(module):
                return embed_images(backbone, torch.cat([pixels[0][part], other[part]]))[: len(pixels[0][part])]

        out["other colours"][name] = images.of_scenes(embed, embed_images(backbone, other))
    for name, block in blocks.items():
        out["attention"]["text"][name] = texts.patched(lambda part, m=block.attn: pattern_exchanged(m))
    return out


class _Tower:
    """N scenes and their twins as one tower embeds them, and a probe of what it embeds.

    asked: (N,) mask of the scenes whose embeddings the probe is asked of. probe: its ProbeResult. encode: a function of
    a slice of the scenes that embeds them and then their twins.
    """

    def __init__(self, scenes, asked, probe, encode):
        self.clusters = pair_clusters(scenes.color, scenes.shape)
        self.scenes, self.asked, self.probe, self.encode = scenes, asked, probe, encode
        self.parts = [slice(at, at + STEP) for at in range(0, len(scenes), STEP)]
        self.own = self._both([encode(part) for part in self.parts])

    def whole(self):
        """What is read of embeddings as they are, {"own": Measure}, and of the twins': {"twin": Measure}."""
        return {"own": self._read(self.own), "twin": self._read(self.own.flip(0))}

    def patched(self, patch):
        """{"carried", "read"} of scenes patched from their twins and of twins from their scenes.

        patch: a function of a slice of the scenes that gives the context in which they are embedded.
        """
        found = []
        for part in self.parts:
            with patch(part):
                found.append(self.encode(part))
        return self._measures(self._both(found))

    def of_scenes(self, encode, others):
        """The same where a function of a slice gives what has become of the scenes alone.

        others: (N, D) embeddings; "to these" is the share of the way to them.
        """
        table = torch.cat([encode(part) for part in self.parts])
        shares = share_of_twin(table, self.own[0], others).double().cpu().numpy()
        return self._measures(table[None]) | {"to these": Measure(shares, self.clusters.numpy())}

    @staticmethod
    def _both(parts):
        """(2, N, D): embeddings of scenes, and of their twins."""
        return torch.cat([part.unflatten(0, (2, -1)) for part in parts], 1)

    def _measures(self, table):
        own, twin = (each[: len(table)].flatten(0, 1) for each in (self.own, self.own.flip(0)))
        shares = share_of_twin(table.flatten(0, 1), own, twin)
        clusters = self.clusters.repeat(len(table)).numpy()
        return {"carried": Measure(shares.double().cpu().numpy(), clusters), "read": self._read(table)}

    def _read(self, table):
        """How often the probe tells the colours that the twins of a table's (1 or 2, N, D) rows have."""
        outcomes, clusters = [], []
        for rows, scenes in zip(table, (self.scenes.swapped(), self.scenes), strict=False):
            shape, color = (labels[self.asked].to(rows.device) for labels in (scenes.shape, scenes.color))
            asked = rows[self.asked.to(rows.device)][:, None, None]
            heard = (asked * self.probe.weight[shape]).sum(-1) + self.probe.bias[shape]
            outcomes.append((heard.argmax(-1) == color).double().flatten())
            clusters.append(self.clusters[self.asked].repeat_interleave(2))
        return Measure(torch.cat(outcomes).cpu().numpy(), torch.cat(clusters).numpy())


def _text(backbone):
    return getattr(backbone.model, "text", None) or backbone.model


def _blocks(backbone):
    return {f"layer {k}": block for k, block in enumerate(_text(backbone).transformer.resblocks, 1)}


def _maps(backbone):
    """The image tower's layers: {name: module that gives a map (N, C, h, w) or tokens (N, 1 + h * w, D)}."""
    visual = backbone.model.visual
    if hasattr(visual, "layer4"):
        return {"stem": visual.avgpool} | {f"stage {k}": getattr(visual, f"layer{k}") for k in range(1, 5)}
    if hasattr(visual, "transformer") and hasattr(visual, "class_embedding"):
        return {f"layer {k}": block for k, block in enumerate(visual.transformer.resblocks, 1)}
    raise ValueError(
        f"where_it_lives looks into ResNets and ViTs that open_clip builds itself, and the image tower of "
        f"{backbone.name!r} is neither."
    )


def _attention(backbone):
    visual = backbone.model.visual
    return {"pool": visual.attnpool} if hasattr(visual, "layer4") else {
        name: block.attn for name, block in _maps(backbone).items()
    }  # fmt: skip


def _output(module, run):
    """The shape of what a module gives while something runs."""
    seen = []
    handle = module.register_forward_hook(lambda module, args, out: seen.append(tuple(out.shape)))
    try:
        run()
    finally:
        handle.remove()
    return seen[0]


def _length(backbone, captions):
    """How many tokens of captions pass the text tower."""
    return _output(_text(backbone).token_embedding, lambda: backbone.encode_texts(captions))[1]


def _regions(backbone, module, scenes, clusters):
    """How much of a layer's map the objects cover, a Measure, and masks of the regions that are exchanged."""
    size = backbone.image_size
    shape = _output(module, lambda: backbone.encode_images(torch.zeros(1, 3, size, size)))
    side = shape[-1] if len(shape) == 4 else math.isqrt(shape[1] - 1)
    seen = adaptive_max_pool2d(scenes.masks(size), side).to(backbone.device) > 0
    objects = seen.any(1, keepdim=True)
    covered = Measure(objects.flatten(1).double().mean(1).cpu().numpy(), clusters.numpy())
    regions = {"both objects": objects, "one object": seen[:, :1], "the rest": ~objects}
    if len(shape) == 3:
        tokens = {region: where.flatten(1)[..., None] for region, where in regions.items()}
        regions = {region: torch.nn.functional.pad(where, (0, 0, 1, 0)) for region, where in tokens.items()}
        regions["class token"] = torch.arange(shape[1], device=objects.device)[:, None] == 0
    return covered, regions


def _probes(backbone, maps, blocks, layouts, world):
    """The tree "probe" of `where_it_lives`, and the ProbeResults of the embeddings of "image" and "text"."""
    every = Layouts.draw(world, layouts)
    labels = every.color.to(backbone.device), every.shape.to(backbone.device)
    split, captions = split_by_combination(*labels), every.captions("random")

    def probe(features):
        return probe_attributes(features.to(backbone.device), *labels, split)

    def keep(name, reduce):
        return lambda module, args, out: seen.setdefault(name, []).append(reduce(out))

    def mean(out):
        return out.mean((2, 3)) if out.ndim == 4 else out[:, 1:].mean(1)

    def everywhere(out):
        return out.flatten(1) if out.ndim == 4 else out[:, 1:].flatten(1)

    seen, last = {}, [*maps][-1]
    handles = [module.register_forward_hook(keep(("image", name, "mean of places"), mean))
               for name, module in maps.items()]  # fmt: skip
    if not hasattr(backbone.model.visual, "layer4"):
        handles += [module.register_forward_hook(keep(("image", name, "class token"), lambda out: out[:, 0]))
                    for name, module in maps.items()]  # fmt: skip
    handles += [maps[last].register_forward_hook(keep(("image", last, "all places"), everywhere))]
    handles += [module.register_forward_hook(keep(("text", name, "end of text"), lambda out: out[:, END]))
                for name, module in blocks.items()]  # fmt: skip
    try:
        images = torch.cat([embed_images(backbone, part) for part in every.parts])
        texts = torch.cat([backbone.encode_texts(captions[at : at + 256]) for at in range(0, len(captions), 256)])
    finally:
        for handle in handles:
            handle.remove()
    answers = {"image": probe(images), "text": probe(texts)}
    out = {tower: {"embedding": result.measure} for tower, result in answers.items()}
    for (tower, name, how), parts in seen.items():
        table = torch.cat(parts)
        if how == "all places" and table.shape[1] > NUMBERS:
            table = _components(table, split.train)
        out[tower].setdefault(name, {})[how] = probe(table).measure
    return out, answers


def _components(table, train):
    """(N, NUMBERS): the rows along the first principal axes of those that are for training."""
    centred = table - table[train].mean(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        axes = torch.svd_lowrank(centred[train], min(NUMBERS, int(train.sum())))[2]
    return centred @ axes
