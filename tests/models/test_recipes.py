import dataclasses
import json
from pathlib import Path

import pytest

from labclip_lib.models.pocket import WEIGHTS, pocket_tokenizer, read_words
from labclip_lib.models.recipes import RECIPES, Recipe, named_recipe
from labclip_lib.world.captions import FILLERS, CaptionPolicy
from labclip_lib.world.solids import SOLIDS


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_is_complete(name):
    recipe = named_recipe(name)
    assert recipe.name == name and Path(recipe.config).parent == WEIGHTS
    wanted = json.loads(Path(recipe.config).read_text())["text_cfg"]["vocab_size"]
    assert pocket_tokenizer(recipe.vocabulary(), recipe.config).vocab_size == wanted


@pytest.mark.parametrize("name", [name for name in RECIPES if (WEIGHTS / f"{name}.safetensors").is_file()])
def test_shipped_weights_have_the_words_of_their_recipe_in_its_order(name):
    assert tuple(read_words(WEIGHTS / f"{name}.safetensors")) == RECIPES[name].vocabulary()


def test_the_two_differ_in_their_world_alone():
    flat, solid = (RECIPES[name].as_dict() for name in ("pocket", "pocket-3d"))
    assert solid["world"].pop("shapes") == list(SOLIDS) and flat["world"].pop("shapes")
    assert flat["config"]["text_cfg"].pop("vocab_size") == solid["config"]["text_cfg"].pop("vocab_size") + 4
    assert flat == solid


def test_unknown_recipe(raises_saying):
    with raises_saying(ValueError, "'pocket3d'", "did you mean 'pocket-3d'?"):
        named_recipe("pocket3d")


def test_a_policy_may_have_words_of_its_own():
    class Where(CaptionPolicy):
        def vocabulary(self, world):
            return "left", "right"

    plain, more = Recipe().vocabulary(), dataclasses.replace(Recipe(), policy=Where()).vocabulary()
    n = len(FILLERS)
    assert more[n : n + 2] == ("left", "right") and more[:n] + more[n + 2 :] == plain
