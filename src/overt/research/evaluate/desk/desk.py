"""A participant's desktop as real processes: screen, session, windows, browser.

Input: a size. Output: `Desk.env`, the environment in which the recorder and other
programs find the display and the session. It starts Xvfb, a session bus, the
accessibility bus and a window manager, each in a process group of its own, and ends
them all. With `human=True` it uses the display of the person who runs it and starts
nothing but the browser.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from Xlib import display as xdisplay

from overt.protocol.errors import CaptureError
from overt.research.evaluate.desk.accessibility import enable_accessibility
from overt.research.evaluate.desk.browser import Browser
from overt.research.evaluate.desk.processes import (
    end,
    leave_in_order,
    program,
    read_line,
    start,
)
from overt.research.evaluate.pages import PageServer

if TYPE_CHECKING:
    import subprocess

__all__ = ["Browser", "Desk", "PageServer"]

_A11Y_LAUNCHERS = (
    "/usr/libexec/at-spi-bus-launcher",
    "/usr/lib/at-spi2-core/at-spi-bus-launcher",
)
_SCREEN_TRIES = 4
_HIDDEN = ("WAYLAND_DISPLAY", "XAUTHORITY", "NO_AT_BRIDGE", "AT_SPI_BUS_ADDRESS")


class Desk:
    """A desktop that lasts as long as the context manager.

    Attributes:
        display: Name of the X display, for example `:7`.
        size: Width and height of the screen in pixels.
        env: Environment for programs of this desktop.
        folder: Temporary folder, mode 0700, gone at the end.
        browser: The browser once `start_browser` was called.
    """

    def __init__(
        self, size: tuple[int, int] = (640, 420), *, human: bool | None = None
    ) -> None:
        self.size = size
        self.human = wants_human() if human is None else human
        self.display = ""
        self.env: dict[str, str] = {}
        self.browser: Browser | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="overt-desk-"))
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self) -> None:
        """Start all that a session needs.

        Raises:
            CaptureError: A program is missing or does not start.
        """
        leave_in_order()
        if self.human:
            self._use_own_display()
            return
        self.display = self._start_screen()
        self.env = self._session_env()
        bus = self._start_bus()
        self.env["DBUS_SESSION_BUS_ADDRESS"] = bus
        self._start_accessibility()
        self._run([program("openbox", "openbox"), "--sm-disable"])

    def start_browser(self, url: str) -> Browser:
        """Open a page that fills the screen; the page's origin is the screen's.

        Raises:
            CaptureError: The browser is missing or does not come up.
        """
        kiosk = not self.human
        self.browser = Browser(url, self.env, self.folder, self.size, kiosk=kiosk)
        return self.browser

    def close(self) -> None:
        """End every process of the desktop, then remove its folder."""
        if self.browser is not None:
            self.browser.close()
            self.browser = None
        for process in reversed(self._running):
            end(process)
        self._running.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _use_own_display(self) -> None:
        if "DISPLAY" not in os.environ:
            raise CaptureError(
                "There is no display for a person to work at.",
                remedy="Run this in an X11 session, or leave HUMAN unset.",
            )
        self.display = os.environ["DISPLAY"]
        self.env = dict(os.environ)
        if bus := self.env.get("DBUS_SESSION_BUS_ADDRESS"):
            enable_accessibility(bus)

    def _start_screen(self) -> str:
        """Start the X server; two that start at once may take one another's number."""
        for _ in range(_SCREEN_TRIES - 1):
            with suppress(CaptureError):
                return self._try_screen()
            time.sleep(0.2)
        return self._try_screen()

    def _try_screen(self) -> str:
        xvfb = program("Xvfb", "xvfb")
        read_end, write_end = os.pipe()
        width, height = self.size
        command = [
            *(xvfb, "-displayfd", str(write_end)),
            *("-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"),
            *("+extension", "RECORD", "+extension", "XTEST", "+extension", "DAMAGE"),
        ]
        self._running.append(start(command, dict(os.environ), keep=(write_end,)))
        os.close(write_end)
        name = ":" + read_line(read_end, what="Xvfb")
        _no_auto_repeat(name)
        return name

    def _session_env(self) -> dict[str, str]:
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700)
        kept = {key: value for key, value in os.environ.items() if key not in _HIDDEN}
        return kept | {
            "DISPLAY": self.display,
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_SESSION_TYPE": "x11",
            "GSETTINGS_BACKEND": "memory",
        }

    def _start_bus(self) -> str:
        daemon = program("dbus-daemon", "dbus")
        read_end, write_end = os.pipe()
        path = self.folder / "run" / "bus"
        command = [
            *(daemon, "--session", "--nofork", "--nopidfile", "--nosyslog"),
            *(f"--address=unix:path={path}", f"--print-address={write_end}"),
        ]
        self._running.append(start(command, self.env, keep=(write_end,)))
        os.close(write_end)
        return read_line(read_end, what="dbus-daemon")

    def _start_accessibility(self) -> None:
        launcher = next((path for path in _A11Y_LAUNCHERS if Path(path).exists()), None)
        if launcher is None:
            raise CaptureError(
                "The accessibility bus is missing.",
                remedy="Install it: apt install at-spi2-core.",
            )
        self._run([launcher, "--launch-immediately", "--a11y=1"])
        enable_accessibility(self.env["DBUS_SESSION_BUS_ADDRESS"])

    def _run(self, command: list[str]) -> None:
        self._running.append(start(command, self.env))


def wants_human() -> bool:
    """Tell whether a person at a display asked to do the tasks (`HUMAN=1`)."""
    return os.environ.get("HUMAN") == "1" and "DISPLAY" in os.environ


def _no_auto_repeat(display_name: str) -> None:
    """Switch key repetition off: a delayed release would type a key twice."""
    connection = xdisplay.Display(display_name)
    connection.change_keyboard_control(auto_repeat_mode=0)
    connection.sync()
    with suppress(OSError):
        connection.close()
