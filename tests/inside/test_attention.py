import copy

import pytest
import torch

from labclip_lib.inside.attention import image_attention, listening, rollout, text_attention
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

SCENES = World().sample(5, seed=1)


@pytest.fixture(scope="module")
def clips(pocket, tiny_clip):
    """A ResNet and a ViT, each with its own kind of text tower."""
    return {"pocket": pocket, "vit": load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")}


@pytest.fixture(scope="module")
def pocket():
    return load_backbone("pocket", "cpu")


@pytest.mark.parametrize("name", ["pocket", "vit"])
def test_listening_leaves_every_output_as_it_was(clips, name):
    clip = clips[name]
    before = clip.encode_images(SCENES), clip.encode_texts(SCENES.captions())
    with listening(clip.model) as found:
        heard = clip.encode_images(SCENES), clip.encode_texts(SCENES.captions())
    after = clip.encode_images(SCENES), clip.encode_texts(SCENES.captions())
    for first, second, third in zip(before, heard, after, strict=True):
        assert torch.equal(first, second) and torch.equal(first, third)
    assert found and all(len(parts) == 1 for parts in found.values())
    assert not any(module._forward_pre_hooks for module in clip.model.modules())


@pytest.mark.parametrize("name", ["pocket", "vit"])
def test_rows_sum_to_one_and_captions_are_read_from_left_to_right(clips, name):
    images, texts = image_attention(clips[name], SCENES), text_attention(clips[name], SCENES.captions())
    for layer in (*images.values(), *texts.values()):
        assert layer.shape[0] == 5 and layer.shape[2] == layer.shape[3]
        assert layer.sum(-1).numpy() == pytest.approx(1, abs=1e-5) and (layer >= 0).all()
    assert all(not layer.triu(1).any() for layer in texts.values())


def test_heads_and_tokens_of_pocketclip(pocket):
    """Its pool has 2 x 2 places and their mean, and a caption of five words a start and an end."""
    assert [tuple(layer.shape) for layer in image_attention(pocket, SCENES).values()] == [(5, 8, 5, 5)]
    assert [tuple(layer.shape) for layer in text_attention(pocket, SCENES.captions()).values()] == [(5, 8, 7, 7)] * 4


@pytest.mark.parametrize("name", ["pocket", "vit"])
def test_weights_are_those_by_which_a_layer_mixes(clips, name):
    """A layer's output, computed anew in float64 from its weights and its values."""
    clip, seen = clips[name], {}
    blocks = getattr(clip.model, "text", clip.model).transformer.resblocks
    number = len(blocks) - 1
    attn = blocks[number].attn
    handle = attn.register_forward_hook(
        lambda module, args, kwargs, out: seen.update(x=args[0], out=out[0]), with_kwargs=True
    )
    try:
        weights = list(text_attention(clip, SCENES.captions()).values())[number]
    finally:
        handle.remove()
    attn, width = copy.deepcopy(attn).double(), attn.embed_dim
    values = seen["x"].double() @ attn.in_proj_weight[2 * width :].T + attn.in_proj_bias[2 * width :]
    values = values.unflatten(-1, (attn.num_heads, -1)).transpose(1, 2)
    mixed = (weights.double() @ values).transpose(1, 2).flatten(2)
    assert attn.out_proj(mixed).detach().numpy() == pytest.approx(seen["out"].double().numpy(), abs=1e-5)


def test_the_pools_weights_are_those_by_which_it_mixes(pocket):
    pool, seen = pocket.model.visual.attnpool, {}
    handle = pool.register_forward_hook(lambda module, args, out: seen.update(x=args[0], out=out))
    try:
        (weights,) = image_attention(pocket, SCENES).values()
    finally:
        handle.remove()
    pool, places = copy.deepcopy(pool).double(), seen["x"].double().flatten(2).transpose(1, 2)
    tokens = torch.cat([places.mean(1, keepdim=True), places], 1) + pool.positional_embedding
    values = pool.v_proj(tokens).unflatten(-1, (pool.num_heads, -1)).transpose(1, 2)
    mixed = (weights.double() @ values).transpose(1, 2).flatten(2)
    assert pool.c_proj(mixed)[:, 0].detach().numpy() == pytest.approx(seen["out"].double().numpy(), abs=1e-4)


def test_rollout_goes_through_the_layers_and_past_them():
    """The last layer takes all from token 0, the first one leaves every token where it is."""
    first, last = torch.eye(3).expand(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)
    last[..., 0] = 1
    half = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5]])
    assert torch.equal(rollout({"0": first, "1": last})[0], half)
    assert torch.equal(rollout({"0": last, "1": last})[0], half @ half)


def test_rollout_takes_the_last_layer_first():
    """Token 2 takes from 1 in the last layer, and 1 from 0 in the first: so 2 stems from 0, by a quarter."""
    first, last = torch.eye(3).repeat(1, 1, 1, 1), torch.eye(3).repeat(1, 1, 1, 1)
    first[..., 1, :], last[..., 2, :] = torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0])
    assert rollout({"0": first, "1": last})[0, 2].tolist() == [0.25, 0.25, 0.5]


def test_a_tower_without_such_layers_is_named(pocket, raises_saying):
    backbone = copy.copy(pocket)
    backbone.model = copy.deepcopy(pocket.model)
    backbone.model.visual.attnpool = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    backbone.name = "a tower of means"
    with raises_saying(ValueError, "'a tower of means'", "attention pool"):
        image_attention(backbone, SCENES)
