"""List the files of a folder and its subfolders, without hidden and system files, and count what was left out."""

import os
from pathlib import Path, PurePosixPath

# Made by macOS, Synology, QNAP, Windows and Linux. Names that begin with a dot are hidden too, such as ._a.jpg.
OF_SYSTEMS = {
    "__macosx", "@eadir", "@recycle", "#recycle", "$recycle.bin", "system volume information", "lost+found",
    "thumbs.db", "ehthumbs.db", "desktop.ini",
}  # fmt: skip


class LeftOut(dict):
    """Files left out, by reason: {reason: [how many, name of the first]}. Its str is one line."""

    def add(self, reason, name, count=1):
        self.setdefault(reason, [0, name])[0] += count

    def __str__(self):
        return ", ".join(f"{count:,} {reason} (first {name!r})" for reason, (count, name) in sorted(self.items()))


def is_hidden(name):
    """Whether a relative path, or a folder on it, is hidden or one of an operating system's own files."""
    parts = PurePosixPath(name).parts
    return any(part.lower() in OF_SYSTEMS or (part.startswith(".") and part != "..") for part in parts)


def files_below(folder, left_out):
    """The files in a folder and its subfolders, sorted: {relative path with forward slashes: Path}.

    Links are followed, but each folder is searched once, and never one that contains this folder. Hidden files, broken
    links and what is no plain file are added to left_out. Raises OSError for a folder that cannot be read.
    """
    paths, searched, top = {}, set(), os.path.realpath(folder)

    def search(path, prefix):
        real = os.path.realpath(path)
        if real in searched or top.startswith(os.path.join(real, "")):
            left_out.add("folders linked in a circle or twice", prefix)
            return
        searched.add(real)
        for entry in sorted(os.scandir(path), key=lambda entry: (entry.is_symlink(), entry.name)):
            name = prefix + entry.name
            if is_hidden(entry.name):
                left_out.add("hidden", name)
            elif entry.is_dir():
                search(entry.path, f"{name}/")
            elif entry.is_file():
                paths[name] = Path(entry.path)
            else:
                left_out.add("broken links or no files", name)

    search(folder, "")
    return {name: paths[name] for name in sorted(paths)}


def ending(name):
    """A file's suffix in lower case, for messages; "without an ending" if it has none."""
    return PurePosixPath(name).suffix.lower() or "without an ending"
