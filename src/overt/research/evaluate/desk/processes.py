"""Programs that the demonstration starts: found, started in a group, ended."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

from overt.protocol.errors import CaptureError


def program(name: str, package: str) -> str:
    """Return the path of a program.

    Raises:
        CaptureError: It is not installed; the message names the package.
    """
    path = shutil.which(name)
    if path is None:
        raise CaptureError(
            f"The program {name} is missing.",
            remedy=f"Install it: apt install {package}.",
        )
    return path


def start(
    command: list[str], env: dict[str, str], *, keep: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    """Start a quiet program in a session of its own.

    Args:
        command: The program and its arguments.
        env: Its whole environment.
        keep: File descriptors that it inherits.
    """
    return subprocess.Popen(
        command,
        env=env,
        pass_fds=keep,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def leave_in_order() -> None:
    """Let SIGTERM unwind the program, so that what it has started ends with it.

    Only where nobody has chosen otherwise; the exit code is then 143.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def end(process: subprocess.Popen[bytes], *, grace_s: float = 3.0) -> None:
    """End a program and its whole group: ask, then force what is left."""
    _signal_group(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    deadline = time.monotonic() + 1.0
    while _group_lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def read_line(descriptor: int, *, what: str, timeout_s: float = 20.0) -> str:
    """Read one line that a started program writes, then close the pipe.

    Raises:
        CaptureError: The program ended or stayed silent.
    """
    line = b""
    deadline = time.monotonic() + timeout_s
    try:
        while not line.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([descriptor], [], [], left)
            chunk = os.read(descriptor, 256) if ready else b""
            if not chunk:
                raise CaptureError(
                    f"{what} did not start.",
                    remedy=f"Run {what} by hand to see what it says.",
                )
            line += chunk
    finally:
        os.close(descriptor)
    return line.decode().strip()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
