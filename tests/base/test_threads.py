import os
import subprocess
import sys
from pathlib import Path

import pytest

import labclip_lib
from labclip_lib.base import threads


@pytest.fixture
def cgroup(monkeypatch):
    """Write what a container's files say of its processor time, on a machine of eight processors."""
    files = {}

    def read(path):
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    return lambda name, text: files.update({Path("/sys/fs/cgroup", name): text})


class TestThreads:
    def test_idle_ones_sleep(self):
        chosen = {}
        threads.settle(chosen)
        assert chosen["OMP_WAIT_POLICY"] == "PASSIVE"

    def test_what_the_user_set_stays(self, cgroup):
        cgroup("cpu.max", "200000 100000\n")
        chosen = {"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "3"}
        threads.settle(chosen)
        assert chosen == {"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "3"}

    @pytest.mark.parametrize(
        ("quota", "number"),
        [("200000 100000", "2"), ("250000 100000", "3"), ("10000 100000", "1"), ("800000 100000", None),
         ("max 100000", None), ("", None)],
    )  # fmt: skip
    def test_a_container_s_share_of_the_processors(self, cgroup, quota, number):
        cgroup("cpu.max", quota + "\n")
        chosen = {}
        threads.settle(chosen)
        assert chosen.get("OMP_NUM_THREADS") == number

    @pytest.mark.parametrize(("quota", "number"), [("150000", "2"), ("-1", None)])
    def test_the_same_of_an_older_kernel(self, cgroup, quota, number):
        cgroup("cpu/cpu.cfs_quota_us", f"{quota}\n")
        cgroup("cpu/cpu.cfs_period_us", "100000\n")
        chosen = {}
        threads.settle(chosen)
        assert chosen.get("OMP_NUM_THREADS") == number

    def test_no_container(self, cgroup):
        chosen = {}
        threads.settle(chosen)
        assert "OMP_NUM_THREADS" not in chosen


def ask(program, **environ):
    """What a new Python prints, where nobody has chosen anything of threads but `environ`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", program], env=kept | environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="what OpenMP is told is read from its own report, as Linux has it")
def test_importing_the_library_reaches_torch_s_openmp():
    program = "import labclip_lib, torch"
    assert "GOMP_SPINCOUNT = '0'" in ask(program, OMP_DISPLAY_ENV="VERBOSE")
    assert "GOMP_SPINCOUNT = '0'" not in ask(program, OMP_DISPLAY_ENV="VERBOSE", OMP_WAIT_POLICY="ACTIVE")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes are not bound to processors here")
def test_a_process_that_may_use_one_processor_has_one_thread():
    bound = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    assert ask(f"{bound}; import labclip_lib, torch; print(torch.get_num_threads())").split()[-1] == "1"


def test_the_package_loads_nothing_that_starts_threads():
    assert ask("import labclip_lib, sys; print({'torch', 'numpy', 'sklearn'} & set(sys.modules))").strip() == "set()"
    assert labclip_lib.__version__
