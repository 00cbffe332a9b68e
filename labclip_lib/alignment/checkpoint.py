"""Checkpoints of a fit: written whole or not at all, and read only by a fit of the same pairs and settings."""

import hashlib
import io
import json
from pathlib import Path

import torch

from labclip_lib.base.devices import rank
from labclip_lib.base.files import write_bytes


def write_checkpoint(path, settings, state):
    """Write a fit's state, anything that `torch.save` takes, from rank 0 alone; without a path, do nothing.

    Raises OSError when the file cannot be written.
    """
    if path is None or rank() > 0:
        return
    data = io.BytesIO()
    # Not straight to the file: torch.save's errors would hide that the disk is full.
    torch.save({"settings": json.dumps(settings)} | state, data)
    try:
        write_bytes(path, data.getbuffer())
    except OSError as error:
        raise OSError(
            f"Cannot write the checkpoint {path} ({error.strerror}); an earlier one is kept, so run the same again "
            "when there is room."
        ) from None


def read_checkpoint(path, settings):
    """The state that was written with these settings; None where there is no file. Nothing in it is executed.

    Raises ValueError for a file that is damaged, is something else, or was written with other settings.
    """
    if path is None or not Path(path).exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or "settings" not in state:
            raise ValueError
    except Exception:  # torch.load alone raises five kinds for a damaged file
        raise ValueError(
            f"{path} is no checkpoint of a LABCLIP, or a damaged one; remove it and start again."
        ) from None
    if state["settings"] != json.dumps(settings):
        raise ValueError(f"{path} is a checkpoint of other pairs or other settings; remove it or name another file.")
    return state


def digest(pairs):
    """SHA-256 of the shapes and of a thousand rows of each table, to tell `Pairs` apart."""
    out = hashlib.sha256()
    for table in vars(pairs).values():
        if table is not None:
            rows = torch.linspace(0, len(table) - 1, min(1000, len(table))).round().long().to(table.device)
            out.update(str(tuple(table.shape)).encode() + table[rows].cpu().numpy().tobytes())
    return out.hexdigest()
