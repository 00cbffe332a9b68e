import hashlib
import json
import shutil

import numpy as np
import pytest
import torch

from labclip_lib import data
from labclip_lib.data import FILES, fetch, fetch_pinned, load_real_clip


@pytest.fixture
def copy(real_data, tmp_path, monkeypatch):
    """A copy of the real files that a test may damage; LABCLIP_DATA points at it."""
    shutil.copytree(real_data / "real_clip_vitb32", tmp_path / "real_clip_vitb32")
    for path in tmp_path.rglob("*"):
        path.chmod(0o755)
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))
    return tmp_path / "real_clip_vitb32"


@pytest.fixture
def server(web, monkeypatch):
    """The publisher's web server with one file on it; gives the folder it serves and its log."""
    folder, host, log = web
    monkeypatch.setattr(data, "_HOST", host)
    (folder / "a.npy").write_bytes(b"numbers")
    digest = hashlib.sha256(b"numbers").hexdigest()
    monkeypatch.setitem(FILES, "photos/a.npy", (f"{host}/a.npy", digest))
    return folder, log


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


def test_files_of_the_folder_are_verified(real_data):
    for name in FILES:
        assert fetch(name).is_relative_to(real_data)


def test_wrong_checksum_is_refused(copy, raises_saying):
    path = copy / "golden_text.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with raises_saying(ValueError, str(path), "checksum", "LABCLIP_DATA"):
        fetch("golden_text.npy")


@pytest.mark.parametrize("name", ["golden_text.npy", "names.json", "photos/123_456.jpg", "photo_embeddings.npy"])
def test_missing_file_is_named(copy, name, raises_saying):
    (copy / name).unlink()
    with raises_saying(ValueError, name, str(copy.parent), "unset"):
        load_real_clip()


def test_changed_class_names_are_refused(copy, raises_saying):
    path = copy / "names.json"
    path.write_text(path.read_text().replace('"aerosol_can"', '"aerosol"'))
    with raises_saying(ValueError, "1203", "names"):
        load_real_clip()


def test_photo_embeddings_are_found_by_name(copy, real):
    """The folder may keep its rows in any order; names.json says which is whose."""
    names = json.loads((copy / "names.json").read_text())
    names["photos"].reverse()
    (copy / "names.json").write_text(json.dumps(names))
    np.save(copy / "photo_embeddings.npy", np.load(copy / "photo_embeddings.npy")[::-1])
    again = load_real_clip()
    assert [path.name for path in again.photos] == [path.name for path in real.photos]
    assert torch.equal(again.photo_embeddings, real.photo_embeddings)


def test_folder_that_is_not_there_is_named(tmp_path, monkeypatch, raises_saying):
    monkeypatch.setenv("LABCLIP_DATA", str(tmp_path / "nowhere"))
    with raises_saying(ValueError, "nowhere", "unset"):
        fetch("golden_text.npy")


def test_no_network_and_no_folder_is_said(to_download, monkeypatch, raises_saying):
    monkeypatch.setattr(data, "online", lambda url: False)
    with raises_saying(ConnectionError, "golden_text.npy", "githubusercontent", "LABCLIP_DATA"):
        fetch("golden_text.npy")
    assert not to_download.exists()


def test_a_file_is_downloaded_once(server, to_download):
    _, log = server
    path = fetch("photos/a.npy")
    assert path == to_download / "real_clip_vitb32/photos/a.npy" and path.read_bytes() == b"numbers"
    asked = len(log)
    assert fetch("photos/a.npy") == path and len(log) == asked


def test_wrong_bytes_from_the_network_are_refused(server, to_download):
    (server[0] / "a.npy").write_bytes(b"Numbers")
    with pytest.raises(ValueError, match="hash"):
        fetch("photos/a.npy")
    assert not (to_download / "real_clip_vitb32/photos/a.npy").exists()


def test_damaged_download_is_fetched_again(server):
    path = fetch("photos/a.npy")
    path.write_bytes(b"num")
    assert fetch("photos/a.npy").read_bytes() == b"numbers"


def test_damaged_download_without_a_network_is_said(server, monkeypatch, raises_saying):
    path = fetch("photos/a.npy")
    path.write_bytes(b"num")
    monkeypatch.setattr(data, "online", lambda url: False)
    monkeypatch.setitem(FILES, "photos/a.npy", ("http://127.0.0.1:9/a.npy", FILES["photos/a.npy"][1]))
    with raises_saying(ConnectionError, "photos/a.npy"):
        fetch("photos/a.npy")


class TestPinned:
    """Any file, by its path below the folder of data or the cache, its address and its checksum."""

    digest = hashlib.sha256(b"words").hexdigest()

    def test_it_lies_under_its_name_in_the_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))
        (tmp_path / "poems").mkdir()
        (tmp_path / "poems" / "a.txt").write_bytes(b"words")
        assert fetch_pinned("poems/a.txt", "http://127.0.0.1:9/b.txt", self.digest) == tmp_path / "poems" / "a.txt"

    def test_other_bytes_in_the_folder_are_refused(self, tmp_path, monkeypatch, raises_saying):
        monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))
        (tmp_path / "a.txt").write_bytes(b"Words")
        with raises_saying(ValueError, str(tmp_path / "a.txt"), "checksum", "LABCLIP_DATA"):
            fetch_pinned("a.txt", "http://127.0.0.1:9/a.txt", self.digest)

    def test_no_such_file_in_the_folder(self, tmp_path, monkeypatch, raises_saying):
        monkeypatch.setenv("LABCLIP_DATA", str(tmp_path))
        with raises_saying(ValueError, "poems/a.txt", str(tmp_path), "unset"):
            fetch_pinned("poems/a.txt", "http://127.0.0.1:9/a.txt", self.digest)

    def test_it_is_downloaded_once_to_its_name_in_the_cache(self, server, web, to_download):
        (server[0] / "b.txt").write_bytes(b"words")
        path = fetch_pinned("poems/a.txt", f"{web[1]}/b.txt", self.digest)
        assert path == to_download / "poems" / "a.txt" and path.read_bytes() == b"words"
        asked = len(server[1])
        assert fetch_pinned("poems/a.txt", f"{web[1]}/b.txt", self.digest) == path and len(server[1]) == asked

    def test_other_bytes_from_the_network_are_refused(self, server, web, to_download):
        (server[0] / "b.txt").write_bytes(b"Words")
        with pytest.raises(ValueError, match="hash"):
            fetch_pinned("poems/a.txt", f"{web[1]}/b.txt", self.digest)
        assert not (to_download / "poems" / "a.txt").exists()

    def test_no_network(self, to_download, monkeypatch, raises_saying):
        monkeypatch.setattr(data, "online", lambda url: False)
        with raises_saying(ConnectionError, "poems/a.txt", "LABCLIP_DATA"):
            fetch_pinned("poems/a.txt", "http://127.0.0.1:9/a.txt", self.digest)
