import copy

import pytest
import torch

from labclip_lib.inside.attention import image_attention
from labclip_lib.inside.patching import outputs_exchanged, pattern_exchanged, share_of_twin
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World

SCENES = World().sample(4, seed=2)
CAPTIONS, TWINS = SCENES.captions(), SCENES.swapped().captions()


@pytest.fixture(scope="module")
def pocket():
    return load_backbone("pocket", "cpu")


@pytest.fixture(scope="module")
def clips(pocket, tiny_clip):
    return {"pocket": pocket, "vit": load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")}


def pixels(clip, *scenes):
    return torch.cat([part.render(clip.image_size) for part in scenes])


def blocks(clip):
    return getattr(clip.model, "text", clip.model).transformer.resblocks


def everywhere(*shape):
    return torch.ones(*shape, dtype=torch.bool)


def test_patching_with_itself_changes_nothing(pocket):
    """Where both halves are equal, to the last bit."""
    images = pixels(pocket, SCENES, SCENES)
    own = pocket.encode_images(images)
    for module in (pocket.model.visual.layer1, pocket.model.visual.layer4):
        with outputs_exchanged(module, everywhere(1, 1, 1, 1)[0]):
            assert torch.equal(pocket.encode_images(images), own)
    texts = pocket.encode_texts(CAPTIONS * 2)
    for block in blocks(pocket):
        with outputs_exchanged(block, everywhere(1, 1)):
            assert torch.equal(pocket.encode_texts(CAPTIONS * 2), texts)


@pytest.mark.parametrize("name", ["pocket", "vit"])
def test_weights_of_oneself_change_nothing_but_rounding(clips, name):
    clip = clips[name]
    for module in [block.attn for block in blocks(clip)]:
        own = clip.encode_texts(CAPTIONS * 2)
        with pattern_exchanged(module):
            assert clip.encode_texts(CAPTIONS * 2).numpy() == pytest.approx(own.numpy(), abs=1e-5)
    visual = clip.model.visual
    pool = visual.attnpool if name == "pocket" else visual.transformer.resblocks[-1].attn
    images = pixels(clip, SCENES, SCENES)
    own = clip.encode_images(images)
    with pattern_exchanged(pool):
        assert clip.encode_images(images).numpy() == pytest.approx(own.numpy(), abs=1e-5)


def test_a_whole_layer_exchanged_gives_the_twin(pocket):
    images, scenes = pixels(pocket, SCENES, SCENES.swapped()), everywhere(1, 1, 1, 1)[0]
    own = pocket.encode_images(images)
    with outputs_exchanged(pocket.model.visual.layer2, scenes):
        patched = pocket.encode_images(images)
    assert torch.equal(patched, own.roll(4, 0))
    assert share_of_twin(patched, own, own.roll(4, 0)).numpy() == pytest.approx(1)


def test_the_words_exchanged_give_the_twin(pocket):
    """Both colours, before the first layer: one is not enough."""
    own = pocket.encode_texts(CAPTIONS + TWINS)
    colours = torch.tensor([False, True, False, False, True, False, False])[:, None]
    words = pocket.model.text.token_embedding
    with outputs_exchanged(words, colours):
        assert torch.equal(pocket.encode_texts(CAPTIONS + TWINS), own.roll(4, 0))
    with outputs_exchanged(words, colours & (torch.arange(7) == 1)[:, None]):
        share = share_of_twin(pocket.encode_texts(CAPTIONS + TWINS), own, own.roll(4, 0))
    assert ((share > 0) & (share < 1)).all()


def test_each_pair_has_places_of_its_own(pocket):
    """A mask of one pair leaves the others as they are."""
    images = pixels(pocket, SCENES, SCENES.swapped())
    own = pocket.encode_images(images)
    where = torch.zeros(4, 1, 1, 1, dtype=torch.bool)
    where[2] = True
    with outputs_exchanged(pocket.model.visual.layer3, where):
        patched = pocket.encode_images(images)
    rows = [2, 6]
    assert patched[rows].numpy() == pytest.approx(own.roll(4, 0)[rows].numpy(), abs=1e-6)
    rest = [row for row in range(8) if row not in rows]
    assert patched[rest].numpy() == pytest.approx(own[rest].numpy(), abs=1e-6)


def test_afterwards_no_hook_is_left(pocket):
    with outputs_exchanged(pocket.model.visual.layer3, everywhere(1, 1, 1)), pattern_exchanged(blocks(pocket)[0].attn):
        pass
    assert not any(module._forward_hooks for module in pocket.model.modules())


def test_share_of_twin_is_the_part_of_the_way():
    own, twin = torch.tensor([[0.0, 0], [1, 1]]), torch.tensor([[2.0, 0], [1, 1]])
    share = share_of_twin(torch.tensor([[0.5, 9.0], [3, 3]]), own, twin)
    assert float(share[0]) == 0.25 and bool(share[1].isnan())


def test_mistakes_are_named(pocket, raises_saying):
    layer = pocket.model.visual.layer3
    with raises_saying(ValueError, "then their N twins, got 3 rows"), outputs_exchanged(layer, everywhere(1, 1, 1)):
        pocket.encode_images(SCENES[:3])
    with raises_saying(ValueError, "got a Linear"), pattern_exchanged(torch.nn.Linear(2, 2)):
        pass


def test_the_weights_come_from_the_twin_and_the_values_do_not(pocket):
    """The pool's output, computed anew in float64."""
    pool, seen = pocket.model.visual.attnpool, {}
    images = pixels(pocket, SCENES, SCENES.swapped())
    weights = image_attention(pocket, images)["attnpool"].double().roll(4, 0)
    handle = pool.register_forward_pre_hook(lambda module, args: seen.update(x=args[0]))
    with pattern_exchanged(pool):
        patched = pocket.encode_images(images, normalize=False)
    handle.remove()
    double, places = copy.deepcopy(pool).double(), seen["x"].double().flatten(2).transpose(1, 2)
    tokens = torch.cat([places.mean(1, keepdim=True), places], 1) + double.positional_embedding
    values = double.v_proj(tokens).unflatten(-1, (double.num_heads, -1)).transpose(1, 2)
    expected = double.c_proj((weights @ values).transpose(1, 2).flatten(2))[:, 0]
    assert patched.numpy() == pytest.approx(expected.detach().numpy(), abs=1e-4)
    assert float((patched - pocket.encode_images(images, normalize=False)).abs().max()) > 0.01
