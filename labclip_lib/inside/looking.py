"""Where do the heads look, does a scene's twin change it, and does it say who has what?

A scene and its twin stand in the same layout here, so all that differs between them is which object has which colour.
"""

import dataclasses
import math

import numpy as np
import torch
from scipy.stats import rankdata
from torch.nn.functional import adaptive_avg_pool2d

from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.inside.attention import image_attention, text_attention
from labclip_lib.measures.measure import Measure
from labclip_lib.models.backbones import random_init_encoder
from labclip_lib.probing.protocols import split_by_combination
from labclip_lib.probing.scene_probes import probe_attributes
from labclip_lib.world.layouts import Layouts
from labclip_lib.world.twins import number_scenes, pair_clusters

STEP = 128  # pictures or captions whose weights are held for all tokens
# The words of "red circle and blue square", as tokens after the start of text.
COLOR, SHAPE, AND, SECOND_COLOR, SECOND_SHAPE, END = 1, 2, 3, 4, 5, 6


def where_it_looks(backbone, seed=0, world=None):
    """Attention of both towers on every scene and its twin: a tree with Measures for leaves, heads as keys.

    "objects", {"on both", "by area"}: the share of an image head's attention to places that falls on the two objects,
    and the share of the picture that these cover, which is what a head that looks everywhere alike would give them.
    "changes": how much the attention differs, in total variation, from that on the same scene "as the twin", "in two
    other colours", and "in another layout". What ends in "untrained" is of towers before any training.
    "paired": differences within each scene, means over all heads: "twin less other colours" of the changes, "objects
    less area" of the shares, and "own less other colour" of the words, trained and "untrained".
    "choice": correlation by rank, over the scenes, of what a head does with how well the scene and its twin are matched
    with their captions: with the image heads' "share on objects" and "change to the twin", and the text heads'
    "own colour, less the other" and "change to the twin". "largest of these": of their absolute values {"seen", "by
    luck"}, the second of pairs put in random order, its 95th percentile.
    "words": {"own colour", "other colour", "word before"}: how much a text head takes at the second shape's word from
    the colour before it and from the other one, and, at the second colour and the "and", from the word before.
    "untrained words": the same of towers before any training.
    "read": how well a probe tells who has what from the attention weights of all heads, and from the embeddings,
    combinations held out; {"image" or "text": {"attention", "attention, untrained", "embedding"}}.
    Every cluster is a twin pair. world: the scenes', left out, `world_of_tokens`. Raises ValueError as
    `image_attention`, and where a word is more than one token.
    """
    world = world or world_of_tokens(backbone)
    every = world.compositions(seed=[7, seed])
    check_words(backbone, every.captions())
    twin = number_scenes(every.color, every.shape)[2]
    scenes = every[torch.arange(len(every)) < twin]
    clusters = pair_clusters(scenes.color, scenes.shape).numpy()
    forms = {"scene": scenes, "twin": scenes.swapped(), "recoloured": recoloured(scenes, seed)}
    forms["moved"] = world.place(scenes.color, scenes.shape, [seed, 8])
    looks = {name: _pooled(backbone, part) for name, part in forms.items()}
    untrained = random_init_encoder(backbone.name, seed, backbone.device)
    born = {name: _pooled(untrained, forms[name]) for name in ("scene", "twin")}
    out = {"objects": _on_objects(looks["scene"], scenes, clusters)}
    out["objects"]["on both, untrained"] = _by_head(_share(born["scene"], scenes)[0], clusters)
    out["changes"] = {
        name: _by_head(_variation(looks["scene"], looks[form]), clusters)
        for name, form in (
            ("as the twin", "twin"), ("in two other colours", "recoloured"), ("in another layout", "moved"),
        )
    }  # fmt: skip
    out["changes"]["as the twin, untrained"] = _by_head(_variation(born["scene"], born["twin"]), clusters)
    captions = {name: forms[name].captions("random", [seed, 9]) for name in ("scene", "twin")}
    words = {name: _of_words(backbone, texts) for name, texts in captions.items()}
    out["words"] = _words(words["scene"], clusters)
    words["untrained"] = _of_words(untrained, captions["scene"])
    out["untrained words"] = _words(words["untrained"], clusters)
    out["paired"] = _paired(looks, words, scenes, clusters)
    out["choice"] = _choices(backbone, forms, captions, looks, words, scenes, clusters, seed)
    out["read"] = _read(backbone, untrained, world)
    return out


def world_of_tokens(backbone):
    """The backbone's own World, without the colours and shapes whose names are more than one token to it."""

    def kept(names):
        return [name for name in names if int(backbone.tokenize([name])[0].argmax()) == 2]  # after the start of text

    world = backbone.world
    return dataclasses.replace(world, colors=kept(world.colors), shapes=kept(world.shapes))


def check_words(backbone, captions):
    """Raise ValueError unless each word of captions, all of five words, is one token."""
    ends = backbone.tokenize(captions)[0].argmax(1)
    if not bool((ends == END).all()):
        first = captions[int((ends != END).nonzero()[0])]
        raise ValueError(
            f"{backbone.name!r} reads {first!r} in other tokens than its words, so words cannot be told from tokens; "
            "leave out the world, or give one of words that are one token each."
        )


def _pooled(backbone, images):
    """What the class token takes from itself and from each place: (N, H, 1 + P), the heads of all layers in a row."""
    parts = [image_attention(backbone, images[at : at + STEP]) for at in range(0, len(images), STEP)]
    return torch.cat([torch.cat([layer[:, :, 0] for layer in part.values()], 1) for part in parts])


def _of_words(backbone, captions):
    """Weights between the tokens of captions: (N, H, T, T), the heads of all layers in a row."""
    parts = [text_attention(backbone, captions[at : at + STEP]) for at in range(0, len(captions), STEP)]
    table = torch.cat([torch.cat([*part.values()], 1) for part in parts])
    return table[..., : END + 1, : END + 1]


def recoloured(scenes, seed):
    """The scenes, in their layout, with two other colours than they have, drawn by the seed: Scenes."""
    rest = np.random.default_rng([seed, 10]).random((len(scenes), len(scenes.world.colors)))
    np.put_along_axis(rest, scenes.color.numpy(), 2.0, 1)
    new = torch.from_numpy(rest.argsort(1)[:, :2])
    return dataclasses.replace(scenes, color=new)


def _share(looks, scenes):
    side = math.isqrt(looks.shape[-1] - 1)
    covered = adaptive_avg_pool2d(scenes.masks(8 * side).sum(1, keepdim=True), side).flatten(1).to(looks.device)
    places = looks[..., 1:] / looks[..., 1:].sum(-1, keepdim=True)
    return (places * covered[:, None]).sum(-1), covered.mean(1)


def _on_objects(looks, scenes, clusters):
    share, area = _share(looks, scenes)
    return {"on both": _by_head(share, clusters), "by area": Measure(area.cpu().double().numpy(), clusters)}


def _variation(first, second):
    return (first - second).abs().flatten(2).sum(-1) / 2


def _by_head(values, clusters, chance=math.nan):
    """{number of a head: Measure} of values (N, H)."""
    table = values.cpu().double().numpy()
    return {str(head + 1): Measure(table[:, head], clusters, chance) for head in range(table.shape[1])}


def _words(weights, clusters):
    before = (weights[:, :, SECOND_COLOR, AND] + weights[:, :, AND, SHAPE]) / 2
    return {
        "own colour": _by_head(weights[:, :, SECOND_SHAPE, SECOND_COLOR], clusters),
        "other colour": _by_head(weights[:, :, SECOND_SHAPE, COLOR], clusters),
        "word before": _by_head(before, clusters),
    }


def _paired(looks, words, scenes, clusters):
    share, area = _share(looks["scene"], scenes)
    found = {
        "twin less other colours": _variation(looks["scene"], looks["twin"])
        - _variation(looks["scene"], looks["recoloured"]),
        "objects less area": share - area[:, None],
        "own less other colour": _own_less_other(words["scene"]),
        "own less other colour, untrained": _own_less_other(words["untrained"]),
    }
    return {name: Measure(values.mean(1).cpu().double().numpy(), clusters) for name, values in found.items()}


def _own_less_other(weights):
    return weights[:, :, SECOND_SHAPE, SECOND_COLOR] - weights[:, :, SECOND_SHAPE, COLOR]


def _choices(backbone, forms, captions, looks, words, scenes, clusters, seed):
    u, v = (
        [embed(backbone, each[name]) for name in ("scene", "twin")]
        for embed, each in ((embed_images, forms), (embed_texts, captions))
    )
    match = ((u[0] - u[1]) * (v[0] - v[1])).sum(1).cpu().double().numpy()
    heads = {
        "image, share on objects": _share(looks["scene"], scenes)[0],
        "image, change to the twin": _variation(looks["scene"], looks["twin"]),
        "text, own colour, less the other": _own_less_other(words["scene"]),
        "text, change to the twin": _variation(words["scene"][:, :, END], words["twin"][:, :, END]),
    }
    out, target = {}, _standard(match)
    table = {name: _standard(values.cpu().double().numpy()) for name, values in heads.items()}
    for name, ranks in table.items():
        products = torch.from_numpy(ranks * target[:, None])
        out[name] = _by_head(products, clusters, 0.0)
    ranks = np.concatenate([*table.values()], 1)
    seen = np.abs(ranks.T @ target / len(target)).max()
    rng = np.random.default_rng([seed, 12])
    luck = [np.abs(ranks.T @ rng.permutation(target) / len(target)).max() for _ in range(1000)]
    one = np.array([seed])
    out["largest of these"] = {
        "seen": Measure(np.array([seen]), one), "by luck": Measure(np.array([np.quantile(luck, 0.95)]), one),
    }  # fmt: skip
    return out


def _standard(values):
    """Ranks along the first axis, of mean 0 and variance 1; a constant column stays 0."""
    ranks = rankdata(values, axis=0)
    ranks = ranks - ranks.mean(0)
    spread = ranks.std(0)
    return np.divide(ranks, spread, out=np.zeros_like(ranks), where=spread > 0)


def _read(backbone, untrained, world, layouts=3):
    every = Layouts.draw(world, layouts)
    labels = every.color.to(backbone.device), every.shape.to(backbone.device)
    split, captions = split_by_combination(*labels), every.captions("random")

    def probe(features):
        return probe_attributes(features.to(backbone.device), *labels, split).measure

    def image(clip):
        return torch.cat([_pooled(clip, part).flatten(1) for part in every.parts])

    def text(clip):
        return _of_words(clip, captions)[..., *torch.tril_indices(END + 1, END + 1)].flatten(1)

    return {
        side: {
            "attention": probe(weights(backbone)),
            "attention, untrained": probe(weights(untrained)),
            "embedding": probe(embedding),
        }
        for side, weights, embedding in (
            ("image", image, torch.cat([embed_images(backbone, part) for part in every.parts])),
            ("text", text, embed_texts(backbone, captions)),
        )
    }
