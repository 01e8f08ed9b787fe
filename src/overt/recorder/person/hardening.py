"""A process that holds opened keys or recordings leaves no copy of its memory behind.

Input: the process that calls. Output: no core dumps, no other process of the same user
that reads its memory (Linux: not dumpable), memory that is not swapped where the system
allows that much. What could not be had is said. It cannot keep root out, nor a machine
that hibernates.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from dataclasses import dataclass

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE_BYTES = 1 << 20
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # on fault: only what is used


@dataclass(frozen=True, slots=True)
class Hardened:
    """What was achieved.

    Attributes:
        no_core: No core dump is written.
        undumpable: Other processes of the user cannot read this one's memory.
        locked: Nothing of it is swapped.
    """

    no_core: bool
    undumpable: bool
    locked: bool


def harden() -> Hardened:
    """Protect the memory of this process, as far as the system lets it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return Hardened(no_core=True, undumpable=False, locked=False)
    libc = ctypes.CDLL(None, use_errno=True)
    undumpable = libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    return Hardened(no_core=True, undumpable=undumpable, locked=_lock(libc))


def _lock(libc: ctypes.CDLL) -> bool:
    """Keep all memory out of swap, where no limit could make a later request fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if hard != resource.RLIM_INFINITY:
        return False
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
    return bool(libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)


def keep_little() -> None:
    """Give pieces as large as a picture back to the system as they are freed (glibc).

    It would otherwise raise its thresholds to the largest piece that was ever freed.
    """
    if hasattr(libc := ctypes.CDLL(None), "mallopt"):
        for setting in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            libc.mallopt(setting, _LARGE_BYTES)


def give_back() -> None:
    """Give memory that is free in this process back to the system (glibc alone)."""
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def is_dumpable() -> bool:
    """Whether this process's memory can be read by others of the same user."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))
