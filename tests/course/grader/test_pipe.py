import contextlib
import re
import sys

import pytest

from labclip_lib.course.grader.sandbox import GUARDS, Sandbox


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")
def test_the_process_starts_unless_the_machine_forbids_it():
    """The tests of the sandbox are skipped where it does not start, so they cannot notice a mistake in starting it."""
    box = Sandbox(["pass"], offered=frozenset(GUARDS))
    with contextlib.suppress(RuntimeError), box:
        pass
    assert not re.search("(Name|Attribute|Import|ModuleNotFound|Syntax)Error", box._talk.output)
