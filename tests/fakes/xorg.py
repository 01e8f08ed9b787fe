"""An Xorg with monitors that can be plugged and a touchpad, without hardware.

Xvfb has one output and no device of its own. Xorg's `dummy` driver has several outputs,
and its `inputtest` driver takes what a device does from a socket: libinput's touchpads
reach the server in the same way.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

STEP = 120.0  # of the touchpad's scroll valuators to one step of a wheel
HORIZONTAL, VERTICAL = 2, 3  # its scroll valuators; 0 and 1 move the pointer
_CONFIG = """\
Section "Device"
  Identifier "card"
  Driver "dummy"
  VideoRam 256000
EndSection
Section "Monitor"
  Identifier "monitor"
  HorizSync 5-1000
  VertRefresh 5-200
EndSection
Section "InputDevice"
  Identifier "pad"
  Driver "inputtest"
  Option "SocketPath" "{socket}"
  Option "DeviceType" "Pointer"
  Option "AccelerationProfile" "-1"
EndSection
Section "Screen"
  Identifier "screen"
  Device "card"
  Monitor "monitor"
  DefaultDepth 24
EndSection
Section "ServerLayout"
  Identifier "layout"
  Screen "screen"
  InputDevice "pad"
EndSection
Section "ServerFlags"
  Option "AutoAddDevices" "false"
  Option "DontVTSwitch" "true"
EndSection
"""
_XORG = "/usr/bin/Xorg"
_SIZED = struct.Struct("=II")  # length and kind of a message
_VERSION, _SYNC, _MOTION = 0, 1, 2
_VALUATORS = struct.Struct("=I8s4x64d64d")


class Xorg:
    """A server with outputs DUMMY0, DUMMY1... of which one is on, and a touchpad."""

    def __init__(self, folder: Path) -> None:
        if os.getuid() or not Path(_XORG).exists():
            pytest.skip("Xorg's dummy driver needs root, and the package of Xorg")
        self._socket = folder / "pad.sock"
        config = folder / "xorg.conf"
        config.write_text(_CONFIG.format(socket=self._socket), "ascii")
        reader, writer = os.pipe()
        self._server = subprocess.Popen(
            [
                *(_XORG, "-config", str(config), "-logfile", str(folder / "log")),
                *("-noreset", "-novtswitch", "-sharevts", "-nolisten", "tcp"),
                *("-displayfd", str(writer)),
            ],
            pass_fds=[writer],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as said:
            number = said.readline().strip()
        assert number, (folder / "log").read_text("utf-8")[-2000:]
        self.name = f":{number}"
        self._pad: socket.socket | None = None

    def randr(self, *options: str) -> None:
        """Run xrandr with options, again where the server was amid another change."""
        # else xrandr reckons the size in millimetres from the last, until it is nothing
        size = ["--dpi", "96"] if "--output" in options else []
        command = ["/usr/bin/xrandr", "-display", self.name, *size, *options]
        for _ in range(3):
            done = subprocess.run(command, capture_output=True, timeout=20, check=False)
            if not done.returncode:
                return
            time.sleep(0.3)
        raise AssertionError(done.stderr)

    def add_mode(self, output: str, width: int, height: int) -> str:
        """Teach an output a size, which plugs it too; return the mode's name."""
        mode = f"test-{width}x{height}"
        clock = f"{(width + 160) * (height + 50) * 30 / 1e6:.2f}"
        across = [str(width + more) for more in (0, 48, 80, 160)]
        down = [str(height + more) for more in (0, 3, 8, 50)]
        with contextlib.suppress(AssertionError):  # known already
            self.randr("--newmode", mode, clock, *across, *down)
        self.randr("--addmode", output, mode)
        return mode

    def pad(self, *moves: Mapping[int, float]) -> None:
        """Move valuators of the touchpad by amounts; return when the server did it."""
        if self._pad is None:
            self._pad = self._connect()
        for move in moves:
            amounts = [move.get(number, 0.0) for number in range(64)]
            mask = sum(1 << number for number in move).to_bytes(8, "little")
            body = bytes(8) + _VALUATORS.pack(0, mask, *amounts, *[0.0] * 64)
            self._pad.sendall(_SIZED.pack(8 + len(body), _MOTION) + body)
        self._pad.sendall(_SIZED.pack(8, _SYNC))
        assert self._pad.recv(8)

    def _connect(self) -> socket.socket:
        made, end = socket.socket(socket.AF_UNIX), time.monotonic() + 20
        while not self._socket.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        made.connect(str(self._socket))
        made.sendall(_SIZED.pack(12, _VERSION) + struct.pack("=HH", 1, 1))
        assert made.recv(12)
        return made

    def close(self) -> None:
        """End it."""
        if self._pad is not None:
            self._pad.close()
        self._server.terminate()
        self._server.wait()
