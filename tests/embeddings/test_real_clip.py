import json
import shutil

import numpy as np
import pytest
import torch

from labclip_lib.base.files import sha256
from labclip_lib.embeddings.real_clip import PINNED, load_real_clip


@pytest.fixture
def copy(real_data, tmp_path, monkeypatch):
    """A copy of the real files that a test may damage; LABCLIP_DATA points at it."""
    shutil.copytree(real_data / "real_clip_vitb32", tmp_path / "real_clip_vitb32")
    for path in tmp_path.rglob("*"):
        path.chmod(0o755)
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))
    return tmp_path / "real_clip_vitb32"


@pytest.fixture(scope="module")
def real(real_data):
    return load_real_clip()


class TestReal:
    def test_shapes_and_lengths(self, real):
        assert real.class_embeddings.shape == (1203, 512) and len(real.class_names) == 1203
        assert real.photo_embeddings.shape == (7, 512) and len(real.photos) == 7
        assert real.golden_text.shape == (3, 512) and len(real.golden_prompts) == 3
        assert real.golden_image.shape == (1, 512) and real.golden_path.is_file()
        for table in (real.class_embeddings, real.photo_embeddings, real.golden_text, real.golden_image):
            assert table.dtype == torch.float32
            assert torch.allclose(table.norm(dim=1), torch.ones(len(table)), atol=1e-5)

    def test_golden_softmax(self, real):
        """The published figures of OpenAI's ViT-B/32 for one picture and three prompts."""
        shares = (100 * real.golden_image @ real.golden_text.T).softmax(1)[0]
        assert [round(float(share), 4) for share in shares] == [0.9928, 0.0042, 0.0030]

    def test_photos_sit_in_their_own_rows(self, real):
        """A person sees these in the photos too, so no row was mixed up."""
        best = (real.photo_embeddings @ real.class_embeddings.T).topk(2).indices
        seen = {path.name: [real.class_names[k] for k in row] for path, row in zip(real.photos, best, strict=True)}
        assert seen["389_535.jpg"][0] == "street_sign" and seen["456_123.jpg"][0] == "kitten"
        assert "cat" in seen["123_456.jpg"] and "coconut" in seen["321_421.jpg"]


@pytest.mark.parametrize("name", ["golden_text.npy", "names.json", "photos/123_456.jpg", "photo_embeddings.npy"])
def test_wrong_checksum_is_refused(copy, name, raises_saying):
    path = copy / name
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with raises_saying(ValueError, str(path), "checksum", "get texts"):
        load_real_clip()


@pytest.mark.parametrize("name", ["golden_text.npy", "names.json", "photos/123_456.jpg", "golden_image.png"])
def test_missing_file_is_named(copy, name, raises_saying):
    (copy / name).unlink()
    with raises_saying(ValueError, name, str(copy.parent), "python -m labclip_lib get texts"):
        load_real_clip()


def test_photo_embeddings_are_those_of_the_photos_in_order(copy, real, monkeypatch):
    """The rows are in the order in which names.json lists the photos."""
    names = json.loads((copy / "names.json").read_text())
    names["photos"].reverse()
    (copy / "names.json").write_text(json.dumps(names))
    np.save(copy / "photo_embeddings.npy", np.load(copy / "photo_embeddings.npy")[::-1])
    for name in ("names.json", "photo_embeddings.npy"):
        monkeypatch.setitem(PINNED, f"real_clip_vitb32/{name}", sha256(copy / name))
    again = load_real_clip()
    assert [path.name for path in again.photos] == [path.name for path in real.photos][::-1]
    assert torch.equal(again.photo_embeddings, real.photo_embeddings.flip(0))


def test_without_the_photos_embeddings_the_rest_is_read(copy, real):
    """They are published as pickles only, so `get texts` cannot bring them."""
    (copy / "photo_embeddings.npy").unlink()
    again = load_real_clip()
    assert again.photo_embeddings is None and again.photos == [copy / "photos" / path.name for path in real.photos]
    assert torch.equal(again.golden_text, real.golden_text)
