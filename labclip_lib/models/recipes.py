"""What a PocketCLIP is made by: a recipe, and the recipes of those that the book ships, by name."""

import dataclasses
import json
from pathlib import Path

from labclip_lib.base.messages import did_you_mean
from labclip_lib.models.pocket import WEIGHTS
from labclip_lib.world.captions import FILLERS, CaptionPolicy
from labclip_lib.world.scenes import World
from labclip_lib.world.solids import SOLIDS
from labclip_lib.world.statement_policy import StatementPolicy


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that determines a trained PocketCLIP, except the machine.

    image_lr, text_lr: peak learning rates (AdamW, linear warm-up, then cosine to 0). text_lr is for the text
        tower's embeddings and transformer. It is far lower, because at the image tower's rate they forget
        word order. The text tower's last norm and projection learn at the image tower's rate.
    position_std: initial standard deviation of the text tower's positional embeddings; words start at 0.02 and
        open_clip's positions at 0.01. A tower this small needs larger positions to carry word order at all.
    world, policy: what scenes show and what captions say about them. A policy is a dataclass like `CaptionPolicy`; its
        `sample` gives any number of Scenes, and then their captions.
    config: path of the open_clip model config. Its name without the suffix is the recipe's name.
    """

    seed: int = 0
    steps: int = 1200
    batch_size: int = 192
    image_lr: float = 2e-3
    text_lr: float = 1e-5
    position_std: float = 0.03
    weight_decay: float = 0.05
    betas: tuple = (0.9, 0.98)
    warmup: int = 100
    policy: CaptionPolicy = dataclasses.field(default_factory=CaptionPolicy)
    world: World = dataclasses.field(default_factory=World)
    config: str = str(WEIGHTS / "pocket.json")

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"steps must be 1 or more, got {self.steps}.")
        for name in ("image_lr", "text_lr"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}.")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}.")

    @property
    def name(self):
        """What the files of its PocketCLIP are called, before their suffixes."""
        return Path(self.config).stem

    def as_dict(self):
        """The recipe as plain data, for the card and to compare recipes; the config file by its contents."""
        return json.loads(json.dumps(dataclasses.asdict(self) | {"config": json.loads(Path(self.config).read_text())}))

    def vocabulary(self):
        """The words of its captions, a tuple of str, in the order of their ids."""
        return (*FILLERS, *self.policy.vocabulary(self.world), *self.world.colors, *self.world.shapes)


# Name -> recipe. `load_backbone` knows their weights by the same names.
RECIPES = {
    "pocket": Recipe(),
    # Its pool sees 4 x 4 places in place of 2 x 2: enough to look at where it looks.
    "pocket-128": Recipe(config=str(WEIGHTS / "pocket-128.json")),
    "pocket-3d": Recipe(world=World(shapes=tuple(SOLIDS)), config=str(WEIGHTS / "pocket-3d.json")),
    "pocket-relations": Recipe(steps=2400, policy=StatementPolicy(), config=str(WEIGHTS / "pocket-relations.json")),
}


def named_recipe(name):
    """The recipe of a PocketCLIP that the book ships; ValueError for another name."""
    if name not in RECIPES:
        raise ValueError(f"There is no recipe {name!r}; {did_you_mean(name, RECIPES)}")
    return RECIPES[name]
