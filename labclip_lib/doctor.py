"""`python -m labclip_lib doctor`: what is installed, what is missing and how to get it."""

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

import torch

from labclip_lib.backbones import pick_device
from labclip_lib.pocket import verify_weights

# What the library needs, then what only building and testing the book needs.
LIBRARY = ("torch", "torchvision", "open_clip_torch", "safetensors", "numpy", "matplotlib", "seaborn", "scikit-learn",
           "pooch", "tqdm", "ipywidgets", "HanTa", "inflect")  # fmt: skip
BOOK = ("jupyter-book", "nbval", "pytest", "sphinx-proof", "sphinx-exercise")


def doctor():
    """Print the state of the installation; returns True when PocketCLIP can be used."""
    print(f"Python {platform.python_version()} on {platform.platform()}")
    sound = sys.version_info >= (3, 11)
    if not sound:
        print("  too old: Python 3.11 or newer is needed")
    for names, purpose, command in (
        (LIBRARY, "the library", "pip install ."),
        (BOOK, "building the book", "pip install -r requirements.txt"),
    ):
        for name in names:
            try:
                print(f"{name} {importlib.metadata.version(name)}")
            except importlib.metadata.PackageNotFoundError:
                print(f"{name} is missing, needed for {purpose}: {command}")
                sound = sound and names is not LIBRARY
    device = pick_device()
    named = f" ({torch.cuda.get_device_name()})" if device.type == "cuda" else f" ({torch.get_num_threads()} threads)"
    print(f"device: {device}{named}")
    try:
        card = verify_weights()
        print(f"PocketCLIP's weights: SHA-256 {card['sha256'][:12]}... as expected, seed {card['recipe']['seed']}")
    except ValueError as error:
        print(error)
        sound = False
    data = os.environ.get("LABCLIP_DATA")
    if not data:
        print("real data: LABCLIP_DATA is not set, so chapters download what they need (or set it to a folder)")
    elif (Path(data) / "real_clip_vitb32").is_dir():
        print(f"real data: {data}")
    else:
        print(f"real data: LABCLIP_DATA is {data!r}, which holds no real_clip_vitb32; unset it to download")
    return sound
