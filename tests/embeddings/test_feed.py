import os
import pickle
import signal

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


@pytest.mark.parametrize("workers", [0, 2])
def test_images_are_those_of_the_backbone(tiny, tmp_path, workers):
    paths = pictures(tmp_path, 8)
    made = list(feed(tiny, tmp_path, workers=workers).images([0, 1, 2]))
    assert [k for k, *_ in made] == [0, 1, 2] and [cut for *_, cut in made] == [0, 0, 0]
    rows = torch.cat([tensors["images"] for _, tensors, _ in made])
    assert torch.allclose(rows, tiny.encode_images(paths).cpu(), atol=1e-6) and rows.dtype == torch.float32


def test_only_the_shards_asked_for(tiny, tmp_path):
    paths = pictures(tmp_path, 8)
    ((k, tensors, _),) = feed(tiny, tmp_path).images([1])
    assert k == 1 and torch.allclose(tensors["images"], tiny.encode_images(paths[3:6]).cpu(), atol=1e-6)
    assert list(feed(tiny, tmp_path, workers=2).images([])) == []


def test_captions_and_negatives_are_those_of_the_backbone(tiny, tmp_path):
    path, _, texts, wrong = pairs(tmp_path, 7)
    made = [tensors for _, tensors, _ in feed(tiny, path).captions([0, 1, 2])]
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
    ((_, tensors, _),) = feed(ruled, tmp_path / "p.csv", 9, batch_size=3).captions([0])
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
    list(feed(ruled, tmp_path, batch_size=2).images([0, 1, 2]))
    assert ruled.calls == [2, 1, 2, 1, 2]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_empty_tar_makes_an_empty_shard(tiny, tmp_path, workers):
    for i, members in enumerate((samples(0, 2), {}, samples(2, 1))):
        tar(tmp_path / f"{i}.tar", members)
    source = feed(tiny, tmp_path, workers=workers)
    for table in ("images", "captions"):
        assert [len(tensors[table]) for _, tensors, _ in getattr(source, table)([0, 1, 2])] == [2, 0, 1]


def test_bfloat16_is_stored_as_unit_vectors_in_float32(device, tiny_checkpoint, tmp_path):
    backbone = load_backbone(str(tiny_checkpoint), device)
    path, *_ = pairs(tmp_path, 4)
    tables = {}
    for precision in ("float32", "bfloat16"):
        made = feed(backbone, path, 9, precision=precision)
        ((_, texts, _),), ((_, images, _),) = list(made.captions([0])), list(made.images([0]))
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
    assert [cut for *_, cut in feed(Ruled(), tmp_path / "p.csv", 2).captions([0, 1])] == [2, 1]


@pytest.mark.filterwarnings("error")
def test_captions_that_are_cut_do_not_warn_in_every_batch(tiny_clip, tmp_path):
    """And those that are not are tokenised once."""
    backbone = Backbone(tiny_clip[0], open_clip.get_tokenizer("tiny-clip"), "tiny", "cpu")
    long, seen, encode = "the dog " * 60, [], backbone.tokenizer.encode
    backbone.tokenizer.encode = lambda text: seen.append(text) or encode(text)
    (tmp_path / "a.txt").write_text(f"a cat\n{long}\na dog\n")
    ((_, _, cut),) = feed(backbone, tmp_path / "a.txt").captions([0])
    assert cut == 1 and seen == ["a cat", long, long, "a dog"]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_image_is_named_after_the_finished_shards(tiny, tmp_path, workers, raises_saying):
    paths = pictures(tmp_path, 8)
    paths[4].write_bytes(b"no image")
    made = feed(tiny, tmp_path, workers=workers).images([0, 1, 2])
    assert next(made)[0] == 0
    with raises_saying(ValueError, str(paths[4]), "none of JPEG"):
        next(made)


def test_an_embedding_that_is_not_finite_is_named(tmp_path, raises_saying):
    paths = pictures(tmp_path / "p", 8)
    for path in paths[4:6]:
        Image.new("RGB", (32, 40)).save(path)
    with raises_saying(ValueError, "2 of 3 embeddings", str(paths[4])):
        list(feed(Ruled(), tmp_path / "p").images([0, 1]))
    (tmp_path / "a.txt").write_text("a\nb\nc\nd\na nan\n")
    with raises_saying(ValueError, "1 of 2 embeddings", "Caption 4 of", "a.txt"):
        list(feed(Ruled(), tmp_path / "a.txt", 3).captions([0, 1]))


def test_an_embedding_without_a_direction_is_named(tmp_path, raises_saying):
    pictures(tmp_path / "p", 3)
    ruled = Ruled()
    ruled.model.encode_image = lambda batch: torch.zeros(len(batch), 4)
    with raises_saying(ValueError, "3 of 3 embeddings", "zero"):
        list(feed(ruled, tmp_path / "p").images([0]))
    ruled.encode_tokens = lambda tokens: (tokens == 1).float().expand(-1, 4)
    (tmp_path / "a.txt").write_text("a\nbb\nbb\n")
    with raises_saying(ValueError, "2 of 3 embeddings", "zero", "Caption 1 of"):
        list(feed(ruled, tmp_path / "a.txt").captions([0]))


def test_very_long_embeddings_have_a_direction(tmp_path):
    pictures(tmp_path / "p", 3)
    ruled = Ruled()
    ((_, want, _),), encode = list(feed(ruled, tmp_path / "p").images([0])), ruled.model.encode_image
    ruled.model.encode_image = lambda batch: 1e25 * encode(batch)
    ((_, found, _),) = list(feed(ruled, tmp_path / "p").images([0]))
    assert torch.allclose(found["images"], want["images"], atol=1e-6)


def test_an_unreadable_caption_is_named_by_its_row(tiny, tmp_path, raises_saying):
    texts = captions(6)
    (tmp_path / "a.txt").write_text("\n".join([*texts[:5], "." * 3]))
    with raises_saying(ValueError, f"Caption 5 of {tmp_path / 'a.txt'} is empty"):
        list(feed(tiny, tmp_path / "a.txt", 3).captions([0, 1]))
    (tmp_path / "0.png").write_bytes(png(0))
    lines = [f"0.png,{texts[0]},{texts[1]},{foil}" for foil in [texts[2]] * 4 + ["..."]]
    (tmp_path / "p.csv").write_text("\n".join(["image,caption,negative1,negative2", *lines]))
    with raises_saying(ValueError, f"A negative of caption 4 of {tmp_path / 'p.csv'} is empty"):
        list(feed(tiny, tmp_path / "p.csv", 3).captions([0, 1]))
    tar(tmp_path / "a.tar", samples(0, 2) | {"x.png": png(0), "x.txt": b"..."})
    with raises_saying(ValueError, f"Caption 2 of {tmp_path / 'a.tar'} is empty"):
        list(feed(tiny, tmp_path / "a.tar").captions([0]))


def test_workers_can_be_started_afresh(tiny):
    """As they are where processes do not fork."""
    assert isinstance(pickle.loads(pickle.dumps(Pictures(tiny.preprocess))), Pictures)


@pytest.mark.parametrize("shown", [True, False])
def test_progress_counts_what_there_is(tiny, tmp_path, capsys, shown):
    path, *_ = pairs(tmp_path, 7)
    made = feed(tiny, path, progress=shown)
    list(made.captions([0, 2])), list(made.images([]))
    seen = capsys.readouterr().err
    assert ("12/12" in seen) == shown and "images" not in seen  # four captions with two negatives each


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
        list(feed(ruled, tmp_path, workers=1).images([0]))


def test_a_device_without_memory(raises_saying):
    with raises_saying(OSError, "too little memory", "below 64"), memory_errors(64):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
    with pytest.raises(RuntimeError, match="something else"), memory_errors(64):
        raise RuntimeError("something else")
