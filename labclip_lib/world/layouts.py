"""Every scene of a world in several layouts, captioned and changed together."""

import dataclasses

import torch

from labclip_lib.world.scenes import Scenes


@dataclasses.dataclass(frozen=True)
class Layouts:
    """The same S scenes in L layouts. Its methods return L * S rows, one layout after another.

    parts: L Scenes that differ only in their layout. seed: of the layouts, and of the random choices in captions and
    changes; layout k uses [seed, k].
    """

    parts: tuple
    seed: int

    @classmethod
    def draw(cls, world, layouts, seed=7):
        """Every two-object scene of a world, in this many layouts."""
        return cls(tuple(world.compositions(seed=[seed, k]) for k in range(layouts)), seed)

    @property
    def scenes(self):
        """The S scenes in their first layout."""
        return self.parts[0]

    @property
    def color(self):
        return torch.cat([part.color for part in self.parts])

    @property
    def shape(self):
        return torch.cat([part.shape for part in self.parts])

    def swapped(self):
        """The twins of the scenes, in the same layouts."""
        return self._each(Scenes.swapped)

    def replaced(self, what):
        """The scenes with one colour or shape replaced, as by `Scenes.replaced`; the same one in every layout."""
        return self._each(lambda part: part.replaced(what, self.seed))

    def captions(self, order="fixed"):
        """L * S captions. A random order is drawn anew for each layout; a scene and its twin get the same order."""
        return [caption for k, part in enumerate(self.parts) for caption in part.captions(order, seed=[self.seed, k])]

    def _each(self, change):
        return dataclasses.replace(self, parts=tuple(map(change, self.parts)))
