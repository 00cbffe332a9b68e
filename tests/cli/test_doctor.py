import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

from labclip_lib.__main__ import main
from labclip_lib.base.published_files import ADDRESSES, PINNED
from labclip_lib.cli import doctor as room
from labclip_lib.cli.doctor import doctor, requirements
from labclip_lib.models import pocket, recipes
from labclip_lib.models.pocket import verify_weights


@pytest.fixture(autouse=True)
def sound(monkeypatch, to_download):
    """An installation with nothing wrong, and no data."""
    with_versions(monkeypatch)


@pytest.fixture
def elsewhere(root, tmp_path):
    """The module as it is installed, with no clone of the book around it."""
    path = tmp_path / "site-packages" / "labclip_lib" / "cli" / "doctor.py"
    path.parent.mkdir(parents=True)
    shutil.copy(root / "labclip_lib" / "cli" / "doctor.py", path)
    spec = importlib.util.spec_from_file_location("doctor_elsewhere", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_versions(monkeypatch, **versions):
    versions = {"jupyter-book": "1.1"} | versions

    def version(name):
        if versions.get(name, "99.1") is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions.get(name, "99.1")

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_sound_installation(capsys, to_download):
    assert main(["doctor"]) == 0
    out, cards = capsys.readouterr().out, {name: verify_weights(name=name) for name in recipes.RECIPES}
    weights = [f"{name}'s weights: SHA-256 {card['sha256'][:12]}" for name, card in cards.items()]
    for part in (
        "Python 3.",
        "torch 99.1\n",
        "device: ",
        *weights,
        f"seed {cards['pocket']['recipe']['seed']}",
        str(to_download),
    ):
        assert part in out
    assert "is missing" not in out and "is needed" not in out


def test_damaged_weights(monkeypatch, capsys):
    monkeypatch.setattr(hashlib, "file_digest", lambda *args: hashlib.sha256(b"something else"))
    assert main(["doctor"]) == 1
    assert "damaged: SHA-256 " in (out := capsys.readouterr().out) and "; install labclip_lib again" in out


def test_every_pocketclip_of_the_package_is_looked_at(monkeypatch, tiny_3d_checkpoint, capsys):
    folder = tiny_3d_checkpoint.parent  # of one alone, and it is not the book's own
    seen = verify_weights(folder, "pocket-3d")["sha256"][:12]
    monkeypatch.setattr(pocket.verify_weights, "__defaults__", (folder, "pocket"))
    monkeypatch.setattr(recipes, "RECIPES", {"pocket-3d": recipes.RECIPES["pocket-3d"]})
    assert doctor() and f"\npocket-3d's weights: SHA-256 {seen}" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setattr(pocket.verify_weights, "__defaults__", (folder, "pocket"))
    assert not doctor()
    assert (
        "a PocketCLIP cannot be used: ValueError: PocketCLIP's pocket.safetensors is missing" in capsys.readouterr().out
    )


def test_missing_library(monkeypatch, capsys):
    with_versions(monkeypatch, torch=None)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "\ntorch is missing, needed for the library\n" in out
    assert "\n  for the library: pip install 'torch>=2.6'\n" in out


@pytest.mark.parametrize(("version", "fits"), [("2.5.1", False), ("2.6.0+cpu", True), ("2.7.0.dev1", True)])
def test_versions_are_compared(version, fits, monkeypatch, capsys):
    with_versions(monkeypatch, torch=version)
    assert doctor() is fits
    out = capsys.readouterr().out
    assert f"torch {version}" in out
    assert ("torch 2.5.1 is installed, >=2.6 is needed for the library" in out) is not fits


def test_missing_book_tool_does_not_stop_the_library(monkeypatch, capsys):
    with_versions(monkeypatch, nbval=None)
    assert doctor() is True
    out = capsys.readouterr().out
    assert "\nnbval is missing, needed for building the book\n" in out
    assert "\n  for building the book: pip install 'nbval>=0.11'\n" in out


# What should be there


def test_a_clone_says_what_is_needed(monkeypatch):
    """Every name is a real package's, and none is typed anywhere but in pyproject.toml and requirements.txt."""
    monkeypatch.undo()
    groups = {purpose: (needed, lines) for purpose, needed, lines in requirements()}
    assert {purpose: needed for purpose, (needed, _) in groups.items()} == {
        "the library": True, "`course`": False, "building the book": False,
    }  # fmt: skip
    for name in ("scipy", "huggingface_hub", "webdataset", "nbformat", "joblib", "pillow"):
        assert any(line.startswith(name) for line in groups["the library"][1])
    for _, lines in groups.values():
        assert all(room._state(line)[1] for line in lines)


def test_an_installed_package_says_what_is_needed(elsewhere, monkeypatch):
    told = ["HanTa>=1.2.1", "numpy>=2.0.2", 'bleach>=6.0; extra == "course"', "nbgrader>=0.9.6 ; extra == 'course'"]
    monkeypatch.setattr(importlib.metadata, "requires", {"labclip_lib": told}.get)
    assert list(elsewhere.requirements()) == [
        ("the library", True, ["HanTa>=1.2.1", "numpy>=2.0.2"]),
        ("`course`", False, ["bleach>=6.0", "nbgrader>=0.9.6"]),
    ]


def test_a_folder_that_is_neither_installed_nor_a_clone(elsewhere, monkeypatch, capsys):

    def requires(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", requires)
    assert elsewhere.doctor() is False
    out = capsys.readouterr().out
    assert "not known here: run `pip install .` in a clone of the book" in out and "pocket's weights" in out


# The data


def test_which_texts_are_there(capsys, to_download, monkeypatch):
    first, second, *_ = ADDRESSES
    doctor()
    assert f"none of {len(ADDRESSES)} are in {to_download}; fetch them with `python -m labclip_lib get texts`" in (
        capsys.readouterr().out
    )
    (to_download / first).parent.mkdir(parents=True)
    for name in (first, second):
        (to_download / name).write_bytes(b"words")
    monkeypatch.setitem(PINNED, first, hashlib.sha256(b"words").hexdigest())
    assert doctor() is True
    out = capsys.readouterr().out
    assert f"1 of {len(ADDRESSES)} are in" in out and f"{to_download / second} has a wrong checksum" in out


def test_all_texts_are_there(capsys, real_data, monkeypatch):
    monkeypatch.setenv("LABCLIP_DATA", str(real_data))
    doctor()
    assert f"texts of the book: all {len(ADDRESSES)} are in {real_data}" in capsys.readouterr().out.splitlines()


def test_which_benchmarks_are_there(capsys, to_download):
    doctor()
    assert f"\nbenchmarks: none in {to_download}; `python -m labclip_lib get` lists all\n" in capsys.readouterr().out
    for path in ("pug_spar/labels.csv", "coco/val2017/1.jpg"):
        (to_download / path).parent.mkdir(parents=True)
        (to_download / path).touch()
    doctor()
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"benchmarks: pug_spar in {to_download}, sugarcrepe, sugarcrepe_pp, valse in part; ")


# It answers when it is needed: what is missing or broken here is so in a process of its own


def answer(root, *argv, path=(), options=()):
    """What the command line does: (status, output, errors), and never a traceback."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (*path, root)))}
    done = subprocess.run(
        [sys.executable, *options, "-m", "labclip_lib", *argv], cwd=root / "tests", env=environment,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_with_nothing_installed(root):
    status, out, err = answer(root, "doctor", options=["-S"])
    assert status == 1 and not err
    for name in ("torch", "numpy", "HanTa", "scipy", "nbgrader", "jupyter-book"):
        assert f"\n{name} is missing" in out
    assert "texts of the book" in out


def test_help_with_nothing_installed(root):
    status, out, err = answer(root, "--help", options=["-S"])
    assert status == 0 and "doctor" in out and not err


@pytest.mark.parametrize(
    "argv",
    [["get"], ["get", "texts"], ["probe"], ["diagnose"], ["train"], ["embed", "x", "--out", "y"], ["pretrain"],
     ["reproduce"], ["study", "dial"], ["course", "new", "z"]],
)  # fmt: skip
def test_other_verbs_with_nothing_installed(argv, root):
    status, out, err = answer(root, *argv, options=["-S"])
    assert status == 2 and not out and err.count("\n") == 1
    assert err.startswith(f"python -m labclip_lib {argv[0]}") and "missing; `python -m labclip_lib doctor` says" in err


BROKEN = {
    "missing": "raise ModuleNotFoundError(\"No module named '{0}'\", name='{0}')",
    "half installed": "from {0}.nothing import x",
    "a library": "raise OSError('libcudart.so.12: cannot open shared object file')",
    "built for another numpy": "raise RuntimeError('compiled against another ABI.\\nsecond line')",
    "half a file": "def f(:",
    "circular": "import {0}; {0}.nothing",
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("package", ["torch", "open_clip"])
def test_with_a_broken_package(package, how, root, tmp_path):
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(BROKEN[how].format(package))
    status, out, err = answer(root, "doctor", path=[tmp_path])
    assert status == 1 and not err
    assert "cannot be used: " in out and "texts of the book" in out
    status, out, err = answer(root, "probe", path=[tmp_path])
    assert status == 2 and not out and err.count("\n") == 1, err
    assert package in err and "`python -m labclip_lib doctor` says what to install." in err
