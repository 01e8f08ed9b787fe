"""A process with opened keys leaves no copy of its memory."""

import subprocess
import sys

CODE = """
import os, resource
from overt.recorder.person.hardening import harden, is_dumpable
assert is_dumpable()
done = harden()
assert done.no_core and done.undumpable
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert not is_dumpable()
if done.locked:
    kb = [l for l in open("/proc/self/status") if l.startswith("VmLck")][0].split()[1]
    assert int(kb) > 0
os.abort()
"""


def test_no_core_and_no_reader(tmp_path: object) -> None:
    command = [sys.executable, "-c", CODE]
    ended = subprocess.run(
        command, cwd=str(tmp_path), capture_output=True, text=True, check=False
    )
    assert ended.returncode == -6, ended.stderr
    assert "Assertion" not in ended.stderr
    assert not any(tmp_path.iterdir())  # type: ignore[attr-defined]


LARGE = """
import ctypes, sys
from overt.recorder.person.hardening import keep_little
if sys.argv[1] == "kept little":
    keep_little()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.free(libc.malloc(16 << 20))  # from now on glibc would keep pieces of this size
held = libc.malloc(6 << 20)
for line in open("/proc/self/maps"):
    low, high = (int(end, 16) for end in line.split()[0].split("-"))
    if low <= held < high:
        print("heap" if "[heap]" in line else "own")
"""


def test_pieces_as_large_as_a_picture_do_not_stay_in_the_heap() -> None:
    def place(how: str) -> str:
        command = [sys.executable, "-c", LARGE, how]
        return subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout

    assert place("as ever") == "heap\n"
    assert place("kept little") == "own\n"
