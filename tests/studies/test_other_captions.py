import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from synthetic import SMALL, BagOfWords, Binder

from labclip_lib.kept.trainings import load_study
from labclip_lib.models.pretraining import Trainer
from labclip_lib.models.recipes import Recipe
from labclip_lib.studies import binding_share
from labclip_lib.studies.other_captions import CONDITIONS, OtherCaptions, SwatchWorld, measure, train_other_captions
from labclip_lib.world.captions import parse
from labclip_lib.world.scenes import World

WORLD = World()
SEEDS = st.integers(0, 2**32 - 1)


def draw(n=300, seed=0, **how):
    """[(objects of the scene, larger one first, as (colour, shape)), what the caption mentions)] of each scene."""
    ones, twos, captions = OtherCaptions(**how).sample(WORLD, n, seed)
    assert len(ones) + len(twos) == n
    scenes = []
    for part in (ones, twos):
        order = part.radius.argsort(1, descending=True)
        for color, shape in zip(
            part.color.gather(1, order).tolist(), part.shape.gather(1, order).tolist(), strict=True
        ):
            scenes.append([(WORLD.colors[c], WORLD.shapes[s]) for c, s in zip(color, shape, strict=True)])
    said = [parse(caption, WORLD) for caption in captions]
    return scenes, said[:n], said[n:]


def forms(mentions):
    return [(color is not None) + 2 * (shape is not None) for color, shape in mentions]


def fits(mention, thing):
    return all(said in (None, true) for said, true in zip(mention, thing, strict=True))


@given(
    seed=SEEDS,
    one_word=st.booleans(),
    alike=st.booleans(),
    left_out=st.sampled_from([0.0, 0.5]),
    negatives=st.booleans(),
)
def test_captions_are_true_and_hard_negatives_false(seed, one_word, alike, left_out, negatives):
    how = {"one_word": one_word, "alike": alike, "left_out": left_out, "negatives": negatives, "binding": 0.3}
    scenes, said, foils = draw(60, seed, **how)
    for things, mentions in zip(scenes, said, strict=True):
        orders = [things, things[::-1]]
        assert any(all(map(fits, mentions, order)) for order in orders)
    assert len(foils) == len(said) * negatives
    for things, mentions, foil in zip(scenes, said, foils, strict=False):
        assert len(foil) == len(mentions) and forms(foil) == forms(mentions)
        assert not any(all(map(fits, foil, order)) for order in (things, things[::-1]))


def test_a_hard_negative_exchanges_the_colours_of_a_caption_that_binds_and_changes_one_word_of_any_other():
    _, said, foils = draw(600, binding=0.5, left_out=0.3, negatives=True)
    kinds = set()
    for mentions, foil in zip(said, foils, strict=True):
        if forms(mentions) == [3, 3]:
            assert foil == [(mentions[1][0], mentions[0][1]), (mentions[0][0], mentions[1][1])]
            kinds.add("swapped")
        else:
            words = [(a, b) for one, other in zip(mentions, foil, strict=True) for a, b in zip(one, other, strict=True)]
            assert sum(a != b for a, b in words) == 1
            kinds.add("colour" if any(a != b and a in WORLD.colors for a, b in words) else "shape")
    assert kinds == {"swapped", "colour", "shape"}


def test_each_choice_does_what_it_says():
    scenes, said, _ = draw(one_word=True)
    assert {
        form for things, mentions in zip(scenes, said, strict=True) if len(things) == 1 for form in forms(mentions)
    } == {1, 2}
    scenes, said, _ = draw(alike=True, single=0.0)
    assert {tuple(forms(mentions)) for mentions in said} == {(1, 1), (2, 2)}
    scenes, said, _ = draw(single=0.0)
    assert {tuple(forms(mentions)) for mentions in said} == {(1, 1), (2, 2), (1, 2), (2, 1)}
    scenes, said, _ = draw(binding=1.0, left_out=1.0, larger_first=True)
    assert all(mentions == things[:1] for things, mentions in zip(scenes, said, strict=True))
    scenes, said, _ = draw(binding=1.0, larger_first=True)
    assert all(mentions == things for things, mentions in zip(scenes, said, strict=True))
    lengths = [len(mentions) for things, mentions in zip(*draw(1000, single=0.0, left_out=0.5)[:2], strict=True)]
    assert np.mean(lengths) == pytest.approx(1.5, abs=0.06)


def test_of_one_seed_everything_but_the_captions_is_the_same():
    """So that conditions of one seed differ in the captions alone."""
    for how in ({"one_word": True}, {"alike": True}, {"binding": 1.0}, {"left_out": 1.0, "larger_first": True}):
        plain, other = (OtherCaptions(**choice).sample(WORLD, 50, 3) for choice in ({}, how))
        for a, b in zip(plain[:2], other[:2], strict=True):
            assert all((getattr(a, name) == getattr(b, name)).all() for name in ("color", "shape", "center", "radius"))


def test_a_step_with_hard_negatives_has_a_larger_loss(tiny_recipe):
    losses = []
    for negatives in (False, True):
        policy = OtherCaptions(binding=1.0, negatives=negatives)
        losses.append(float(Trainer(dataclasses.replace(tiny_recipe, policy=policy)).step()))
    assert losses[1] > losses[0] + 0.1


class TestSwatches:
    """Pictures that say an object's colour and its shape in two places."""

    def test_a_row_holds_the_shape_on_the_left_and_its_colour_on_the_right(self):
        scenes = SwatchWorld(("red", "blue"), ("square", "ring")).compositions(seed=1)
        pixels, twins = scenes.render(64), scenes.swapped().render(64)
        left, right = pixels[..., :32], pixels[..., 32:]
        assert torch.allclose(left, twins[..., :32], atol=1e-5)  # the shapes have no colour
        spread = left.amax(1) - left.amin(1)
        assert spread.max() < 0.12  # but for the tint of the background, grey
        rows = scenes.center[..., 1].argsort(1).argsort(1)
        for one, picture in enumerate(right):
            for color, row in zip(scenes.color[one].tolist(), rows[one].tolist(), strict=True):
                half = picture[:, 32 * row : 32 * row + 32].flatten(1)
                swatch = half[:, (half.amax(0) - half.amin(0)).argsort()[-40:]].mean(1)
                assert int(swatch[[0, 2]].argmax()) == color

    def test_a_single_object_and_a_world_without_circles_are_painted(self):
        for world in (SwatchWorld(), SwatchWorld(("red", "blue"), ("square", "ring"))):
            assert world.sample(3, 1, seed=0).render(32).shape == (3, 3, 32, 32)

    def test_three_objects_have_no_rows(self, raises_saying):
        with raises_saying(ValueError, "one or two", "3"):
            SwatchWorld().sample(2, 3, seed=0).render(32)

    def test_scenes_and_captions_are_those_of_the_plain_world(self):
        plain, swatches = World().sample(20, 2, seed=4), SwatchWorld().sample(20, 2, seed=4)
        assert plain.captions("random", 1) == swatches.captions("random", 1)
        assert torch.equal(plain.center, swatches.center)


class TestMeasures:
    def test_who_binds_is_right_everywhere_and_a_bag_of_words_guesses(self):
        found = {kind: measure(kind(), SMALL) for kind in (Binder, BagOfWords)}
        for name in (
            "swap accuracy, random order",
            "group match, random order",
            "group match, fixed order",
            "one phrase",
            "image with image",
        ):
            assert found[Binder][name]["mean"] == 1.0, name
            assert found[BagOfWords][name]["mean"] == 0.5, name
        for name in ("replace colour", "replace shape"):
            assert found[Binder][name]["mean"] == found[BagOfWords][name]["mean"] == 1.0

    def test_it_holds_what_the_dial_measures(self, tiny):
        assert binding_share.measure(tiny, SMALL).items() <= measure(tiny, SMALL).items()


def test_a_row_for_each_condition_seed_and_moment(small_recipe, tmp_path):
    names = ("as it is", "no single objects, no mixed captions", "batches of 48")
    path = train_other_captions("image-space", tmp_path, "cpu", small_recipe, names, (0, 2), progress=False)
    rows = json.loads(path.read_text())["rows"]
    assert path.name == "image-space.json"
    want = [(name, seed, step) for seed in (0, 2) for name in names for step in (0, 1)]
    assert [(row["condition"], row["seed"], row["step"]) for row in rows] == want
    recipe = json.loads((tmp_path / "image-space-no-single-objects-no-mixed-captions-2.json").read_text())["recipe"]
    assert recipe == small_recipe.as_dict() | {
        "seed": 2, "policy": dataclasses.asdict(OtherCaptions(single=0.0, alike=True))
    }  # fmt: skip


def test_a_condition_that_the_study_lacks(small_recipe, tmp_path, raises_saying):
    with raises_saying(ValueError, "all bind", "as it is"):
        train_other_captions("image-space", tmp_path, "cpu", small_recipe, ("all bind",), (0,), progress=False)


def test_every_condition_makes_a_recipe():
    for study in CONDITIONS.values():
        for changes, captions in study.values():
            assert dataclasses.replace(Recipe(), policy=OtherCaptions(**captions), **changes).as_dict()


@pytest.mark.parametrize("study", CONDITIONS)
class TestKept:
    """The tables in the package."""

    def test_every_condition_seed_and_moment_is_there(self, study):
        steps = (0, binding_share.RECIPE.steps)
        names = CONDITIONS[study]
        want = [(name, seed, step) for seed in binding_share.SEEDS for name in names for step in steps]
        rows = load_study(study)["rows"]
        assert [(row["condition"], row["seed"], row["step"]) for row in rows] == want

    def test_its_figures_are_shares(self, study):
        for row in load_study(study)["rows"]:
            for name, value in row.items():
                if name not in ("condition", "seed", "step"):
                    assert 0 <= value["low"] <= value["mean"] <= value["high"] <= 1, (row["condition"], name)

    def test_recipe_is_the_library_s(self, study):
        assert load_study(study)["recipe"] == binding_share.RECIPE.as_dict()
