"""A world in which some scenes never occur, such as one of two twins."""

import dataclasses
import math

import numpy as np
import torch

from labclip_lib.world.scenes import World


@dataclasses.dataclass(frozen=True)
class TwinWorld(World):
    """A world in which some pairs of twins never occur and, unless twins is "both", only one twin of the other pairs.

    twins: "both" occur; or one of each pair, chosen by a "coin"; or by a "rule": of the two colours, the one that
    comes first in `colors` goes with the shape that comes first in `shapes`. held_out: share of the pairs of which
    neither occurs. coin: seed of these choices, which do not depend on `twins`. Only scenes of two objects are
    restricted.
    """

    twins: str = "coin"
    held_out: float = 0.2
    coin: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.twins not in ("both", "coin", "rule"):
            raise ValueError(f"TwinWorld needs twins to be 'both', 'coin' or 'rule', got {self.twins!r}.")
        if not 0 <= self.held_out < 1:
            raise ValueError(f"TwinWorld needs held_out in [0, 1), got {self.held_out}.")
        pairs = math.comb(len(self.colors), 2) * math.comb(len(self.shapes), 2)
        if 0 < pairs <= math.ceil(self.held_out * pairs):
            raise ValueError(
                f"TwinWorld with held_out {self.held_out} holds back every pair of twins, of which this world has "
                f"{pairs}; lower it, or add colors and shapes."
            )

    def sample(self, n, objects=2, seed=0, distinct=True):
        if objects != 2 or not distinct:
            return super().sample(n, objects, seed, distinct)
        scenes = self._sample_where(lambda scenes: ~self.group(scenes)["held out"], n, objects, seed)
        # A twin that must not occur is replaced by the one that may, so all pairs stay equally frequent.
        if self.twins == "both":
            return scenes
        absent = self.group(scenes)["other"][:, None]
        return dataclasses.replace(scenes, color=torch.where(absent, scenes.color.flip(1), scenes.color))

    def group(self, scenes):
        """Group N scenes of two objects: {"shown", "other", "held out"}, (N,) masks of which one holds for each scene.

        "shown": chosen over its twin. "other": its twin was chosen, so it occurs only if twins is "both".
        "held out": neither twin occurs.
        """
        rank, chosen = self._coins(scenes)
        held = rank < self.held_out
        first = scenes.color.gather(1, scenes.shape.argsort(1))  # colours in the order of the shapes
        member = first[:, 0] < first[:, 1]
        return {"shown": ~held & (member == chosen), "other": ~held & (member != chosen), "held out": held}

    def _coins(self, scenes):
        """For each scene: its pair's rank in [0, 1) among all pairs, and whether the chosen twin follows the rule."""
        c, s = len(self.colors), len(self.shapes)
        pairs = torch.arange(c * c * s * s).reshape(c, c, s, s)
        low, high = torch.triu_indices(c, c, 1), torch.triu_indices(s, s, 1)
        codes = pairs[low[0][:, None], low[1][:, None], high[0], high[1]].flatten()
        rng = np.random.default_rng(self.coin)
        rank, chosen = torch.ones(c * c * s * s), torch.zeros(c * c * s * s, dtype=torch.bool)
        rank[codes] = torch.from_numpy(rng.permutation(len(codes)) / len(codes)).float()
        tosses = torch.from_numpy(rng.random(len(codes)) < 0.5)
        chosen[codes] = torch.ones_like(tosses) if self.twins == "rule" else tosses
        (c0, c1), (s0, s1) = (labels.sort(1).values.cpu().T for labels in (scenes.color, scenes.shape))
        code = pairs[c0, c1, s0, s1]
        return rank[code].to(scenes.color.device), chosen[code].to(scenes.color.device)
