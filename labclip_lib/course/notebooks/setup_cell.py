"""The cell that opens every chapter: it installs the library where it is missing, and nothing else.

It is text, not a function of the library, because it runs where the library is not installed yet.
"""

import re

import labclip_lib

SETUP = """\
# Set-up: the same cell opens every chapter. It does nothing where the library
# is there already, and elsewhere installs it; torch and numpy stay as they are.
def set_up(
    version="{version}",
    address="{address}",
):
    import importlib.util
    import re
    import subprocess
    import sys
    from importlib.metadata import version as installed

    class SetUpFailed(RuntimeError):
        def _render_traceback_(self):
            return [str(self)]

    try:
        import labclip_lib

        if labclip_lib.__version__.startswith(f"{version}."):
            return
    except ImportError:
        pass
    print("Installing the book's library; this takes a minute or two ...")
    keep = filter(importlib.util.find_spec, ["torch", "torchvision", "numpy"])
    keep = [f"{name}=={installed(name)}" for name in keep]
    pip = [sys.executable, "-m", "pip", "install", "--no-color", *keep]
    pip += [f"labclip_lib @ git+{address}"]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        said = re.search("(fatal|ERROR|No module).{,200}", done.stderr)
        conflict = "conflicting dependencies" in done.stderr
        raise SetUpFailed(
            f"The book's library could not be installed ({said and said[0]}); "
            + ("update what it names" if conflict else "check the network")
            + ", restart the kernel, and run this cell again."
        )
    importlib.invalidate_caches()
    sys.modules.pop("labclip_lib", None)
    if not installed("labclip_lib").startswith(f"{version}."):
        raise SetUpFailed(
            f"This notebook is for labclip_lib {version}, which {address} "
            "no longer has; open the notebook from there again."
        )


set_up()"""
# How it begins, and how it ends or ended in older versions.
OPENS, CLOSES = "# Set-up: the same cell opens every chapter.", re.compile(r'\nset_up\(\)$|git\+\S+"$')


def set_up_cell(address):
    """The text of the cell that opens every chapter and installs the library from this address, https://...

    Raises ValueError for another kind of address.
    """
    if not re.fullmatch(r"https://[\w.-]+(/[\w.~@-]+)+/?", address):
        raise ValueError(f"The address of the repository is {address!r}; give one like https://host/owner/name.")
    version = labclip_lib.__version__.rpartition(".")[0]
    return SETUP.replace("{version}", version, 1).replace("{address}", address.rstrip("/"), 1)


def is_set_up_cell(cell):
    """Whether a cell is the one of `set_up_cell`, for whatever address and version."""
    source = cell["source"].strip()
    return cell["cell_type"] == "code" and source.startswith(OPENS) and bool(CLOSES.search(source))
