"""The set-up cell, and chapter 1 behind it, on a computer like Colab: torch is there, the book's library is not."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, distributions
from pathlib import Path

import nbclient
import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

import labclip_lib
from labclip_lib.course.notebooks.setup_cell import is_set_up_cell, set_up_cell

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"].rstrip("/")
# What Colab has of that which the library needs, in the versions of its image of late 2025.
COLAB = {
    "filelock": "3.18", "huggingface_hub": "0.34", "ipywidgets": "7.7.1", "jinja2": "3.1.6", "joblib": "1.5",
    "matplotlib": "3.10", "nbformat": "5.10", "numpy": "2.0.2", "pillow": "11.3", "safetensors": "0.6",
    "scikit-learn": "1.6.1", "scipy": "1.16", "seaborn": "0.13.2", "torch": "2.8", "torchvision": "0.23",
    "tqdm": "4.67",
}  # fmt: skip
VERSION = labclip_lib.__version__.rpartition(".")[0]
NEW = ["labclip_lib", "open_clip_torch", "HanTa", "inflect", "webdataset"]


def packages(*needs):
    """The installed packages that these requirements name, with all that they need themselves: {name: package}."""
    found, seen, left = {}, {}, [Requirement(need) for need in needs]
    while left:
        need = left.pop()
        package = found.setdefault(need.name, distribution(need.name))
        for extra in {"", *need.extras} - seen.setdefault(need.name, set()):
            seen[need.name].add(extra)
            theirs = map(Requirement, package.requires or [])
            left += [it for it in theirs if it.marker is None or it.marker.evaluate({"extra": extra})]
    return found


def as_they_are(names):
    """What an installation of these packages would change: {path: (size, time of change)}."""
    paths = [Path(package.locate_file(file)) for package in map(distribution, names) for file in package.files]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.is_file()}


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The python of a new environment that sees Colab's packages of this one, by symbolic links, and no others."""
    folder = tmp_path_factory.mktemp("colab")
    (folder / "links").mkdir()
    for package in packages(*COLAB, "ipykernel", "timm").values():
        for top in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
            link = folder / "links" / top
            if link.suffix != ".pth" and not link.is_symlink():  # one folder may belong to many
                link.symlink_to(package.locate_file(top))
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    (site / "links.pth").write_text(f"{folder / 'links'}\n")
    return folder / "env" / "bin" / "python"


@pytest.fixture(scope="module")
def index(python, tmp_path_factory):
    """A package index that answers."""
    asked = [python, "-m", "pip", "download", "--no-deps", "--retries", "0", "--timeout", "15", "braceexpand"]
    if subprocess.run(asked, capture_output=True, cwd=tmp_path_factory.mktemp("index")).returncode:
        pytest.skip("no package index answers: not tested is whether the set-up cell installs the library beside torch")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A git repository of the book's files as they are now, committed or not."""
    folder = tmp_path_factory.mktemp("origin") / "book"
    try:
        names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    except subprocess.CalledProcessError:
        pytest.skip("this copy of the book is no git repository: not tested is whether the set-up cell installs it")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "-m", "As it is now")
    return folder


@pytest.fixture
def run(python, tmp_path, monkeypatch):
    """A function that runs code cells in the new environment, from an empty folder, and returns them."""
    spec = tmp_path / "jupyter" / "kernels" / "colab" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "Colab", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "empty").mkdir()

    def execute(*cells):
        notebook = nbformat.v4.new_notebook(cells=list(cells))
        where = {"metadata": {"path": str(tmp_path / "empty")}}
        nbclient.NotebookClient(notebook, timeout=900, kernel_name="colab", resources=where).execute()
        return notebook.cells

    return execute


def new_in(python):
    """What is installed in the new environment itself."""
    (site,) = python.parents[1].glob("lib/python*/site-packages")
    return {package.name for package in distributions(path=[str(site)])}


def answers_for(repository, monkeypatch):
    """Whoever asks git for the book's address gets this folder."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{repository.as_uri()}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", ADDRESS)


def test_library_that_is_there_is_left_alone(monkeypatch, capsys):
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: pytest.fail("something was run"))
    exec(set_up_cell(ADDRESS), {})
    assert capsys.readouterr() == ("", "")


def test_no_range_would_make_pip_replace_a_package_of_colab():
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    needs = {need.name: need.specifier for need in map(Requirement, needs)}
    assert needs.keys() - COLAB.keys() == {*NEW} - {"labclip_lib"}
    for name, version in COLAB.items():
        assert needs[name].contains(version), f"{name}{needs[name]}, and Colab has {version}"


def failure(run, source):
    """What the reader of a cell that stops sees below it: one line, one sentence."""
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"]})
    error = run(cell)[0].outputs[-1]
    (message,) = error.traceback
    assert error.ename == "SetUpFailed" and message.endswith(".") and len(message) < 500
    assert not {"\n", "\x1b"} & {*message}
    return message


def test_no_network_is_one_sentence(run):
    message = failure(run, set_up_cell("https://127.0.0.1/nobody/answers"))
    assert "unable to access 'https://127.0.0.1/nobody/answers/'" in message and "check the network" in message


def test_torch_that_is_too_old_is_one_sentence_and_stays(run, python, index, repository, tmp_path, monkeypatch):
    newer = tmp_path / "newer"
    git(tmp_path, "clone", "--quiet", repository, newer)
    project = newer / "pyproject.toml"
    project.write_text(re.sub('"torch>=[^"]*"', '"torch>=1000"', project.read_text()))
    git(newer, "commit", "--quiet", "--all", "-m", "Of the far future")
    answers_for(newer, monkeypatch)
    message = failure(run, set_up_cell(ADDRESS))
    assert f"torch=={distribution('torch').version}" in message and "update what it names" in message
    assert new_in(python) == {"pip", "setuptools"} & new_in(python)


def test_chapter_1_runs_where_only_torch_and_its_like_were(run, python, index, repository, monkeypatch):
    """From the set-up cell to the end, and pip has touched nothing that was there."""
    answers_for(repository, monkeypatch)
    before = as_they_are(["torch", "torchvision", "numpy"])
    chapter = nbformat.read(ROOT / "chapters" / "01_clip_basics.ipynb", 4)
    opening, *rest = [cell for cell in chapter.cells if cell.cell_type == "code"]
    assert is_set_up_cell(opening)
    where = "import labclip_lib, torch, sys; print(labclip_lib.__file__, torch.__file__, sys.prefix)"
    opened, *_, said, again = run(
        opening, *rest, nbformat.v4.new_code_cell(where), nbformat.v4.new_code_cell(opening.source)
    )
    assert [output.name for output in opened.outputs] == ["stdout"] and again.outputs == []
    library, torch, prefix = said.outputs[0].text.split()
    assert library.startswith(prefix) and "links" in torch
    assert {*NEW} <= new_in(python) and not {*COLAB} & new_in(python)
    assert as_they_are(["torch", "torchvision", "numpy"]) == before
    message = failure(run, opening.source.replace(f'version="{VERSION}"', 'version="0.0"'))
    assert "labclip_lib 0.0" in message and "open the notebook from there again" in message
