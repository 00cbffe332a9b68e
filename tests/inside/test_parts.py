import dataclasses

import pytest
import torch

from labclip_lib.inside.parts import crops_of, embed_parts, embed_phrases, phrases_of, windows_of
from labclip_lib.world.scenes import World

SCENES = World().sample(6, seed=3)


def ink(pictures):
    """Where a picture differs from its corner's colour."""
    return (pictures - pictures[..., :1, :1]).abs().amax(-3) > 0.3


def test_a_crop_shows_its_object_in_the_middle_and_no_other():
    plain = dataclasses.replace(SCENES, slope=torch.zeros(6, 2), tint=torch.zeros(6, 2, 3))
    for k in range(2):
        alone = [dataclasses.replace(plain, **{name: getattr(plain, name)[:, [k]] for name in
                 ("color", "shape", "center", "radius", "angle", "tint")})]  # fmt: skip
        of_both, of_one = crops_of(plain, 64, 1.0)[:, k], crops_of(alone[0], 64, 1.0)[:, 0]
        inside = (slice(None), slice(None), slice(16, 48), slice(16, 48))
        assert of_both[inside].numpy() == pytest.approx(of_one[inside].numpy(), abs=1e-5)


def test_a_crop_is_the_picture_around_its_object():
    """Half a side of one half around the centre is the picture itself."""
    middle = dataclasses.replace(SCENES, center=torch.full((6, 2, 2), 0.5), radius=torch.full((6, 2), 0.25))
    whole = torch.nn.functional.avg_pool2d(middle.render(128), 2)
    for crop in crops_of(middle, 64, 2.0).unbind(1):
        assert float((crop - whole).abs().max()) < 0.5 and float((crop - whole).abs().mean()) < 2e-3


def test_windows_tile_the_picture_row_by_row():
    windows = windows_of(SCENES, 32, side=2, half=0.25)
    assert windows.shape == (6, 4, 3, 32, 32)
    rows = [torch.cat([windows[:, 0], windows[:, 1]], 3), torch.cat([windows[:, 2], windows[:, 3]], 3)]
    assert torch.cat(rows, 2).numpy() == pytest.approx(SCENES.render(64).numpy(), abs=1e-5)


def test_parts_and_phrases_are_embedded_each_by_itself(tiny):
    parts = windows_of(SCENES, tiny.image_size, side=2)
    table = embed_parts(tiny, parts)
    assert table.shape == (6, 4, tiny.dim)
    assert table[4, 3].numpy() == pytest.approx(tiny.encode_images(parts[4, 3][None])[0].numpy(), abs=1e-5)
    captions = ["red circle and blue square", "a pink star and a red ring"]
    assert phrases_of(captions) == [["red circle", "blue square"], ["a pink star", "a red ring"]]
    phrases = embed_phrases(tiny, captions)
    assert phrases[1, 0].numpy() == pytest.approx(tiny.encode_texts(["a pink star"])[0].numpy(), abs=1e-5)


def test_captions_of_unequal_numbers_of_phrases_are_refused(tiny, raises_saying):
    with raises_saying(ValueError, "equally many phrases"):
        embed_phrases(tiny, ["red circle", "red circle and blue square"])
