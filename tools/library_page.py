"""A Sphinx extension: the page Library, made from the doors of labclip_lib and the docstrings behind them.

`.. library::` lists every name of the first door in full, with its example, and after it each wing's names in a table.
"""

import importlib
import inspect
import re
import textwrap
from pathlib import Path

from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

import labclip_lib

WINGS = re.findall(
    r"(?m)^\| `(\w+)/` \|", (Path(labclip_lib.__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
)


def first_sentence(value):
    """The first sentence of what a docstring says; of a str, tuple or dict its content, shortened."""
    if isinstance(value, dict):
        return textwrap.shorten("; ".join(f"“{key}”" for key in value), 90, placeholder=" ...")
    if isinstance(value, (str, tuple)):
        return textwrap.shorten(f"``{value!r}``", 90, placeholder=" ...``")
    said = " ".join((value.__doc__ or "").strip().partition("\n\n")[0].split())
    return re.split(r"(?<=[.?!]) (?=[A-Z])", said)[0]


def wing_lines(wing):
    """One wing as reStructuredText: what it knows, and a table of the names at its door."""
    door = importlib.import_module(f"labclip_lib.{wing}")
    names = getattr(door, "__all__", ())
    if not names:
        return []
    lines = [wing, "-" * 40, "", f"``labclip_lib.{wing}``: {door.__doc__.partition(chr(10))[0]}", ""]
    lines += [".. list-table::", "   :widths: 30 70", ""]
    for name in sorted(names, key=str.lower):
        lines += [f"   * - ``{name}``", f"     - {first_sentence(getattr(door, name))}"]
    return [*lines, ""]


ARGUMENT = r"((?:\*{0,2}\w+, )*\*{0,2}\w+(?: \([^)]*\))?): (?=\S)"


def as_paragraphs(app, what, name, obj, options, lines):
    """Our docstrings say "images: (N, 3, H, W) ..." of an argument: give each such line a paragraph of its own.

    Doctests stay as they are.
    """
    out, in_argument, in_example = [], False, False
    names = _arguments(what, obj)
    for number, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if in_example:
            out.append(line)
            continue
        argument = number and _named(re.match(ARGUMENT, line), names)  # the first line says what the whole thing does
        text = line.strip() if in_argument or argument else line
        text = re.sub(r"(?<![\w`])([a-z]\w*_)(?!\w)", r"``\1``", text)  # scikit-learn's coef_ is no link
        if argument or re.match(r"(?:Returns|Raises|Sets|Warns)\b", line):
            out.append("")
            in_argument = True
        elif not line.strip():
            in_argument = False
        text = text.replace("|", r"\|")  # no substitution either
        # Several arguments may share a paragraph: "dim: length of an embedding. name: how it was asked for."
        if in_argument:
            bold = lambda match: f"**{match[1]}**: " if _named(match, names) else match[0]  # noqa: E731
            text = re.sub(r"(?:^|(?<=[.;] ))" + ARGUMENT, bold, text)
        out.append(text)
    lines[:] = out


def _arguments(what, obj):
    """The names that a docstring may explain: a function's parameters, nothing of a property, anything of a class."""
    if what in ("class", "exception"):
        return None
    return set(inspect.signature(obj).parameters) if callable(obj) else set()


def _named(match, names):
    """A match of ARGUMENT whose names are all arguments, else None: not every word before a colon is one."""
    if match and names is not None and not set(re.findall(r"\w+", match[1].partition(" (")[0])) <= names:
        return None
    return match


def only_ours(app, what, name, obj, skip, options):
    """Of an estimator's members, those that we wrote; of a NamedTuple's, those that are no field."""
    if (getattr(obj, "__doc__", None) or "").startswith("Alias for field"):
        return True
    return True if not (getattr(obj, "__module__", None) or "labclip_lib").startswith("labclip_lib") else None


class Library(Directive):
    def run(self):
        lines = [
            "labclip_lib",
            "-" * 40,
            "",
            f"``from labclip_lib import {', '.join(labclip_lib.__all__[:3])}, ...``",
            "",
        ]
        for name in sorted(labclip_lib.__all__, key=str.lower):
            value = getattr(labclip_lib, name)
            kind = "autoclass" if isinstance(value, type) else "autofunction"
            lines += [f".. {kind}:: labclip_lib.{name}"]
            lines += ["   :members:", "   :exclude-members: __new__, __init__"] if kind == "autoclass" else []
            lines += [""]
        for wing in WINGS:
            lines += wing_lines(wing)
        node = self.state.parent.__class__()
        self.state.nested_parse(StringList(lines, source="labclip_lib"), 0, node, match_titles=True)
        return node.children


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.add_directive("library", Library)
    app.connect("autodoc-process-docstring", as_paragraphs)
    app.connect("autodoc-skip-member", only_ours)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
