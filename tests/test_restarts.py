"""`torchrun --max-restarts=1` goes on where a killed process stopped."""

import os
import subprocess
import sys

import pytest
import torch
from embeddable import pairs

from labclip_lib.embeddings.shards import load_shards

# One of the processes is killed when it has written its first shard, unless that has happened.
EMBED = """
import os, signal, sys
from labclip_lib.embeddings.shards import embed_source
from labclip_lib.models.backbones import load_backbone

def replace(part, path, sound=os.replace):
    sound(part, path)
    killed = os.environ["RANK"] == sys.argv[4] and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    if killed and path.suffix == ".safetensors":
        os.kill(os.getpid(), signal.SIGKILL)

os.replace = replace
embed_source(load_backbone(sys.argv[1], "cpu"), *sys.argv[2:4], shard_size=2, workers=0, progress=False)
"""


def torchrun(root, *argv):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    environ = os.environ | {"PYTHONPATH": f"{root}:{root / 'tests'}", "OMP_NUM_THREADS": "1"}
    return subprocess.run([*command, *map(str, argv)], env=environ, capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_a_fit(root, tmp_path):
    done = torchrun(root, root / "tests" / "several.py", tmp_path)
    assert done.returncode == 0 and (tmp_path / "killed").exists(), done.stderr
    first, second = (torch.load(tmp_path / f"{rank}-of-2.pt", weights_only=False) for rank in (0, 1))
    assert torch.equal(first["matrix"], second["matrix"]) and 0 < first["steps"] == second["steps"]


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_embed(root, tiny_checkpoint, tmp_path, rank):
    path, *_ = pairs(tmp_path, 9)
    (tmp_path / "embed.py").write_text(EMBED)
    done = torchrun(root, tmp_path / "embed.py", tiny_checkpoint, path, tmp_path / "out", rank)
    assert done.returncode == 0, done.stderr
    assert len(load_shards(tmp_path / "out").captions) == 9
