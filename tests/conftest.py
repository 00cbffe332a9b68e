"""Fixtures that several test files share."""

import contextlib
import dataclasses
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

# Of this process and all that it starts: pytest-xdist starts a process a core, and with more than one thread each they
# would fight over the cores. It also keeps bit-for-bit comparisons fair, since sums are split by the number of threads.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import matplotlib
import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from labclip_lib.base.files import sha256
from labclip_lib.base.published_files import PINNED
from labclip_lib.models.backbones import load_backbone
from labclip_lib.models.pretraining import Trainer, pretrain
from labclip_lib.models.recipes import Recipe
from labclip_lib.world.scenes import World
from labclip_lib.world.solids import SOLIDS
from labclip_lib.world.statement_policy import StatementPolicy

matplotlib.use("Agg")
# The same examples in every run: whether a test passes is never a matter of luck.
hypothesis.settings.register_profile("book", deadline=None, derandomize=True, max_examples=30)
hypothesis.settings.load_profile("book")

TINY = {
    "embed_dim": 16,
    "custom_text": True,
    "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8},
    "text_cfg": {"context_length": 24, "vocab_size": 26, "width": 32, "heads": 2, "layers": 2},
}

TINY_CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def root():
    """The folder that holds the whole book."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def load_tool(root):
    """Load a file of tools/ as a module, by its name."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, root / "tools" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def raises_saying():
    """`with raises_saying(ValueError, "red"):` expects an error of one sentence that holds these words."""

    @contextlib.contextmanager
    def expect(kind, *parts):
        with pytest.raises(kind) as caught:
            yield
        message = str(caught.value)
        assert caught.type is kind
        assert message.endswith((".", "?")) and "\n" not in message and len(message) < 500, message
        assert not re.search(r"[.!?] [A-Z]", message), f"more than one sentence: {message}"
        for part in parts:
            assert part in message

    return expect


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory):
    """A recipe like PocketCLIP's over a model so small that a step takes milliseconds."""
    config = tmp_path_factory.mktemp("config") / "pocket.json"
    config.write_text(json.dumps(TINY))
    return Recipe(steps=3, batch_size=8, warmup=2, config=str(config))


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_recipe, tmp_path_factory):
    return pretrain(tiny_recipe, tmp_path_factory.mktemp("tiny"), device="cpu", progress=False)


@pytest.fixture(scope="session")
def tiny(tiny_checkpoint):
    """A backbone that is loaded like any checkpoint of a reader's."""
    return load_backbone(str(tiny_checkpoint), device="cpu")


@pytest.fixture(scope="session")
def tiny_teller(tiny_recipe, tmp_path_factory):
    """A backbone like `tiny`, untrained, that reads the words of `world.statements`."""
    policy, config = StatementPolicy(), json.loads(json.dumps(TINY))
    config["text_cfg"]["vocab_size"] += len(policy.vocabulary(tiny_recipe.world))
    path = tmp_path_factory.mktemp("teller") / "pocket-relations.json"
    path.write_text(json.dumps(config))
    return Trainer(dataclasses.replace(tiny_recipe, policy=policy, config=str(path))).snapshot()


@pytest.fixture(scope="session")
def tiny_3d_recipe(tmp_path_factory):
    """As small a recipe for a PocketCLIP of solids, in a world with fewer colours than the book's."""
    world = World(colors=("red", "yellow", "green", "blue", "pink"), shapes=tuple(SOLIDS))
    config = tmp_path_factory.mktemp("config") / "pocket-3d.json"
    config.write_text(json.dumps(TINY | {"text_cfg": TINY["text_cfg"] | {"vocab_size": 19}}))
    return Recipe(steps=1, batch_size=8, world=world, config=str(config))


@pytest.fixture(scope="session")
def tiny_3d_checkpoint(tiny_3d_recipe, tmp_path_factory):
    """pocket-3d.safetensors in a folder, with its config and its card beside it."""
    return pretrain(tiny_3d_recipe, tmp_path_factory.mktemp("tiny-3d"), device="cpu", progress=False)


@pytest.fixture(scope="session")
def tiny_3d(tiny_3d_checkpoint):
    return load_backbone(str(tiny_3d_checkpoint), device="cpu")


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory):
    """An open_clip model with open_clip's own tokenizer, and its checkpoint file."""
    folder = tmp_path_factory.mktemp("tiny-clip")
    (folder / "tiny-clip.json").write_text(json.dumps(TINY_CLIP))
    open_clip.add_model_config(folder / "tiny-clip.json")
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-clip").eval()
    save_file(model.state_dict(), folder / "tiny.safetensors")
    return model, folder / "tiny.safetensors"


@pytest.fixture(scope="session")
def tiny_quick(tiny_clip):
    """The same architecture with QuickGELU, as open_clip has it for OpenAI's models; the checkpoint fits both."""
    config = tiny_clip[1].with_name("tiny-clip-quickgelu.json")
    config.write_text(
        json.dumps(json.loads(tiny_clip[1].with_name("tiny-clip.json").read_text()) | {"quick_gelu": True})
    )
    open_clip.add_model_config(config)
    return "tiny-clip-quickgelu"


@pytest.fixture
def tiny_published(tiny_clip, monkeypatch, tmp_path):
    """The checkpoint as if tiny-clip/published had been downloaded, with QuickGELU and a preparation of its own."""
    config = {
        "url": "https://clip.invalid/tiny.safetensors", "hf_hub": "", "quick_gelu": True, "mean": (0.2, 0.5, 0.7),
        "std": (0.3, 0.2, 0.4), "interpolation": "bilinear", "resize_mode": "squash",
    }  # fmt: skip
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-clip", {"published": config})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    downloads = tmp_path / "home" / ".cache" / "clip"
    downloads.mkdir(parents=True)
    shutil.copy(tiny_clip[1], downloads)
    return config


@pytest.fixture
def picture():
    """A 32 x 32 picture with no symmetry: (3, 32, 32) float in [0, 1], and the same as a PIL image."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255, Image.fromarray(pixels)


@pytest.fixture(scope="session")
def real_data():
    """The folder of real data files that LABCLIP_DATA names."""
    folder = os.environ.get("LABCLIP_DATA")
    if not folder:
        pytest.skip("LABCLIP_DATA is not set: no real data to test with")
    return Path(folder)


# The files that take longest, so that none of them is what all others have to wait for.
FIRST = [
    "test_assignments.py", "05_one_matrix.ipynb", "test_setup_cell.py", "test_mutants.py", "02_linear_probes.ipynb",
    "4-labclip.ipynb", "01_clip_basics.ipynb", "03_bag_of_words.ipynb", "test_accessibility.py",
]  # fmt: skip


def pytest_collection_modifyitems(items):
    """The longest files first; `pytest -m real_data` runs the tests that take `real_data`, also by a fixture."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")


@pytest.fixture
def to_download(tmp_path, monkeypatch):
    """No LABCLIP_DATA and an empty cache folder, whose path it gives."""
    monkeypatch.delenv("LABCLIP_DATA", raising=False)
    monkeypatch.setenv("LABCLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pin(tmp_path, monkeypatch):
    """`pin(name, text)` writes a text where the published file of that name lies, and has it taken for that file."""
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        monkeypatch.setitem(PINNED, name, sha256(path))

    return write


@pytest.fixture
def web(tmp_path, monkeypatch, to_download):
    """A web server of our own that stands in for a publisher's: the folder it serves, its address and its log."""
    folder = tmp_path / "web"
    folder.mkdir()
    log = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            log.append(self.requestline)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield folder, f"http://127.0.0.1:{server.server_port}", log
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def processes(root, tmp_path_factory):
    """Start tests/several.py in a folder, left out a new one, by python with these options; returns the folder."""

    def run(*options, folder=None, fails=False):
        folder = folder or tmp_path_factory.mktemp("several")
        done = subprocess.run(
            [sys.executable, *options, root / "tests" / "several.py", folder], cwd=root, capture_output=True, text=True,
            timeout=240, env=os.environ | {"PYTHONPATH": str(root)},
        )  # fmt: skip
        assert bool(done.returncode) == fails, done.stderr
        return folder

    return run


@pytest.fixture(scope="session")
def several_folder(processes):
    return processes()


@pytest.fixture(params=[2, 3])
def several(request, several_folder):
    """What two, and then three processes found together: the results of tests/several.py, one dict a process."""
    return [torch.load(several_folder / f"{rank}-of-{request.param}.pt") for rank in range(request.param)]


def pytest_generate_tests(metafunc):
    """Tests that take `device` run on the CPU, and on the graphics card where there is one."""
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])


@pytest.fixture
def small_disk(tmp_path):
    """The folder of a disk of 64 KiB, where one can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("cannot mount a small disk here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
