"""Find, check and download open_clip's pretrained models, before any weights are read."""

import os
import warnings
from pathlib import Path

import huggingface_hub
import open_clip
import torch

from labclip_lib.base.internet import online
from labclip_lib.base.messages import did_you_mean, first_line
from labclip_lib.models.pocket import quiet
from labclip_lib.models.recipes import RECIPES


def read_open_clip(name):
    """Load the open_clip pair `name`, "MODEL/PRETRAINED", as (model, tokenizer); errors as for `load_backbone`."""
    architecture, _, pretrained = name.partition("/")
    known = open_clip.list_models()
    if architecture not in known:
        hint = did_you_mean(architecture, [*known, *RECIPES], "open_clip.list_models() lists the models.")
        raise ValueError(f"Unknown backbone {name!r}; {hint}")
    config = open_clip.get_pretrained_cfg(architecture, pretrained)  # a tag comes before a file of that name
    if config:
        _need_download(name, config)
    elif Path(pretrained).is_file():
        _check_weights_only(name, pretrained)
    else:
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        raise ValueError(
            f"Backbone {name!r} needs pretrained weights: write {architecture}/TAG with one of "
            f"{', '.join(tags) or 'no known tags'}, or {architecture}/FILE with a checkpoint that exists."
        )
    try:
        with quiet():
            # Weights trained with QuickGELU give other numbers, silently, under plain GELU.
            model = open_clip.create_model(
                architecture, pretrained=pretrained, force_quick_gelu=config.get("quick_gelu", False)
            )
    except Exception as error:  # damaged files alone raise five types
        raise ValueError(f"Cannot load {name!r}: {first_line(error)}.") from None
    if not config and f"{architecture}-quickgelu" in known:
        warnings.warn(
            f"{name!r} runs with GELU, and a file does not say whether its weights were trained so; if they are "
            f"OpenAI's, or others trained with QuickGELU, load '{architecture}-quickgelu/{pretrained}', for their "
            "embeddings are wrong here.",
            UserWarning,
            stacklevel=3,
        )
    return model, open_clip.get_tokenizer(architecture)


def _check_weights_only(name, path):
    """Load a checkpoint weights-only before open_clip does, which would unpickle anything after a TypeError."""
    if Path(path).suffix in (".safetensors", ".npz", ".npy"):
        return
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's remark about TorchScript; ours says what to do
            torch.load(path, "cpu", weights_only=True)
    except Exception:  # torch.load raises five types for damaged files
        raise ValueError(
            f"Cannot load {name!r}: the file is damaged, or holds more than weights (a whole model, a TorchScript "
            "program), and only weights are read; save the model's state_dict()."
        ) from None


def _is_cached(config):
    repo, file = _on_the_hub(config)
    if repo:
        files = (file,) if file else ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
        return any(isinstance(huggingface_hub.try_to_load_from_cache(repo, name), str) for name in files)
    return (Path.home() / ".cache" / "clip" / config.get("url", "").rpartition("/")[2]).is_file()


def _on_the_hub(config):
    """The hub repository of a pretrained config and the file in it, each "" where the config names none."""
    parts = config.get("hf_hub", "").split("/")  # OWNER/REPO/ or OWNER/REPO/FILE
    return "/".join(parts[:2]), "/".join(parts[2:])


def _need_download(name, config):
    """Raise ConnectionError within seconds if a needed download is impossible; open_clip retries for half a minute."""
    if _is_cached(config):
        return
    source = huggingface_hub.constants.ENDPOINT if _on_the_hub(config)[0] else config.get("url", "")
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0") or not online(source):
        raise ConnectionError(
            f"{name!r} must be downloaded once and {source} cannot be reached; "
            "connect to the internet, or use 'pocket'."
        )
