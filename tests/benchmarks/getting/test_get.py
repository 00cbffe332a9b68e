import contextlib
import functools
import hashlib
import io
import json
import os
import re
import shutil
import threading
import time
import urllib.request
import zipfile
from collections import Counter

import pytest

from labclip_lib.__main__ import main
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.base.published_files import PINNED, at_hand
from labclip_lib.benchmarks.getting import catalog, download
from labclip_lib.benchmarks.getting import get as getting
from labclip_lib.benchmarks.getting.get import get, status
from labclip_lib.benchmarks.getting.unpack import Refused

JPEG = b"\xff\xd8\xff picture"


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


@pytest.fixture
def shop(web, monkeypatch):
    """Every part is for sale on our own server, small: the folder that it serves, and its log; and there is room."""
    monkeypatch.setattr(getting.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**12}))
    folder, host, log = web
    listed = json.dumps([[f"https://x.org/{a}.jpg", "a", f"https://x.org/{b}.jpg", "b"] for a, b in ((1, 2), (2, 3))])
    wares = {
        "caption_datasets.zip": zipped({"dataset_coco.json": "{}", "dataset_flickr30k.json": "[]", "else": "x"}),
        "COLA_multiobjects_matching_benchmark.json": listed.encode(),
        "lvis_v1_train_cat_info.json": b'[{"id": 2, "name": "b", "x": 1}, {"id": 1, "name": "a"}]',
    }
    for name, benchmark in catalog.BENCHMARKS.items():
        parts = []
        for part in benchmark.parts:
            if part.url and not part.pictures:
                inner = part.path.rstrip("/").rpartition("/")[2]
                data = zipped({f"{inner}/1.jpg": JPEG}) if part.file.endswith(".zip") else b"{}"
                data = wares.get(part.file, JPEG if part.file.endswith(".jpg") else data)
                (folder / part.file).write_bytes(data)
                digest = hashlib.sha256(part.cut(data) if part.cut else data).hexdigest()
                part = part._replace(url=f"{host}/{part.file}", sha256=part.sha256 and digest)
            parts.append(part._replace(url=f"{host}/") if part.pictures else part)
        monkeypatch.setitem(catalog.BENCHMARKS, name, benchmark._replace(parts=tuple(parts)))
    for k in (1, 2, 3):
        (folder / f"{k}.jpg").write_bytes(JPEG)
    return folder, log


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def tree(folder):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return files - {".lock"}


def gets(log):
    return [line.split()[1] for line in log if line.startswith("GET")]


def test_says_what_it_will_do_and_asks(shop, data):
    asked, shown = [], []
    assert not get("valse", data, ask=lambda question: asked.append(question) or "n", out=shown.append)
    text = "\n".join(shown)
    for part in ("coco/val2017/", "about 13 GB", "valse/*.json (11 of them)", "CC BY 4.0", "visual7w", "Nothing was"):
        assert part in text
    assert len(asked) == 1 and str(data) in asked[0] and len(shown) < 24
    assert not data.exists() and not shop[1]


def test_limits_are_shown_and_nobody_there_means_no(shop, data, capsys):
    def ask(question):
        raise EOFError

    assert not get("pug_spare", data, ask=ask)
    out = capsys.readouterr().out
    assert "generative AI" in out and "--yes fetches without asking" in out and not data.exists()


def test_sugarcrepe_whole_then_what_it_shares_is_not_fetched_again(shop, data):
    _, log = shop
    assert get("sugarcrepe", data, ask=lambda _: "y", out=list)
    assert len(tree(data)) == 8 and (data / "coco/val2017/1.jpg").read_bytes() == JPEG
    del log[:]
    assert get("sugarcrepe", data, ask=None, out=list) and not log
    assert get("sugarcrepe_pp", data, yes=True, out=list)
    assert len(tree(data)) == 13 and not any("val2017" in address for address in gets(log))


def test_one_archive_for_the_captions_of_coco_and_flickr(shop, data):
    """And what needs a person is said to be missing."""
    shown = []
    assert not get("flickr30k", data, yes=True, out=shown.append)
    assert tree(data) == {"coco/dataset_coco.json", "flickr30k/dataset_flickr30k.json"}
    assert any("forms.illinois.edu" in line for line in shown) and "1 of 2 parts" in shown[-1]


def test_what_is_there_is_left_as_it_is(shop, data, tmp_path):
    """A folder behind a link, too, and a file with other bytes than the published ones, which is said."""
    mine, shown = tmp_path / "mine", []
    (mine / "deep").mkdir(parents=True)
    (data / "coco").mkdir(parents=True)
    (data / "coco" / "val2017").symlink_to(mine)
    (data / "sugarcrepe").mkdir()
    (data / "sugarcrepe" / "swap_att.json").write_text("mine")
    assert not get("sugarcrepe", data, yes=True, out=shown.append)
    assert list(mine.iterdir()) == [mine / "deep"]
    assert (data / "sugarcrepe" / "swap_att.json").read_text() == "mine"
    assert any("swap_att.json is not the published file" in line for line in shown)


def test_what_stands_in_the_way_is_told_before_the_download(shop, data, raises_saying):
    (data / "pug_spar").mkdir(parents=True)
    (data / "pug_spar" / "1.png").touch()
    with raises_saying(ValueError, str(data / "pug_spar"), "labels.csv"):
        get("pug_spar", data, yes=True, out=list)
    assert tree(data) == {"pug_spar/1.png"} and not shop[1]


def test_a_link_to_an_empty_folder_of_another_disk_is_filled(shop, data, tmp_path):
    (tmp_path / "big").mkdir()
    (data / "coco").mkdir(parents=True)
    (data / "coco" / "val2017").symlink_to(tmp_path / "big")
    assert get("sugarcrepe", data, yes=True, out=list)
    assert (data / "coco" / "val2017").is_symlink() and tree(tmp_path / "big") == {"1.jpg"}


def test_pictures_one_by_one(shop, data, raises_saying):
    """Those that are there are not fetched again; those that are gone do not keep the rest from coming."""
    folder, log = shop
    (folder / "1.jpg").rename(folder / "hidden")
    with raises_saying(ValueError, "1 of the pictures", "1.jpg", "moved"):
        get("cola", data, yes=True, out=list)
    assert {path.name for path in (data / "cola" / "images").iterdir()} == {"2.jpg", "3.jpg"}
    (folder / "hidden").rename(folder / "1.jpg")
    del log[:]
    assert get("cola", data, yes=True, out=list) and gets(log) == ["/1.jpg"]


def test_no_network_is_told_within_two_seconds(data, raises_saying):
    """192.0.2.1 is nobody's: kept for documentation."""
    parts = (catalog.Part("x/a/", "a.zip", "http://192.0.2.1/a.zip"),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalog.BENCHMARKS, "cola", catalog.BENCHMARKS["cola"]._replace(parts=parts))
        start = time.monotonic()
        with raises_saying(ConnectionError, "192.0.2.1", "a.zip", "again"):
            get("cola", data, yes=True, out=list)
        assert time.monotonic() - start < 3 and not tree(data)


def test_no_room(shop, data, raises_saying, monkeypatch):
    monkeypatch.setattr(getting.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 25 * 10**9}))
    with raises_saying(OSError, "32 GB", "25.0 GB free"):
        get("coco", data, yes=True, out=list)
    assert not data.exists()


def test_what_is_fetched_already_needs_no_room(shop, data, monkeypatch):
    """15 GB of 16 are there: 1 is to come, and 16 to be unpacked."""
    (data / "pug_spar").mkdir(parents=True)
    with open(data / "PUG_SPAR.tar.gz.part", "wb") as file:
        file.truncate(15 * 10**9)
    monkeypatch.setattr(getting.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 18 * 10**9}))
    shown = []
    assert not get("pug_spar", data, ask=lambda _: "n", out=shown.append)
    assert any("15.00 GB of it fetched" in line for line in shown)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device", "x")])
def test_stopped_while_unpacking_goes_on_without_another_download(stop, shop, data, monkeypatch, raises_saying):
    real = os.replace

    def replace(source, target):
        if str(target).endswith("val2017"):
            raise stop
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(getting.os, "replace", replace)
        if stop is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                get("sugarcrepe", data, yes=True, out=list)
        else:
            with raises_saying(OSError, "No space left", str(data)):
                get("sugarcrepe", data, yes=True, out=list)
    assert {path.name for path in (data / "coco").iterdir()} == {"val2017.zip.whole"}
    (data / "coco" / ".val2017.unpacking").mkdir()  # as a kill would leave it
    del shop[1][:]
    assert get("sugarcrepe", data, yes=True, out=list)
    assert {path.name for path in (data / "coco").iterdir()} == {"val2017"} and not gets(shop[1])


def test_a_damaged_or_evil_archive_is_deleted_and_fetched_anew(shop, data, raises_saying):
    folder, _ = shop
    good = (folder / "val2017.zip").read_bytes()
    (folder / "val2017.zip").write_bytes(zipped({"../evil": "x"}))
    with raises_saying(Refused, "'../evil'"):
        get("sugarcrepe", data, yes=True, out=list)
    assert not list((data / "coco").iterdir())
    (folder / "val2017.zip").write_bytes(good)
    assert get("sugarcrepe", data, yes=True, out=list)


def test_two_at_once(shop, data, capfd):
    """The second waits, and then fetches nothing again."""
    with one_at_a_time(data, "get"):
        second = threading.Thread(target=get, args=("cola", data, True), kwargs={"out": list})
        second.start()
        while "Another `get` is at work" not in capfd.readouterr().err:
            assert second.is_alive()
        assert get("cola", data, yes=True, out=list)
        del shop[1][:]
    second.join()
    assert get("cola", data, yes=True, out=list) and not gets(shop[1])


# What was fetched by hand


@pytest.mark.parametrize("one", [True, False])
def test_downloads_of_ones_own_are_taken_and_kept(one, shop, data, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.move(shop[0] / "val2017.zip", mine)
    assert get("sugarcrepe", data, source=mine / "val2017.zip" if one else mine, yes=True, out=list)
    assert (data / "coco/val2017/1.jpg").is_file() and tree(mine) == {"val2017.zip"}


def test_a_folder_of_ones_own_is_linked(shop, data, tmp_path):
    (tmp_path / "f" / "flickr30k-images").mkdir(parents=True)
    (tmp_path / "f" / "flickr30k-images" / "1.jpg").touch()
    assert get("flickr30k", data, source=tmp_path / "f", yes=True, out=list)
    assert (data / "flickr30k" / "flickr30k-images").resolve() == tmp_path / "f" / "flickr30k-images"


@pytest.mark.parametrize("content", ["a file", "a folder", "nothing"])
def test_what_is_not_a_download_of_this(content, shop, data, tmp_path, raises_saying):
    source = tmp_path / "other"
    if content != "nothing":
        source.touch() if content == "a file" else source.mkdir()
    with raises_saying(ValueError, str(source)):
        get("flickr30k", data, source=source, yes=True, out=list)


def test_a_wrong_file_of_ones_own(shop, data, tmp_path, raises_saying):
    (tmp_path / "swap_att.json").write_text("other")
    with raises_saying(ValueError, "swap_att.json", "checksum"):
        get("sugarcrepe", data, source=tmp_path / "swap_att.json", yes=True, out=list)


@pytest.mark.parametrize(("name", "seen"), [("sugarcrep", "'sugarcrepe'?"), ("xyz", "clevr, pug_spare")])
def test_unknown_name(name, seen, data, raises_saying):
    with raises_saying(ValueError, repr(name), seen):
        get(name, data)


# The list of all


def test_a_line_of_each_says_what_is_there_how_much_it_is_and_its_licence(tmp_path):
    (tmp_path / "coco" / "val2014").mkdir(parents=True)
    (tmp_path / "coco" / "val2014" / ".DS_Store").touch()
    (tmp_path / "coco" / "val2017").mkdir()
    (tmp_path / "coco" / "val2017" / "1.jpg").touch()
    (tmp_path / "pug_spar").mkdir()
    (tmp_path / "pug_spar" / "labels.csv").touch()
    head, *lines = status(tmp_path)
    rows = {name: cells for name, *cells in (re.split(r"  +", line) for line in lines)}
    assert head.split() == ["name", "there", "size", "licence"] and list(rows) == list(catalog.BENCHMARKS)
    assert all(len(line) < 130 for line in lines)
    assert rows["texts"] == ["0 of 42", "about 20 MB", "MIT, Apache 2.0, CC BY 4.0; one part states none"]
    assert rows["clevr"][:2] == ["0 of 18", "by hand"] and rows["pug_spare"][1] == "not published"
    assert rows["pug_spar"][:2] == ["1 of 1", "16 GB"] and "generative AI" in rows["pug_spar"][2]
    assert rows["coco"][:2] == ["0 of 3", "19 GB and more"] and rows["sugarcrepe"][:2] == ["1 of 8", "1 GB"]


def test_one_name_says_what_each_part_is(shop, data):
    (data / "coco" / "val2017").mkdir(parents=True)
    (data / "coco" / "val2017" / "1.jpg").touch()
    with open(data / "coco" / "train2014.zip.part", "wb") as file:
        file.truncate(3 * 10**9)
    shown = []
    get("valse", data, ask=lambda _: "n", out=shown.append)
    assert shown[0] == "valse: VALSE: six linguistic phenomena (20 GB and more)"
    assert any("there" in line and "coco/val2017/" in line for line in shown)
    assert any("train2014" in line and "3.00 GB of it" in line for line in shown)
    shown.clear()
    assert not get("clevr", data, ask=None, out=shown.append)
    assert any("by hand" in line and "output_{n}obj.csv" in line for line in shown)


# The texts of the book


@pytest.fixture
def texts(shop, monkeypatch):
    """The publishers' server with the book's texts: the folder that it serves, its log, and the parts."""
    return *shop, catalog.BENCHMARKS["texts"].parts


def test_the_texts_are_all_that_the_book_pins(real_data):
    parts = {part.path: part for part in catalog.BENCHMARKS["texts"].parts}
    assert set(parts) == set(PINNED) - {"real_clip_vitb32/photo_embeddings.npy"}
    assert all(part.sha256 == PINNED[path] for path, part in parts.items())
    assert sum((real_data / path).stat().st_size for path in parts) < 20e6


def test_names_of_the_classes_are_cut_out_of_the_published_file(real_data):
    """Whatever order and fields it has, the bytes that come out are the pinned ones."""
    (part,) = (part for part in catalog.BENCHMARKS["texts"].parts if part.path.endswith("names.json"))
    names = json.loads((real_data / part.path).read_text())["lvis_classes"]
    published = [{"id": k, "name": name, "synset": "x.n.01"} for k, name in enumerate(names, 1)][::-1]
    assert part.cut(json.dumps(published).encode()) == (real_data / part.path).read_bytes()


def test_texts_come_with_one_command_where_the_loaders_find_them(texts, to_download, capsys, monkeypatch):
    _, log, parts = texts
    for part in parts:
        monkeypatch.setitem(PINNED, part.path, part.sha256)
    assert not at_hand(*(part.path for part in parts))
    assert main(["get", "texts", "--yes"]) == 0
    shown = capsys.readouterr().out
    assert tree(to_download) == {part.path for part in parts} and at_hand(*(part.path for part in parts))
    assert json.loads((to_download / "real_clip_vitb32/names.json").read_text())["lvis_classes"] == ["a", "b"]
    assert shown.index("vl_compo, the scores of 202 models, states no licence") < shown.index("is there now")
    assert "valse/*.json (11 of them)" in shown and "about 20 MB" in shown and "All of texts is there." in shown
    assert len(gets(log)) == len(parts)
    del log[:]
    assert main(["get", "texts", "--yes"]) == 0 and not log


def test_texts_say_what_they_are_before_they_are_fetched(texts, data):
    shown = []
    assert not get("texts", data, ask=lambda question: "no", out=shown.append)
    assert "states no licence" in "\n".join(shown) and not data.exists() and not texts[1]


def test_only_what_is_missing_is_fetched(texts, data):
    get("texts", data, yes=True, out=list)
    (data / "bivlc" / "BiVLC_ViT-B-32.csv").unlink()
    del texts[1][:]
    assert get("texts", data, yes=True, out=list) and gets(texts[1]) == ["/BiVLC_ViT-B-32.csv"]


def test_one_that_is_gone_does_not_keep_the_rest_away(texts, data, raises_saying):
    folder, _, parts = texts
    (folder / "individual_results.csv").rename(folder / "hidden")
    with raises_saying(ValueError, "individual_results.csv", "HTTP 404"):
        get("texts", data, yes=True, out=list)
    assert tree(data) == {part.path for part in parts} - {"vl_compo/individual_results.csv"}
    (folder / "hidden").rename(folder / "individual_results.csv")
    assert get("texts", data, yes=True, out=list)


@pytest.mark.parametrize("name", ["individual_results.csv", "lvis_v1_train_cat_info.json", "CLIP.png"])
@pytest.mark.parametrize("content", [b"other", b'[{"id": 1}]', b"[3]", b"{}", b"<!doctype html>", b""])
def test_wrong_bytes_are_not_kept(name, content, texts, data, raises_saying):
    folder, _, parts = texts
    if name != "lvis_v1_train_cat_info.json" and content == b"{}":
        content = b"{ }"
    right = (folder / name).read_bytes()
    (folder / name).write_bytes(content)
    with raises_saying(ValueError, f"/{name} "):
        get("texts", data, yes=True, out=list)
    assert len(tree(data)) == len(parts) - 1 and not [path for path in tree(data) if path.endswith((".part", ".whole"))]
    (folder / name).write_bytes(right)
    assert get("texts", data, yes=True, out=list)


def test_a_damaged_text_is_told_and_left(texts, data):
    get("texts", data, yes=True, out=list)
    path, shown = data / "cola" / "COLA_multiobjects_matching_benchmark.json", []
    path.write_bytes(b"mine")
    assert not get("texts", data, yes=True, out=shown.append)
    assert path.read_bytes() == b"mine" and "1 of 42 parts are not as published" in shown[-1]
    assert any(f"{path.relative_to(data)} is not the published file" in line for line in shown)


def test_texts_stopped_anywhere_go_on(texts, data, monkeypatch):
    """Interrupted at each of its moves in turn, the last run fetches nothing that was there."""
    real, count = os.replace, iter(range(10**6))

    def replace(source, target):
        if next(count) % 3 == 2:
            raise KeyboardInterrupt
        real(source, target)

    wanted, there, runs = {part.path for part in texts[2]}, [set()], 0
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        while there[-1] != wanted:
            runs += 1
            with contextlib.suppress(KeyboardInterrupt):
                assert get("texts", data, yes=True, out=list)
            there.append(tree(data) & wanted)
            assert there[-2] < there[-1]
    assert runs > 10 and tree(data) == wanted
    fetched = Counter(gets(texts[1]))
    assert sum(fetched.values()) <= len(wanted) + runs


def test_a_cut_download_of_a_text_goes_on(texts, data):
    """This server knows no ranges, so what was cut starts again; with ranges, see the tests of `download`."""
    target = data / "bivlc" / "BiVLC_ViT-B-32.csv"
    target.parent.mkdir(parents=True)
    (data / "bivlc" / "BiVLC_ViT-B-32.csv.part").write_bytes(b"{")
    assert get("texts", data, yes=True, out=list)
    assert target.read_bytes() == b"{}" and tree(data) == {part.path for part in texts[2]}


def test_texts_from_a_folder_of_downloads(texts, data, tmp_path):
    folder, log, parts = texts
    assert get("texts", data, yes=True, out=list, source=folder) and not gets(log)
    assert tree(data) == {part.path for part in parts}


@pytest.fixture
def proxy(monkeypatch):
    """A function that sets the variable, as it is read when a process first asks the network."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)
    monkeypatch.setattr(download, "_REACHED", set())
    return functools.partial(monkeypatch.setenv, "http_proxy")


@pytest.mark.parametrize("value", ["http://127.0.0.1:9", "127.0.0.1:9", "http://nobody:port", "nonsense://x", "::::"])
def test_a_proxy_that_does_not_answer(value, texts, data, proxy, capfd):
    """The variables are heeded, and one that is wrong is named."""
    proxy(value)
    assert main(["get", "texts", "--data", str(data), "--yes"]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and value in said and "Traceback" not in said and not tree(data)


def test_a_proxy_that_answers_is_used(texts, data, proxy, monkeypatch):
    """Our server plays the proxy, and is asked for whole addresses."""
    folder, log, (part, *_) = texts
    proxy(part.url.rpartition("/")[0])
    part = part._replace(url="http://publisher.invalid/add_att.json")
    monkeypatch.setitem(catalog.BENCHMARKS, "texts", catalog.BENCHMARKS["texts"]._replace(parts=(part,)))
    (folder / "http:" / "publisher.invalid").mkdir(parents=True)
    shutil.copy(folder / "add_att.json", folder / "http:" / "publisher.invalid")
    assert get("texts", data, yes=True, out=list)
    assert gets(log) == ["http://publisher.invalid/add_att.json"]


def test_a_full_disk(texts, small_disk, capsys):
    (texts[0] / "individual_results.csv").write_bytes(b"x" * 100_000)
    assert main(["get", "texts", "--data", str(small_disk), "--yes"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "No space left" in said and "run the same again" in said
