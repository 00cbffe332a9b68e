"""What the tests of several verbs need."""

import numpy as np
import pytest
from embeddable import pictures
from synthetic import SMALL, Binder

from labclip_lib.__main__ import main
from labclip_lib.embeddings.tables import TABLES


@pytest.fixture
def mistake(capsys):
    """Type a wrong command line; returns the last line on standard error. Before it may be what a verb announced."""

    def typed(*argv):
        capsys.readouterr()
        try:
            status = main(list(argv))
        except SystemExit as left:  # as argparse does
            status = left.code
        out, err = capsys.readouterr()
        assert status == 2 and not out and "Traceback" not in err
        *bars, said = err.splitlines()
        assert all(not bar.strip() or "%|" in bar or bar.endswith(("on one core.", "a minute or so.")) for bar in bars)
        assert said.startswith(f"python -m labclip_lib {argv[0]}") and said.endswith((".", "?"))
        return said

    return typed


@pytest.fixture
def tables(tmp_path):
    """A reader's tables: every scene of a small world, embedded by one that binds perfectly."""
    path, scenes, binder = tmp_path / "mine", SMALL.compositions(seed=0), Binder()
    path.mkdir()
    rows = zip(scenes.color.tolist(), scenes.shape.tolist(), strict=True)
    lines = [f"{SMALL.shapes[s]},{SMALL.colors[c]},{SMALL.shapes[t]},{SMALL.colors[d]}" for (c, d), (s, t) in rows]
    (path / "labels.csv").write_text("\n".join(["object1,attribute1,object2,attribute2", *lines]) + "\n")
    for name, part in zip(TABLES, (scenes, scenes, scenes.swapped()), strict=True):
        np.save(path / f"{name}.npy", binder.encode_texts(part.captions()).numpy())
    return path


@pytest.fixture
def pictured(tmp_path, tiny_checkpoint):
    """A command line that embeds five pictures, and the folder it writes to."""
    pictures(tmp_path / "in", 5)
    argv = ["embed", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--backbone", str(tiny_checkpoint)]
    return [*argv, "--device", "cpu", "--workers", "0"], tmp_path / "out"
