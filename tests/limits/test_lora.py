import copy
import functools

import pytest
import torch
from torch.nn.utils import parametrize

from labclip_lib.limits.lora import TOWERS, add_lora, merge_lora
from labclip_lib.models.backbones import Backbone
from labclip_lib.models.losses import hard_negative_info_nce
from labclip_lib.studies.comparison import finetune
from labclip_lib.world.scenes import World

WORLD = World(colors=("red", "yellow", "green", "blue"), shapes=("circle", "square", "star", "ring", "moon"))
SCENES = WORLD.sample(8, seed=0)


def embedded(model, backbone):
    with torch.no_grad():
        tokens = backbone.tokenizer(SCENES.captions())
        return model.encode_image(SCENES.render(backbone.image_size)), model.encode_text(tokens)


def tuned(backbone, towers, steps=3):
    return finetune(backbone, "random", WORLD, 2, steps=steps, batch_size=32, rate=1e-2, progress=False,
                    unfreeze=functools.partial(add_lora, towers=towers))  # fmt: skip


@pytest.mark.parametrize("towers", [("text",), ("image",), TOWERS])
def test_at_first_it_is_clip(tiny, towers):
    model = add_lora(copy.deepcopy(tiny.model), towers)
    for before, after in zip(embedded(tiny.model, tiny), embedded(model, tiny), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("towers", [("text",), ("image",), TOWERS])
def test_only_its_own_numbers_and_the_temperature_change(tiny, towers):
    before = tiny.model.state_dict()
    changed, same = set(), set()
    for name, value in tuned(tiny, towers).model.state_dict().items():
        if name.endswith((".left", ".right")):
            changed.add("image" if name.startswith("visual.") else "text")
            assert bool(value.abs().sum() > 0), name  # each left started at zero
        else:
            plain = name.replace("parametrizations.", "").removesuffix(".original")
            (same.add if torch.equal(value, before[plain]) else changed.add)(plain)
    assert changed == {*towers, "logit_scale"}
    assert same == {*before} - {"logit_scale"}  # and so the statistics of batch norm, too


def test_every_matrix_of_the_blocks_has_its_factors(tiny):
    model, rank = add_lora(copy.deepcopy(tiny.model), rank=3), 3
    weights = {name: p for name, p in tiny.model.named_parameters() if p.ndim > 1}
    beside = {"text.positional_embedding", "text.text_projection", "text.token_embedding.weight"}
    beside.add("visual.attnpool.positional_embedding")
    learns = {name: p for name, p in model.named_parameters() if p.requires_grad and name != "logit_scale"}
    assert len(learns) == 2 * len({*weights} - beside)
    assert sum(p.numel() for p in learns.values()) == sum(
        rank * (len(p) + p[0].numel()) for name, p in weights.items() if name not in beside
    )


def test_merged_it_is_an_ordinary_model_that_embeds_alike(tiny):
    new = tuned(tiny, TOWERS)
    before = embedded(new.model, tiny)
    assert merge_lora(new.model) is new.model
    assert not any(parametrize.is_parametrized(module) for module in new.model.modules())
    assert {*new.model.state_dict()} == {*tiny.model.state_dict()}
    for learnt, merged, plain in zip(before, embedded(new.model, tiny), embedded(tiny.model, tiny), strict=True):
        assert torch.allclose(learnt, merged, atol=1e-6) and not torch.allclose(merged, plain, atol=1e-3)


def test_it_learns(tiny):
    def loss(backbone):
        texts, twins = (backbone.encode_texts(scenes.captions()) for scenes in (drawn, drawn.swapped()))
        return float(hard_negative_info_nce(backbone.encode_images(drawn), texts, twins, 20.0))

    drawn = WORLD.compositions(seed=[7, 0])
    assert loss(tuned(tiny, TOWERS, 20)) < loss(tiny) - 0.1


def test_the_seed_decides(tiny):
    def drawn(seed):
        model = add_lora(copy.deepcopy(tiny.model), seed=seed)
        return torch.cat([p.flatten() for name, p in model.named_parameters() if name.endswith(".right")])

    assert torch.equal(drawn(0), drawn(0)) and not torch.equal(drawn(0), drawn(1))


def test_the_model_that_is_given_to_a_fine_tuning_stays_as_it_is(tiny):
    state = {name: value.clone() for name, value in tiny.model.state_dict().items()}
    assert isinstance(tuned(tiny, ("text",)), Backbone)
    assert all(torch.equal(value, state[name]) for name, value in tiny.model.state_dict().items())


def test_another_tower_is_refused(tiny, raises_saying):
    with raises_saying(ValueError, "'audio'", "'text' or 'image'"):
        add_lora(copy.deepcopy(tiny.model), ("text", "audio"))
