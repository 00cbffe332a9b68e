import os
import pickle
import signal
import tarfile

import open_clip
import pytest
import torch
from embeddable import Ruled, captions, pairs, pictures, png, samples, tar
from PIL import Image

from labclip_lib.embeddings.feed import Feed, Pictures, memory_errors, text_ids
from labclip_lib.embeddings.sources import open_source
from labclip_lib.models.backbones import Backbone, load_backbone


def feed(backbone, source, shard_size=3, batch_size=2, workers=0, precision="float32", progress=False):
    return Feed(backbone, open_source(source, shard_size), batch_size, workers, precision, progress)


def of_images(feed, shards):
    return ((k, tensors, cut) for _, k, tensors, cut in feed.embed([("images", k) for k in shards]))


def of_texts(feed, shards):
    return ((k, tensors, cut) for _, k, tensors, cut in feed.embed([("captions", k) for k in shards]))


@pytest.mark.parametrize("workers", [0, 2])
def test_images_are_those_of_the_backbone(tiny, tmp_path, workers):
    paths = pictures(tmp_path, 8)
    made = list(of_images(feed(tiny, tmp_path, workers=workers), [0, 1, 2]))
    assert [k for k, *_ in made] == [0, 1, 2] and [cut for *_, cut in made] == [0, 0, 0]
    rows = torch.cat([tensors["images"] for _, tensors, _ in made])
    assert torch.allclose(rows, tiny.encode_images(paths).cpu(), atol=1e-6) and rows.dtype == torch.float32


def test_only_the_shards_asked_for(tiny, tmp_path):
    paths = pictures(tmp_path, 8)
    ((k, tensors, _),) = of_images(feed(tiny, tmp_path), [1])
    assert k == 1 and torch.allclose(tensors["images"], tiny.encode_images(paths[3:6]).cpu(), atol=1e-6)
    assert list(of_images(feed(tiny, tmp_path, workers=2), [])) == []


def test_captions_and_negatives_are_those_of_the_backbone(tiny, tmp_path):
    path, _, texts, wrong = pairs(tmp_path, 7)
    made = [tensors for _, tensors, _ in of_texts(feed(tiny, path), [0, 1, 2])]
    table = {name: torch.cat([tensors[name] for tensors in made]) for name in made[0]}
    assert torch.allclose(table["captions"], tiny.encode_texts(texts).cpu(), atol=1e-6)
    assert table["negatives"].shape == (7, 2, 16) and table["image"].dtype == torch.int64
    for row in range(7):
        assert torch.allclose(table["negatives"][row], tiny.encode_texts(wrong[row]).cpu(), atol=1e-6)


def test_each_different_text_of_a_shard_is_embedded_once(tmp_path):
    """Whether it is a caption or a negative; a mistake in it is named where it stands first."""
    (tmp_path / "0.png").write_bytes(png(0))
    rows = ["a,b,c", "a,c,d", "b,a,a", "e,a,b"]
    (tmp_path / "p.csv").write_text("\n".join(["image,caption,negative1,negative2", *(f"0.png,{row}" for row in rows)]))
    ruled = Ruled()
    ((_, tensors, _),) = of_texts(feed(ruled, tmp_path / "p.csv", 9, batch_size=3), [0])
    assert ruled.calls == [3, 2]
    said = [row.split(",") for row in rows]
    assert torch.equal(tensors["text_ids"], text_ids([caption for caption, *_ in said]))
    assert torch.equal(tensors["negative_ids"], torch.stack([text_ids(wrong) for _, *wrong in said]))


def test_numbers_of_texts_are_those_of_the_texts():
    texts = ["a cat", "a dog", "a cat", "a cat ", "A cat", "", "é"]
    ids = text_ids(texts)
    assert ids.dtype == torch.int64 and int(ids.min()) >= 0
    assert [ids.tolist().index(number) for number in ids.tolist()] == [0, 1, 0, 3, 4, 5, 6]
    assert torch.equal(text_ids(texts[::-1]), ids.flip(0)) and text_ids(["a cat"]).tolist() == [2950477471038028993]
    assert len(text_ids([])) == 0


def test_batches_never_reach_into_another_shard(tmp_path):
    """So a shard is the same whoever makes it."""
    pictures(tmp_path, 8)
    ruled = Ruled()
    list(of_images(feed(ruled, tmp_path, batch_size=2), [0, 1, 2]))
    assert ruled.calls == [2, 1, 2, 1, 2]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_tar_is_read_through_once(tiny, tmp_path, monkeypatch, workers):
    """For its captions and its images, and none is read anew because the workers read ahead."""
    for i in range(3):
        tar(tmp_path / f"{i}.tar", samples(2 * i, 2))
    source = open_source(tmp_path, 1)
    read, sound = [], tarfile.open
    monkeypatch.setattr(tarfile, "open", lambda path, *how: read.append(os.path.basename(path)) or sound(path, *how))
    made = list(Feed(tiny, source, 2, workers, "float32", False).embed(source.steps()))
    assert len(made) == 6 and source.summary == "Taken: 3 .tar; left out: 6 .json (first 's/0000.json')."
    assert read == ["0.tar", "1.tar", "2.tar"]


def test_a_tar_that_cannot_be_read_takes_none_with_it(tiny, tmp_path, raises_saying):
    """The workers read ahead: what they meet there waits for its turn."""
    for i in range(3):
        tar(tmp_path / f"{i}.tar", samples(2 * i, 2))
    (tmp_path / "2.tar").write_bytes((tmp_path / "2.tar").read_bytes()[:6000])
    made = feed(tiny, tmp_path, workers=2).embed(open_source(tmp_path, 1).steps())
    assert [next(made)[:2] for _ in range(4)] == [(table, k) for k in (0, 1) for table in ("captions", "images")]
    with raises_saying(ValueError, "2.tar", "'s/0004'"):
        next(made)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_empty_tar_makes_an_empty_shard(tiny, tmp_path, workers):
    for i, members in enumerate((samples(0, 2), {}, samples(2, 1))):
        tar(tmp_path / f"{i}.tar", members)
    steps = [(table, k) for k in range(3) for table in ("captions", "images")]
    made = list(feed(tiny, tmp_path, workers=workers).embed(steps))
    assert [(table, k) for table, k, *_ in made] == steps
    assert [len(tensors[table]) for table, _, tensors, _ in made] == [2, 2, 0, 0, 1, 1]


def test_bfloat16_is_stored_as_unit_vectors_in_float32(device, tiny_checkpoint, tmp_path):
    backbone = load_backbone(str(tiny_checkpoint), device)
    path, *_ = pairs(tmp_path, 4)
    tables = {}
    for precision in ("float32", "bfloat16"):
        made = feed(backbone, path, 9, precision=precision).embed([("captions", 0), ("images", 0)])
        (_, _, texts, _), (_, _, images, _) = made
        tables[precision] = {**texts, **images}
    for name in ("images", "captions", "negatives"):
        exact, rough = (tables[precision][name] for precision in tables)
        assert rough.dtype == torch.float32 and rough.device.type == "cpu"
        assert torch.allclose(rough.norm(dim=-1), torch.ones(rough.shape[:-1]), atol=1e-5)
        assert torch.allclose(exact, rough, atol=0.05) and not torch.equal(exact, rough)


def test_captions_that_are_cut_are_counted(tmp_path):
    (tmp_path / "p.csv").write_text(
        "image,caption,negative\n" + f"a.png,{'a' * 21},short\n" * 2 + f"a.png,b,{'c' * 30}\n"
    )
    (tmp_path / "a.png").write_bytes(png(0))
    assert [cut for *_, cut in of_texts(feed(Ruled(), tmp_path / "p.csv", 2), [0, 1])] == [2, 1]


@pytest.mark.filterwarnings("error")
def test_captions_that_are_cut_do_not_warn_in_every_batch(tiny_clip, tmp_path):
    """And those that are not are tokenised once."""
    backbone = Backbone(tiny_clip[0], open_clip.get_tokenizer("tiny-clip"), "tiny", "cpu")
    long, seen, encode = "the dog " * 60, [], backbone.tokenizer.encode
    backbone.tokenizer.encode = lambda text: seen.append(text) or encode(text)
    (tmp_path / "a.txt").write_text(f"a cat\n{long}\na dog\n")
    ((_, _, cut),) = of_texts(feed(backbone, tmp_path / "a.txt"), [0])
    assert cut == 1 and seen == ["a cat", long, long, "a dog"]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_image_is_named_after_the_finished_shards(tiny, tmp_path, workers, raises_saying):
    paths = pictures(tmp_path, 8)
    paths[4].write_bytes(b"no image")
    made = of_images(feed(tiny, tmp_path, workers=workers), [0, 1, 2])
    assert next(made)[0] == 0
    with raises_saying(ValueError, str(paths[4]), "none of JPEG"):
        next(made)


def test_an_embedding_that_is_not_finite_is_named(tmp_path, raises_saying):
    paths = pictures(tmp_path / "p", 8)
    for path in paths[4:6]:
        Image.new("RGB", (32, 40)).save(path)
    with raises_saying(ValueError, "2 of 3 embeddings", str(paths[4])):
        list(of_images(feed(Ruled(), tmp_path / "p"), [0, 1]))
    (tmp_path / "a.txt").write_text("a\nb\nc\nd\na nan\n")
    with raises_saying(ValueError, "1 of 2 embeddings", "Caption 4 of", "a.txt"):
        list(of_texts(feed(Ruled(), tmp_path / "a.txt", 3), [0, 1]))


def test_an_embedding_without_a_direction_is_named(tmp_path, raises_saying):
    pictures(tmp_path / "p", 3)
    ruled = Ruled()
    ruled.model.encode_image = lambda batch: torch.zeros(len(batch), 4)
    with raises_saying(ValueError, "3 of 3 embeddings", "zero"):
        list(of_images(feed(ruled, tmp_path / "p"), [0]))
    ruled.encode_tokens = lambda tokens: (tokens == 1).float().expand(-1, 4)
    (tmp_path / "a.txt").write_text("a\nbb\nbb\n")
    with raises_saying(ValueError, "2 of 3 embeddings", "zero", "Caption 1 of"):
        list(of_texts(feed(ruled, tmp_path / "a.txt"), [0]))


def test_very_long_embeddings_have_a_direction(tmp_path):
    pictures(tmp_path / "p", 3)
    ruled = Ruled()
    ((_, want, _),), encode = list(of_images(feed(ruled, tmp_path / "p"), [0])), ruled.model.encode_image
    ruled.model.encode_image = lambda batch: 1e25 * encode(batch)
    ((_, found, _),) = list(of_images(feed(ruled, tmp_path / "p"), [0]))
    assert torch.allclose(found["images"], want["images"], atol=1e-6)


def test_an_unreadable_caption_is_named_by_its_row(tiny, tmp_path, raises_saying):
    texts = captions(6)
    (tmp_path / "a.txt").write_text("\n".join([*texts[:5], "." * 3]))
    with raises_saying(ValueError, f"Caption 5 of {tmp_path / 'a.txt'} is empty"):
        list(of_texts(feed(tiny, tmp_path / "a.txt", 3), [0, 1]))
    (tmp_path / "0.png").write_bytes(png(0))
    lines = [f"0.png,{texts[0]},{texts[1]},{foil}" for foil in [texts[2]] * 4 + ["..."]]
    (tmp_path / "p.csv").write_text("\n".join(["image,caption,negative1,negative2", *lines]))
    with raises_saying(ValueError, f"A negative of caption 4 of {tmp_path / 'p.csv'} is empty"):
        list(of_texts(feed(tiny, tmp_path / "p.csv", 3), [0, 1]))
    tar(tmp_path / "a.tar", samples(0, 2) | {"x.png": png(0), "x.txt": b"..."})
    with raises_saying(ValueError, f"Caption 2 of {tmp_path / 'a.tar'} is empty"):
        list(of_texts(feed(tiny, tmp_path / "a.tar"), [0]))


def test_workers_can_be_started_afresh(tiny):
    """As they are where processes do not fork."""
    assert isinstance(pickle.loads(pickle.dumps(Pictures(tiny.preprocess))), Pictures)


@pytest.mark.parametrize("shown", [True, False])
def test_progress_counts_what_there_is(tiny, tmp_path, capsys, shown):
    path, *_ = pairs(tmp_path, 7)
    list(feed(tiny, path, progress=shown).embed([("captions", 0), ("captions", 2), ("images", 1)]))
    list(feed(tiny, path, progress=shown).embed([]))
    seen = capsys.readouterr().err
    # Four captions with two negatives each, and one image.
    assert ("13/13" in seen) == shown and seen.count(f"embedding with {tiny.name}") == shown


# Memory


class Deadly:
    def __call__(self, image):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_worker_that_is_killed(tmp_path, raises_saying):
    pictures(tmp_path, 4)
    ruled = Ruled()
    ruled.preprocess = Deadly()
    with raises_saying(OSError, "was killed", "fewer workers", "below 2"), memory_errors(2):
        list(of_images(feed(ruled, tmp_path, workers=1), [0]))


def test_a_device_without_memory(raises_saying):
    with raises_saying(OSError, "too little memory", "below 64"), memory_errors(64):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
    with pytest.raises(RuntimeError, match="something else"), memory_errors(64):
        raise RuntimeError("something else")
