"""One download over HTTP: it resumes where it stopped, and keeps nothing that is not the file."""

import contextlib
import http.client
import os
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request

from labclip_lib.base.files import sha256 as sha256_of
from labclip_lib.base.internet import online
from labclip_lib.base.messages import first_line
from labclip_lib.base.progress import track

MAGIC = {".zip": b"PK", ".gz": b"\x1f\x8b", ".jpg": b"\xff\xd8\xff"}
_CHUNK = 1 << 18
_TIMEOUT = 30  # seconds without a byte
_REACHED = set()  # servers that answered once, and need not be tried again before each of many files


def download(url, path, name, sha256=None, shows=True):
    """Download an address into the file `path`.

    name: the publisher's name of the file. Until it is complete it is `name`.part beside `path`; if that exists, the
    download resumes after it, or starts again if the server cannot resume. sha256: of the complete file, if known.
    shows: whether to show a progress bar. Raises, in one sentence, ConnectionError when the server does not answer or
    breaks off (what came is kept), ValueError for an answer that is not the file (nothing of it is kept), and OSError
    when the disk is full.
    """
    part = path.with_name(f"{name}.part")
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "labclip_lib"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        body = b""
        with error, contextlib.suppress(OSError, http.client.HTTPException):
            body = error.read(_CHUNK)
        if error.code != 416 or not start:
            raise ValueError(_refusal(url, name, error.code, error.headers, body)) from None
        if error.headers.get("Content-Range") != f"bytes */{start}":  # else the .part file is complete
            part.unlink()
            return download(url, path, name, sha256, shows)
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(_broken(url, name, error)) from None
    else:
        with answer:
            start = start if answer.status == 206 else 0
            if start and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                part.unlink()
                raise ConnectionError(_broken(url, name, "it sent another piece than was asked for"))
            _receive(answer, url, part, name, start, shows)
    if sha256 and sha256_of(part) != sha256:
        part.unlink()
        raise ValueError(f"What {url} sent has a wrong checksum and was deleted; run the same again.")
    os.replace(part, path)


def check_online(url, name):
    """Raise ConnectionError, within seconds, when the server of an address cannot be reached; name: of the file."""
    parts = urllib.parse.urlsplit(url)
    server = f"{parts.scheme}://{parts.netloc}"
    if server not in _REACHED:
        if not online(url):
            proxy = urllib.request.getproxies().get(parts.scheme)
            way = f" by way of the proxy {proxy!r}" if proxy else ""
            raise ConnectionError(
                f"{server} cannot be reached{way}, to fetch {name}; go online and run the same again."
            )
        _REACHED.add(server)


def _receive(answer, url, part, name, start, shows):
    """Write an answer's content after the first `start` bytes of a file."""
    length = answer.headers.get("Content-Length")
    total = None if length is None else start + int(length)
    chunk = _read(answer, url, name)
    if not _is_file(answer.headers, name, None if start else chunk):
        raise ValueError(_refusal(url, name, answer.status, answer.headers, chunk))
    free = shutil.disk_usage(part.parent).free
    if total and total - start > free:
        raise OSError(f"{name} needs {total - start:,} bytes more and {part.parent} has {free:,} free; make room.")
    with part.open("ab" if start else "wb") as file, track(
        total=total, initial=start, desc=name, unit="B", unit_scale=True, shows=shows
    ) as bar:  # fmt: skip
        while chunk:
            file.write(chunk)
            bar.update(len(chunk))
            chunk = _read(answer, url, name)
        size = file.tell()
    if total is not None and size < total:
        raise ConnectionError(_broken(url, name, f"{size:,} of {total:,} bytes came"))


def _read(answer, url, name):
    try:
        return answer.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(_broken(url, name, error)) from None


def _is_file(headers, name, beginning):
    """Whether an answer looks like the file; beginning: its first bytes, None if the download resumed in its middle."""
    if headers.get_content_type() == "text/html":
        return False
    # Files without magic bytes are tables or JSON, and neither begins with <.
    magic = MAGIC.get(os.path.splitext(name)[1])
    return beginning is None or (beginning.startswith(magic) if magic else beginning.lstrip()[:1] not in (b"<", b""))


def _broken(url, name, why):
    return f"The connection to {url} broke off ({first_line(why)}); run the same again, and {name} goes on."


def _refusal(url, name, code, headers, body):
    """The error message for an answer that is not the file."""
    if code in (404, 410):
        return f"{url} is not there any more (HTTP {code}); look for where {name} moved, and name it with --from."
    if drive := re.search(r"[/.]drive\W.*[?&]id=([\w-]+)", url):
        page = body.lower()
        reasons = {b"quota": "its quota is used up", b"too many users": "its quota is used up",
                   b"accounts.google": "it wants a sign-in", b"virus": "it did not scan it for viruses"}  # fmt: skip
        why = next((reason for word, reason in reasons.items() if word in page), f"HTTP {code}")
        return (
            f"Google Drive sent a page in place of {name} ({why}); try again after a day, when a quota is free again, "
            f"or open https://drive.google.com/file/d/{drive[1]}/view in a browser and name what it saves with --from."
        )
    seen = "a web page" if headers.get_content_type() == "text/html" else f"{body[:8]!r}"
    return f"{url} sent {seen} in place of {name} (HTTP {code}); try later, or fetch it by hand for --from."
