"""What lies in a folder and in those below it, without what nobody put there to be read; and what was left out."""

import os
from pathlib import Path, PurePosixPath

# Of macOS, Synology, QNAP, Windows and Linux. What begins with a dot is hidden too: .ipynb_checkpoints, ._a.jpg.
OF_SYSTEMS = {
    "__macosx", "@eadir", "@recycle", "#recycle", "$recycle.bin", "system volume information", "lost+found",
    "thumbs.db", "ehthumbs.db", "desktop.ini",
}  # fmt: skip


class LeftOut(dict):
    """{reason: [how many, the first of them]}; as a str, all in one line."""

    def add(self, reason, name):
        self.setdefault(reason, [0, name])[0] += 1

    def __str__(self):
        return ", ".join(f"{count:,} {reason} (first {name!r})" for reason, (count, name) in sorted(self.items()))


def is_hidden(name):
    """Whether a relative path leads to, or through, what is hidden or made by a system for itself."""
    parts = PurePosixPath(name).parts
    return any(part.lower() in OF_SYSTEMS or (part.startswith(".") and part != "..") for part in parts)


def files_below(folder, left_out):
    """{path relative to the folder, with forward slashes: Path} of the files in it, sorted.

    Links are followed; a folder is searched once, and none that holds this one. What is hidden, cannot be followed or
    is no plain file is added to left_out. Raises OSError for a folder that cannot be read.
    """
    found, searched, top = {}, set(), os.path.realpath(folder)

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
                found[name] = Path(entry.path)
            else:
                left_out.add("broken links or no files", name)

    search(folder, "")
    return {name: found[name] for name in sorted(found)}


def ending(name):
    """What to call a file's kind by: its ending in lower case."""
    return PurePosixPath(name).suffix.lower() or "without an ending"
