import hashlib
import http.client
import http.server
import random
import re
import shutil
import threading
import time
import urllib.request

import pytest

from labclip_lib.benchmarks.getting.download import download

DATA = b"PK" + random.Random(0).randbytes(700_000)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def publisher(monkeypatch):
    """A server of one file that knows Range: its address, and what it is to do and was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        ranges, cut, body, kind, code, off = True, None, DATA, "application/zip", None, 0

        def do_GET(self):
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            cls.asked.append(int(asked[1]) if asked else 0)
            start = int(asked[1]) if asked and cls.ranges else 0
            code = cls.code or (416 if start and start >= len(cls.body) else 206 if start else 200)
            body = b"" if code == 416 else cls.body[start:]
            self.send_response(code)
            self.send_header("Content-Type", cls.kind)
            self.send_header("Content-Length", str(len(body)))
            if start:
                span = f"*/{len(cls.body)}" if code == 416 else f"{start + cls.off}-{len(cls.body) - 1}/{len(cls.body)}"
                self.send_header("Content-Range", f"bytes {span}")
            self.end_headers()
            self.wfile.write(body[: cls.cut])
            self.close_connection = True

        def log_message(self, *args):
            pass

    cls = Handler
    cls.asked = []
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", cls
    server.shutdown()
    server.server_close()


def test_a_cut_download_goes_on_where_it_was_cut(publisher, tmp_path, raises_saying):
    host, server = publisher
    server.cut = 300_000
    url, path = f"{host}/a.zip", tmp_path / "here.whole"
    with raises_saying(ConnectionError, url, "300,000 of 700,002", "again"):
        download(url, path, "a.zip", DIGEST)
    (part,) = tmp_path.iterdir()
    assert part.name == "a.zip.part" and part.read_bytes() == DATA[:300_000]
    server.cut = 100_000
    with raises_saying(ConnectionError, url, "400,000 of 700,002"):
        download(url, path, "a.zip")
    server.cut = None
    download(url, path, "a.zip", DIGEST)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == DATA and server.asked == [0, 300_000, 400_000]


def test_a_server_without_ranges_starts_again(publisher, tmp_path):
    host, server = publisher
    server.ranges = False
    (tmp_path / "a.zip.part").write_bytes(DATA[:1000])
    download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA and server.asked == [1000]


def test_another_piece_than_was_asked_for(publisher, tmp_path, raises_saying):
    host, server = publisher
    server.off = 7
    (tmp_path / "a.zip.part").write_bytes(DATA[:1000])
    with raises_saying(ConnectionError, "another piece", "again"):
        download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("extra", "asked"), [(b"", [700_002]), (b"more", [700_006, 0])])
def test_a_download_that_was_whole_already_or_too_long(extra, asked, publisher, tmp_path):
    """Whole: killed just before it got its name. Too long: something shorter is published now."""
    host, server = publisher
    (tmp_path / "a.zip.part").write_bytes(DATA + extra)
    download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip", DIGEST)
    assert (tmp_path / "a.zip").read_bytes() == DATA and server.asked == asked


def test_wrong_checksum_then_a_clean_retry(publisher, tmp_path, raises_saying):
    host, server = publisher
    server.body = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with raises_saying(ValueError, f"{host}/a.zip", "checksum", "again"):
        download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip", DIGEST)
    assert not list(tmp_path.iterdir())
    server.body = DATA
    download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip", DIGEST)
    assert (tmp_path / "a.zip").read_bytes() == DATA


PAGE = b"\n<!DOCTYPE html><title>Google Drive - %s</title>"


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.json", "a.csv", "1.jpg"])
@pytest.mark.parametrize(("kind", "body"), [("text/html; charset=utf-8", b"PK?"), ("application/zip", PAGE)])
def test_a_page_is_never_kept_for_the_file(name, kind, body, publisher, tmp_path, raises_saying):
    host, server = publisher
    server.kind, server.body = kind, body
    with raises_saying(ValueError, f"{host}/{name}", "--from"):
        download(f"{host}/{name}", tmp_path / name, name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "body"), [("a.zip", b"\x1f\x8b1"), ("a.tar.gz", b"PK12"), ("a.csv", b""), ("1.jpg", b"{}")]
)
def test_another_kind_of_file_is_refused(name, body, publisher, tmp_path, raises_saying):
    host, server = publisher
    server.body = body
    with raises_saying(ValueError, name, "--from"):
        download(f"{host}/{name}", tmp_path / name, name)
    assert not list(tmp_path.iterdir())


def test_a_page_in_the_middle_leaves_what_came_before(publisher, tmp_path, raises_saying):
    host, server = publisher
    server.kind = "text/html"
    (tmp_path / "a.zip.part").write_bytes(DATA[:1000])
    with raises_saying(ValueError, "a web page"):
        download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip")
    assert (tmp_path / "a.zip.part").read_bytes() == DATA[:1000]


@pytest.mark.parametrize(
    ("code", "text", "seen"),
    [(200, b"Too many users have viewed or downloaded this file recently", "quota is used up"),
     (200, b"Quota exceeded", "quota is used up"),
     (200, b"can't scan this file for viruses", "viruses"),
     (200, b"<a href=https://accounts.google.com/ServiceLogin>", "sign-in"),
     (403, b"no", "HTTP 403")],
)  # fmt: skip
def test_google_drive_says_no(code, text, seen, publisher, tmp_path, raises_saying):
    """One is told why, how long to wait, and how to do it by hand."""
    host, server = publisher
    server.kind, server.body, server.code = "text/html", PAGE % text, code
    with raises_saying(ValueError, seen, "day", "https://drive.google.com/file/d/1lG-k_/view", "--from", "a.zip"):
        download(f"{host}/drive/download?id=1lG-k_&export=download", tmp_path / "x", "a.zip")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("code", "seen"), [(404, "moved"), (410, "moved"), (503, "HTTP 503")])
def test_what_is_gone_or_refused(code, seen, publisher, tmp_path, raises_saying):
    host, server = publisher
    server.code = code
    with raises_saying(ValueError, f"{host}/a.zip", seen, "--from"):
        download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip")
    assert not list(tmp_path.iterdir())


def test_more_than_the_disk_has(publisher, small_disk, raises_saying):
    host, _ = publisher
    with raises_saying(OSError, "a.zip needs 700,002", "make room"):
        download(f"{host}/a.zip", small_disk / "a.zip", "a.zip")
    assert not list(small_disk.iterdir())


def test_room_is_needed_for_the_rest_alone(publisher, tmp_path, monkeypatch):
    host, _ = publisher
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 300_000}))
    (tmp_path / "a.zip.part").write_bytes(DATA[:500_000])
    download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip", DIGEST)
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_a_server_that_falls_silent(publisher, tmp_path, raises_saying, monkeypatch):
    host, server = publisher
    opened = urllib.request.urlopen
    monkeypatch.setattr(urllib.request, "urlopen", lambda asked, timeout: opened(asked, timeout=timeout / 150))
    monkeypatch.setattr(server, "do_GET", lambda self: time.sleep(1))
    with raises_saying(ConnectionError, host, "again"):
        download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip")


def test_interrupted_by_hand_goes_on(publisher, tmp_path, monkeypatch):
    host, server = publisher
    reads, sound = [], http.client.HTTPResponse.read

    def read(answer, size):
        reads.append(size)
        if len(reads) == 3:
            raise KeyboardInterrupt
        return sound(answer, 200_000)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(http.client.HTTPResponse, "read", read)
        download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip", DIGEST)
    assert (tmp_path / "a.zip.part").stat().st_size == 400_000
    download(f"{host}/a.zip", tmp_path / "a.zip", "a.zip", DIGEST)
    assert (tmp_path / "a.zip").read_bytes() == DATA and server.asked == [0, 400_000]
