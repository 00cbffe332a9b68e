import hashlib
import json
import shutil
import warnings

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from labclip_lib.models import backbones
from labclip_lib.models.backbones import Backbone, load_backbone, random_init_encoder
from labclip_lib.models.pocket import verify_weights
from labclip_lib.models.pretraining import Trainer
from labclip_lib.models.recipes import RECIPES, Recipe
from labclip_lib.world.scenes import World

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


def test_images_are_prepared_as_the_weights_want(tiny_published):
    """Mean, spread, interpolation and squashing are those that a model was published with, by all three ways in."""
    backbone = load_backbone("tiny-clip/published", "cpu")
    _, _, prepare = open_clip.create_model_and_transforms("tiny-clip", pretrained="published", force_quick_gelu=True)
    for size in ((32, 32), (48, 96), (20, 31)):
        picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        want = prepare(Image.fromarray(picture))
        assert torch.equal(backbone.preprocess(Image.fromarray(picture)), want)
        with torch.no_grad():
            want = backbone.model.encode_image(want[None])
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
        assert torch.allclose(backbone.encode_images([Image.fromarray(picture)], normalize=False), want, atol=1e-5)
        assert torch.allclose(backbone.encode_images(pixels, normalize=False), want, atol=3e-3)


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


def test_a_checkpoint_without_its_architecture_is_refused(tmp_path, raises_saying):
    (tmp_path / "mine.pt").touch()
    with raises_saying(ValueError, "does not say its architecture", f"such as ViT-B-32/{tmp_path / 'mine.pt'}"):
        load_backbone(str(tmp_path / "mine.pt"), "cpu")


# Captions that are too long


def quietly(backbone, captions):
    """The embeddings of captions, after seeing that nothing was said of them."""
    with warnings.catch_warnings(action="error"):
        return backbone.encode_texts(captions)


@pytest.fixture(scope="module")
def clip_texts(tiny_clip):
    return load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")


def test_captions_of_which_nothing_is_read_are_refused(clip_texts, tiny, raises_saying):
    for caption in ("\ufeff", "\u200b", "\0", " \u200b\u00a0", "&nbsp;"):
        with raises_saying(ValueError, f"Caption 1 is {caption!r}"):
            clip_texts.encode_texts(["a cat", caption])
    for caption in ("\ufeff", "\u200b", "\0"):
        with raises_saying(ValueError, f"Caption 0 is {caption!r}", "non-empty"):
            tiny.encode_texts([caption])


@pytest.mark.parametrize("word", ["a", "Naïvely", "photographer's", "!~", "&amp;", "<end_of_text>"])
def test_captions_that_open_clip_cuts_are_told(clip_texts, word):
    captions = [" ".join([word] * n) for n in range(1, 90)]
    longer = clip_texts.tokenizer(captions, context_length=1000)
    ends = 1000 - (longer.flip(1) == clip_texts.tokenizer.eot_token_id).int().argmax(1)  # tokens up to the last end
    assert clip_texts.tokenize(captions)[1] == (ends > 77).tolist() and {True, False} == set((ends > 77).tolist())


def test_cut_captions_warn_once(clip_texts):
    captions = ["a cat", "a " * 75, "a " * 76, "the dog " * 60]
    with pytest.warns(UserWarning) as caught:
        out = clip_texts.encode_texts(captions)
    assert len(caught) == 1 and caught[0].filename == __file__
    message = str(caught[0].message)
    assert message.startswith("2 of 4 captions") and message.endswith(".") and "shorten" in message
    assert "77 tokens" in message and repr("a " * 20 + "...") in message and clip_texts.name in message
    assert torch.allclose(out[1], out[2], atol=1e-6)  # the 76th word is indeed never seen
    assert torch.allclose(quietly(clip_texts, captions[:2]), out[:2], atol=1e-6)


def test_captions_that_fit_are_tokenised_once(clip_texts, monkeypatch):
    encode, seen = clip_texts.tokenizer.encode, []
    monkeypatch.setattr(clip_texts.tokenizer, "encode", lambda text: seen.append(text) or encode(text))
    quietly(clip_texts, ["a cat", "a dog"])
    assert seen == ["a cat", "a dog"]


def test_pocket_refuses_and_never_cuts(tiny):
    assert tiny.tokenize(["a red star", "red " * 22])[1] == [False, False]
    with pytest.raises(ValueError, match="Caption 1 has 23 words"):
        tiny.tokenize(["a red star", "red " * 23])
    assert len(quietly(tiny, ["red " * 22])) == 1


def test_nothing_is_cut_of_nothing(clip_texts, tiny):
    assert clip_texts.tokenize([])[1] == tiny.tokenize([])[1] == []


@pytest.mark.parametrize(("captions", "seen"), [("a star", "list"), (["a", " "], "Caption 1"), ([None], "None")])
def test_only_captions_can_be_tokenised(clip_texts, tiny, captions, seen, raises_saying):
    for backbone in (clip_texts, tiny):
        with raises_saying(ValueError, seen):
            backbone.tokenize(captions)


class WordPieces:
    """What open_clip's wrappers need of a Hugging Face tokenizer: words like w7 become 1007, between start and end."""

    def __init__(self, start=(), end=(), pad=0, side="right"):
        self.start, self.end, self.pad, self.side = list(start), list(end), pad, side
        self.sep_token_id, self.bos_token_id, self.eos_token_id = 102, 1, 2
        self.cls_token_id, self.pad_token_id = 101, pad

    def __call__(self, texts, max_length=None, add_special_tokens=True, **options):
        rows = [[1000 + int(word[1:] or 0) for word in text.split()] for text in texts]
        if add_special_tokens:
            room = max_length - len(self.start) - len(self.end)
            rows = [self.start + row[:room] + self.end for row in rows]
            fill = [[self.pad] * (max_length - len(row)) for row in rows]
            rows = [f + row if self.side == "left" else row + f for row, f in zip(rows, fill, strict=True)]
            rows = torch.tensor(rows)
        return type("Encoding", (dict,), {"input_ids": rows})(input_ids=rows)


HUGGING_FACE = {  # what differs, and how many words fit into 77 tokens
    "bert": ({"start": [101], "end": [102]}, {}, 75),
    "clipa": ({"start": [101], "end": [102]}, {"strip_sep_token": True}, 75),
    "roberta": ({"start": [0], "end": [2], "pad": 1}, {}, 75),
    "siglip": ({"end": [1], "pad": 1}, {}, 76),
    "no end": ({}, {}, 77),
    "padded on the left": ({"start": [3], "end": [2], "pad": 1, "side": "left"}, {}, 75),
    "worldwide": ({}, {"tokenizer_mode": "clips"}, 74),
}


@pytest.mark.parametrize("kind", HUGGING_FACE)
def test_captions_that_hugging_face_s_tokenizers_cut_are_told(tiny_clip, kind):
    """Over open_clip's own wrapper; the library under it is not installed, so a stand-in gives the ids."""
    pieces, options, fits = HUGGING_FACE[kind]
    tokenizer = open_clip.tokenizer.HFTokenizer.__new__(open_clip.tokenizer.HFTokenizer)
    given = {"context_length": 77, "clean_fn": str.strip, "strip_sep_token": False, "tokenizer_mode": ""}
    vars(tokenizer).update(given | options | {"tokenizer": WordPieces(**pieces)})
    backbone = Backbone(tiny_clip[0], tokenizer, kind, "cpu")
    lengths = [1, fits - 2, fits - 1, fits, fits + 1, fits + 2, 3 * fits]
    captions = [" ".join(f"w{i}" for i in range(1, n + 1)) for n in lengths]
    assert backbone.tokenize(captions)[1] == [n > fits for n in lengths]
    with pytest.warns(UserWarning, match="3 of 7 captions need more than the 77 tokens"):
        backbone.encode_texts(captions)
    quietly(backbone, captions[:4])


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


@pytest.mark.parametrize("prepared", [{"resize_mode": "longest"}, {"size": (32, 48)}], ids=["longest", "not square"])
def test_preparations_that_tensors_cannot_follow_are_refused(tiny_clip, prepared, monkeypatch, raises_saying):
    model, _ = tiny_clip
    monkeypatch.setattr(model.visual, "preprocess_cfg", model.visual.preprocess_cfg | prepared)
    with raises_saying(ValueError, "'tiny'", str(prepared.get("resize_mode", "32 x 48"))):
        Backbone(model, open_clip.get_tokenizer("tiny-clip"), "tiny", "cpu")


# The fingerprint


def test_other_models_have_other_fingerprints(tiny_clip, tiny_quick, clip_texts):
    """Of the same weights: another activation, other heads, other pictures."""
    path = tiny_clip[1]
    config = json.loads(path.with_name("tiny-clip.json").read_text())
    config["text_cfg"]["heads"] = 4
    path.with_name("tiny-clip-heads.json").write_text(json.dumps(config))
    open_clip.add_model_config(path.with_name("tiny-clip-heads.json"))
    seen = [load_backbone(f"{name}/{path}", "cpu") for name in ("tiny-clip", tiny_quick, "tiny-clip-heads")]
    for change in ({"interpolation": "bilinear"}, {"resize_mode": "squash"}, {"mean": (0.1, 0.2, 0.3)}):
        other = open_clip.create_model("tiny-clip", pretrained=str(path), force_preprocess_cfg=change)
        seen.append(Backbone(other, open_clip.get_tokenizer("tiny-clip"), "tiny", "cpu"))
    assert len({backbone.fingerprint for backbone in seen}) == 6
    assert seen[0].fingerprint == clip_texts.fingerprint


def test_other_words_make_another_model(tiny):
    words = tiny.tokenizer.words
    other = Backbone(tiny.model, type(tiny.tokenizer)(words[::-1], tiny.tokenizer.context_length), "tiny", "cpu")
    assert not torch.equal(other.encode_texts(["a red star"]), tiny.encode_texts(["a red star"]))
    assert other.fingerprint != tiny.fingerprint


def test_use_leaves_the_fingerprint_alone(tiny_checkpoint, tiny, picture):
    used = load_backbone(str(tiny_checkpoint), "cpu")
    used.encode_texts(["a star"])
    used.encode_images([picture[1]])
    assert used.fingerprint == tiny.fingerprint


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("pocke", ["'pocke'", "'pocket'"]),
        ("pocket3d", ["'pocket3d'", "'pocket-3d'"]),
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


def test_pocket_is_verified_before_it_is_used(monkeypatch, raises_saying):
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: hashlib.new(name, file.read()[:-1]))
    with raises_saying(ValueError, "PocketCLIP's weights are damaged"):
        load_backbone("pocket", "cpu")


# The shipped PocketCLIPs and their worlds


@pytest.fixture
def shelf(tiny_3d_checkpoint, monkeypatch, tmp_path):
    """A package with the tiny model of solids in the place of the shipped one."""
    shutil.copytree(tiny_3d_checkpoint.parent, tmp_path / "weights")
    monkeypatch.setattr(backbones, "WEIGHTS", tmp_path / "weights")
    return tmp_path / "weights"


def test_another_shipped_pocketclip_loads_by_its_name(shelf, tiny_3d):
    clip = load_backbone("pocket-3d", "cpu")
    assert clip.name == "pocket-3d" and clip.fingerprint == tiny_3d.fingerprint


def test_another_shipped_pocketclip_is_verified_too(shelf, raises_saying):
    path = shelf / "pocket-3d.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with raises_saying(ValueError, "PocketCLIP's weights are damaged"):
        load_backbone("pocket-3d", "cpu")
    path.unlink()
    with raises_saying(ValueError, str(shelf), "pocket-3d.safetensors", "pretrain --recipe pocket-3d"):
        load_backbone("pocket-3d", "cpu")


def test_a_backbone_is_asked_about_its_own_world(pocket, tiny_3d, tiny_3d_recipe, clip_texts):
    assert tiny_3d.world == tiny_3d_recipe.world
    assert pocket.world == World(**verify_weights()["recipe"]["world"]) == World()
    assert clip_texts.world == World()


def test_the_untrained_towers_of_another_pocketclip():
    untrained = random_init_encoder("pocket-3d", device="cpu")
    assert untrained.name == "untrained pocket-3d" and untrained.world == RECIPES["pocket-3d"].world
    assert untrained.encode_texts(["a blue cone"]).shape == (1, 256)


# Untrained towers


@pytest.fixture(scope="module")
def pocket():
    return load_backbone("pocket", "cpu")


@pytest.fixture(scope="module")
def untrained():
    return random_init_encoder(device="cpu")


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

    def test_a_readers_own_checkpoint_too(self, tiny_checkpoint, tiny):
        """Its config and its words, and the weights that its recipe begins with."""
        one = random_init_encoder(str(tiny_checkpoint), device="cpu")
        shapes = [{k: v.shape for k, v in b.model.state_dict().items()} for b in (one, tiny)]
        assert shapes[0] == shapes[1] and one.tokenizer.words == tiny.tokenizer.words
        assert one.fingerprint != tiny.fingerprint and one.name == f"untrained {tiny_checkpoint}"
        recipe = json.loads(tiny_checkpoint.with_name("pocket-card.json").read_text())["recipe"]
        spread = float(one.model.text.positional_embedding.std())
        assert spread == pytest.approx(recipe["position_std"], rel=0.3)

    @pytest.mark.parametrize("name", ["pocke", "ViT-B32/openai", "runs/pocket-0/pocket.safetensors"])
    def test_unknown_architectures_are_refused(self, name, raises_saying):
        with raises_saying(ValueError, repr(name.partition("/")[0]), "'pocket'"):
            random_init_encoder(name, device="cpu")
