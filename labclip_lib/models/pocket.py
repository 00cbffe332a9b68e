"""PocketCLIP's weights in the package and their checksum, its config, its words and its checkpoints.

PocketCLIP is an ordinary open_clip model with a registered config. This module makes one, new or from a file;
`backbones.py` gives it the same interface as every other CLIP.
"""

import contextlib
import json
import logging
from pathlib import Path

import open_clip
import torch
from safetensors import SafetensorError, safe_open

from labclip_lib.base.files import sha256
from labclip_lib.base.messages import first_line
from labclip_lib.models.tokenizer import WordTokenizer

WEIGHTS = Path(__file__).parent / "weights"


def verify_weights(folder=WEIGHTS, name="pocket"):
    """Check a PocketCLIP's weights against the checksum in its card; ValueError if they differ or are missing.

    name: one out of `recipes.RECIPES`. Returns the card: recipe, seed, checksum and report, a dict.
    """
    weights, card = Path(folder) / f"{name}.safetensors", Path(folder) / f"{name}-card.json"
    if not weights.exists() or not card.exists():
        missing = weights if not weights.exists() else card
        raise ValueError(
            f"PocketCLIP's {missing.name} is missing from {missing.parent}; install labclip_lib again, or make one "
            f"with `python -m labclip_lib pretrain --recipe {name}` and give the path of its weights."
        )
    card = json.loads(card.read_text())
    seen = sha256(weights)
    if seen != card["sha256"]:
        raise ValueError(
            f"PocketCLIP's weights are damaged: SHA-256 {seen[:12]}..., expected {card['sha256'][:12]}...; "
            "install labclip_lib again."
        )
    return card


def new_pocket(config, device="cpu", position_std=None):
    """An untrained open_clip model from a config file (a path), initialised from torch's global random state.

    position_std: initial standard deviation of the text tower's positional embeddings, instead of open_clip's 0.01.
    """
    open_clip.add_model_config(config)
    with quiet():
        model = open_clip.create_model(Path(config).stem, device=device)
    if position_std is not None:
        torch.nn.init.normal_(model.text.positional_embedding, std=position_std)
    return model


def unpadded(model):
    """A PocketCLIP's encode_text without the padding after the longest caption of a batch.

    Attention is causal, so padding after the end of text changes nothing, and captions of six words would otherwise
    cost as much as captions of twenty. open_clip needs an attention mask of the same length.
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


def read_words(path):
    """The words that a PocketCLIP checkpoint (a path) was trained on, in the order of their ids.

    Raises ValueError for a file without a word list, and SafetensorError or OSError for one that cannot be read.
    """
    with safe_open(path, "pt") as file:
        words = json.loads((file.metadata() or {}).get("words", "null"))
    if words is None:
        raise ValueError(f"{path} has no word list in its metadata: not a PocketCLIP checkpoint.")
    return words


def read_pocket(path):
    """Load a PocketCLIP checkpoint (a path), with its config next to it: (open_clip model, word tokenizer).

    Raises ValueError for a missing or damaged file, and for a checkpoint of something else.
    """
    path, config = Path(path), Path(path).with_suffix(".json")
    if not path.is_file():
        raise ValueError(
            f"There is no checkpoint {str(path)!r}; check the path, or make one with `python -m labclip_lib pretrain`."
        )
    if not config.is_file():
        raise ValueError(f"There is no {str(config)!r}, the config of {str(path)!r}; put it there.")
    try:
        words = read_words(path)
        open_clip.add_model_config(config)
        with quiet():
            model = open_clip.create_model(config.stem, pretrained=str(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ValueError(f"Cannot read the checkpoint {path}: {first_line(error)}; it may be cut short.") from None
    return model, pocket_tokenizer(words, config)


@contextlib.contextmanager
def quiet():
    """Silence open_clip's log: it warns "no pretrained weights loaded" of models we are about to train or fill."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
