import dataclasses
import itertools

import numpy as np
import pytest
import torch
from synthetic import Binder
from torch.nn.functional import normalize

from labclip_lib.alignment.fit import fit_labclip
from labclip_lib.alignment.labclip import LABCLIP
from labclip_lib.alignment.scene_task import (
    TEMPLATES,
    binding_task,
    compare_forms,
    examine,
    examine_groups,
    fit_task,
)
from labclip_lib.embeddings.embed import embed_images, embed_texts
from labclip_lib.probing.protocols import split_by_object
from labclip_lib.world.scenes import World

WORLD = World(colors=("red", "green", "blue", "yellow", "cyan"), shapes=("circle", "square", "triangle", "star"))
SCENES, LAYOUTS, SEED = 120, 2, 3


@pytest.fixture(scope="module")
def task(tiny):
    return binding_task(tiny, WORLD, LAYOUTS, SEED)


@pytest.fixture
def binder():
    """An encoder that knows who wears what, by name in captions and images alike."""
    return Binder(WORLD)


def test_shapes(task):
    assert task.images.shape == (LAYOUTS, SCENES, 16)
    one = {"fixed order", "other order", *TEMPLATES}
    several = {"random order"}
    expected = {prefix + name: n for prefix in ("", "twin, ") for name, n in
                [*((name, 1) for name in one), *((name, LAYOUTS) for name in several)]}  # fmt: skip
    expected |= {"colour replaced": LAYOUTS, "shape replaced": LAYOUTS}
    assert {name: tuple(table.shape) for name, table in task.texts.items()} == {
        name: (n, SCENES, 16) for name, n in expected.items()
    }
    assert len(task.split.train) == SCENES
    images, labels, captions = task.singles
    assert images.shape == (512, 16) and captions.shape == (20, 16) and set(labels.tolist()) == set(range(20))


def test_embeddings_are_those_of_the_scenes_and_their_captions(task, tiny):
    for k in range(LAYOUTS):
        scenes = WORLD.compositions(seed=[SEED, k])
        assert torch.allclose(task.images[k], embed_images(tiny, scenes), atol=1e-6)
        for name, captions in {
            "fixed order": scenes.captions(),
            "twin, fixed order": scenes.swapped().captions(),
            "random order": scenes.captions("random", seed=[SEED, k]),
            "twin, random order": scenes.swapped().captions("random", seed=[SEED, k]),
            "another template": scenes.captions(template=TEMPLATES["another template"]),
            "colour replaced": scenes.replaced("color", SEED).captions(),
            "shape replaced": scenes.replaced("shape", SEED).captions(),
        }.items():
            table = task.texts[name]
            assert torch.allclose(table[k if len(table) > 1 else 0], embed_texts(tiny, captions), atol=1e-5), name


class Said:
    """A backbone that embeds nothing: row i of `captions` is what was said as number i."""

    name, dim, device = "said", 1, "cpu"

    def __init__(self):
        self.captions = []

    def encode_images(self, scenes):
        return torch.zeros(len(scenes), 1)

    def encode_texts(self, captions):
        first = len(self.captions)
        self.captions += captions
        return torch.arange(first, first + len(captions))[:, None]


@pytest.fixture
def said(monkeypatch):
    """{what is said: [[a caption a scene] a layout]}"""
    reader = Said()
    task = binding_task(reader, WORLD, LAYOUTS, SEED)
    return {
        name: [[reader.captions[i] for i in row] for row in table[..., 0].tolist()]
        for name, table in task.texts.items()
    }


def parsed(caption):
    words = [word for word in caption.split() if word in (*WORLD.colors, *WORLD.shapes)]
    return [tuple(words[:2]), tuple(words[2:])]


def test_what_is_said_of_the_twin_is_the_same_with_the_colours_exchanged(said):
    for name in ("fixed order", "random order", "other order", *TEMPLATES):
        for scene, twin in zip(*(itertools.chain(*said[prefix + name]) for prefix in ("", "twin, ")), strict=True):
            (c1, s1), (c2, s2) = parsed(scene)
            assert parsed(twin) == [(c2, s1), (c1, s2)]
    for scene, other in zip(said["fixed order"][0], said["other order"][0], strict=True):
        assert parsed(other) == parsed(scene)[::-1] and " and " in other


def test_random_order_is_both_orders(said):
    for layout in said["random order"]:
        fixed = [a == b for a, b in zip(layout, said["fixed order"][0], strict=True)]
        other = [a == b for a, b in zip(layout, said["other order"][0], strict=True)]
        assert all(a != b for a, b in zip(fixed, other, strict=True)) and 0.3 < np.mean(fixed) < 0.7
    assert said["random order"][0] != said["random order"][1]


def test_templates_and_replacements(said):
    assert said["another template"][0][0].startswith("a ") and said["a longer template"][0][0].startswith(
        "a photo of a "
    )
    for name, position in (("colour replaced", 0), ("shape replaced", 1)):
        for layout in said[name]:
            for scene, changed in zip(said["fixed order"][0], layout, strict=True):
                before, after = ([part[position] for part in parsed(caption)] for caption in (scene, changed))
                assert len(set(before) ^ set(after)) == 2


# Pairs


def test_training_pairs_have_the_twins_captions_for_negatives(task):
    rows = task.split.train
    for order in ("fixed", "random"):
        pairs = task.pairs("train", order)
        assert len(pairs) == len(pairs.images) == LAYOUTS * int(rows.sum()) and pairs.negatives.shape[1] == 1
        assert torch.equal(pairs.images, torch.cat([layout[rows] for layout in task.images]))
        for prefix, ours in (("", pairs.texts), ("twin, ", pairs.negatives[:, 0])):
            table = task.texts[f"{prefix}{order} order"].expand(LAYOUTS, -1, -1)
            assert torch.equal(ours, torch.cat([layout[rows] for layout in table]))
        assert pairs.image.tolist() == list(range(len(pairs)))


def test_in_random_order_both_captions_of_an_image_are_right_where_it_chooses(task):
    for part in ("validation", "test"):
        rows = getattr(task.split, part)
        n = LAYOUTS * int(rows.sum())
        pairs = task.pairs(part, "random")
        assert len(pairs.images) == n and len(pairs) == 2 * n
        for image in range(n):
            texts = pairs.texts[pairs.image == image]
            scene = torch.where(rows)[0][image % int(rows.sum())]
            for prefix, ours in (("", texts), ("twin, ", pairs.negatives[pairs.image == image][:, 0])):
                both = [task.texts[f"{prefix}{name} order"][0, scene] for name in ("fixed", "other")]
                assert torch.equal(ours, torch.stack(both))
        assert len(task.pairs(part, "fixed")) == n


def test_no_combination_is_in_two_parts(task):
    cluster = task.split.cluster
    parts = [set(cluster[getattr(task.split, part)].tolist()) for part in ("train", "validation", "test")]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert sum(map(len, parts)) == SCENES // 2


def test_another_split(tiny):
    scenes = WORLD.compositions(seed=[SEED, 0])
    split = split_by_object(scenes.color, scenes.shape)
    task = dataclasses.replace(binding_task(tiny, WORLD, 1, SEED), split=split)
    assert torch.equal(task.split.test, split.test) and len(task.pairs("test").images) == int(split.test.sum())


# The examination


def test_who_binds_gets_everything_right(binder):
    task = binding_task(binder, WORLD, LAYOUTS, SEED)
    tested = int(task.split.test.sum())
    for order in ("fixed", "random"):
        found = examine(task, None, order)
        assert {name: measure.values.mean() for name, measure in found.items()} == dict.fromkeys(found, 1.0)
        assert len(found["swap"].values) == LAYOUTS * tested
        expected = task.split.cluster[task.split.test].tolist() * LAYOUTS
        for name, measure in found.items():
            assert measure.clusters.tolist() == (list(range(512)) if "zero-shot" in name else expected)
    assert set(examine(task)) - set(found) == {"swap, the other order"}
    assert set(found) == {
        "swap", "only the true caption in the other order", *(f"swap, {name}" for name in TEMPLATES),
        "replace colour", "replace shape", "image to text, recall@1 of 120", "text to image, recall@1 of 120",
        "zero-shot, single objects, 20 classes",
    }  # fmt: skip


def test_chance_and_what_a_bag_of_words_would_get(task):
    found = examine(task)
    levels = {name: (measure.chance, measure.bag_of_words) for name, measure in found.items()}
    for name, level in levels.items():
        if "swap" in name or "only the true" in name:
            assert level == (0.5, 0.5)
        elif "replace" in name:
            assert level == (0.5, 1)
        elif "recall" in name:
            assert level == (1 / SCENES, 0.5)
        else:
            assert level == (1 / 20, 1)


def bag(task):
    """The same task for a bag of words: what is said of the twin is what is said of the scene."""
    texts = {name: task.texts[name.removeprefix("twin, ")] for name in task.texts}
    return dataclasses.replace(task, texts=texts)


def test_who_cannot_tell_twins_apart_is_at_one_half(task):
    for order in ("fixed", "random"):
        found = examine(bag(task), None, order)
        for name, measure in found.items():
            if "swap" in name:
                assert set(measure.values) == {0.5}


def test_who_always_takes_the_twin_is_at_zero(binder):
    task = binding_task(binder, WORLD, LAYOUTS, SEED)
    turned = {name.removeprefix("twin, ") if "twin, " in name else f"twin, {name}": table
              for name, table in task.texts.items() if "replaced" not in name}  # fmt: skip
    found = examine(dataclasses.replace(task, texts=task.texts | turned))
    for name, measure in found.items():
        if "replace" not in name and "zero-shot" not in name:
            assert not measure.values.any(), name


@pytest.mark.parametrize(
    ("changed", "foils"),
    [
        ("fixed order", {"swap", "replace colour", "replace shape"}),
        ("twin, fixed order", {"swap", "only the true caption in the other order"}),
        ("other order", {"swap, the other order", "only the true caption in the other order"}),
        ("twin, other order", {"swap, the other order"}),
        ("another template", {"swap, another template"}),
        ("twin, a longer template", {"swap, a longer template"}),
        ("colour replaced", {"replace colour"}),
        ("shape replaced", {"replace shape"}),
        ("random order", set()),
    ],
)
def test_each_question_is_about_its_captions(binder, changed, foils):
    """A table that is made to please the images, or to displease them, changes the answers it has a part in alone."""
    task = binding_task(binder, WORLD, LAYOUTS, SEED)
    true = "twin" not in changed and "replaced" not in changed
    table = -task.images if true else normalize(task.images + 0.0, dim=-1)
    found = examine(dataclasses.replace(task, texts=task.texts | {changed: table}))
    expected = set(foils) | ({"image to text, recall@1 of 120", "text to image, recall@1 of 120"}
                             if changed == "fixed order" else set())  # fmt: skip
    worse = {name for name, measure in found.items() if measure.values.mean() < 0.9}
    assert worse == expected


def test_in_random_order_the_swap_is_that_of_the_random_captions(binder):
    task = binding_task(binder, WORLD, LAYOUTS, SEED)
    found = examine(dataclasses.replace(task, texts=task.texts | {"random order": -task.images}), None, "random")
    assert not found["swap"].values.any() and found["replace colour"].values.all()


@pytest.mark.parametrize("side", ["text", "image"])
def test_a_labclip_is_applied_everywhere(task, side):
    """A rotation of one side, and its inverse in the map: as it was."""
    turn = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(0))).Q
    labclip = LABCLIP(16, side)
    labclip.set_matrix(turn)
    images, labels, captions = task.singles
    if side == "text":
        texts = {name: table @ turn for name, table in task.texts.items()}
        turned = dataclasses.replace(task, texts=texts, singles=(images, labels, captions @ turn))
    else:
        turned = dataclasses.replace(task, images=task.images @ turn, singles=(images @ turn, labels, captions))
    found, expected = examine(turned, labclip), examine(task)
    for name, measure in expected.items():
        assert np.mean(found[name].values != measure.values) < 0.05, name  # near ties apart


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_groups_are_the_test_scenes_with_their_twins(task, binder, order):
    bound = examine_groups(binding_task(binder, WORLD, LAYOUTS, SEED), None, order)
    blind = examine_groups(bag(task), None, order)
    assert list(bound) == list(blind) == ["group score", "group match"]
    for measure in (*bound.values(), *blind.values()):
        assert len(measure.values) == LAYOUTS * int(task.split.test.sum()) / 2
        assert set(measure.clusters) <= set(task.split.cluster[task.split.test].tolist())
    assert (bound["group score"].values == 1).all() and (bound["group match"].values == 1).all()
    assert (blind["group match"].values == 0.5).all()  # of captions that are the same, none fits better


@pytest.mark.parametrize("side", ["text", "image"])
def test_groups_are_examined_through_the_map(binder, side):
    task = binding_task(binder, WORLD, LAYOUTS, SEED)
    turn = torch.linalg.qr(torch.randn(20, 20, generator=torch.Generator().manual_seed(0))).Q
    turned = dataclasses.replace(task, images=task.images @ turn)
    labclip = LABCLIP(20, side)
    labclip.set_matrix(turn if side == "image" else turn.T)
    before, after = examine_groups(turned), examine_groups(turned, labclip)
    assert before["group match"].values.mean() < 0.9 and (after["group match"].values == 1).all()


def test_the_same_seed_gives_the_same_task(task, tiny):
    again, other = binding_task(tiny, WORLD, LAYOUTS, SEED), binding_task(tiny, WORLD, LAYOUTS, SEED + 1)
    assert torch.equal(again.images, task.images) and not torch.equal(other.images, task.images)
    assert all(torch.equal(again.texts[name], table) for name, table in task.texts.items())
    for name, measure in examine(task).items():
        assert np.array_equal(measure.values, examine(again)[name].values)


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_a_task_is_fitted_on_its_training_and_chosen_by_its_validation(task, order):
    labclip = fit_task(task, order, batch_size=64, epochs=1, seed=4)
    train = task.pairs("train", order)
    same = fit_labclip(
        train.images, train.texts, train.negatives, image=train.image, validation=task.pairs("validation", order),
        batch_size=64, epochs=1, seed=4,
    )  # fmt: skip
    assert torch.equal(labclip.linear.weight, same.linear.weight) and len(labclip.history) == 2


def test_left_out_the_world_is_the_backbone_s(tiny_3d):
    assert binding_task(tiny_3d, layouts=1).layouts.scenes.world == tiny_3d.world


def test_a_caption_in_one_form_stands_against_a_foil_in_another(task):
    rows, labclip = task.split.test, LABCLIP(16)
    labclip.set_matrix(torch.randn(16, 16, generator=torch.Generator().manual_seed(0)))
    name, (true, foil) = "hard positive", ("a longer template", "twin, random order")
    for head, texts in ((None, task.texts), (labclip, {form: labclip(task.texts[form]) for form in (true, foil)})):
        measure = compare_forms(task, {name: (true, foil)}, head)[name]
        margin = (task.images * (texts[true] - texts[foil]))[:, rows].sum(-1).flatten()
        assert np.array_equal(measure.values, (margin > 0).numpy()) and measure.chance == 0.5
        assert np.array_equal(measure.clusters, task.split.cluster[rows].repeat(LAYOUTS).numpy())
        assert measure.bag_of_words == 1  # "photo" tells the two apart
    assert compare_forms(task, {"swap": ("fixed order", "twin, fixed order")})["swap"].bag_of_words == 0.5
