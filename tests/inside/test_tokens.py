import copy

import pytest
import torch
from torch.nn.functional import normalize

from labclip_lib.inside.tokens import caption_tokens, patch_tokens
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

SCENES = World().sample(5, seed=1)


@pytest.fixture(scope="module")
def clips(tiny_clip):
    """A ResNet and a ViT, each with its own kind of text tower."""
    return {"pocket": load_backbone("pocket", "cpu"), "vit": load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")}


@pytest.mark.parametrize("name", ["pocket", "vit"])
def test_the_last_token_of_a_caption_is_its_embedding(clips, name):
    """Also where captions are of several lengths, and come more than once."""
    captions = ["a red circle", "red circle and blue square", "red star", "a red circle"]
    table, present = caption_tokens(clips[name], captions)
    assert present.sum(1).tolist() == [4, 6, 3, 4] and table.shape == (4, 6, clips[name].dim)
    last = table[torch.arange(4), present.sum(1) - 1]
    assert last.numpy() == pytest.approx(clips[name].encode_texts(captions).numpy(), abs=1e-5)
    assert torch.equal(table[0], table[3])
    assert not torch.allclose(table[:, 0], table[:, 1])


def test_a_token_knows_the_words_up_to_it(clips):
    table, _ = caption_tokens(clips["pocket"], ["red circle and blue square", "red circle and pink square"])
    assert torch.allclose(table[0, :3], table[1, :3], atol=1e-5) and not torch.allclose(table[0, 3], table[1, 3])


@pytest.mark.parametrize(("name", "places"), [("pocket", 4), ("vit", 4)])
def test_places_of_unit_length(clips, name, places):
    table = patch_tokens(clips[name], SCENES)
    assert table.shape == (5, places, clips[name].dim)
    assert table.norm(dim=-1).numpy() == pytest.approx(1, abs=1e-5)
    assert torch.allclose(patch_tokens(clips[name], SCENES[2:]), table[2:], atol=1e-5)


def test_a_pool_that_looks_everywhere_alike_gives_a_mean_of_its_places(clips):
    clip = copy.copy(clips["pocket"])
    clip.model = copy.deepcopy(clip.model)
    with torch.no_grad():
        for weights in (
            *clip.model.visual.attnpool.q_proj.parameters(),
            clip.model.visual.attnpool.positional_embedding,
        ):
            weights.zero_()
    places, whole = patch_tokens(clip, SCENES), clip.encode_images(SCENES)
    shares = torch.linalg.lstsq(places.mT, whole[..., None]).solution
    assert (shares > 0).all() and torch.allclose(places.mT @ shares, whole[..., None], atol=1e-4)


def test_a_vits_places_are_projected_as_its_class_token(clips):
    clip, seen = clips["vit"], {}
    visual = clip.model.visual
    handle = visual.ln_post.register_forward_hook(lambda module, args, out: seen.update(out=out))
    try:
        whole = clip.encode_images(SCENES)
    finally:
        handle.remove()
    table = normalize(seen["out"] @ visual.proj, dim=-1)
    assert table[:, 0].numpy() == pytest.approx(whole.numpy(), abs=1e-5)
    assert table[:, 1:].numpy() == pytest.approx(patch_tokens(clip, SCENES).numpy(), abs=1e-5)


def test_another_kind_of_tower_is_named(clips, raises_saying):
    clip = copy.copy(clips["pocket"])
    clip.model, clip.name = copy.deepcopy(clip.model), "a tower of means"
    del clip.model.visual.attnpool
    with raises_saying(ValueError, "'a tower of means'", "neither a ViT nor a ResNet"):
        patch_tokens(clip, SCENES)
