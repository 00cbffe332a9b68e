"""One interface for every CLIP: `load_backbone` returns a `Backbone` that embeds images and captions.

PocketCLIP, the book's own small model, is an ordinary open_clip model with a registered config. So it
is loaded by the same call as OpenAI's ViT-B/32 or your own checkpoint.
"""

import hashlib
import math
import warnings
from pathlib import Path

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torchvision.transforms import v2

from labclip_lib.base.devices import pick_device
from labclip_lib.base.text_files import is_blank
from labclip_lib.models.image_files import as_rgb
from labclip_lib.models.pocket import (
    WEIGHTS,
    new_pocket,
    pocket_tokenizer,
    quiet,
    read_pocket,
    read_words,
    unpadded,
    verify_weights,
)
from labclip_lib.models.pretrained import read_open_clip
from labclip_lib.models.recipes import RECIPES, Recipe
from labclip_lib.models.tokenizer import WordTokenizer
from labclip_lib.world.scenes import Scenes, World
from labclip_lib.world.shapes import COLORS, SHAPES
from labclip_lib.world.solids import SOLIDS


class Backbone:
    """A CLIP with frozen towers. Make one with `load_backbone`.

    name: as given to `load_backbone`. dim: length D of an embedding. logit_scale: the factor, a float, that
    turns cosines into logits. image_size: side, in pixels, of the image tower's input.
    model, tokenizer, preprocess: the underlying open_clip objects.

    >>> clip, scenes = load_backbone("pocket", device="cpu"), World().sample(2, seed=0)
    >>> (clip.encode_images(scenes) @ clip.encode_texts(["a red circle"]).T).shape
    torch.Size([2, 1])
    """

    def __init__(self, model, tokenizer, name, device):
        self.model = model.to(device).eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.name = name
        self.device = torch.device(device)
        config = open_clip.get_model_preprocess_cfg(model)
        height, width = [config["size"]] * 2 if isinstance(config["size"], int) else config["size"]
        if height != width or config["resize_mode"] == "longest":
            raise ValueError(
                f"{name!r} takes images of {height} x {width} pixels, resize_mode {config['resize_mode']!r}; "
                "only models of square images that are cropped or squashed are supported."
            )
        self.image_size = height
        self.preprocess = image_transform_v2(PreprocessCfg(**config), is_train=False)
        size = [self.image_size] * 2 if config["resize_mode"] == "squash" else self.image_size
        how = v2.InterpolationMode(config["interpolation"])
        self._resize = v2.Compose([v2.Resize(size, how, antialias=True), v2.CenterCrop(self.image_size)])
        self._normalize = v2.Normalize(config["mean"], config["std"])
        # open_clip's tokenizers clean a text first, and of some texts, such as "&nbsp;", nothing is left.
        self._nothing = None if isinstance(tokenizer, WordTokenizer) else tokenizer([""])
        self._encode_text = unpadded(model) if isinstance(tokenizer, WordTokenizer) else model.encode_text
        self.dim = self.encode_tokens(tokenizer(["a"])).shape[1]

    @property
    def logit_scale(self):
        return math.exp(float(self.model.logit_scale))

    @property
    def world(self):
        """The World to ask it about: of a PocketCLIP, the colours and shapes that it has words for; else World()."""
        words = getattr(self.tokenizer, "words", ())
        colors, shapes = ([word for word in words if word in known] for known in (COLORS, SHAPES | SOLIDS))
        return World(colors, shapes) if colors and shapes else World()

    @property
    def fingerprint(self):
        """SHA-256 of everything that determines an embedding, to tell the caches of two models apart.

        It covers the weights, the preprocessing of images, PocketCLIP's words, and the kinds and settings of the
        layers: the same weights with another activation are another model.
        """
        if not hasattr(self, "_fingerprint"):
            words = getattr(self.tokenizer, "words", None)
            settings = (self.image_size, self._resize, self._normalize, words, _settings(self.model))
            digest = hashlib.sha256(repr(settings).encode())
            for key, value in sorted(self.model.state_dict().items()):
                digest.update(key.encode() + value.cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def encode_images(self, images, normalize=True):
        """Embed images: (N, D) float32 on the backbone's device, unit length if normalize.

        images: Scenes, which are rendered at `image_size`; a float tensor (N, 3, H, W) in [0, 1]; or a list of PIL
        images or paths, which `image_files.to_rgb` makes RGB. Images of any size are resized, and cropped at the centre
        if not square, as open_clip does for this model.
        Raises ValueError for other shapes, values outside [0, 1] or not finite, and unreadable files.
        """
        if isinstance(images, Scenes):
            images = images.render(self.image_size, self.device)
        if isinstance(images, torch.Tensor):
            batch = self._normalize(self._resized(_checked(images).to(self.device, torch.float32)))
        else:
            batch = [self.preprocess(as_rgb(image)) for image in _listed(images, "images")]
            batch = torch.stack(batch) if batch else torch.zeros(0, 3, self.image_size, self.image_size)
        return self._forward(self.model.encode_image, batch, normalize)

    def encode_texts(self, captions, normalize=True):
        """Embed captions, a list of str: (N, D) float32 on the backbone's device, unit length if normalize.

        Raises ValueError as `tokenize` does. Warns once, with a UserWarning, when captions are cut.
        """
        tokens, cut = self.tokenize(captions)
        if any(cut):
            first = captions[cut.index(True)]
            begins = repr(first if len(first) <= 40 else first[:40] + "...")
            warnings.warn(
                f"{sum(cut)} of {len(captions)} captions need more than the {tokens.shape[1]} tokens that "
                f"{self.name!r} reads, and lose their ends; shorten them (the first is {begins}).",
                UserWarning,
                stacklevel=2,
            )
        return self.encode_tokens(tokens, normalize)

    def tokenize(self, captions, name="Caption {}".format):
        """Tokenise captions, a list of str: tokens (N, L) int64, and whether each caption was cut, a list of N bool.

        A caption that is too long for the text tower loses its end; PocketCLIP refuses it instead. With open_clip's
        own tokenizer the tokens are counted. With others (Hugging Face's) a cut is detected by allowing one token more:
        a caption that fits then gains padding, a cut one gains one of its own tokens.
        name: a function from a row to what its caption is called in errors.
        Raises ValueError for a caption with nothing to read and, with PocketCLIP, for an unknown word.
        """
        captions = _listed(captions, "captions")
        for row, caption in enumerate(captions):
            if not isinstance(caption, str) or is_blank(caption):
                raise ValueError(f"{name(row)} is {caption!r}; every caption must be a non-empty string.")
        if not captions:
            return torch.zeros(0, 1, dtype=torch.int64), []
        if isinstance(self.tokenizer, WordTokenizer):
            return self.tokenizer(captions, name), [False] * len(captions)
        tokens = self.tokenizer(captions)
        nothing = (tokens == self._nothing).all(1).nonzero().flatten().tolist()
        if nothing:
            row = nothing[0]
            raise ValueError(f"{name(row)} is {captions[row]!r}, of which the model reads nothing; mend it.")
        return tokens, self._cut(captions, tokens)

    def encode_tokens(self, tokens, normalize=True):
        """Embed the tokens (N, L) that `tokenize` returned: (N, D) float32 on the backbone's device."""
        return self._forward(self._encode_text, tokens, normalize)

    def _cut(self, captions, tokens):
        """Which captions were cut, a list of N bool, by their tokens (N, L); only full rows are tokenised again."""
        cut, length, tokenizer = [False] * len(captions), tokens.shape[1], self.tokenizer
        if isinstance(tokenizer, open_clip.SimpleTokenizer):
            for row in tokens[:, -1].nonzero().flatten().tolist():
                cut[row] = len(tokenizer.encode(captions[row])) + 2 > length  # two for the start and the end of text
            return cut
        padding = int(tokenizer(["a"], context_length=length + 1).sum() - tokenizer(["a"]).sum())
        full = ((tokens == padding).sum(1) < 2).nonzero().flatten().tolist()  # one padding id may be the end of text
        if full:
            longer = tokenizer([captions[row] for row in full], context_length=length + 1)
            for row, gained in zip(full, (longer.sum(1) - tokens[full].sum(1)).tolist(), strict=True):
                cut[row] = gained != padding
        return cut

    def _resized(self, images):
        if images.shape[-2:] == (self.image_size, self.image_size):
            return images
        return self._resize(images).clamp(0, 1)  # bicubic can overshoot

    @torch.no_grad()
    def _forward(self, tower, batch, normalize, step=256):
        if not len(batch):
            return torch.zeros(0, self.dim, device=self.device)
        parts = [tower(batch[i : i + step].to(self.device)).float() for i in range(0, len(batch), step)]
        out = torch.cat(parts)
        return torch.nn.functional.normalize(out, dim=-1) if normalize else out


def load_backbone(name="pocket", device="auto"):
    """Load a CLIP.

    name: "pocket", the book's own model, or another name out of `recipes.RECIPES`, such as "pocket-3d", which was
        trained on solid shapes; an open_clip pair "MODEL/PRETRAINED" such as
        "ViT-B-32-quickgelu/openai", where PRETRAINED may also be a checkpoint file; or the path of a
        checkpoint that `python -m labclip_lib pretrain` wrote. A file does not state its activation or
        preprocessing: MODEL decides the activation (GELU, or QuickGELU in "-quickgelu"; GELU with a
        UserWarning where both exist), and images are prepared as for OpenAI's models. Only weights are
        read from a file; no code in it is run.
    device: "auto" (cuda, else mps, else cpu) or a torch device.
    Raises ValueError for an unknown name or a damaged file, ConnectionError when weights must be
    downloaded and there is no network.

    >>> load_backbone("pocket", device="cpu").dim
    256
    """
    device = pick_device(device)
    if name in RECIPES:
        verify_weights(WEIGHTS, name)
        return Backbone(*read_pocket(WEIGHTS / f"{name}.safetensors"), name, device)
    named = name.partition("/")[0] in open_clip.list_models()  # true of "pocket" too, once loaded
    if Path(name).suffix == ".safetensors" and (Path(name).is_file() or not named):
        return Backbone(*read_pocket(name), name, device)
    architecture, _, file = name.partition("/") if named else ("", "", name)
    if Path(file).suffix in (".pt", ".pth", ".bin", ".safetensors"):
        if not Path(file).is_file():
            raise ValueError(f"There is no checkpoint {file!r}; check the path.")
        if not architecture:
            raise ValueError(f"{file!r} does not say its architecture; write it in front, such as ViT-B-32/{file}.")
    return Backbone(*read_open_clip(name), name, device)


def random_init_encoder(name="pocket", seed=0, device="auto"):
    """The same towers before any training, as a control: what a probe can read thanks to the architecture alone.

    name: "pocket" or another name out of `recipes.RECIPES`, the path of a PocketCLIP's checkpoint, an open_clip
        architecture, or a pair "MODEL/PRETRAINED"; weights are not loaded. Raises ValueError for an unknown name.
    """
    device = pick_device(device)
    architecture, _, pretrained = name.partition("/")
    checkpoint = Path(name) if Path(name).suffix == ".safetensors" and Path(name).is_file() else None
    pocket = name in RECIPES or checkpoint is not None
    if not pocket and architecture not in open_clip.list_models():
        raise ValueError(f"There is no open_clip architecture {architecture!r} to start anew; name one, or 'pocket'.")
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed)
        if not pocket:
            config = open_clip.get_pretrained_cfg(architecture, pretrained) or {}
            model = open_clip.create_model(architecture, force_quick_gelu=config.get("quick_gelu", False))
            return Backbone(model, open_clip.get_tokenizer(architecture), f"untrained {architecture}", device)
        if checkpoint is None:
            config, words, std = RECIPES[name].config, RECIPES[name].vocabulary(), RECIPES[name].position_std
        else:
            config, words, std = checkpoint.with_suffix(".json"), read_words(checkpoint), Recipe.position_std
        model = new_pocket(config, position_std=std)
    return Backbone(model, pocket_tokenizer(words, config), f"untrained {name}", device)


def _settings(model):
    """The kinds and settings of a model's layers, such as the number of heads and eps, without the weights."""
    layers = []
    for name, module in model.named_modules():
        plain = {k: v for k, v in vars(module).items() if isinstance(v, (bool, int, float, str)) and k != "training"}
        layers.append((name, type(module).__name__, sorted(plain.items())))
    return layers


def _listed(items, what):
    if isinstance(items, (str, bytes, Path, Image.Image)):
        raise ValueError(f"Expected a list of {what}, got a single {type(items).__name__}; put it in a list.")
    if not isinstance(items, (list, tuple)) and hasattr(items, "shape"):
        raise ValueError(
            f"Expected a list of {what}, got {type(items).__name__} {tuple(items.shape)}; use torch.from_numpy."
        )
    return list(items)


def _checked(images):
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape[2:] or not images.is_floating_point():
        hint = " (add a batch dimension: images[None])" if images.ndim == 3 else ""
        hint = " (divide by 255)" if images.dtype == torch.uint8 else hint
        raise ValueError(f"Images must be a float tensor (N, 3, H, W), got {images.dtype} {tuple(images.shape)}{hint}.")
    if images.numel():
        if not bool(torch.isfinite(images).all()):
            raise ValueError("Images hold NaN or infinite pixels; every pixel must be a number in [0, 1].")
        low, high = float(images.min()), float(images.max())
        if low < 0 or high > 1:
            raise ValueError(f"Pixels must lie in [0, 1], got {low:.3g} to {high:.3g}; divide 8-bit images by 255.")
    return images
