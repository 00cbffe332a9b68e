"""Would the tests notice? Each mistake below is made on purpose, and a test must fail of it.

They are the mistakes that flatter: nothing crashes, and a model or a finding looks better than it is.
"""

import ast
import importlib
import re
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.slow

# Mistake -> (code that makes it before any test is read, file, the test that must notice).
MUTANTS = {
    "ties counted as correct": (
        """
        import numpy as np
        from labclip_lib.measures import outcomes

        outcomes.pairwise_outcomes = lambda positive, negative: np.asarray(positive >= negative, float)
        """,
        "measures/test_outcomes.py",
        "order_blind and 1000",
    ),
    "captions that the model cannot tell apart taken for one": (
        """
        import torch
        from labclip_lib.alignment import pairs

        def merged(lengths, ids, device):
            return [torch.zeros(length, dtype=torch.long, device=device) for length in lengths]

        pairs._numbers = merged
        """,
        "alignment/test_pairs.py",
        "cannot_tell_apart",
    ),
    "negatives that the model cannot tell from their captions left out": (
        """
        import dataclasses
        from labclip_lib.alignment import pairs

        sound = pairs.examine_pairs

        def picky(some, labclip=None):
            alike = (some.negatives == some.texts[:, None]).all(-1).any(1)
            return sound(some[~alike], labclip)

        pairs.examine_pairs = picky
        """,
        "alignment/test_pairs.py",
        "cannot_tell_from",
    ),
    "equal embeddings that tie only when their last bits agree": (
        """
        from labclip_lib.measures import outcomes

        outcomes.LAST_PLACES, outcomes.UNIT_ROWS = -1, 0.0
        """,
        "measures/test_outcomes.py",
        "whatever_the_shape and unit and 512",
    ),
    "a chance that knows of one right caption": (
        """
        from labclip_lib.measures import outcomes

        outcomes.guessed_recall = lambda right, n, k: 0 * right + k / n
        """,
        "measures/test_outcomes.py",
        "of_a_reader and 5",
    ),
    "a split that knows nothing of twins": (
        """
        import torch
        from labclip_lib.probing import protocols

        sound = protocols.split_by_combination

        def leaky(attribute, object, seed=42):
            split = sound(attribute, object, seed)
            rank = torch.rand(len(attribute), generator=torch.Generator().manual_seed(seed))
            return protocols.Split(rank < 0.8, (rank >= 0.8) & (rank < 0.9), rank >= 0.9, split.cluster, split.asked)

        protocols.split_by_combination = leaky
        """,
        "probing/test_protocols.py",
        "twins_share",
    ),
    "labels permuted": (
        """
        import torch
        from labclip_lib.probing import scene_probes

        sound = scene_probes._targets

        def permuted(features, attribute, object):
            order = torch.randperm(len(attribute), generator=torch.Generator().manual_seed(0))
            return sound(features, attribute[order], object)

        scene_probes._targets = permuted
        """,
        "probing/test_scene_probes.py",
        "binding_is_found",
    ),
    "a ceiling that is typed in": (
        """
        from labclip_lib.probing import protocols

        protocols.bag_of_words_ceiling = lambda attribute, object, size_known=True: 0.5
        """,
        "probing/test_protocols.py",
        "not_typed_in",
    ),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_what_a_mistake_replaces_is_there(mistake):
    """A name that moved would be patched in vain, and no test could notice the mistake."""
    tree = ast.parse(textwrap.dedent(MUTANTS[mistake][0]))
    modules = {
        alias.name: importlib.import_module(f"{node.module}.{alias.name}")
        for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }  # fmt: skip
    replaced = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    parts = [part for target in replaced for part in getattr(target, "elts", [target])]
    names = [part for part in parts if isinstance(part, ast.Attribute)]
    assert names and all(hasattr(modules[part.value.id], part.attr) for part in names)


@pytest.fixture
def outcome(root):
    """Run a few tests in a process of their own, after some code: (exit status, what pytest printed)."""

    def run(code, files, select):
        argv = ["-x", "-q", "-p", "no:cacheprovider", *(f"tests/{file}" for file in files), "-k", select]
        script = f"import sys, pytest\n{textwrap.dedent(code)}\nsys.exit(pytest.main({argv!r}))"
        done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=240)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("mistake", MUTANTS)
def test_mistake_is_noticed(outcome, mistake):
    code, file, select = MUTANTS[mistake]
    status, said = outcome(code, [file], select)
    assert status == 1 and "1 failed" in said, said
    assert re.search(rf"^tests/{file}:\d+: AssertionError$", said, re.M), said  # a wrong number, not a crash


def test_without_a_mistake_the_same_tests_pass(outcome):
    _, files, select = zip(*MUTANTS.values(), strict=True)
    status, said = outcome("", sorted(set(files)), " or ".join(f"({part})" for part in select))
    assert status == 0 and f"{len(MUTANTS)} passed" in said, said
