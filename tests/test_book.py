"""The book as a whole: its notebooks, its exercises and the order of the library's rooms."""

import ast
import collections
import graphlib
import importlib
import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import FIRST

from labclip_lib.benchmarks.evaluation import evaluate
from labclip_lib.benchmarks.formats import sugarcrepe
from labclip_lib.benchmarks.results import Results
from labclip_lib.book.checks import CheckFailed
from labclip_lib.course.notebooks.setup_cell import set_up_cell
from labclip_lib.measures.intervals import Estimate
from labclip_lib.models.backbones import load_backbone

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))
LIBRARY = ROOT / "labclip_lib"
# A wing imports only the wings above it in the table of CONTRIBUTING.md.
WINGS = re.findall(r"(?m)^\| `(\w+)/` \|", (ROOT / "CONTRIBUTING.md").read_text())
MODULES = {
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts): path
    for path in sorted(LIBRARY.rglob("*.py")) if path.stem != "__init__" and path.parent != LIBRARY
}  # fmt: skip
SETUP = """
import torch
from torch.nn.functional import cross_entropy, normalize
from labclip_lib.book.checks import check, check_exercise
"""

by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, tag=None):
    """The code cells of a notebook, or those that bear a tag."""
    found = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return [cell for cell in found if tag is None or tag in cell.metadata.get("tags", [])]


def repository():
    """Where the book lives, as _config.yml says."""
    return yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]


def tracked():
    """Every text file of the repository with its text."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this copy of the book is no git repository")
    for name in sorted(set(listed.stdout.splitlines())):
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):  # a picture, weights, or a file that was removed
            continue


# Notebooks


def test_what_make_test_starts_with_is_there():
    assert {path.name for path in (*ROOT.glob("tests/**/*.py"), *ROOT.glob("chapters/**/*.ipynb"))} >= set(FIRST)


def test_table_of_contents_and_chapters_agree():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [toc["root"], *re.findall(r"file: (\S+)", (ROOT / "_toc.yml").read_text())]
    for name in listed:
        assert any((ROOT / f"{name}{end}").is_file() for end in ("", ".md", ".rst", ".ipynb")), name
    assert {path.relative_to(ROOT).with_suffix("").as_posix() for path in NOTEBOOKS} <= set(listed)


@by_name
def test_notebook_is_stored_clean(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in cells(path):
        assert cell.outputs == [] and cell.execution_count is None


@by_name
def test_notebook_opens_with_the_set_up_cell(path):
    """The same in every chapter, id and tag too; what it does is in test_setup_cell.py."""
    opening = cells(path)[0]
    assert opening.source == set_up_cell(repository()["url"]), "run `make derive`"
    assert opening.id == cells(NOTEBOOKS[0])[0].id and opening.metadata == {"tags": ["hide-input"]}


@by_name
def test_notebook_checks_its_reader(path):
    source = "\n".join(cell.source for cell in cells(path))
    assert re.search(r"\bcheck\(", source), "no check"


def run(path, cell):
    """Run one cell where nothing but the chapter's imports is at hand."""
    setup = cells(path, "setup-imports")
    namespace = {"__name__": "__main__"}
    for source in [setup[0].source if setup else SETUP, cell.source]:
        exec("\n".join(line for line in source.splitlines() if not line.startswith(("%", "!"))), namespace)


STUBS, SOLUTIONS = (
    [
        pytest.param(path, cell, id=f"{path.stem}-{number}")
        for path in NOTEBOOKS
        for number, cell in enumerate(cells(path, tag), 1)
    ]
    for tag in ("exercise-stub", "exercise-solution")
)


@pytest.mark.parametrize(("path", "cell"), STUBS)
def test_exercise_is_not_solved_yet(path, cell):
    with pytest.raises(CheckFailed):
        run(path, cell)


@pytest.mark.parametrize(("path", "cell"), SOLUTIONS)
def test_solution_passes(path, cell, capsys):
    run(path, cell)
    assert "passed" in capsys.readouterr().out


@by_name
def test_every_exercise_has_a_solution(path):
    assert len(cells(path, "exercise-stub")) == len(cells(path, "exercise-solution"))


def sections(path):
    """The cells of each section of a notebook; a markdown cell with a heading is cut at it."""
    out = [[]]
    for cell in nbformat.read(path, 4).cells:
        parts = re.split(r"(?m)^(?=## )", cell.source) if cell.cell_type == "markdown" else [cell.source]
        for number, part in enumerate(parts):
            if number or (cell.cell_type == "markdown" and part.startswith("## ")):
                out.append([])
            out[-1].append((cell.cell_type, part, cell.metadata.get("tags", [])))
    return out


@by_name
def test_every_prediction_waits_for_its_answer(path):
    """It stands right below its question; the page gets its answer in the same section, which is what it folds."""
    for section in sections(path):
        asked, answered = [], []
        for number, (kind, source, tags) in enumerate(section):
            if kind == "markdown":
                if "**Predict.**" in source:
                    assert "predict_" in section[number + 1][1], source[-200:]
                continue
            asked += re.findall(r'predict_\w+\(\s*"([\w-]+)"', source)
            for name in re.findall(r'\banswer\(\s*"([\w-]+)"', source):
                assert name in asked, f"{name} is answered before it is asked"
                assert "remove-cell" not in tags, f"the page does not get the answer of {name}"
                answered.append(name)
        assert sorted(asked) == sorted(answered)


def test_chapter_6_runs_a_whole_benchmark_when_asked(tmp_path, monkeypatch, capsys):
    """The cell that is meant for Colab, on PocketCLIP and a toy in place of ViT-B/32 and the photos."""
    (cell,) = [cell for cell in cells(ROOT / "chapters" / "06_scoreboard.ipynb") if "FULL = " in cell.source]
    sugarcrepe.write_toy(tmp_path, n=12)
    shown = []
    setting = {
        "os": os, "sugarcrepe": sugarcrepe, "evaluate": evaluate, "Markdown": str, "display": shown.append,
        "load_backbone": lambda name: load_backbone("pocket", "cpu"), "data_folder": lambda: tmp_path,
        "accuracy": collections.defaultdict(lambda: Estimate(1.0, 1.0, 1.0)),
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    exec(cell.source, dict(setting))
    assert "Not run" in capsys.readouterr().out and not shown
    monkeypatch.setenv("LABCLIP_FULL", "1")
    exec(cell.source, setting)
    assert shown[0].count("\n| ") == 7 and "swap_att" in shown[0]
    assert len(Results.load("sugarcrepe-mine.csv").micro().values) == 7 * 12


# The library


def imports(path):
    """Modules and wings of the library that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports by dots"
            if (node.module or "").partition(".")[0] == "labclip_lib":
                rest = node.module.removeprefix("labclip_lib").lstrip(".")
                folder = (LIBRARY / rest.replace(".", "/")).is_dir()
                yield from [f"{rest}.{alias.name}".lstrip(".") for alias in node.names] if folder else [rest]
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix("labclip_lib.") for alias in node.names if alias.name.startswith("labclip_lib.")
            )


def test_the_map_is_the_tree():
    assert {path.name for path in LIBRARY.iterdir() if path.is_file()} == {"__init__.py", "__main__.py"}
    wings = {path.name for path in LIBRARY.iterdir() if (path / "__init__.py").is_file()}
    assert len(WINGS) == len(wings) and set(WINGS) == wings


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES.values()}), ids=lambda path: path.name)
def test_a_wing_says_what_each_of_its_files_knows(folder):
    told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    assert set(re.findall(r"(?m)^(\w+): \S", told)) == {path.stem for path in folder.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("module", MODULES)
def test_arrows_point_up(module):
    wing = module.partition(".")[0]
    above = {wing, *WINGS[: WINGS.index(wing)]}
    assert {name.partition(".")[0] for name in imports(MODULES[module])} - {"__version__"} <= above


def test_no_two_files_import_each_other():
    graph = {module: [name for name in imports(path) if name in MODULES] for module, path in MODULES.items()}
    tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError


# Verbs are tested as they are typed, and what runs inside of the sandbox by way of it.
TESTED_AS = {
    **dict.fromkeys(
        ["course.grader.child_steps", "course.grader.child", "course.grader.pipe"], "course.grader.sandbox"
    ),
}


@pytest.mark.parametrize("module", MODULES)
def test_every_file_has_its_tests(module):
    folder, _, name = TESTED_AS.get(module, module).rpartition(".")
    assert (ROOT / "tests" / folder.replace(".", "/") / f"test_{name}.py").is_file()


@pytest.mark.parametrize(
    "path", [ROOT / "labclip_lib", *sorted({path.parent for path in MODULES.values()})], ids=lambda path: path.name
)
def test_doors_open(path):
    door = importlib.import_module(".".join(path.relative_to(ROOT).parts))
    for name in getattr(door, "__all__", ()):
        assert getattr(door, name) is not None
        assert name not in {file.stem for file in path.glob("*.py")}, "a file of that name would hide it"


DOORS = {"labclip_lib", *(".".join(path.parent.relative_to(ROOT).parts) for path in MODULES.values())}


def read_by_readers():
    """The code that people copy: chapters, assignments, and the README's blocks."""
    for path in (*NOTEBOOKS, *(ROOT / "chapters" / "assignments").glob("*.ipynb")):
        yield from ((path, cell.source) for cell in cells(path))
    for path in (ROOT / "README.md", *(ROOT / "chapters").glob("*.md")):
        yield from ((path, block) for block in re.findall(r"(?s)```python\n(.*?)```", path.read_text()))


def test_readers_code_comes_through_the_doors():
    for path, source in read_by_readers():
        for module in re.findall(r"(?m)^\s*(?:from|import) (labclip_lib[\w.]*)", source):
            assert module in DOORS, f"{path.name}: {module}"


# The repository


def test_repository_address_is_the_one_of_the_config():
    """Badges, clone commands and citations all lead to the same place."""
    address = repository()["url"].removesuffix("/")
    owner, name = address.removeprefix("https://github.com/").split("/")
    asked = re.compile(
        r"(?:colab\.research\.google\.com/github|mybinder\.org/v2/gh"
        r"|(?:git\+|git clone |repository-code: \W?)https://github\.com)/([\w.-]+)/([\w-]+)"
    )
    ours = re.compile(rf"github(?:usercontent)?\.com/([\w.-]+)/({re.escape(name)})\b")
    for file, text in tracked():
        for pattern in (asked, ours):
            for found in pattern.finditer(text):
                assert found.groups() == (owner, name), f"{file}: {found[0]}"


def test_no_file_names_a_path_of_somebody_s_machine():
    path = re.compile(r"(?<![\w./:~-])/(?:work|root|home|Users|mnt)/[\w.]|\b[A-Z]:\\Users")
    for file, text in tracked():
        assert str(ROOT) not in text, file
        found = path.search(text)
        assert not found, f"{file}: {text[max(0, found.start() - 30) : found.end() + 30]!r}"


# What GitHub does with it


def test_workflow_checks_everything_and_publishes_the_default_branch():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text())
    assert workflow[True] == ["push", "pull_request"]  # to YAML the key `on` is a truth value
    check, publish = workflow["jobs"]["check"], workflow["jobs"]["publish"]
    commands = [step["run"] for step in check["steps"] if "run" in step]
    targets = re.findall(r"(?m)^(\w+):", (ROOT / "Makefile").read_text())
    made = [command.split()[1] for command in commands if command.startswith("make ")]
    assert {"lint", "test"} < set(made) <= set(targets) and {"book", "slides"} & set(made)
    assert commands.index("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0") < commands.index("make test")
    assert workflow["permissions"] == {"contents": "read"}
    assert publish["needs"] == "check" and publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert "github.ref_name == github.event.repository.default_branch" in publish["if"]
    (site,) = [step["with"]["path"] for step in check["steps"] if "upload-pages" in step.get("uses", "")]
    assert site == "_build/html"
    for job in (check, publish):
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/none@v0"))


def test_form_for_what_stands_in_a_student_s_way():
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "chapter.yml").read_text())
    fields = {field["id"]: field["attributes"] for field in form["body"]}
    chapters = [path for path in NOTEBOOKS if not path.stem.startswith("appendix")]
    titles = [nbformat.read(path, 4).cells[0].source.splitlines()[0].lstrip("# ") for path in chapters]
    assert fields["chapter"]["options"][: len(titles)] == [f"{n}. {title}" for n, title in enumerate(titles, 1)]
    assert fields.keys() == {"chapter", "section", "seen", "expected", "where", "versions"}
    assert "python -m labclip_lib doctor" in fields["versions"]["description"]


def test_newest_releases_are_tried_each_week_as_a_reader_gets_them():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "newest.yml").read_text())
    assert {"schedule", "workflow_dispatch"} == set(workflow[True]) and workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    assert python == "3.12" and "--upgrade --upgrade-strategy eager" in commands
    assert not re.search(r"pip install.*(labclip| \.)", commands), "the set-up cell would have nothing to install"
    (chapter,) = set(re.findall(r"cp (\S+\.ipynb)", commands))
    assert (ROOT / chapter).is_file() and f"timeout 900 {Path(chapter).name}" in commands
    for step in job["steps"]:
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/none@v0"))
