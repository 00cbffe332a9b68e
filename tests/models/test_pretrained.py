import os
import socket
import time
import warnings
from collections import OrderedDict

import huggingface_hub
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from labclip_lib.models import pretrained
from labclip_lib.models.backbones import load_backbone


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Point the hub at an address that never answers (RFC 5737) and at an empty folder of downloads."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://192.0.2.1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def downloads(folder, repository):
    """A folder where the hub's files of a repository lie once they are downloaded."""
    root = folder / f"models--{repository.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("abc")
    (root / "snapshots" / "abc").mkdir(parents=True)
    return root / "snapshots" / "abc"


@pytest.mark.parametrize(
    ("name", "quick"),
    [("ViT-B-32/openai", True), ("ViT-B-32-quickgelu/openai", True), ("ViT-B-32/laion2b_s34b_b79k", False)],
)
def test_weights_trained_with_quick_gelu_run_with_it(tiny_clip, no_network, tmp_path, monkeypatch, name, quick):
    """OpenAI's weights under plain GELU load without a word and give other numbers."""
    create, repository = open_clip.create_model, open_clip.get_pretrained_cfg(*name.split("/"))["hf_hub"].strip("/")
    (downloads(tmp_path, repository) / "open_clip_model.safetensors").touch()
    monkeypatch.setattr(open_clip, "create_model", lambda model, pretrained, **options: create("tiny-clip", **options))
    model = load_backbone(name, "cpu").model
    assert any(isinstance(part, open_clip.transformer.QuickGELU) for part in model.modules()) is quick


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_local_file_runs_with_its_config_s_activation(tiny_clip, tiny_quick, suffix, tmp_path):
    path = tmp_path / f"tiny{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(tiny_clip[0].state_dict(), path)
    texts = {}
    for architecture in ("tiny-clip", tiny_quick):
        model = open_clip.create_model(architecture, pretrained=str(path)).eval()
        with torch.no_grad():
            texts[architecture] = model.encode_text(open_clip.get_tokenizer(architecture)(["a cat", "two dogs"]))
            image = model.encode_image(torch.zeros(1, 3, 32, 32))
        backbone = load_backbone(f"{architecture}/{path}", "cpu")
        ours = backbone.encode_texts(["a cat", "two dogs"], normalize=False)
        assert torch.allclose(ours, texts[architecture], atol=1e-5)
        assert torch.allclose(backbone.model.encode_image(torch.zeros(1, 3, 32, 32)), image, atol=1e-5)
    assert (texts["tiny-clip"] - texts[tiny_quick]).abs().max() > 1e-3


def test_a_file_that_may_want_quick_gelu_is_told(tiny_clip, tiny_quick):
    """Weights of either kind fit both models, and nothing in a file says which they are."""
    with pytest.warns(UserWarning, match=f"trained with QuickGELU, load '{tiny_quick}/.*tiny.safetensors'") as caught:
        load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu")
    assert len(caught) == 1 and str(caught[0].message).count(".") == str(tiny_clip[1]).count(".") * 2 + 1
    with warnings.catch_warnings(action="error"):
        load_backbone(f"{tiny_quick}/{tiny_clip[1]}", "cpu")


def test_published_weights_run_with_their_activation(tiny_published, tiny_clip, tiny_quick):
    """The true path of a tag: `tiny-clip` is plain GELU, and its weights were trained with QuickGELU."""
    published, quick = (load_backbone(name, "cpu") for name in ("tiny-clip/published", f"{tiny_quick}/{tiny_clip[1]}"))
    assert torch.allclose(published.encode_texts(["a cat"]), quick.encode_texts(["a cat"]), atol=1e-6)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"")])
def test_a_tag_comes_before_a_file_of_its_name(tiny_published, make, monkeypatch, tmp_path):
    """As in open_clip, which would load the tag's weights while we took it for a file's: with plain GELU."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "published")
    model = load_backbone("tiny-clip/published", "cpu").model
    assert any(isinstance(part, open_clip.transformer.QuickGELU) for part in model.modules())


@pytest.mark.parametrize("kind", ["state dict", "before torch 1.6", "training run"])
def test_pickled_weights_load(tiny_clip, kind, tmp_path):
    weights = tiny_clip[0].state_dict()
    if kind == "training run":  # what open_clip's own training writes on several cards
        weights = {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in weights.items()}}
    torch.save(weights, tmp_path / "tiny.pt", _use_new_zipfile_serialization=kind != "before torch 1.6")
    backbone = load_backbone(f"tiny-clip/{tmp_path / 'tiny.pt'}", "cpu")
    assert backbone.fingerprint == load_backbone(f"tiny-clip/{tiny_clip[1]}", "cpu").fingerprint


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


class Misfit:
    """Unpickled, it raises TypeError, after which open_clip loads anew without `weights_only`."""

    def __reduce__(self):
        return OrderedDict, (3,)


@pytest.mark.parametrize("kind", ["trap", "trap in a state dict", "misfit", "whole model", "TorchScript"])
@pytest.mark.filterwarnings("error")
def test_only_weights_are_unpickled(tiny_clip, kind, tmp_path, monkeypatch, raises_saying):
    """Whatever the environment says: the switch below turns torch's own protection off."""
    load, calls, path = torch.load, [], tmp_path / "tiny.pt"
    with warnings.catch_warnings(action="ignore"):  # torch.jit is on its way out
        if kind == "TorchScript":  # as OpenAI's own files are
            torch.jit.script(torch.nn.Linear(2, 2)).save(path)
        else:
            trap = Trap(tmp_path / "sprung")
            within = {"state_dict": tiny_clip[0].state_dict(), "optimizer": trap}
            whole = {"trap": trap, "trap in a state dict": within, "misfit": Misfit(), "whole model": tiny_clip[0]}
            torch.save(whole[kind], path)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.setattr(torch, "load", lambda *args, **options: calls.append(options) or load(*args, **options))
    with raises_saying(ValueError, str(path), "only weights", "state_dict()"):
        load_backbone(f"tiny-clip/{path}", "cpu")
    assert calls and all(options.get("weights_only") is True for options in calls)
    assert not (tmp_path / "sprung").exists()


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


def test_what_was_downloaded_before_needs_no_network(no_network, tmp_path):
    """By either name that the file has on the hub."""
    folder = downloads(tmp_path, "some/clip")
    for name in ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"):
        (folder / name).touch()
        pretrained._need_download("clip/some", {"hf_hub": "some/clip/"})  # else it raises: nobody answers
        (folder / name).unlink()


def test_offline_mode_is_obeyed(no_network, web, monkeypatch, raises_saying):
    """Even where the hub would answer."""
    _, address, log = web
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with raises_saying(ConnectionError, "'clip/some'"):
        pretrained._need_download("clip/some", {"hf_hub": "some/clip/"})
    assert not log


def test_the_hub_s_real_address_where_no_name_is_found(no_network, monkeypatch, raises_saying):
    def unknown(*args, **how):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://huggingface.co")
    with raises_saying(ConnectionError, "huggingface.co"):
        load_backbone("ViT-B-32-quickgelu/openai", "cpu")
