"""The book to take along: python tools/offline.py

Of the book that was built it makes _build/html/offline/: book.zip, the whole site, which opens from a disk; and, where
there is a Chromium to print them, NAME.pdf of each chapter and appendix.
"""

import tempfile
import zipfile
from pathlib import Path

from browser import CHROMIUM, Browser

ROOT = Path(__file__).resolve().parents[1]


def pack(book, path):
    """Write a zip of a built book, without its folder offline/; all that is in it lies in one folder."""
    part = path.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(book.rglob("*")):
            place = file.relative_to(book)
            if file.is_file() and place.parts[0] != "offline":
                packed.write(file, Path("clip-and-the-binding-problem", place))
    part.replace(path)


def make_offline(book=ROOT / "_build" / "html", chapters=ROOT / "chapters"):
    """Write the zip and the PDFs, and return their paths. Stops with a sentence when the book is not built."""
    pages = {one.stem: book / "chapters" / f"{one.stem}.html" for one in sorted(chapters.glob("*.ipynb"))}
    if missing := [page for page in pages.values() if not page.is_file()]:
        raise SystemExit(f"There is no {missing[0]}; build the book with `make book`.")
    out = book / "offline"
    out.mkdir(exist_ok=True)
    made = [out / "book.zip"]
    pack(book, made[0])
    if not CHROMIUM:
        print("No PDFs: there is no Chromium here to print them.")
        return made
    # Chromium still writes into the folder as it ends.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, Browser(profile) as browser:
        for name, page in pages.items():
            browser.open(page)
            browser.whole()
            made.append(out / f"{name}.pdf")
            made[-1].write_bytes(browser.printed())
    return made


if __name__ == "__main__":
    for path in make_offline():
        print(path)
