"""Run a command as in a container where nobody may make namespaces, mount or unshare, root included.

python tools/without_namespaces.py .venv/bin/pytest -q -rs

The kernel refuses these calls to the command and all that it starts, as it does in Docker and on many CI machines. It
needs Linux, and no rights.
"""

import ctypes
import os
import platform
import struct
import sys

# unshare, mount, umount2, pivot_root, setns, and clone, from the kernel's headers; then what has one number everywhere:
# open_tree, move_mount, fsopen, fsmount, mount_setattr.
CALLS = {
    "x86_64": (0xC000003E, [272, 165, 166, 155, 308], 56),
    "aarch64": (0xC00000B7, [97, 40, 39, 41, 268], 220),
}
EVERYWHERE, CLONE3 = [428, 429, 430, 432, 442], 435
NEW_NAMESPACES = 0x7E020000  # of the flags of clone
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
LOAD, EQUAL, ANY, GIVE = 0x20, 0x15, 0x45, 0x06
ALLOWED, REFUSED, MISSING = 0x7FFF0000, 0x00050001, 0x00050026  # EPERM; ENOSYS, after which libc takes clone


def refuse_namespaces():
    """Refuse this process, and all that it starts, every call that makes or changes namespaces and mounts."""
    machine, refused, clone = CALLS[platform.machine()]
    program = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, machine), (GIVE, 0, 0, REFUSED), (LOAD, 0, 0, 0)]
    for number in refused + EVERYWHERE:
        program += [(EQUAL, 0, 1, number), (GIVE, 0, 0, REFUSED)]
    program += [(EQUAL, 0, 1, CLONE3), (GIVE, 0, 0, MISSING), (EQUAL, 0, 3, clone)]
    program += [(LOAD, 0, 0, 16), (ANY, 0, 1, NEW_NAMESPACES), (GIVE, 0, 0, REFUSED), (GIVE, 0, 0, ALLOWED)]
    steps = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    filters = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(steps)))
    prctl, zero = ctypes.CDLL(None, use_errno=True).prctl, ctypes.c_ulong(0)
    if prctl(NO_NEW_PRIVILEGES, ctypes.c_ulong(1), zero, zero, zero) or prctl(SECCOMP, ctypes.c_ulong(FILTER), filters):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of calls")


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    refuse_namespaces()
    os.execvp(sys.argv[1], sys.argv[1:])
