"""Write what follows from the repository's address in _config.yml into all that repeats it.

python tools/derive.py                  rewrite it
python tools/derive.py --check          name what is out of date; the exit status is then 1
python tools/derive.py --address URL    put this address into _config.yml first

These are the set-up cells of chapters and assignments, the assignments' products, CITATION.cff, and links in pages.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import yaml

import labclip_lib
from labclip_lib.course.notebooks.products import out_of_date, write_products
from labclip_lib.course.notebooks.setup_cell import is_set_up_cell, set_up_cell

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ["chapters/*.ipynb", "chapters/assignments/*.ipynb"]
PAGES = ["*.md", "CITATION.cff", "chapters/*.md", ".github/**/*.md", ".github/**/*.yml", *NOTEBOOKS]
GITHUB = "https://github.com/"
CITED = re.compile(r"(?m)^(repository-code:[ \t]*)(\S+)$")
VERSION = re.compile(r"(?m)^(version:[ \t]*)\S+$")


def set_address(root, address):
    """Put the address into _config.yml, whose comments stay. Raises ValueError for one that is none."""
    address = address.removesuffix("/").removesuffix(".git")
    set_up_cell(address)
    path = root / "_config.yml"
    text, found = re.subn(
        r"(?m)(^repository:.*\n(?:[ \t]+.*\n)*?[ \t]+url:[ \t]*)\S+", rf"\g<1>{address}", path.read_text()
    )
    if not found:
        raise ValueError(f"{path.name} has no url under repository; add it.")
    path.write_text(text)


def config(root):
    """The repository's address and the branch that is published."""
    repository = yaml.safe_load((root / "_config.yml").read_text())["repository"]
    return repository["url"].removesuffix("/"), repository["branch"]


def derived(root):
    """What each page and notebook that holds the address should be: {path: text}.

    Links are known by the addresses that set-up cells and the citation had until now, so that no other is touched.
    Raises ValueError where a chapter does not open with a set-up cell, or a link cannot be derived.
    """
    address, branch = config(root)
    paths = sorted({path for pattern in PAGES for path in root.glob(pattern)})
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    cells = {path: json.loads(texts[path]) for pattern in NOTEBOOKS for path in root.glob(pattern)}
    before = {match[2].strip("\"'") for match in CITED.finditer(texts.get(root / "CITATION.cff", ""))}
    for path, notebook in cells.items():
        opening = _opening(notebook)
        if opening is None and path.parent == root / "chapters":
            raise ValueError(f"{path.name} does not open with the set-up cell; copy that of another chapter into it.")
        if opening:
            before |= set(re.findall(r'https://[^"\s]+', "".join(opening["source"])))
    for path, text in texts.items():
        for old in sorted(before, key=len, reverse=True):
            text = _linked(text, old, address, branch, path.name)
        if path.name == "CITATION.cff":
            text = VERSION.sub(rf"\g<1>{labclip_lib.__version__}", CITED.sub(rf"\g<1>{address}", text))
        if path in cells and (opening := _opening(notebook := json.loads(text))):
            lines = set_up_cell(address).splitlines(keepends=True)
            if "".join(opening["source"]) != "".join(lines):
                opening["source"] = lines
                text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        texts[path] = text
    return texts


def _opening(notebook):
    """The set-up cell of a notebook, which is its first code cell; None where that is another."""
    first = next((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), None)
    return first if first and is_set_up_cell(first | {"source": "".join(first["source"])}) else None


def _linked(text, old, new, branch, name):
    """A text with links to the new address and branch where it had links to the old address."""
    ends = r"(?![\w-]|\.(?!git\b)\w)"  # of an address; a longer one is another repository's
    text = re.sub(re.escape(old) + ends, lambda _: new, text)
    if not old.startswith(GITHUB):
        return text
    owner, book = old.removeprefix(GITHUB).split("/")
    there = rf"{re.escape(owner)}/{re.escape(book)}{ends}"
    hosted = re.compile(
        rf"(?P<on>colab\.research\.google\.com/github/|mybinder\.org/v2/gh/){there}(?P<to>/blob/|/)?(?(to)[^/\s?)]+)"
        rf"|{re.escape(owner)}\.github\.io/{re.escape(book)}{ends}"
    )
    if not new.startswith(GITHUB):
        if found := hosted.search(text):
            raise ValueError(f"{name} has the link {found[0]!r}, which only GitHub has; take it out for {new}.")
        return text
    owner, book = new.removeprefix(GITHUB).split("/")

    def link(found):
        if found["on"] is None:
            return f"{owner}.github.io/{book}"
        return f"{found['on']}{owner}/{book}" + (f"{found['to']}{branch}" if found["to"] else "")

    return hosted.sub(link, text)


def stale(root):
    """The paths of all that is not as it should be."""
    address, _ = config(root)
    sources, folder, orphans = _assignments(root)
    pages = [path for path, text in derived(root).items() if path.read_text(encoding="utf-8") != text]
    return pages + [path for source in sources for path in out_of_date(source, folder, address)] + orphans


def derive(root):
    """Rewrite all of it; a product whose source is gone is deleted."""
    for path, text in derived(root).items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    sources, folder, orphans = _assignments(root)
    for source in sources:
        write_products(source, folder, config(root)[0])
    for path in orphans:
        path.unlink()


def _assignments(root):
    """The sources, the folder of their products, and products that have no source."""
    folder = root / "chapters" / "assignments"
    made = [path for kind in ("student", "solution", "colab") for path in folder.glob(f"{kind}/*.ipynb")]
    return sorted(folder.glob("*.ipynb")), folder, [path for path in made if not (folder / path.name).is_file()]


def main(arguments=None, root=ROOT):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="name what is out of date, and write nothing")
    parser.add_argument("--address", help="https://host/owner/name of the repository, for _config.yml")
    options = parser.parse_args(arguments)
    try:
        if options.address is not None:
            set_address(root, options.address)
        before = stale(root)
        if not options.check:
            derive(root)
    except ValueError as error:
        sys.exit(str(error))
    for path in before:
        print(f"{path.relative_to(root)} {'is out of date' if options.check else 'is written'}")
    if options.check and before:
        sys.exit("Run `make derive`.")


if __name__ == "__main__":
    main()
