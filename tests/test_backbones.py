import hashlib
import json
import shutil
import time
from pathlib import Path

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from labclip_lib import backbones
from labclip_lib.acceptance import BOUNDS
from labclip_lib.backbones import (
    WEIGHTS,
    Backbone,
    load_backbone,
    online,
    pick_device,
    random_init_encoder,
    verify_weights,
)
from labclip_lib.captions import one_object
from labclip_lib.pretrain import Recipe, Trainer
from labclip_lib.scenes import World

TINY_CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory):
    """An open_clip model with open_clip's own tokenizer, and its checkpoint file."""
    folder = tmp_path_factory.mktemp("tiny-clip")
    (folder / "tiny-clip.json").write_text(json.dumps(TINY_CLIP))
    open_clip.add_model_config(folder / "tiny-clip.json")
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-clip").eval()
    save_file(model.state_dict(), folder / "tiny.safetensors")
    return model, folder / "tiny.safetensors"


@pytest.fixture
def broken(tiny_checkpoint, tmp_path):
    """Copy the tiny checkpoint, change its bytes, and give the copy's path."""

    def change(edit):
        for name in ("pocket.safetensors", "pocket.json"):
            shutil.copy(tiny_checkpoint.with_name(name), tmp_path)
        path = tmp_path / "pocket.safetensors"
        path.write_bytes(edit(path.read_bytes()))
        return str(path)

    return change


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Point the hub at an address that never answers (RFC 5737) and at an empty folder of downloads."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://192.0.2.1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


# What goes in and what comes out


def test_embeddings_are_unit_float32_of_dim(tiny, picture):
    for out in (tiny.encode_images(picture[0][None]), tiny.encode_texts(["a star"])):
        assert out.shape == (1, tiny.dim) == (1, 16) and out.dtype == torch.float32
        assert torch.allclose(out.norm(dim=1), torch.ones(1), atol=1e-6)


def test_tensor_picture_and_path_embed_alike(tiny, picture, tmp_path):
    pixels, image = picture
    image.save(tmp_path / "picture.png")
    want = tiny.encode_images(pixels[None])
    for given in ([image], [tmp_path / "picture.png"], [str(tmp_path / "picture.png")]):
        assert torch.allclose(tiny.encode_images(given), want, atol=1e-5)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_pictures_of_other_modes_are_read_as_rgb(tiny, picture, mode):
    image = picture[1].convert(mode)
    assert torch.allclose(tiny.encode_images([image]), tiny.encode_images([image.convert("RGB")]), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_tensors_of_other_float_types_embed_alike(tiny, picture, dtype):
    want = tiny.encode_images(picture[0][None])
    assert torch.allclose(tiny.encode_images(picture[0][None].to(dtype)), want, atol=2e-3)


def test_normalize_divides_by_the_length_only(tiny, picture):
    for encode, items in ((tiny.encode_images, picture[0][None]), (tiny.encode_texts, ["a red star", "a circle"])):
        raw = encode(items, normalize=False)
        assert (raw.norm(dim=1) - 1).abs().min() > 1e-3
        assert torch.allclose(torch.nn.functional.normalize(raw, dim=1), encode(items), atol=1e-6)


def test_an_item_embeds_alike_in_any_batch(tiny):
    scenes = World().sample(300, seed=0)  # more than one batch inside
    images, captions = scenes.render(32), scenes.captions()
    for encode, items in ((tiny.encode_images, images), (tiny.encode_texts, captions)):
        together = encode(items)
        for i in (0, 150, 299):
            assert torch.allclose(encode(items[i : i + 1])[0], together[i], atol=1e-5)


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (48, 96), (20, 31)])
@pytest.mark.parametrize(
    "prepared", [{}, {"resize_mode": "squash"}, {"interpolation": "bilinear"}], ids=["default", "squash", "bilinear"]
)
def test_other_sizes_are_prepared_as_open_clip_does(tiny_clip, size, prepared):
    model, _ = tiny_clip
    before = model.visual.preprocess_cfg
    model.visual.preprocess_cfg = before | prepared
    try:
        backbone = Backbone(model, open_clip.get_tokenizer("tiny-clip"), "tiny", "cpu")
    finally:
        model.visual.preprocess_cfg = before
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    # Pillow rounds to 8 bits where torch does not; another interpolation would be off by 0.01.
    assert torch.allclose(backbone.encode_images(pixels), backbone.encode_images([Image.fromarray(picture)]), atol=3e-3)


@pytest.mark.parametrize("shape", [(0, 3, 32, 32), (0, 3, 48, 20)])
def test_no_images_no_embeddings(tiny, shape):
    assert tiny.encode_images(torch.zeros(shape)).shape == (0, 16)
    assert tiny.encode_images([]).shape == tiny.encode_texts([]).shape == (0, 16)


def test_a_reader_may_train_on_top_of_embeddings(tiny, picture):
    images, texts = tiny.encode_images(picture[0][None]), tiny.encode_texts(["a red star"])
    matrix = torch.eye(16, requires_grad=True)
    (images @ matrix @ texts.T).sum().backward()
    assert matrix.grad.abs().sum() > 0


def test_logit_scale_is_the_model_s(tiny):
    assert tiny.logit_scale == pytest.approx(float(tiny.model.logit_scale.exp()))
    assert isinstance(tiny.logit_scale, float)


def test_devices_embed_alike(tiny, tiny_checkpoint, picture, device):
    there = load_backbone(str(tiny_checkpoint), device)
    assert there.encode_texts(["a star"]).device.type == device
    for name, items in (("encode_images", picture[0][None]), ("encode_texts", ["a star"])):
        assert torch.allclose(getattr(there, name)(items).cpu(), getattr(tiny, name)(items), atol=1e-4)


# Mistakes in what goes in


@pytest.mark.parametrize(
    ("images", "seen"),
    [
        (torch.rand(3, 32, 32), "(3, 32, 32)"),
        (torch.rand(2, 32, 32, 3), "(2, 32, 32, 3)"),
        (torch.rand(2, 1, 32, 32), "(2, 1, 32, 32)"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "torch.uint8"),
        (torch.rand(1, 3, 32, 32) * 255, "divide"),
        (torch.rand(1, 3, 32, 32) - 2, "-2"),
        (torch.full((1, 3, 32, 32), torch.nan), "NaN"),
        (torch.full((1, 3, 32, 32), torch.inf), "infinite"),
        (torch.rand(1, 3, 0, 0), "(1, 3, 0, 0)"),
        (np.zeros((2, 3, 32, 32), np.float32), "ndarray"),
        (list(torch.rand(2, 3, 32, 32)), "Tensor"),
        (["nowhere.png"], "nowhere.png"),
        ("photo.png", "list"),
        ([3], "int"),
    ],
)
def test_bad_images_are_refused(tiny, images, seen, raises_saying):
    with raises_saying(ValueError, seen):
        tiny.encode_images(images)


def test_one_bad_pixel_is_enough(tiny, raises_saying):
    images = torch.rand(4, 3, 32, 32)
    images[3, 2, 31, 31] = torch.nan
    with raises_saying(ValueError, "NaN"):
        tiny.encode_images(images)


def test_file_that_is_no_picture_is_refused(tiny, tmp_path, raises_saying):
    (tmp_path / "notes.png").write_text("not a picture")
    with raises_saying(ValueError, "notes.png"):
        tiny.encode_images([tmp_path / "notes.png"])


@pytest.mark.parametrize(
    ("captions", "seen"),
    [
        (["a star", ""], "Caption 1"),
        (["a star", "  "], "Caption 1"),
        ([None], "None"),
        (["a red hexagon"], "'hexagon'"),
        ("a red star", "list"),
        (["red " * 30], "30 words"),
    ],
)
def test_bad_captions_are_refused(tiny, captions, seen, raises_saying):
    with raises_saying(ValueError, seen):
        tiny.encode_texts(captions)


def test_real_models_refuse_empty_captions_too(tiny_clip, raises_saying):
    backbone = load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")
    with raises_saying(ValueError, "Caption 0"):
        backbone.encode_texts([""])


# Loading


def test_checkpoint_loads_by_path(tiny_checkpoint, tiny):
    again = load_backbone(str(tiny_checkpoint), device="cpu")
    assert again.fingerprint == tiny.fingerprint and again.name == str(tiny_checkpoint)
    assert torch.equal(again.encode_texts(["a star"]), tiny.encode_texts(["a star"]))


def test_open_clip_model_from_a_local_file_gives_open_clip_s_numbers(tiny_clip, picture):
    model, path = tiny_clip
    backbone = load_backbone(f"tiny-clip/{path}", device="cpu")
    captions = ["a photo of a cat", "Bill & Ted's excellent adventure, naïvely"]
    pixels = open_clip.image_transform(32, is_train=False)(picture[1])[None]
    with torch.no_grad():
        images, texts = model.encode_image(pixels), model.encode_text(open_clip.get_tokenizer("tiny-clip")(captions))
    assert torch.allclose(backbone.encode_images([picture[1]], normalize=False), images, atol=1e-5)
    assert torch.allclose(backbone.encode_texts(captions, normalize=False), texts, atol=1e-5)
    assert backbone.dim == 16 and backbone.logit_scale == pytest.approx(1 / 0.07, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "quick"),
    [("ViT-B-32/openai", True), ("ViT-B-32-quickgelu/openai", True), ("ViT-B-32/laion2b_s34b_b79k", False)],
)
def test_weights_trained_with_quick_gelu_run_with_it(tiny_clip, monkeypatch, name, quick):
    """OpenAI's weights under plain GELU load without a word and give other numbers."""
    create = open_clip.create_model
    monkeypatch.setattr(backbones, "_need_download", lambda *args: None)
    monkeypatch.setattr(open_clip, "create_model", lambda model, pretrained, **options: create("tiny-clip", **options))
    model = load_backbone(name, "cpu").model
    assert any(isinstance(part, open_clip.transformer.QuickGELU) for part in model.modules()) is quick


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("pocke", ["'pocke'", "'pocket'"]),
        ("ViT-B32/openai", ["'ViT-B32/openai'", "'ViT-B-32'"]),
        ("no such thing", ["no such thing", "list_models"]),
        ("ViT-B-32-quickgelu", ["ViT-B-32-quickgelu/TAG", "openai"]),
        ("ViT-L-14/opnai", ["'ViT-L-14/opnai'", "openai"]),
        ("nowhere.safetensors", ["nowhere.safetensors", "path"]),
        ("runs/pocket-0/pocket.safetensors", ["runs/pocket-0/pocket.safetensors", "path"]),
    ],
)
def test_unknown_names_are_refused_with_a_way_on(name, parts, raises_saying, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # whoever has pretrained has such a file
    with raises_saying(ValueError, *parts):
        load_backbone(name, "cpu")


@pytest.mark.parametrize("name", ["tpu", "cuda:99"])
def test_unknown_device_is_refused(name, raises_saying):
    with raises_saying(ValueError, repr(name), "auto"):
        load_backbone("pocket", name)


def test_auto_takes_the_graphics_card_when_there_is_one():
    assert (pick_device("auto").type == "cuda") == torch.cuda.is_available()
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    "edit",
    [lambda data: data[: len(data) // 2], lambda data: data[:20], lambda data: b"", lambda data: b"\xff" * 64],
    ids=["half", "header", "empty", "noise"],
)
def test_truncated_checkpoint_is_refused(broken, edit, raises_saying):
    path = broken(edit)
    with raises_saying(ValueError, path):
        load_backbone(path, "cpu")


def test_checkpoint_without_its_config_is_refused(broken, raises_saying):
    path = broken(lambda data: data)
    Path(path).with_suffix(".json").unlink()
    with raises_saying(ValueError, path, "pocket.json"):
        load_backbone(path, "cpu")


def test_checkpoint_of_something_else_is_refused(tmp_path, raises_saying):
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    (tmp_path / "other.json").write_text("{}")
    with raises_saying(ValueError, "other.safetensors"):
        load_backbone(str(tmp_path / "other.safetensors"), "cpu")


@pytest.mark.parametrize("damage", ["half", "noise", "other weights"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_open_clip_checkpoint_is_refused(tiny_clip, damage, suffix, tmp_path, raises_saying):
    path = tmp_path / f"damaged{suffix}"
    if suffix == ".pt":
        torch.save({"weight": torch.zeros(64)}, path)
    else:
        save_file({"weight": torch.zeros(64)}, path)
    if damage == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "noise":
        path.write_bytes(b"not a checkpoint at all")
    with raises_saying(ValueError, str(path)):
        load_backbone(f"tiny-clip/{path}", "cpu")


# The network


@pytest.mark.parametrize("name", ["ViT-B-32-quickgelu/openai", "ViT-B-32/laion2b_s34b_b79k", "ViTamin-S/datacomp1b"])
def test_no_network_is_said_at_once(no_network, name, raises_saying):
    started = time.perf_counter()
    with raises_saying(ConnectionError, name, "192.0.2.1", "'pocket'"):
        load_backbone(name, "cpu")
    assert time.perf_counter() - started < 3.5


def test_refused_connection_is_no_network(no_network, monkeypatch, raises_saying):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with raises_saying(ConnectionError, "127.0.0.1:9"):
        load_backbone("ViT-B-32-quickgelu/openai", "cpu")


def test_offline_mode_is_obeyed(no_network, monkeypatch, raises_saying):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(backbones, "online", lambda *args: pytest.fail("asked the network in offline mode"))
    with raises_saying(ConnectionError, "ViT-B-32-quickgelu/openai"):
        load_backbone("ViT-B-32-quickgelu/openai", "cpu")


def test_as_this_machine_is(no_network, monkeypatch, raises_saying):
    """The same with the hub's real address, where it cannot be reached."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://huggingface.co")
    if online("https://huggingface.co"):
        pytest.skip("this machine has a network")
    with raises_saying(ConnectionError, "huggingface.co"):
        load_backbone("ViT-B-32-quickgelu/openai", "cpu")


# PocketCLIP's card and weights


@pytest.fixture
def shelf(tmp_path):
    """A folder with weights and a card that agree."""
    (tmp_path / "pocket.safetensors").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "pocket-card.json").write_text(json.dumps({"sha256": digest, "recipe": {"seed": 5}}))
    return tmp_path


def test_weights_that_agree_with_their_card_pass(shelf):
    assert verify_weights(shelf)["recipe"] == {"seed": 5}


def test_weights_with_a_wrong_checksum_are_refused(shelf, raises_saying):
    (shelf / "pocket.safetensors").write_bytes(b"Weights")
    seen = hashlib.sha256(b"Weights").hexdigest()
    with raises_saying(ValueError, seen[:12], hashlib.sha256(b"weights").hexdigest()[:12], "install"):
        verify_weights(shelf)


@pytest.mark.parametrize("name", ["pocket.safetensors", "pocket-card.json"])
def test_missing_weights_are_named(shelf, name, raises_saying):
    (shelf / name).unlink()
    with raises_saying(ValueError, name, str(shelf)):
        verify_weights(shelf)


def test_pocket_is_verified_before_it_is_used(monkeypatch, raises_saying):
    def damaged():
        raise ValueError("PocketCLIP's weights are damaged.")

    monkeypatch.setattr(backbones, "verify_weights", damaged)
    with raises_saying(ValueError, "damaged"):
        load_backbone("pocket", "cpu")


@pytest.fixture(scope="module")
def card():
    return verify_weights()


@pytest.fixture(scope="module")
def pocket():
    return load_backbone("pocket", "cpu")


@pytest.fixture(scope="module")
def untrained():
    return random_init_encoder(device="cpu")


class TestShipped:
    """The weights in the package."""

    def test_file_is_small(self):
        assert (WEIGHTS / "pocket.safetensors").stat().st_size <= 12e6

    def test_recipe_is_the_library_s(self, card):
        assert card["recipe"] == Recipe(seed=card["recipe"]["seed"]).as_dict()

    def test_every_row_of_its_report_is_accepted(self, card):
        assert list(card["report"]) == list(BOUNDS)
        for metric, (low, high) in BOUNDS.items():
            assert card["report"][metric]["accepted"] and low <= card["report"][metric]["mean"] <= high, metric

    def test_the_recipe_holds_for_each_of_three_seeds(self, card):
        report = json.loads((WEIGHTS / "pocket-report.json").read_text())
        assert len({recipe["seed"] for recipe in report["recipes"]}) >= 3 and card["recipe"] in report["recipes"]
        for metric, row in report["table"].items():
            assert row["accepted"] and row["low"] <= row["mean"] <= row["high"], metric
            assert all(BOUNDS[metric][0] <= value <= BOUNDS[metric][1] for value in row["seeds"]), metric
        for row in report["within"].values():
            assert len(row["seeds"]) == len(report["recipes"]) and 0 <= row["low"] <= row["mean"] <= row["high"]

    def test_face(self, pocket, picture):
        assert pocket.dim == 256 and pocket.name == "pocket"
        for out in (pocket.encode_images([picture[1]]), pocket.encode_texts(["a red circle"])):
            assert out.shape == (1, 256) and out.dtype == torch.float32
            assert float(out.norm()) == pytest.approx(1, abs=1e-5)

    def test_leaving_the_padding_out_changes_nothing(self, pocket):
        captions = ["a star", "a photo of a red circle and a blue square", "ring"]
        tokens = pocket.tokenizer(captions).to(pocket.device)
        for rows in ([0], [0, 2], [0, 1, 2]):  # whatever stands beside it
            alone = pocket.encode_texts([captions[row] for row in rows], normalize=False)
            whole = pocket.model.encode_text(tokens)  # the model itself reads padded tokens, before and after
            assert tokens.shape[1] == 24 and torch.allclose(alone, whole[rows], atol=1e-4)

    def test_it_names_single_objects(self, pocket):
        world = World()
        scenes = world.sample(200, objects=1, seed=9)
        captions = [f"a {color} {shape}" for color in world.colors for shape in world.shapes]
        best = (pocket.encode_images(scenes.render()) @ pocket.encode_texts(captions).T).argmax(1)
        truth = (scenes.color * 8 + scenes.shape)[:, 0]
        assert (best == truth).float().mean() >= 0.9

    def test_its_numbers_have_not_moved(self, pocket):
        scenes = World().compositions(seed=0)[[100]]
        template = one_object("a photo of a {attr1} {obj1} and")
        cosine = pocket.encode_images(scenes.render()) @ pocket.encode_texts(scenes.captions(template=template)).T
        assert float(cosine) == pytest.approx(GOLDEN_COSINE, abs=1e-3)


class TestUntrained:
    """PocketCLIP's towers before training."""

    def test_same_architecture(self, untrained, pocket):
        shapes = [{k: v.shape for k, v in b.model.state_dict().items()} for b in (untrained, pocket)]
        assert shapes[0] == shapes[1] and untrained.image_size == pocket.image_size and untrained.dim == pocket.dim
        assert untrained.tokenizer.words == pocket.tokenizer.words and untrained.name == "untrained pocket"

    def test_other_numbers(self, untrained, pocket, picture):
        assert untrained.fingerprint != pocket.fingerprint
        for encode, items in (("encode_images", [picture[1]]), ("encode_texts", ["a red star"])):
            here, there = getattr(untrained, encode)(items), getattr(pocket, encode)(items)
            assert float(here.norm()) == pytest.approx(1, abs=1e-5) and float((here * there).sum()) < 0.9

    def test_it_starts_as_training_did(self, untrained):
        """Step 0 of the recipe, so what training changed is all that differs."""
        start = Trainer(Recipe(seed=0)).model.state_dict()
        assert all(torch.equal(start[key], value) for key, value in untrained.model.state_dict().items())

    def test_the_seed_decides_and_nothing_else(self, untrained):
        before = torch.get_rng_state()
        torch.manual_seed(123)
        assert random_init_encoder(device="cpu").fingerprint == untrained.fingerprint
        assert random_init_encoder(seed=1, device="cpu").fingerprint != untrained.fingerprint
        torch.set_rng_state(before)
        random_init_encoder(device="cpu")
        assert torch.equal(torch.get_rng_state(), before)  # and it leaves the reader's own draws alone

    def test_open_clip_architectures_too(self, tiny_clip):
        one, again = (random_init_encoder(name, device="cpu") for name in ("tiny-clip", "tiny-clip/openai"))
        assert one.fingerprint == again.fingerprint and one.name == "untrained tiny-clip" and one.dim == 16
        assert one.encode_texts(["Bill & Ted"]).shape == (1, 16)

    @pytest.mark.parametrize("name", ["pocke", "ViT-B32/openai", "runs/pocket-0/pocket.safetensors"])
    def test_unknown_architectures_are_refused(self, name, raises_saying):
        with raises_saying(ValueError, repr(name.partition("/")[0]), "'pocket'"):
            random_init_encoder(name, device="cpu")


# The cosine that the test above saw when the weights were made; new weights have a new one.
GOLDEN_COSINE = 0.31798
