import json

import numpy as np
from PIL import Image

from labclip_lib.benchmarks.toy_pictures import save_pictures, write_once
from labclip_lib.world.scenes import World


def test_each_scene_is_painted_into_its_file(tmp_path):
    scenes = World().sample(3, seed=0)
    paths = [tmp_path / "new" / f"{i}.png" for i in range(3)]
    save_pictures(scenes, paths, size=32)
    expected = (scenes.render(32) * 255).permute(0, 2, 3, 1).numpy()
    for path, pixels in zip(paths, expected, strict=True):
        assert np.abs(np.asarray(Image.open(path)).astype(float) - pixels).max() <= 1


def test_what_is_there_is_left_alone(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_once(path, {"a": "café"})
    write_once(path, {"a": "other"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "café"}
