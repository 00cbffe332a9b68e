"""Search for lines of text: in a notebook, in all files of a folder, in the whole history of git."""

import base64
import html
import json
import re
import subprocess
from pathlib import Path


def places(where, lines):
    """Where these lines occur, as they are or in JSON, HTML or base64: a sorted list of (file, line).

    where: a notebook, or the path of a file or folder: of all files in it and all objects of git repositories in it,
    also those that no branch reaches any more. Archives are not opened.
    Raises ValueError when there is nothing at that path, or a git repository that cannot be read.
    """
    forms, matches = {line: _forms(line) for line in lines}, set()
    stored = [("the notebook", json.dumps(where).encode())] if isinstance(where, dict) else _contents(where)
    for name, data in stored:
        # Highlighted code has tags between its words, and base64 has line ends in it.
        text = html.unescape(re.sub(rb"<[^<>]*>", b"", data).decode(errors="replace")) if b"</" in data else ""
        views, joined = (data, text.encode()), re.sub(rb'\\n|[\s",]', b"", data)
        for line, (plain, encoded) in forms.items():
            if any(form in view for form in plain for view in views) or any(form in joined for form in encoded):
                matches.add((name, line))
    return sorted(matches)


def _forms(line):
    """The bytes that a line can be in a file: two sets, plain and in base64."""
    texts, encoded = {line, html.escape(line), html.escape(line, quote=False)}, set()
    for _ in range(2):  # a notebook in a string of a notebook is escaped twice
        texts |= {json.dumps(text, ensure_ascii=ascii)[1:-1] for text in texts for ascii in (True, False)}
    plain = {text.encode(errors="surrogatepass") for text in texts}
    for form in plain:
        for shift, unsure in (
            (0, 0),
            (1, 2),
            (2, 3),
        ):  # four characters hold three bytes: a line has one form per offset
            sure = base64.b64encode(bytes(shift) + form)[unsure : (shift + len(form)) * 8 // 6]
            encoded |= {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}
    return plain, encoded


def _contents(where):
    if not Path(where).exists():
        raise ValueError(f"{where} is neither a file nor a folder; give what is to be searched.")
    for path in [Path(where), *sorted(Path(where).rglob("*"))]:
        if path.is_file():
            yield str(path), path.read_bytes()
        elif (path / "HEAD").is_file() and (path / "objects").is_dir():
            yield from _git_objects(path)


def _git_objects(folder):
    command = ["git", "--no-replace-objects", "--git-dir", folder, "cat-file", "--batch-all-objects", "--batch"]
    unread = ValueError(f"The git repository {folder} cannot be read for solutions; install git, or repair it.")
    try:
        git = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise unread from None
    with git:
        while (head := git.stdout.readline().split())[2:]:
            yield f"{folder}: {head[1].decode()} {head[0].decode()}", git.stdout.read(int(head[2]) + 1)
    if head or git.returncode:
        raise unread
