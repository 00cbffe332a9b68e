import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from course_toy import toy

from labclip_lib.course import folder
from labclip_lib.course.grader.sandbox import GUARDS, guards

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it needs Linux")


def run(root, *command):
    return subprocess.run([sys.executable, root / "tools" / "without_namespaces.py", *command], capture_output=True)


def test_namespaces_and_mounts_are_refused_and_all_else_runs(root, tmp_path):
    for command in (["unshare", "-U", "true"], ["mount", "-t", "tmpfs", "none", str(tmp_path)]):
        if shutil.which(command[0]):
            assert run(root, *command).returncode != 0
    code = "import subprocess, threading; threading.Thread(target=subprocess.run, args=(['echo', 'hi'],)).start()"
    assert run(root, sys.executable, "-c", code).stdout == b"hi\n"


UNGUARDED = """
import sys
from labclip_lib.course.folder import Course
from labclip_lib.course.grader.batch import grade
from labclip_lib.course.grader.sandbox import Sandbox, guards
print({"files", "processes"} & guards())
for work in (lambda: Sandbox(["x = 1"]).__enter__(), lambda: grade(Course(sys.argv[1]), "toy")):
    try:
        work()
    except ValueError as error:
        print(error)
"""


def test_guards_of_the_sandbox_are_found_missing_and_nothing_is_run(root, tmp_path):
    nbformat.write(toy(), tmp_path / "toy.ipynb")
    course = folder.new(tmp_path / "a course", tmp_path)
    nothing, *errors = run(root, sys.executable, "-c", UNGUARDED, course.root).stdout.decode().splitlines()
    assert nothing == "set()" and len(errors) == 2
    for error in errors:
        assert "guard" in error and "files, limits, network, processes" in error and error.endswith("namespaces.")


def test_where_namespaces_can_be_made_all_guards_stand():
    """What needs them is skipped elsewhere, and so would not tell that they are broken."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-Urnpmf", "--mount-proc", "true"], capture_output=True).returncode:
        pytest.skip("no namespaces can be made here")
    # The kernel counts the processes of everybody but its own root, who may be the root of a user namespace, too.
    if not os.geteuid() and Path("/proc/self/uid_map").read_text().split()[1:] == ["0", "1"]:
        pytest.skip("root of a user namespace: nobody counts its processes")
    assert guards() == set(GUARDS)
