"""What can go wrong with a screen, a line, a disk and a clock, played for real."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest
from Xlib import X, display
from Xlib.ext import xtest

from overt.protocol.errors import CaptureError
from overt.recorder.person.control import ControlClient
from tests.fakes.court import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.court import Court, Person

_CLOCK = """\
import os, time
_file, _time, _time_ns = os.environ["TEST_CLOCK"], time.time, time.time_ns
def _offset():
    with open(_file) as file:
        return int(file.read() or 0)
time.time = lambda: _time() + _offset()
time.time_ns = lambda: _time_ns() + _offset() * 10**9
"""


class Screen:
    """An X server, and somebody who works in a window that may be recorded."""

    def __init__(self, *options: str) -> None:
        reader, writer = os.pipe()
        self._server = subprocess.Popen(
            [
                *("/usr/bin/Xvfb", "-noreset", "-displayfd", str(writer)),
                *("-screen", "0", "640x420x24", *options),
            ],
            pass_fds=[writer],
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as said:
            self.name = f":{said.readline().strip()}"

    def open_window(self) -> None:
        """Show a window that the programme allows."""
        self._client = display.Display(self.name)
        self._window = self._client.screen().root.create_window(
            *(0, 0, 400, 300, 0, X.CopyFromParent), background_pixel=0x336699
        )
        self._window.set_wm_class("allowed", "Allowed")
        self._window.map()
        self._client.sync()

    def click(self, x_px: int, y_px: int) -> None:
        """Click somewhere."""
        xtest.fake_input(self._client, X.MotionNotify, x=x_px, y=y_px)
        for kind in (X.ButtonPress, X.ButtonRelease):
            xtest.fake_input(self._client, kind, 1)
        self._client.sync()

    def paint_noise(self) -> None:
        """Draw what cannot be compressed."""
        pen = self._window.create_gc()
        noise = os.urandom(400 * 60 * 4)
        for y_px in range(0, 300, 60):
            self._window.put_image(pen, 0, y_px, 400, 60, X.ZPixmap, 24, 0, noise)
        pen.free()
        self._client.sync()

    def close(self) -> None:
        """End all."""
        if hasattr(self, "_client"):
            self._client.close()
        self._server.terminate()
        self._server.wait()


class Recording:
    """A running `overt record`."""

    def __init__(self, person: Person, screen: Screen, **env: str) -> None:
        self.person, self.screen = person, screen
        self.control = ControlClient(person.home, screen.name, timeout_s=10)
        self.process = person.start("record", DISPLAY=screen.name, **env)

    def wait_until_alive(self) -> None:
        """Wait until it says that it records, from what it has written."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        wait_until(self._records)

    def _records(self) -> bool:
        try:
            return bool(self.control.call("status")["records"])
        except CaptureError:
            raise AssertionError(self.process.communicate(timeout=20)) from None

    def work(self, seconds: float = 1.8) -> None:
        """Click for some time, so that there is something to lose."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.screen.click(int(time.monotonic() * 97) % 300, 50)
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it where it stands."""
        self.process.kill()
        self.process.communicate()


class Proxy:
    """A line to the vault that can break.

    Attributes:
        fault: `""` passes all on; `cut` breaks the line in the middle of an upload;
            `deaf` breaks it before the answer comes back.
        then: Called when it breaks.
    """

    def __init__(self, court: Court) -> None:
        self._court, self.fault = court, ""
        self.then: Callable[[], object] = lambda: None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._has_ended = False
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            peer, _ = self._listening.accept()
            if self._has_ended:
                peer.close()
                return
            self._start(self._try, peer)

    def _try(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            self._serve(peer)

    def _serve(self, peer: socket.socket) -> None:
        """Pass one connection on; the client sends one call after another."""
        port = int(self._court.servers.vault.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), 5) as vault:
            vault.settimeout(20)
            while head := _until(peer, b"\r\n\r\n"):
                size = _length(head)
                is_upload = head.startswith(b"PUT ")
                broken = is_upload and self.fault
                vault.sendall(head)
                if broken == "cut":
                    vault.sendall(_exactly(peer, size // 2))
                    self.then()
                    return
                vault.sendall(_exactly(peer, size))
                answer = _until(vault, b"\r\n\r\n")
                answer += _exactly(vault, _length(answer))
                if broken:
                    self.then()
                if broken or not answer:
                    return
                peer.sendall(answer)

    def close(self) -> None:
        """End it; whoever called through it has ended."""
        self._has_ended = True
        socket.create_connection(("127.0.0.1", int(self.url.rsplit(":", 1)[1]))).close()
        for thread in self._threads:
            thread.join(5)
        self._listening.close()


def _until(peer: socket.socket, mark: bytes) -> bytes:
    """Read a head; nothing where the peer hung up."""
    data = b""
    while not data.endswith(mark):
        byte = peer.recv(1)
        if not byte:
            return b""
        data += byte
    return data


def _exactly(peer: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = peer.recv(min(size - len(data), 1 << 16))
        if not chunk:
            raise ConnectionError
        data += chunk
    return bytes(data)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


class SmallDisk:
    """A file system of few bytes, where root may mount one."""

    def __init__(self, folder: Path, size_kib: int) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        self._mount(f"size={size_kib}k")

    def _mount(self, options: str) -> None:
        if os.getuid():
            pytest.skip("no file system can be mounted here")
        done = subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("no file system can be mounted here")

    def fill(self) -> None:
        """Leave no byte free."""
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()

    def files(self) -> list[Path]:
        """Return every file on it."""
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def free(self) -> None:
        """Make room."""
        (self.folder / "filler").unlink(missing_ok=True)
        self._mount("remount,size=64m")

    def close(self) -> None:
        """Unmount it; a second time does nothing."""
        if self.folder.is_mount():
            subprocess.run(["/bin/umount", "-l", str(self.folder)], check=False)


class Clock:
    """The wall clock of processes that are started with `env`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_CLOCK, "ascii")
        self._file = folder / "offset"
        self.env = {"PYTHONPATH": str(folder), "TEST_CLOCK": str(self._file)}
        self.set(0)

    def set(self, offset_s: int) -> None:
        """Say how far it is off from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(offset_s), "ascii")
        fresh.replace(self._file)
