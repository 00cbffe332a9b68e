"""The sandbox's own process: set up the isolation, run the cells, return plain data. See `sandbox.py`.

The job, one JSON object, comes on standard input; answers go out as lines of JSON. It needs Linux 5.14.
"""

import base64
import contextlib
import ctypes
import json
import os
import platform
import random
import re
import resource
import select
import shutil
import signal
import struct
import sys
import time
import types
from pathlib import Path

from labclip_lib.course.grader.child_steps import LATE_SIGNAL, Steps
from labclip_lib.course.grader.plain_data import NotPlain, decode

STUDENT = 61007  # the number of a user that owns nothing
OUT_OF_MEMORY = 213
HOME, WORK = "student", "student/work"
# The student's disk is mounted over this folder, which every Linux has, in a mount namespace of its own: whatever is
# killed, nothing of it is left.
OVER = "/sys"
_SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts"]
_DEVICES = ["null", "zero", "full", "random", "urandom"]
# Linux's numbers, from its headers: mount.h, sched.h, prctl.h.
_BIND, _RECURSIVE, _PRIVATE, _NOSUID, _NODEV = 4096, 16384, 1 << 18, 2, 4
_NEW_MOUNTS, _NEW_UTS, _NEW_IPC, _NEW_USER, _NEW_PIDS, _NEW_NET = 1 << 17, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30
_DEATH_SIGNAL, _DUMPABLE, _SECCOMP, _DROP_CAPABILITY, _NO_NEW_PRIVILEGES = 1, 4, 22, 24, 38
# Refused system calls: memfd_create, shmget and memfd_secret take memory that no limit counts; userfaultfd,
# io_uring_setup, bpf, perf_event_open, add_key and keyctl have often had kernel bugs, and no exercise needs them.
_REFUSED = {
    "x86_64": (0xC000003E, [319, 29, 447, 323, 425, 321, 298, 248, 250]),
    "aarch64": (0xC00000B7, [279, 194, 447, 282, 425, 280, 241, 217, 219]),
}


def _call(name, *args):
    """Call a function of libc. Raises OSError if it fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    args = [a.encode() if isinstance(a, str) else ctypes.c_ulong(a) if isinstance(a, int) else a for a in args]
    if getattr(libc, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def die_with_parent():
    """End this process when the one that started it ends, however that happens."""
    if sys.platform == "linux":
        _call("prctl", _DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def _become(inner, outer):
    """Enter a new user namespace with all rights in it, in which the user and group `outer` have the number `inner`."""
    user, group = outer
    _call("unshare", _NEW_USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inner} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{inner} {group} 1")


def _show(path, root):
    """Mount `path` read-only at the same place under `root`."""
    target = Path(f"{root}{path}")
    if target.is_symlink() or target.exists() or not os.path.exists(path):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.islink(path):
        return target.symlink_to(os.readlink(path))
    target.mkdir() if os.path.isdir(path) else target.touch()
    _call("mount", path, str(target), None, _BIND | _RECURSIVE, None)
    # mount_setattr, with AT_FDCWD and AT_RECURSIVE: read only, no set-user-id, no devices (but those of /dev).
    flags = 3 if path.startswith("/dev/") else 7
    _call(
        "syscall", 442, -100, str(target), 0x8000, ctypes.create_string_buffer(struct.pack("QQQQ", flags, 0, 0, 0)), 32
    )


def _fill(job, root):
    """Make the student's folders under `root`, and copy the folder `job["folder"]`, whose links stay links."""
    for name in (HOME, WORK, "tmp", "dev/shm"):
        Path(root, name).mkdir(parents=True, exist_ok=True)

    def special(folder, names):
        paths = [Path(folder, name) for name in names]
        return [p.name for p in paths if not (p.is_symlink() or p.is_file() or p.is_dir())]

    if job["folder"]:
        shutil.copytree(job["folder"], Path(root, WORK), symlinks=True, ignore=special, dirs_exist_ok=True)


def _give_folders(root, user):
    """Make `user` the owner of the student's folders, but not of what is mounted read-only under /tmp."""
    os.chown(Path(root, "tmp"), user, user)
    os.chown(Path(root, "dev/shm"), user, user)
    for folder, folders, files in os.walk(Path(root, HOME)):
        for path in [folder, *(os.path.join(folder, n) for n in folders + files)]:
            os.chown(path, user, user, follow_symlinks=False)


def _wall_in(job, root, user):
    """Enter a file system that holds the interpreter, the library and the student's folder, and nothing else."""
    _call("unshare", _NEW_MOUNTS)
    _call("mount", None, "/", None, _RECURSIVE | _PRIVATE, None)
    size = f"size={job['disk']},nr_inodes=100000,mode=755"
    _call("mount", "none", root, "tmpfs", _NOSUID | _NODEV, size)
    for path in [*_SYSTEM, *sorted(job["show"]), *(f"/dev/{name}" for name in _DEVICES)]:
        _show(path, root)
    _fill(job, root)
    _give_folders(root, user)
    Path(root, "etc/passwd").write_text("student:x:1000:1000::/student:/bin/sh\n")
    Path(root, "proc").mkdir()
    _call("mount", "proc", f"{root}/proc", "proc", _NOSUID | _NODEV, None)
    os.chdir(root)
    _call("pivot_root", ".", ".")
    _call("umount2", ".", 2)
    os.chdir("/")


def _give_up_rights():
    """Drop all capabilities for good, for programs started later too, and refuse the calls of _REFUSED."""
    _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    for capability in range(64):
        with contextlib.suppress(OSError):
            _call("prctl", _DROP_CAPABILITY, capability, 0, 0, 0)
    header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
    _call("capset", ctypes.create_string_buffer(header), ctypes.create_string_buffer(none))
    machine, refused = _REFUSED[platform.machine()]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    program = [(load, 0, 0, 4), (equal, 1, 0, machine), (give, 0, 0, 0x80000000), (load, 0, 0, 0)]
    # Numbers from 1 << 30 are the same calls in another numbering.
    program += [(at_least, len(refused) + 1, 0, 1 << 30)]
    program += [(equal, len(refused) - i, 0, number) for i, number in enumerate(refused)]
    program += [(give, 0, 0, 0x7FFF0000), (give, 0, 0, 0x00050001)]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    _call("prctl", _SECCOMP, 2, ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(filters))))


def _limit(job):
    """Limit each of the student's processes; the number of processes is limited for all together, without init."""
    kinds = {"CORE": 0, "NOFILE": 256, "FSIZE": job["disk"], "DATA": job["memory"], "CPU": job["cpu_seconds"],
             "NPROC": job["processes"] + 1}  # fmt: skip
    for kind, limit in kinds.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (limit, limit))
    Path("/proc/self/oom_score_adj").write_text("1000")


def _answer(namespace, wanted):
    """The value of the variable `wanted`, or of the call `wanted` = [name, arguments, keywords]."""
    name = wanted if isinstance(wanted, str) else wanted[0]
    if name not in namespace:
        raise NotPlain("is missing")
    if isinstance(wanted, str):
        return namespace[name]
    name, args, keywords = wanted
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    return namespace[name](*decode(args), **decode(keywords))


def _student(job, pipe, questions):
    """Run the cells in one namespace, then answer questions one by one until there are no more."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    _call("prctl", _DUMPABLE, 1, 0, 0, 0)
    for name, data in job["files"].items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(base64.b64decode(data))
    _limit(job)

    def tell(line):
        data = line.encode()
        while data:
            data = data[os.write(pipe, data) :]

    tell('{"ready": true}\n')
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    module.display = lambda *things, **options: None  # notebooks define it
    sys.path[:0], sys.argv = [""], [""]
    steps = Steps(module.__dict__, tell, pipe, job["size"], job["late"], job["aside"])
    end = time.monotonic() + job["cells_seconds"]
    for index, (number, cell) in enumerate(zip(job["numbers"], job["code"], strict=True)):
        # At most half of the time left, so that later cells always have some to define their functions.
        seconds = max(min(job["step_seconds"], (end - time.monotonic()) / 2), 1e-3)
        steps.cell(index, number, seconds, cell)
    with open(questions, "rb") as lines:
        for line in lines:
            asked = json.loads(line)
            wanted = asked["question"]
            name = wanted if isinstance(wanted, str) else wanted[0]
            steps.answer(asked["ask"], job["step_seconds"], name, lambda w=wanted: _answer(module.__dict__, w))
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _memory():
    """Memory of all processes in /proc, in bytes, without pages of files."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            total += sum(1024 * int(kb) for kb in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+)", path.read_text()))
    return total


def _watch(job, student):
    """Wait for the student's process, reaping orphans; returns its exit status."""
    while True:
        signal.sigtimedwait([signal.SIGCHLD], 0.1)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == student:
                    return os.waitstatus_to_exitcode(ended[1]) % 256
        if _memory() > job["memory"]:
            os.kill(student, LATE_SIGNAL)
            time.sleep(0.05)
            return OUT_OF_MEMORY


def _settle(job):
    """In the sandbox's first process: do everything that needs rights, then give them up."""
    user = STUDENT if job["root"] else os.geteuid()
    _wall_in(job, OVER, user)
    if job["root"]:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        _call("prctl", _DUMPABLE, 1, 0, 0, 0)  # else its files in /proc belong to root
    _become(1000, (user, user))
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    die_with_parent()
    _give_up_rights()
    os.environ["HOME"] = f"/{HOME}"
    os.chdir(f"/{WORK}")


def main(pipe, questions):
    """Do the job from standard input, and exit with the status of the sandbox's first process."""
    job = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    die_with_parent()
    if not job["root"]:
        _become(0, (os.geteuid(), os.getegid()))
    _call("unshare", _NEW_PIDS | _NEW_NET | _NEW_IPC | _NEW_UTS)
    first = os.fork()
    if first:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) % 256)
    try:
        _settle(job)
        if select.select([questions], [], [], 0)[0]:  # closed: the parent died before die_with_parent
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        _call("prctl", _DUMPABLE, 0, 0, 0, 0)  # else the student, who is the same user, could read it
        student = os.fork()
        if not student:
            _student(job, pipe, questions)
    except BaseException as error:
        os.write(pipe, json.dumps({"failed": str(error)}).encode() + b"\n")
        os._exit(1)
    os.close(pipe)
    os.close(questions)
    os._exit(_watch(job, student))
