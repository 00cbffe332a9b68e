"""Encoders whose answers are known beforehand: one that binds perfectly and one that cannot bind at all."""

import re

import torch
from torch.nn.functional import normalize

from labclip_lib.embeddings.tables import Tables
from labclip_lib.world.captions import parse
from labclip_lib.world.scenes import World

SMALL = World(colors=("red", "yellow", "green", "blue", "pink"), shapes=("circle", "square", "star", "ring", "moon"))


class Binder:
    """Embeds which colour goes with which shape, one place a pair. Of shuffled words it takes what it can."""

    name, device = "synthetic", torch.device("cpu")

    def __init__(self, world=SMALL):
        self.world, self.known = world, {}

    @property
    def dim(self):
        return len(self.of(f"{self.world.colors[0]} {self.world.shapes[0]}"))

    @property
    def fingerprint(self):
        return f"{type(self).__name__} {self.world}"

    def encode_images(self, scenes):
        """(N, D) embeddings of unit length: a scene is seen as its caption."""
        return self.encode_texts(scenes.captions())

    def encode_texts(self, captions):
        """(N, D) embeddings of unit length."""
        for caption in set(captions) - set(self.known):
            self.known[caption] = normalize(self.of(caption), dim=0)
        return torch.stack([self.known[caption] for caption in captions])

    def of(self, caption):
        out = torch.zeros(len(self.world.colors), len(self.world.shapes))
        for color, shape in parse(caption, self.world):
            if color and shape:
                out[self.world.colors.index(color), self.world.shapes.index(shape)] += 1
        return out.flatten()


class BagOfWords(Binder):
    """Embeds which colours and which shapes there are, and not which go together."""

    def of(self, caption):
        words = re.findall(r"\w+", caption)
        return torch.tensor([float(words.count(name)) for name in (*self.world.colors, *self.world.shapes)])


def tables(images, captions, scenes=None):
    """A reader's tables of every scene of the small world, its images and its captions each by their own encoder."""
    scenes = scenes or SMALL.compositions(seed=0)
    embeddings = {
        "images": images.encode_texts(scenes.captions()),
        "captions": captions.encode_texts(scenes.captions()),
        "swapped": captions.encode_texts(scenes.swapped().captions()),
    }
    return Tables(scenes.world.colors, scenes.world.shapes, scenes.color, scenes.shape, embeddings)
