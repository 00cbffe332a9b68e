"""A world in which some colours never wear some of the shapes."""

import dataclasses

import numpy as np
import torch

from labclip_lib.world.scenes import World


@dataclasses.dataclass(frozen=True)
class PairWorld(World):
    """A world in which no scene holds a pair out of one block: `block` colours, and as many shapes.

    Every colour and every shape still occurs, so an unmet pair is never an unmet word. block: 0 for none. coin: seed of
    which colours and shapes they are. met: whether the block's pairs occur all the same; then it only says what is
    asked about. Raises ValueError for a block as large as all colours or all shapes.
    """

    block: int = 4
    coin: int = 0
    met: bool = False

    def __post_init__(self):
        super().__post_init__()
        least = min(len(self.colors), len(self.shapes))
        if not 0 <= self.block < least:
            raise ValueError(f"PairWorld needs a block from 0 to {least - 1} in this world, got {self.block}.")

    def sample(self, n, objects=2, seed=0, distinct=True):
        if self.met:
            return super().sample(n, objects, seed, distinct)
        if not distinct:
            raise ValueError("PairWorld draws scenes whose objects differ in colour and in shape; leave distinct=True.")
        return self._sample_where(lambda scenes: ~self.in_block(scenes.color, scenes.shape).any(1), n, objects, seed)

    def in_block(self, color, shape):
        """Whether each of these pairs is of the block. color, shape: label numbers of one form; returns bool of it."""
        color, shape = self.words_of_block(color, shape)
        return color & shape

    def words_of_block(self, color, shape):
        """Whether these colours, and these shapes, are of the block, and so rarer than others: two bool tensors."""
        rng, out = np.random.default_rng(self.coin), []
        for labels, names in ((color, self.colors), (shape, self.shapes)):
            of_block = torch.zeros(len(names), dtype=torch.bool, device=labels.device)
            of_block[rng.permutation(len(names))[: self.block]] = True
            out.append(of_block[labels])
        return out
