import gzip
import json

import pytest
import torch
from safetensors.torch import load
from torch.nn.functional import avg_pool2d, conv2d, linear, multi_head_attention_forward, normalize

from labclip_lib.book.live.export import SCRIPTS, write_engine, write_table
from labclip_lib.models.backbones import load_backbone
from labclip_lib.world.scenes import World


@pytest.fixture(scope="module")
def pocket():
    return load_backbone("pocket", device="cpu")


@pytest.fixture(scope="module")
def folder(pocket, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "_static" / "live"
    write_engine(folder, pocket)
    return folder


def unpacked(path):
    """(about, {name: tensor}) of a file, read by gzip and safetensors themselves."""
    data = gzip.decompress(path.read_bytes())
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    tensors = load(data)
    for name, tensor in tensors.items():
        if tensor.dtype == torch.uint8:
            low, high = tensor.to(torch.int32)
            tensors[name] = (low + 256 * high).to(torch.uint16).view(torch.float16)
    return json.loads(header["__metadata__"]["about"]), tensors


def folded_tower(tensors, heads, images):
    """The image tower out of the file's tensors alone, in float64: (N, 3, 64, 64) prepared images in, (N, 256) out."""
    t = {name: value.double() for name, value in tensors.items()}

    def conv(x, name, **how):
        weight = (t[f"{name}.weight"] * t[f"{name}.scale"][:, None, None, None]).permute(0, 3, 1, 2)
        return conv2d(x, weight, t[f"{name}.bias"], padding=weight.shape[-1] // 2, **how)

    x = conv(images, "conv1", stride=2).relu()
    x = avg_pool2d(conv(conv(x, "conv2").relu(), "conv3").relu(), 2)
    for stage in (1, 2, 3, 4):
        part = f"layer{stage}.{{}}".format
        y = conv(conv(x, part("conv1")).relu(), part("conv2")).relu()
        if stage > 1:
            x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
        x = (conv(y, part("conv3")) + conv(x, part("downsample"))).relu()
    x = x.flatten(2).permute(2, 0, 1)
    x = torch.cat([x.mean(0, keepdim=True), x]) + t["pool.position"][:, None]
    names = ("query", "key", "value")
    query, key, value = (linear(x, t[f"pool.{name}.weight"], t[f"pool.{name}.bias"]) for name in names)
    n, width = x.shape[1:]
    eye = torch.eye(width).double()
    heard, _ = multi_head_attention_forward(
        query[:1], key, value, width, heads, None, torch.zeros(3 * width).double(), None, None, False, 0.0, eye,
        torch.zeros(width).double(), use_separate_proj_weight=True, q_proj_weight=eye, k_proj_weight=eye,
        v_proj_weight=eye, training=False, need_weights=False,
    )  # fmt: skip
    return linear(heard.reshape(n, width), t["pool.out.weight"], t["pool.out.bias"])


def test_the_folded_tower_is_the_tower(pocket, folder):
    about, tensors = unpacked(folder / "image.bin")
    images = World().sample(20, seed=0).render(64)
    mean, std = (torch.tensor(about[name]).double()[:, None, None] for name in ("mean", "std"))
    images = (images.double() - mean) / std
    double = load_backbone("pocket", device="cpu").model.double()
    ours = normalize(folded_tower(tensors, about["heads"], images), dim=-1)
    assert (ours - double.encode_image(images, normalize=True)).abs().max() < 1e-6


def test_the_text_tower_s_numbers_come_back_as_they_were(pocket, folder):
    about, tensors = unpacked(folder / "text.bin")
    tower = pocket.model.text
    blocks = tower.transformer.resblocks
    assert about["heads"] == 8
    assert torch.equal(tensors["word"].float(), tower.token_embedding.weight)
    assert torch.equal(tensors["position"].float(), tower.positional_embedding)
    assert torch.equal(tensors["projection.weight"].float(), tower.text_projection.T)
    for k, block in enumerate(blocks):
        assert torch.equal(tensors[f"{k}.qkv.weight"].float(), block.attn.in_proj_weight)
        assert torch.equal(tensors[f"{k}.wide.bias"], block.mlp.c_fc.bias)
        assert torch.equal(tensors[f"{k}.norm2.weight"], block.ln_2.weight)
    assert sum(tensor.numel() for tensor in tensors.values()) == sum(p.numel() for p in tower.parameters())


def test_what_a_page_must_know_is_in_the_file_it_reads_first(pocket, folder):
    about, _ = unpacked(folder / "image.bin")
    assert about["words"] == list(pocket.tokenizer.words) and about["contextLength"] == 24 and about["side"] == 64
    assert about["logitScale"] == pytest.approx(pocket.logit_scale)
    assert about["mean"] == pytest.approx([0.48145466, 0.4578275, 0.40821073])
    assert about["model"] == unpacked(folder / "text.bin")[0]["model"] == pocket.fingerprint


def test_the_same_weights_give_the_same_bytes(pocket, folder, tmp_path):
    write_engine(tmp_path, pocket)
    ours = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert ours == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert ours.keys() == {"image.bin", "text.bin", *(path.name for path in SCRIPTS.glob("*.js"))}


def test_all_of_it_is_small(folder):
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in folder.iterdir()}
    print(sizes)
    assert sum(sizes.values()) < 9e6
    assert sum(size for name, size in sizes.items() if name.endswith(".js")) < 30_000


def test_a_table_comes_back_as_it_was(pocket, tmp_path):
    matrix = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    write_table(tmp_path, "map", {"map.weight": matrix.T, "map.bias": torch.ones(5).half()}, pocket, {"alpha": 0.5})
    about, tensors = unpacked(tmp_path / "map.bin")
    assert about == {"model": pocket.fingerprint, "alpha": 0.5}
    assert torch.equal(tensors["map.weight"], matrix.T) and tensors["map.bias"].dtype == torch.float16


def test_a_table_of_another_kind_is_refused(pocket, tmp_path, raises_saying):
    with raises_saying(ValueError, "map.bin", "'map.weight'", "float64"):
        write_table(tmp_path, "map", {"map.weight": torch.zeros(2, 2).double()}, pocket)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_file(pocket, folder, tmp_path, monkeypatch):
    write_table(tmp_path, "map", {"map.weight": torch.zeros(2, 2)}, pocket)
    before = (tmp_path / "map.bin").read_bytes()
    monkeypatch.setattr("labclip_lib.base.files.os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_table(tmp_path, "map", {"map.weight": torch.ones(2, 2)}, pocket)
    assert [path.name for path in tmp_path.iterdir()] == ["map.bin"] and (tmp_path / "map.bin").read_bytes() == before
