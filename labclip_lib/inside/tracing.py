"""Where in the towers does who has what live, and is it lost on the way? Patching and probes, layer by layer."""

import numpy as np
import torch
from torch.nn.functional import adaptive_max_pool2d

from labclip_lib.embeddings.embed import embed_images
from labclip_lib.inside.patching import outputs_exchanged, pattern_exchanged, share_of_twin
from labclip_lib.measures.measure import Measure
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.twins import number_scenes, pair_clusters

STEP = 128  # pairs: a batch of both is what `Backbone` passes on in one
WORDS = ("first colour", "first shape", "and", "second colour", "second shape", "end of text")


def where_it_lives(backbone, seed=0, pairs=512, layouts=3, world=None):
    """How far each piece, exchanged between twins, carries an embedding to the twin's, and what probes read: a tree.

    "patched", {"image": {layer: {"both objects", "one object", "the rest"}}, "text": {layer: {word: ...}}}: Measures of
    `share_of_twin` over scenes and twins in one layout; a place of a layer's map belongs to an object that can be seen
    in any part of it. In "attention", {"image" or "text": {layer: Measure}}, only a layer's attention
    weights come from the twin. "covered": {layer: the share of the places that belong to an object}.
    "probe", {"image": {layer: {"mean of places", "all places"}}, "text": {layer: {"end of text"}}}: which colour has
    this shape, combinations held out; "embedding" stands beside the layers.
    pairs: scenes that are patched, each with its twin, drawn by the seed. layouts: of all scenes, for the probes.
    world: the scenes', left out, the backbone's own.
    Every cluster is a twin pair. For image towers that are ResNets of open_clip; ValueError for another.
    """
    visual, text = backbone.model.visual, backbone.model.text
    if not hasattr(visual, "layer4"):
        raise ValueError(f"where_it_lives looks into ResNets, and the image tower of {backbone.name!r} is none.")
    maps = {"stem": visual.avgpool} | {f"stage {k}": getattr(visual, f"layer{k}") for k in range(1, 5)}
    blocks = {f"layer {k}": block for k, block in enumerate(text.transformer.resblocks, 1)}
    every = (world or backbone.world).compositions(seed=[7, seed])
    twin = number_scenes(every.color, every.shape)[2]
    one_of_each = torch.where(torch.arange(len(every)) < twin)[0].numpy()
    scenes = every[np.random.default_rng([seed, 13]).permutation(one_of_each)[:pairs]]
    both = scenes, scenes.swapped()
    pixels = [part.render(backbone.image_size) for part in both]
    captions = [part.captions("random", seed) for part in both]
    clusters = pair_clusters(scenes.color, scenes.shape)
    images = _Tower(clusters, lambda rows: embed_images(backbone, torch.cat([part[rows] for part in pixels])))
    texts = _Tower(clusters, lambda rows: backbone.encode_texts([one for part in captions for one in part[rows]]))
    out = {"patched": {"image": {}, "text": {}}, "attention": {"image": {}, "text": {}}, "covered": {}}
    for name, module in maps.items():
        side = _side(backbone, module)
        seen = adaptive_max_pool2d(scenes.masks(backbone.image_size), side).to(backbone.device) > 0
        objects = seen.any(1, keepdim=True)
        out["covered"][name] = Measure(objects.flatten(1).double().mean(1).cpu().numpy(), clusters.numpy())
        regions = {"both objects": objects, "one object": seen[:, :1], "the rest": ~objects}
        out["patched"]["image"][name] = {
            region: images.carried(lambda rows, m=module, w=where: outputs_exchanged(m, w[rows]))
            for region, where in regions.items()
        }
    for name, module in {"words": text.token_embedding, **blocks}.items():
        out["patched"]["text"][name] = {}
        for place, word in enumerate(WORDS, 1):
            where = (torch.arange(len(WORDS) + 1, device=backbone.device) == place)[:, None]
            patch = lambda rows, m=module, w=where: outputs_exchanged(m, w)  # noqa: E731
            out["patched"]["text"][name][word] = texts.carried(patch)
    out["attention"]["image"]["pool"] = images.carried(lambda rows: pattern_exchanged(visual.attnpool))
    for name, block in blocks.items():
        out["attention"]["text"][name] = texts.carried(lambda rows, m=block.attn: pattern_exchanged(m))
    out["probe"] = _probes(backbone, maps, blocks, layouts, world or backbone.world)
    return out


class _Tower:
    """Scenes and their twins as one tower embeds them.

    clusters: (N,) of the pairs. encode: a function of a slice of the pairs that embeds its scenes and then its twins.
    """

    def __init__(self, clusters, encode):
        self.clusters, self.encode = clusters, encode
        self.parts = [slice(at, at + STEP) for at in range(0, len(clusters), STEP)]
        self.own = [encode(rows) for rows in self.parts]

    def carried(self, patch):
        """A Measure of `share_of_twin`, of scenes patched from their twins and of twins from their scenes.

        patch: a function of a slice of the pairs that gives the context in which they are embedded.
        """
        shares, clusters = [], []
        for rows, own in zip(self.parts, self.own, strict=True):
            with patch(rows):
                patched = self.encode(rows)
            shares.append(share_of_twin(patched, own, own.roll(len(own) // 2, 0)))
            clusters += [self.clusters[rows]] * 2
        return Measure(torch.cat(shares).double().cpu().numpy(), torch.cat(clusters).numpy())


def _side(backbone, module):
    seen = []
    handle = module.register_forward_hook(lambda module, args, out: seen.append(out.shape[-1]))
    try:
        backbone.encode_images(torch.zeros(1, 3, backbone.image_size, backbone.image_size))
    finally:
        handle.remove()
    return seen[0]


def _probes(backbone, maps, blocks, layouts, world):
    every = Layouts.draw(world, layouts)
    labels = every.color.to(backbone.device), every.shape.to(backbone.device)
    split, captions = split_by_combination(*labels), every.captions("random")

    def probe(features):
        return probe_attributes(features.to(backbone.device), *labels, split).measure

    seen = {}

    def keep(name, reduce):
        return lambda module, args, out: seen.setdefault(name, []).append(reduce(out))

    last = [*maps][-1]
    handles = [module.register_forward_hook(keep(("image", name, "mean of places"), lambda out: out.mean((2, 3))))
               for name, module in maps.items()]  # fmt: skip
    handles += [maps[last].register_forward_hook(keep(("image", last, "all places"), lambda out: out.flatten(1)))]
    handles += [module.register_forward_hook(keep(("text", name, "end of text"), lambda out: out[:, len(WORDS)]))
                for name, module in blocks.items()]  # fmt: skip
    try:
        images = torch.cat([embed_images(backbone, part) for part in every.parts])
        texts = torch.cat([backbone.encode_texts(captions[at : at + 256]) for at in range(0, len(captions), 256)])
    finally:
        for handle in handles:
            handle.remove()
    out = {"image": {"embedding": probe(images)}, "text": {"embedding": probe(texts)}}
    for (tower, name, how), parts in seen.items():
        out[tower].setdefault(name, {})[how] = probe(torch.cat(parts))
    return out
