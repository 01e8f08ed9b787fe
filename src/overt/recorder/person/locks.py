"""Locks of what runs now: one recorder a display, recovery only while none records.

Input: the home's run folder. Output: locks that end with the process that holds them,
however it ends. Never waits for another process but for the moment of a recovery.
"""

from __future__ import annotations

import contextlib
import fcntl
from typing import TYPE_CHECKING

from overt.protocol.errors import CaptureError
from overt.recorder.person.control import display_name
from overt.recorder.person.forgetting import recover

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from overt.protocol.sealing import SealingKey
    from overt.recorder.person.home import Home


@contextlib.contextmanager
def display_lock(home: Home, display: str) -> Iterator[None]:
    """Hold a display for one recorder of this home.

    Raises:
        CaptureError: Another recorder holds the display.
    """
    home.prepare()
    with _locked(home.run / f"{display_name(display)}.lock", fcntl.LOCK_EX) as is_mine:
        if not is_mine:
            raise CaptureError(
                f"Display {display} is being recorded already.",
                remedy="See: overt status",
            )
        yield


@contextlib.contextmanager
def recording_lock(home: Home) -> Iterator[None]:
    """Tell others, while it is held, that segments of this home are being written."""
    with _open(home.run / "recording.lock") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


def recover_if_idle(home: Home, own: SealingKey) -> list[str]:
    """Make what a killed recorder left ready for review, if no recorder is alive.

    Returns:
        The ids of the segments that now wait.
    """
    home.prepare()
    with _locked(home.run / "recording.lock", fcntl.LOCK_EX) as is_idle:
        return recover(home, own) if is_idle else []


@contextlib.contextmanager
def _locked(path: Path, kind: int) -> Iterator[bool]:
    """Try to lock a file; yield whether that went."""
    with _open(path) as handle:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def _open(path: Path) -> Iterator[int]:
    with path.open("a", encoding="ascii") as file:
        path.chmod(0o600)
        yield file.fileno()
