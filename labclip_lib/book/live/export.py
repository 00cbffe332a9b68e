"""PocketCLIP's towers as files of a website, which the ES modules in js/ read.

A file `NAME.bin` is safetensors, gzipped: hosts compress text and leave the rest as it is, and gzip's own checksum
finds a file that came damaged. A float16 tensor is in it as uint8 of shape (2, ...), all low bytes before all high
ones: gzip packs the two apart 7 % smaller. Its metadata has one key, "about", a JSON object, whose "model" says which
weights the numbers belong to, so that a page never mixes two of them.
"""

import gzip
import json
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save

from labclip_lib.base.files import write_bytes

SCRIPTS = Path(__file__).with_name("js")


def fold(conv, norm):
    """A convolution without bias and the BatchNorm behind it, as one: {"weight", "scale", "bias"}.

    weight: (out, height, width, in) float16, channels last, the values of PocketCLIP's file. scale, bias: (out)
    float32. The two layers together are the convolution by `weight * scale`, plus the bias. The scale stays apart
    because the product, rounded to half precision, would move cosines by 4e-4.
    """
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return {
        "weight": conv.weight.permute(0, 2, 3, 1).half(),
        "scale": scale.float(),
        "bias": (norm.bias.double() - norm.running_mean.double() * scale).float(),
    }


def image_tensors(tower):
    """The tensors of a PocketCLIP's image tower (`model.visual`), {name: float16 or float32}, BatchNorm folded."""
    pairs = {f"conv{k}": (getattr(tower, f"conv{k}"), getattr(tower, f"bn{k}")) for k in (1, 2, 3)}
    for stage in (1, 2, 3, 4):
        (block,) = getattr(tower, f"layer{stage}")
        for k in (1, 2, 3):
            pairs[f"layer{stage}.conv{k}"] = getattr(block, f"conv{k}"), getattr(block, f"bn{k}")
        pairs[f"layer{stage}.downsample"] = block.downsample[1:]
    pool = tower.attnpool
    return {
        **{f"{name}.{part}": value for name, pair in pairs.items() for part, value in fold(*pair).items()},
        "pool.position": pool.positional_embedding.half(),
        **_linear("pool.query", pool.q_proj),
        **_linear("pool.key", pool.k_proj),
        **_linear("pool.value", pool.v_proj),
        **_linear("pool.out", pool.c_proj),
    }


def text_tensors(tower):
    """The tensors of a PocketCLIP's text tower (`model.text`), {name: float16 or float32}."""
    out = {
        "word": tower.token_embedding.weight.half(),
        "position": tower.positional_embedding.half(),
        **_vectors("norm", tower.ln_final),
        "projection.weight": tower.text_projection.T.half(),
    }
    for k, block in enumerate(tower.transformer.resblocks):
        attention = block.attn
        out |= {
            **_vectors(f"{k}.norm1", block.ln_1),
            f"{k}.qkv.weight": attention.in_proj_weight.half(),
            f"{k}.qkv.bias": attention.in_proj_bias,
            **_linear(f"{k}.out", attention.out_proj),
            **_vectors(f"{k}.norm2", block.ln_2),
            **_linear(f"{k}.wide", block.mlp.c_fc),
            **_linear(f"{k}.narrow", block.mlp.c_proj),
        }
    return out


def write_engine(folder, backbone):
    """Write all that a page needs to embed pictures and captions into a folder, which is made if it is missing.

    backbone: PocketCLIP's Backbone. The files: the modules of js/; image.bin; text.bin, which a page fetches when a
    caption is to be embedded. Each is written whole or not at all, and the same weights give the same bytes.
    """
    model, tokenizer = backbone.model, backbone.tokenizer
    prepare = open_clip.get_model_preprocess_cfg(model)
    about = {
        "words": tokenizer.words,
        "contextLength": tokenizer.context_length,
        "logitScale": backbone.logit_scale,
        "mean": prepare["mean"],
        "std": prepare["std"],
        "side": backbone.image_size,
        "heads": model.visual.attnpool.num_heads,
    }
    write_table(folder, "image", image_tensors(model.visual), backbone, about)
    heads = model.text.transformer.resblocks[0].attn.num_heads
    write_table(folder, "text", text_tensors(model.text), backbone, {"heads": heads})
    for script in sorted(SCRIPTS.glob("*.js")):
        write_bytes(Path(folder) / script.name, script.read_bytes())


def write_table(folder, name, tensors, backbone, about=None):
    """Write tensors to NAME.bin, from where a page has them by `engine.table(NAME)`.

    tensors: {name: tensor, float32 or float16}. A linear map MAP, such as LABCLIP's or a probe's, is MAP.weight
    (out, in) and, if it has one, MAP.bias (out). backbone: the one that they belong to. about: what else a page should
    know, a dict that JSON can hold. Raises ValueError for another kind of number.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {}
    for key, value in tensors.items():
        if value.dtype not in (torch.float16, torch.float32):
            raise ValueError(f"{name}.bin holds float32 and float16 alone, and {key!r} is {value.dtype}; convert it.")
        value = value.detach().cpu().contiguous()
        if value.dtype == torch.float16:
            value = value[..., None].view(torch.uint8).movedim(-1, 0).contiguous()
        parts[key] = value
    told = json.dumps({"model": backbone.fingerprint, **(about or {})})
    write_bytes(folder / f"{name}.bin", gzip.compress(save(parts, {"about": told}), 9, mtime=0))


def _linear(name, layer):
    return {f"{name}.weight": layer.weight.half(), f"{name}.bias": layer.bias}


def _vectors(name, norm):
    return {f"{name}.weight": norm.weight, f"{name}.bias": norm.bias}
