"""The book to take along: python tools/offline.py

Of the book that was built it makes _build/html/offline/: book.zip, the whole site, which opens from a disk; and, where
there is a Chromium to print them, NAME.pdf of each chapter and appendix.
"""

import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = "chromium", "google-chrome", "chromium-browser"
# Formulas are set by a script, for which the printer waits: milliseconds, of which it sleeps through the idle ones.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--no-pdf-header-footer", "--virtual-time-budget=20000",
)  # fmt: skip


def pack(book, path):
    """Write a zip of a built book, without its folder offline/; all that is in it lies in one folder."""
    part = path.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(book.rglob("*")):
            place = file.relative_to(book)
            if file.is_file() and place.parts[0] != "offline":
                packed.write(file, Path("clip-and-the-binding-problem", place))
    part.replace(path)


def print_page(chromium, page, path):
    """Print a page of the built book to a PDF. Raises SystemExit with a sentence when Chromium makes none."""
    with tempfile.TemporaryDirectory() as profile:
        part = Path(profile) / "page.pdf"
        command = [chromium, *FLAGS, f"--user-data-dir={profile}", f"--print-to-pdf={part}", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if not part.is_file() or not part.read_bytes().startswith(b"%PDF"):
            raise SystemExit(f"{chromium} made no PDF of {page}; it said: {done.stderr.strip()[-300:]}")
        shutil.move(part, path)


def make_offline(book=ROOT / "_build" / "html", chapters=ROOT / "chapters"):
    """Write the zip and the PDFs, and return their paths. Stops with a sentence when the book is not built."""
    pages = {one.stem: book / "chapters" / f"{one.stem}.html" for one in sorted(chapters.glob("*.ipynb"))}
    if missing := [page for page in pages.values() if not page.is_file()]:
        raise SystemExit(f"There is no {missing[0]}; build the book with `make book`.")
    out = book / "offline"
    out.mkdir(exist_ok=True)
    made = [out / "book.zip"]
    pack(book, made[0])
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if not chromium:
        print("No PDFs: there is no Chromium here to print them.")
        return made
    for name, page in pages.items():
        made.append(out / f"{name}.pdf")
        print_page(chromium, page, made[-1])
    return made


if __name__ == "__main__":
    for path in make_offline():
        print(path)
