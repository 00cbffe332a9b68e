import errno
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from labclip_lib.backbones import load_backbone
from labclip_lib.embed import embed_images, embed_texts, write_atomically
from labclip_lib.scenes import World


class Spy:
    """A backbone that answers with numbers made of its input, and counts its calls."""

    name, dim, image_size, device = "spy", 4, 16, torch.device("cpu")

    def __init__(self, fingerprint="one"):
        self.fingerprint, self.calls = fingerprint, []

    def encode_images(self, images):
        self.calls.append(len(images))
        if isinstance(images, torch.Tensor):
            return images.flatten(2).mean(2).repeat(1, 2)[:, :4]
        return torch.tensor([[float(np.asarray(image).mean())] * 4 for image in images])

    def encode_texts(self, captions):
        self.calls.append(len(captions))
        return torch.tensor([[float(len(caption))] * 4 for caption in captions])


@pytest.fixture
def spy():
    return Spy()


@pytest.fixture(scope="module")
def scenes():
    return World().sample(10, seed=0)


def test_batches_are_of_the_size_asked_for(spy):
    out = embed_texts(spy, list("abcdefg"), batch_size=3)
    assert out.shape == (7, 4) and spy.calls == [3, 3, 1]


def test_batches_do_not_change_the_numbers(tiny, scenes):
    images = scenes.render(32)
    for size in (1, 3, 100):
        assert torch.allclose(embed_images(tiny, images, batch_size=size), tiny.encode_images(images), atol=1e-5)


def test_scenes_are_rendered_for_the_backbone(tiny, scenes):
    want = tiny.encode_images(scenes.render(tiny.image_size))
    assert torch.allclose(embed_images(tiny, scenes, batch_size=4), want, atol=1e-5)


def test_nothing_in_nothing_out(spy, tmp_path):
    assert embed_texts(spy, []).shape == (0, 4)
    assert embed_texts(spy, [], cache=tmp_path).shape == (0, 4) == embed_texts(spy, [], cache=tmp_path).shape


@pytest.mark.parametrize("cached", [False, True])
def test_repeated_captions_are_embedded_once_and_come_back_in_order(spy, tmp_path, cached):
    captions = ["a star", "a red moon", "a star", "a star", "a ring"]
    out = [embed_texts(spy, captions, cache=tmp_path if cached else None) for _ in range(2)][-1]
    assert out[:, 0].tolist() == [len(caption) for caption in captions]
    assert spy.calls == ([3] if cached else [3, 3])


def test_a_cached_caption_s_row_follows_its_text(spy, tmp_path):
    """The cache holds each caption once: lists that repeat the same ones in the same first order share it."""
    for captions in (["ab", "c"], ["ab", "ab", "c"], ["ab", "c", "ab"], ["c", "ab", "ab"]):
        assert embed_texts(spy, captions, cache=tmp_path)[:, 0].tolist() == [len(c) for c in captions]
    assert spy.calls == [2, 2]


def test_one_caption_is_not_a_list_of_letters(spy, raises_saying):
    with raises_saying(ValueError, "list of captions"):
        embed_texts(spy, "a star")
    assert spy.calls == []


def kinds_of_items():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    return {
        "captions": (embed_texts, ["a star", "a red moon"]),
        "scenes": (embed_images, World().sample(3, seed=1)),
        "tensor": (embed_images, torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255),
        "pictures": (embed_images, [Image.fromarray(image) for image in pixels]),
    }


@pytest.mark.parametrize("kind", ["captions", "scenes", "tensor", "pictures"])
def test_second_time_is_read_from_the_cache(kind, spy, tmp_path):
    embed, items = kinds_of_items()[kind]
    first = embed(spy, items, cache=tmp_path / "cache")
    calls = len(spy.calls)
    again = embed(spy, items, cache=tmp_path / "cache")
    assert len(spy.calls) == calls > 0 and torch.equal(first, again)
    assert torch.equal(first, embed(spy, items))


def test_cache_is_shared_between_equal_models_and_not_between_others(tmp_path):
    first, equal, other = Spy(), Spy(), Spy("two")
    for backbone in (first, equal, other):
        embed_texts(backbone, ["a star"], cache=tmp_path)
    assert (first.calls, equal.calls, other.calls) == ([1], [], [1])


def test_changed_weights_change_the_fingerprint(tiny_checkpoint, tiny, scenes, tmp_path):
    before = embed_images(tiny, scenes, cache=tmp_path)
    changed = load_backbone(str(tiny_checkpoint), "cpu")
    with torch.no_grad():
        changed.model.visual.conv1.weight[0, 0, 0, 0] += 1
    after = embed_images(changed, scenes, cache=tmp_path)
    assert changed.fingerprint != tiny.fingerprint and not torch.equal(before, after)


def test_other_captions_are_not_served_from_the_cache(spy, tmp_path):
    for captions in (["ab", "c"], ["a", "bc"], ["c", "ab"], ["ab"], ["abc"]):
        assert embed_texts(spy, captions, cache=tmp_path)[:, 0].tolist() == [len(c) for c in captions]


@pytest.mark.parametrize("change", ["swapped", "tint", "order"])
def test_other_scenes_are_not_served_from_the_cache(change, tiny, scenes, tmp_path):
    other = {
        "swapped": scenes.swapped(),
        "tint": scenes._map(lambda values: values + 0.01 if values.ndim == 3 else values),
        "order": scenes[list(range(9, -1, -1))],
    }[change]
    before, after = (embed_images(tiny, part, cache=tmp_path) for part in (scenes, other))
    assert not torch.equal(before, after)
    assert torch.allclose(after, embed_images(tiny, other), atol=1e-6)


def test_a_file_is_known_by_its_contents(spy, tmp_path):
    path = tmp_path / "picture.png"
    spy.encode_images = lambda images: spy.calls.append(len(images)) or torch.zeros(len(images), 4)
    for color in ("red", "red", "blue"):
        Image.new("RGB", (4, 4), color).save(path)
        embed_images(spy, [path], cache=tmp_path / "cache")
    assert spy.calls == [1, 1]


def test_pictures_with_another_palette_are_other_pictures(spy, tmp_path):
    pictures = [Image.new("P", (4, 4)) for _ in range(2)]
    for picture, color in zip(pictures, ((255, 0, 0), (0, 0, 255)), strict=True):
        picture.putpalette(color)
        embed_images(spy, [picture], cache=tmp_path)
    assert spy.calls == [1, 1]


def test_captions_longer_than_a_file_name_can_be_cached(spy, tmp_path):
    captions = ["a very " * 100 + "long caption"]
    assert torch.equal(embed_texts(spy, captions, cache=tmp_path), embed_texts(spy, captions, cache=tmp_path))


def test_a_caption_is_no_file_even_if_one_is_called_so(spy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat").write_text("one")
    embed_texts(spy, ["cat"], cache="cache")
    (tmp_path / "cat").write_text("two")
    embed_texts(spy, ["cat"], cache="cache")
    assert spy.calls == [1]


def test_mistakes_read_the_same_with_a_cache(tiny, tmp_path, raises_saying):
    with raises_saying(ValueError, "nowhere.png"):
        embed_images(tiny, [Path("nowhere.png")], cache=tmp_path)
    with raises_saying(ValueError, "Caption 0"):
        embed_texts(tiny, [None], cache=tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


# The cache folder


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"\xff" * len(data),
    ],
    ids=["half", "empty", "noise"],
)
def test_damaged_entry_is_made_again(spy, tmp_path, damage):
    want = embed_texts(spy, ["a star"], cache=tmp_path)
    (entry,) = tmp_path.glob("*.safetensors")
    entry.write_bytes(damage(entry.read_bytes()))
    assert torch.equal(embed_texts(spy, ["a star"], cache=tmp_path), want) and spy.calls == [1, 1]
    embed_texts(spy, ["a star"], cache=tmp_path)
    assert spy.calls == [1, 1]  # and it was put right on disk


def test_entry_of_another_size_is_made_again(spy, tmp_path):
    want = embed_texts(spy, ["a star"], cache=tmp_path)
    (entry,) = tmp_path.glob("*.safetensors")
    for wrong in ({"embeddings": torch.zeros(2, 4)}, {"embeddings": torch.zeros(1, 5)}, {"other": torch.zeros(1, 4)}):
        save_file(wrong, entry)
        assert torch.equal(embed_texts(spy, ["a star"], cache=tmp_path), want)


def test_nothing_but_the_entry_is_left(spy, tmp_path):
    embed_texts(spy, ["a star"], cache=tmp_path / "deep" / "cache")
    assert len(list((tmp_path / "deep" / "cache").iterdir())) == 1


def test_others_may_read_what_was_written(tmp_path):
    """A cache or a checkpoint is often shared; a temporary file's private mode must not stick to it."""
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "kept", lambda part: Path(part).write_text("new"))
    assert (tmp_path / "kept").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_write_that_fails_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "kept"
    path.write_text("old")

    def write(part):
        Path(part).write_text("half of the new")
        raise error

    with pytest.raises(error):
        write_atomically(path, write)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_interrupted_embedding_leaves_no_entry(spy, tmp_path):
    def interrupted(captions):
        raise KeyboardInterrupt

    spy.encode_texts = interrupted
    with pytest.raises(KeyboardInterrupt):
        embed_texts(spy, ["a star"], cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_read_only_cache_is_said_before_the_work(spy, tmp_path, monkeypatch, raises_saying):
    def read_only(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    with raises_saying(OSError, str(tmp_path), "Read-only file system", "cache=None"):
        embed_texts(spy, ["a star"], cache=tmp_path)
    assert spy.calls == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_cache_folder_that_cannot_be_made_is_named(spy, raises_saying):
    with raises_saying(OSError, "/proc/labclip", "cache=None"):
        embed_texts(spy, ["a star"], cache="/proc/labclip")
    assert spy.calls == []


def test_cache_folder_that_is_a_file_is_named(spy, tmp_path, raises_saying):
    (tmp_path / "file").touch()
    with raises_saying(OSError, str(tmp_path / "file")):
        embed_texts(spy, ["a star"], cache=tmp_path / "file")
