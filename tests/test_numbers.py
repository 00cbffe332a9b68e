"""The numbers in the prose: each comes from the run, or has a reason to be typed."""

import ast
import collections
import functools
import json
import math
import re
from pathlib import Path

import pytest

from labclip_lib.alignment.fit import RECIPES
from labclip_lib.course.grader.running import LIMITS, most_seconds
from labclip_lib.models.backbones import load_backbone
from labclip_lib.studies.binding_share import RECIPE as BINDING_SHARE
from labclip_lib.world.scenes import World

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
NOTEBOOKS = sorted(CHAPTERS.glob("*.ipynb"))
PAGES = [*NOTEBOOKS, *sorted(CHAPTERS.glob("*.md"))]
CITED = re.compile(r"\{glue:text\}`([\w.]+)`")

by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def sources(path, kind):
    """The cells of one kind, "markdown" or "code"; a page that is no notebook is one cell of markdown."""
    if path.suffix != ".ipynb":
        return [path.read_text()] if kind == "markdown" else []
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def trees(path):
    """The code cells, parsed, without what only a notebook understands."""
    for source in sources(path, "code"):
        yield ast.parse("\n".join(line for line in source.splitlines() if not line.startswith(("%", "!"))))


# Names: what a sentence cites, and what the code hands to it


def glued(path):
    """(name, whether it stands in the code as it is) of all that is glued; of a name that is made, a pattern of it."""
    for tree in trees(path):
        for call in ast.walk(tree):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "glue"):
                continue
            for keyword in call.keywords:
                if keyword.arg is None:
                    yield from (("".join(map(made, key.values)), False) for key in keyword.value.keys)
                elif keyword.arg != "style":
                    yield re.escape(keyword.arg), True


def made(part):
    """A part of an f-string, as a pattern."""
    return re.escape(part.value) if isinstance(part, ast.Constant) else r"[\w.]+"


@by_name
def test_what_a_sentence_cites_is_what_its_chapter_glues(path):
    cited = {name for source in sources(path, "markdown") for name in CITED.findall(source)}
    patterns = {pattern for pattern, _ in glued(path)}
    for name in cited:
        assert any(re.fullmatch(pattern, name) for pattern in patterns), f"no cell glues {name}"
    for pattern in patterns:
        assert any(re.fullmatch(pattern, name) for name in cited), f"no sentence cites {pattern}"


@by_name
def test_a_name_is_glued_once_and_under_its_chapter(path):
    names = collections.Counter(name for name, whole in glued(path) if whole)
    assert [name for name, times in names.items() if times > 1] == []
    chapters = {name[:4] for name, _ in glued(path)}
    assert len(chapters) == 1  # an appendix goes on with the names of its chapter
    if path.stem[:2].isdigit():
        assert chapters == {f"ch{int(path.stem[:2])}_"}


# Numbers that are typed: settings that the chapter's code has too, results of others, and what is in `reasons`

NUMBER = re.compile(r"(?<![\w.,/])(?<!\w-)(?:\d{1,3}(?:,\d{3})+|\d*\.\d+|\d+)(?:\s?%)?(?![\w/-]|\.\d|,\d)")
# What shares its per cent sign, as in "80, 10 and 10 %".
SHARED = re.compile(r"\d+(?=(?:, \d+)*,? (?:or|and) \d+ %)")
THEIRS = re.compile(r"\{cite|\breport|\bpublished\b|\breleased\b|\bthe paper\b|\bauthors\b", re.I)
USUAL = re.compile(r"middle 95 %|95 % (?:\*\*)?(?:bootstrap )?intervals?|\b(?:Python|Linux|Ubuntu|BY) \d+\.\d+")


def reasons(page):
    """{typed number: what it must be, or in words why it is typed} of a page's numbers that its code does not have."""
    return {
        "02_linear_probes": {"14 %": 1 / 7, "0.06": 256**-0.5},
        "03_bag_of_words": {"25 %": 1 / 4, "24": math.factorial(4)},
        "04_two_encoders": {
            "0.69": math.log(2),
            "0.056": -0.01 * math.log(0.01) - 0.99 * math.log(0.99),
            "300": BINDING_SHARE.steps,
        },
        "05_one_matrix": {"50": RECIPES["paper"].epochs, "150": RECIPES["default"].logit_scale},
        "06_scoreboard": {
            **dict.fromkeys(("62 %", "78 %", ".78"), "of an exercise"),
            "371": "the names of models in a published file",
        },
        "08_looking_inside": {"784": len(World().compositions()) / 2},
        "teaching": {
            "60": LIMITS["step_seconds"],
            "300": LIMITS["seconds"],
            "120": LIMITS["test_seconds"],
            "35": most_seconds(10, {}) / 60,
            "400": "as tests/book/test_phone.py has it",
            **dict.fromkeys(
                ("10", "12", "20", "80", "88", "90", "95", "100"), "points, as tests/test_assignments.py has them"
            ),
            **dict.fromkeys(("10 %", "30 %", "40 %", "50 %", "60 %"), "a suggestion"),
        },
    }.get(page, {})


@functools.cache
def of_the_world():
    """The same for what any page may say."""
    scenes, dim = len(World().compositions()), load_backbone("pocket", "cpu").dim
    return {"1,568": scenes, "256": dim, "1,203": "the names of a published file"}


def plain(source):
    """The prose of a cell: no code, no formulas, no options of a directive, and of a role only what it cites."""
    source = re.sub(r"(?s)```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|(?m:^:\w+:[^\n]*$)", " ", source)
    source = re.sub(r"\{(cite)[^`]*`[^`]*`|\{[\w:]+\}`[^`]*`|`[^`]*`", r" {\1 ", source)
    return re.sub(r"\]\([^)]*\)", "]", source)


def sentences(path):
    for source in sources(path, "markdown"):
        for block in re.split(r"\n\s*\n|\n(?=[-*|:#] ?)|\n(?=\d\. )", plain(source)):
            yield from re.split(r"(?<=[.!?:])\)?\s+(?=[A-Z(*\"])", " ".join(block.split()))


def typed(text):
    """The numbers of a text as they are written, but for the small whole ones that count things on the page."""
    for match in NUMBER.finditer(USUAL.sub("", text)):
        number = match[0] + " %" * bool(SHARED.match(match.string, match.start()))
        if not number.isdigit() or int(number) >= 10:
            yield number


def as_written(number):
    """One way of writing for .8 and 0.8, 20,000 and 20_000, 10% and 10 %; 0.80 stays another."""
    return re.sub(r"^0\.", ".", str(number).replace(",", "").replace(" ", ""))


@functools.cache
def settings(path):
    """The numbers of the chapter's code, as they are written; none that a result is held against."""
    found = set()

    def visit(node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("check", "quiz"):
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(map(as_written, typed(node.value)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            found.update({as_written(node.value), f"{100 * node.value:g}%"})
        for child in ast.iter_child_nodes(node):
            visit(child)

    for tree in trees(path):
        visit(tree)
    return found


def untold(path, text):
    """The typed numbers of a sentence that neither the chapter's code nor the sentence itself accounts for."""
    return [] if THEIRS.search(text) else [one for one in typed(text) if as_written(one) not in settings(path)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_number_that_is_typed_has_a_reason(path):
    here, everywhere, used = reasons(path.stem), of_the_world(), set()
    for sentence in sentences(path):
        for number in untold(path, sentence):
            assert number in here | everywhere, f"{number} in {sentence!r}: glue it, or say whose it is"
            used.add(number)
    assert set(here) <= used, "nothing on the page needs these reasons"
    for number, value in (here | everywhere).items():
        if not isinstance(value, str):
            digits = len(number.rstrip(" %").partition(".")[2])
            written = format(value, f",.{digits}{'%' if '%' in number else 'f'}")
            assert as_written(written) == as_written(number)


CODE = "rate = 0.1\nsteps = 20_000\nlabels = ['30 %']\ncheck('accuracy', accuracy, low=0.85)"


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("The accuracy is 0.93.", ["0.93"]),
        ("It is 93 % (91 to 95), or .926.", ["93 %", "91", "95", ".926"]),
        ("It gains +7.1 points on 1,204 images.", ["7.1", "1,204"]),
        ("It is above 0.85.", ["0.85"]),  # a bound of a check is no setting
        ("The rate is .1 over 20,000 steps, of which 30 % and 10 % are drawn in two parts.", []),
        ("Of them 10 or 30 % bind.", []),
        ("A rate of 0.10 is a result.", ["0.10"]),
        ("They {cite:t}`doe2020ball` report .95.", []),
        ("Here are 95 % intervals of 3 models; ViT-B/32 needs Python 3.11.", []),
        ("With $s = 100$ and `0.93` it is {glue:text}`ch9_right`.", []),
    ],
)
def test_a_typed_number_is_found(sentence, found, tmp_path):
    path = tmp_path / "09_new.ipynb"
    cells = [{"cell_type": "markdown", "source": [sentence]}, {"cell_type": "code", "source": [CODE]}]
    path.write_text(json.dumps({"cells": cells}))
    assert [number for text in sentences(path) for number in untold(path, text)] == found


def test_names_of_the_prose_and_of_the_code_are_compared(tmp_path):
    path = tmp_path / "09_new.ipynb"
    cells = [
        {"cell_type": "markdown", "source": ["{glue:text}`ch9_right`, {glue:text}`ch9_fixed_low`"]},
        {"cell_type": "code", "source": ["glue('.1%', ch9_right=right)\nglue(**{f'ch9_{order}_low': low})"]},
    ]
    path.write_text(json.dumps({"cells": cells}))
    test_what_a_sentence_cites_is_what_its_chapter_glues(path)
    test_a_name_is_glued_once_and_under_its_chapter(path)
    for broken in ("ch9_wrong=right", "ch9_right=right, ch9_spare=1"):
        path.write_text(json.dumps({"cells": cells}).replace("ch9_right=right", broken))
        with pytest.raises(AssertionError):
            test_what_a_sentence_cites_is_what_its_chapter_glues(path)
