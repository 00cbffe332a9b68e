"""Every scene of a world in several layouts, which are told and changed together."""

import dataclasses

import torch

from labclip_lib.world.scenes import Scenes


@dataclasses.dataclass(frozen=True)
class Layouts:
    """The same S scenes in L layouts. What it gives has L * S rows, one layout after another.

    parts: L Scenes that differ in the layout alone. seed: of the layouts, and of what is drawn when they are told
    and changed; layout k is drawn from [seed, k].
    """

    parts: tuple
    seed: int

    @classmethod
    def draw(cls, world, layouts, seed=7):
        """Every two-object scene of a world, in so many layouts."""
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
        """The twins, each in its scene's layouts."""
        return self._each(Scenes.swapped)

    def replaced(self, what):
        """One object's colour or shape exchanged, as by `Scenes.replaced`; the same exchange in every layout."""
        return self._each(lambda part: part.replaced(what, self.seed))

    def captions(self, order="fixed"):
        """L * S captions. In random order each layout of a scene draws its own; a scene and its twin draw the same."""
        return [caption for k, part in enumerate(self.parts) for caption in part.captions(order, seed=[self.seed, k])]

    def _each(self, change):
        return dataclasses.replace(self, parts=tuple(map(change, self.parts)))
