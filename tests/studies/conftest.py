"""A recipe that is trained and measured within seconds: one step, in a world of twelve combinations."""

import dataclasses
import json
from pathlib import Path

import pytest

from labclip_lib.world.scenes import World

WORLD = World(colors=("red", "blue", "green"), shapes=("circle", "square", "star", "ring"))


@pytest.fixture(scope="session")
def small_recipe(tiny_recipe, tmp_path_factory):
    config = json.loads(Path(tiny_recipe.config).read_text())
    config["text_cfg"]["vocab_size"] -= len(tiny_recipe.world.colors) + len(tiny_recipe.world.shapes) - 7
    path = tmp_path_factory.mktemp("small") / "small.json"
    path.write_text(json.dumps(config))
    return dataclasses.replace(tiny_recipe, steps=1, world=WORLD, config=str(path))
