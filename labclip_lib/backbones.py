"""One face for every CLIP: `load_backbone` gives a `Backbone` that embeds images and captions.

PocketCLIP, the book's own small model, is an ordinary open_clip model with a registered config. So it
is loaded by the same call as OpenAI's ViT-B/32 or a checkpoint of yours.
"""

import contextlib
import difflib
import hashlib
import json
import logging
import math
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path

import huggingface_hub
import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, UnidentifiedImageError
from safetensors import SafetensorError, safe_open
from torchvision.transforms import v2

from labclip_lib.captions import WordTokenizer

WEIGHTS = Path(__file__).parent / "weights"


class Backbone:
    """A CLIP with frozen towers. Make one with `load_backbone`.

    name: how it was asked for. dim: length D of an embedding. logit_scale: the factor, a float, that
    turns cosines into logits. image_size: side in pixels of what the image tower sees.
    model, tokenizer, preprocess: the open_clip pieces underneath.
    """

    def __init__(self, model, tokenizer, name, device):
        self.model = model.to(device).eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.name = name
        self.device = torch.device(device)
        config = open_clip.get_model_preprocess_cfg(model)
        size = config["size"]
        self.image_size = size if isinstance(size, int) else size[0]
        self.preprocess = image_transform_v2(PreprocessCfg(**config), is_train=False)
        size = [self.image_size] * 2 if config["resize_mode"] == "squash" else self.image_size
        how = v2.InterpolationMode(config["interpolation"])
        self._resize = v2.Compose([v2.Resize(size, how, antialias=True), v2.CenterCrop(self.image_size)])
        self._normalize = v2.Normalize(config["mean"], config["std"])
        self._encode_text = unpadded(model) if isinstance(tokenizer, WordTokenizer) else model.encode_text
        self.dim = self._forward(self._encode_text, self._tokens(["a"]), True).shape[1]

    @property
    def logit_scale(self):
        return math.exp(float(self.model.logit_scale))

    @property
    def fingerprint(self):
        """SHA-256 of the weights and of the image preparation, to tell caches of two models apart."""
        if not hasattr(self, "_fingerprint"):
            digest = hashlib.sha256(repr((self.image_size, self._normalize)).encode())
            for key, value in sorted(self.model.state_dict().items()):
                digest.update(key.encode() + value.cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def encode_images(self, images, normalize=True):
        """Embed images: (N, D) float32 on the backbone's device, unit length if normalize.

        images: a float tensor (N, 3, H, W) in [0, 1], or a list of PIL images or paths. Any size is
        resized, and cropped at the centre if it is not square, as open_clip does for this model.
        Raises ValueError for another shape, values outside [0, 1] or not finite, an unreadable file.
        """
        if isinstance(images, torch.Tensor):
            batch = self._normalize(self._resized(_checked(images).to(self.device, torch.float32)))
        else:
            batch = [self.preprocess(_opened(image)) for image in _listed(images, "images")]
            batch = torch.stack(batch) if batch else torch.zeros(0, 3, self.image_size, self.image_size)
        return self._forward(self.model.encode_image, batch, normalize)

    def encode_texts(self, captions, normalize=True):
        """Embed captions, a list of str: (N, D) float32 on the backbone's device, unit length if normalize.

        Raises ValueError for an empty caption and, with PocketCLIP, for a word it has never seen.
        """
        captions = _listed(captions, "captions")
        for row, caption in enumerate(captions):
            if not isinstance(caption, str) or not caption.strip():
                raise ValueError(f"Caption {row} is {caption!r}; every caption must be a non-empty string.")
        return self._forward(self._encode_text, self._tokens(captions), normalize)

    def _tokens(self, captions):
        return self.tokenizer(captions) if captions else torch.zeros(0, 1, dtype=torch.int64)

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

    name: "pocket", the book's own model; an open_clip pair "MODEL/PRETRAINED" such as
        "ViT-B-32-quickgelu/openai", where PRETRAINED may also be a checkpoint file; or the path of a
        checkpoint that `python -m labclip_lib pretrain` wrote.
    device: "auto" (cuda, else mps, else cpu) or a torch device.
    Raises ValueError for an unknown name or a damaged file, ConnectionError when weights must be
    downloaded and there is no network.
    """
    device = pick_device(device)
    if name == "pocket":
        verify_weights()
        return _load_pocket(WEIGHTS / "pocket.safetensors", name, device)
    if Path(name).suffix == ".safetensors" and name.partition("/")[0] not in open_clip.list_models():
        for path in (Path(name), Path(name).with_suffix(".json")):
            if not path.exists():
                raise ValueError(f"No file {str(path)!r} to load {name!r} from; check the path.")
        return _load_pocket(Path(name), name, device)
    return _load_open_clip(name, device)


def random_init_encoder(name="pocket", seed=0, device="auto"):
    """The same towers before any training, a control: what their architecture alone lets a probe read.

    name: "pocket", an open_clip architecture, or a pair "MODEL/PRETRAINED", whose weights are not loaded.
        Raises ValueError for an unknown name.
    """
    device = pick_device(device)
    architecture, _, pretrained = name.partition("/")
    if name != "pocket" and architecture not in open_clip.list_models():
        raise ValueError(f"There is no open_clip architecture {architecture!r} to start anew; name one, or 'pocket'.")
    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(seed)
        if name != "pocket":
            config = open_clip.get_pretrained_cfg(architecture, pretrained) or {}
            model = open_clip.create_model(architecture, force_quick_gelu=config.get("quick_gelu", False))
            return Backbone(model, open_clip.get_tokenizer(architecture), f"untrained {architecture}", device)
        model = new_pocket(WEIGHTS / "pocket.json", position_std=verify_weights()["recipe"]["position_std"])
    with safe_open(WEIGHTS / "pocket.safetensors", "pt") as file:
        words = json.loads(file.metadata()["words"])
    return Backbone(model, pocket_tokenizer(words, WEIGHTS / "pocket.json"), "untrained pocket", device)


def pick_device(device="auto"):
    """The torch device for a name; "auto" takes cuda, else mps, else cpu. ValueError if it is not there."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"No device {str(device)!r} on this machine; use device='auto' or 'cpu'.") from None
    return torch.device(device)


def sha256(path):
    """SHA-256 of a file, as hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_weights(folder=WEIGHTS):
    """Check PocketCLIP's weights against the checksum in its card; ValueError if they differ.

    Returns the card: recipe, seed, checksum and report, a dict.
    """
    weights, card = Path(folder) / "pocket.safetensors", Path(folder) / "pocket-card.json"
    if not weights.exists() or not card.exists():
        missing = weights if not weights.exists() else card
        raise ValueError(f"PocketCLIP's {missing.name} is missing from {missing.parent}; install labclip_lib again.")
    card = json.loads(card.read_text())
    seen = sha256(weights)
    if seen != card["sha256"]:
        raise ValueError(
            f"PocketCLIP's weights are damaged: SHA-256 {seen[:12]}..., expected {card['sha256'][:12]}...; "
            "install labclip_lib again."
        )
    return card


def new_pocket(config, device="cpu", position_std=None):
    """An untrained open_clip model after a config file (a path); its seed is torch's global one.

    position_std: spread of the text tower's positions at the start, instead of open_clip's 0.01.
    """
    open_clip.add_model_config(config)
    with _quiet():
        model = open_clip.create_model(Path(config).stem, device=device)
    if position_std is not None:
        torch.nn.init.normal_(model.text.positional_embedding, std=position_std)
    return model


def unpadded(model):
    """A PocketCLIP's encode_text, spared the padding behind its longest caption.

    Attention is causal, so what stands behind the end of text changes nothing, and captions of six words would
    otherwise cost as much as captions of twenty. open_clip wants the mask cut to match.
    """
    mask = model.text.attn_mask

    def encode_text(tokens):
        longest = int((tokens > 0).sum(1).max())
        model.text.attn_mask = mask[:longest, :longest]
        try:
            return model.encode_text(tokens[:, :longest])
        finally:
            model.text.attn_mask = mask  # so that the model still reads padded tokens

    return encode_text


def pocket_tokenizer(words, config):
    """The word tokenizer that goes with a PocketCLIP config file (a path)."""
    return WordTokenizer(words, json.loads(Path(config).read_text())["text_cfg"]["context_length"])


def _load_pocket(path, name, device):
    config = path.with_suffix(".json")
    try:
        with safe_open(path, "pt") as file:
            words = json.loads((file.metadata() or {}).get("words", "null"))
        if words is None:
            raise ValueError(f"{path} has no word list in its metadata: not a PocketCLIP checkpoint.")
        open_clip.add_model_config(config)
        with _quiet():
            model = open_clip.create_model(config.stem, pretrained=str(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ValueError(f"Cannot read the checkpoint {path}: {_first_line(error)}; it may be cut short.") from None
    return Backbone(model, pocket_tokenizer(words, config), name, device)


def _load_open_clip(name, device):
    architecture, _, pretrained = name.partition("/")
    known = open_clip.list_models()
    if architecture not in known:
        close = difflib.get_close_matches(architecture, [*known, "pocket"], n=1)
        hint = f"did you mean {close[0]!r}?" if close else "open_clip.list_models() lists the models."
        raise ValueError(f"Unknown backbone {name!r}; {hint}")
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    local = Path(pretrained).exists() if pretrained else False
    if not local and pretrained not in tags:
        raise ValueError(
            f"Backbone {name!r} needs pretrained weights: write {architecture}/TAG with one of "
            f"{', '.join(tags) or 'no known tags'}, or {architecture}/FILE with a checkpoint that exists."
        )
    config = {} if local else open_clip.get_pretrained_cfg(architecture, pretrained)
    if not local:
        _need_download(name, config)
    try:
        with _quiet():
            # Weights trained with QuickGELU give other numbers, silently, under plain GELU.
            model = open_clip.create_model(
                architecture, pretrained=pretrained, force_quick_gelu=config.get("quick_gelu", False)
            )
    except Exception as error:  # torch.load alone raises five kinds for a damaged file
        raise ValueError(f"Cannot load {name!r}: {_first_line(error)}.") from None
    return Backbone(model, open_clip.get_tokenizer(architecture), name, device)


def _need_download(name, config):
    """Say within seconds that a download is needed and cannot be had; open_clip retries for half a minute."""
    parts = config.get("hf_hub", "").split("/")  # OWNER/REPO/ or OWNER/REPO/FILE
    repo, file = "/".join(parts[:2]), "/".join(parts[2:])
    if repo:
        files = (file,) if file else ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
        if any(isinstance(huggingface_hub.try_to_load_from_cache(repo, file), str) for file in files):
            return
    elif (Path.home() / ".cache" / "clip" / config.get("url", "").rpartition("/")[2]).is_file():
        return
    source = huggingface_hub.constants.ENDPOINT if repo else config.get("url", "")
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0") or not online(source):
        raise ConnectionError(
            f"{name!r} must be downloaded once and {source} cannot be reached; "
            "connect to the internet, or use 'pocket'."
        )


def online(url, seconds=2.0):
    """Whether a server answers at all within so many seconds. True also for an error page."""
    answered = []

    def ask():
        with contextlib.suppress(OSError, ValueError):
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
            answered.append(True)

    # A thread, because a name look-up heeds no time-out.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answered)


@contextlib.contextmanager
def _quiet():
    """open_clip logs "no pretrained weights loaded" for a model we are about to train or fill."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _first_line(error):
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0].rstrip(".:") if lines else type(error).__name__


def _listed(items, what):
    if isinstance(items, (str, bytes, Path, Image.Image)):
        raise ValueError(f"Expected a list of {what}, got a single {type(items).__name__}; put it in a list.")
    if not isinstance(items, (list, tuple)) and hasattr(items, "shape"):
        raise ValueError(
            f"Expected a list of {what}, got {type(items).__name__} {tuple(items.shape)}; use torch.from_numpy."
        )
    return list(items)


def _opened(image):
    if isinstance(image, Image.Image):
        return image
    if not isinstance(image, (str, os.PathLike)):
        kind = type(image).__name__
        raise ValueError(f"An image is a {kind}; give one tensor (N, 3, H, W), or a list of PIL images or paths.")
    try:
        with Image.open(image) as opened:
            return opened.convert("RGB")
    except FileNotFoundError:
        raise ValueError(f"No image at {str(image)!r}; check the path.") from None
    except (UnidentifiedImageError, OSError, AttributeError) as error:
        raise ValueError(f"Cannot read an image from {str(image)!r}: {_first_line(error)}.") from None


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
