import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it needs Linux")


def run(root, *command):
    return subprocess.run([sys.executable, root / "tools" / "without_namespaces.py", *command], capture_output=True)


def test_namespaces_and_mounts_are_refused_and_all_else_runs(root, tmp_path):
    for command in (["unshare", "-U", "true"], ["mount", "-t", "tmpfs", "none", str(tmp_path)]):
        if shutil.which(command[0]):
            assert run(root, *command).returncode != 0
    code = "import subprocess, threading; threading.Thread(target=subprocess.run, args=(['echo', 'hi'],)).start()"
    assert run(root, sys.executable, "-c", code).stdout == b"hi\n"


def test_guards_of_the_sandbox_are_found_missing(root):
    code = "from labclip_lib.course.sandbox import guards; print({'files', 'network', 'processes'} & guards())"
    assert run(root, sys.executable, "-c", code).stdout == b"set()\n"
