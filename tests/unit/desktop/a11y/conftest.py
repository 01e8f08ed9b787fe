"""A screen, a session with an accessibility bus, and a browser on a page of ours."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from jeepney import DBusAddress, Properties
from jeepney.io.blocking import open_dbus_connection
from Xlib import X, display
from Xlib.ext import xtest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = (640, 420)
PAGE = """<!doctype html><title>Form page</title>
<body style="margin:0;font:16px sans-serif">
<h1 style="position:absolute;left:10px;top:0">Sign in here</h1>
<p style="position:absolute;left:10px;top:60px">Enter <b>words</b> below, please.</p>
<form onsubmit="return false">
<input aria-label="user" style="position:absolute;left:40px;top:120px;width:200px">
<input type=password style="position:absolute;left:40px;top:170px;width:200px">
<input aria-label="other" style="position:absolute;left:40px;top:220px;width:200px">
<button style="position:absolute;left:40px;top:280px;width:100px;height:30px">
Submit</button></form>
<iframe src="inner.html" style="position:absolute;left:300px;top:100px;width:260px;
height:80px;border:0"></iframe>
<iframe srcdoc="<p>own words" style="position:absolute;left:300px;top:200px;width:260px;
height:60px;border:0"></iframe>
<div style="visibility:hidden">never shown</div>
<p style="position:absolute;left:10px;top:2000px">far below</p>
"""
INNER = """<!doctype html><body style="margin:0;font:16px sans-serif">
<input aria-label="card" style="position:absolute;left:10px;top:10px;width:200px">
<p style="position:absolute;left:10px;top:40px">Number of your card</p>
"""
_STATUS = DBusAddress(
    "/org/a11y/bus", bus_name="org.a11y.Bus", interface="org.a11y.Status"
)


class Hands:
    """A person's hands by XTEST; each act returns when it happened."""

    def __init__(self, name: str) -> None:
        self.display = display.Display(name)

    def click(self, x_px: int, y_px: int) -> int:
        xtest.fake_input(self.display, X.MotionNotify, x=x_px, y=y_px)
        self.display.sync()
        time.sleep(0.05)
        return self._stroke(X.ButtonPress, X.ButtonRelease, 1)

    def key(self, keysym: int) -> int:
        code = self.display.keysym_to_keycode(keysym)
        return self._stroke(X.KeyPress, X.KeyRelease, code)

    def _stroke(self, press: int, release: int, detail: int) -> int:
        t_ns = time.monotonic_ns()
        xtest.fake_input(self.display, press, detail)
        self.display.sync()
        time.sleep(0.02)
        xtest.fake_input(self.display, release, detail)
        self.display.sync()
        return t_ns


@dataclass
class Session:
    """What a test needs of the session."""

    bus: str
    pid: int
    url: str
    hands: Hands


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("session")
    (folder / "page.html").write_text(PAGE)
    (folder / "inner.html").write_text(INNER)
    url = f"file://{folder}/page.html"
    with ExitStack() as stack:
        env, bus = _desk(stack, folder)
        pid = _browser(stack, env, folder, url)
        hands = Hands(env["DISPLAY"])
        stack.callback(hands.display.close)
        yield Session(bus, pid, url, hands)


def _desk(stack: ExitStack, folder: Path) -> tuple[dict[str, str], str]:
    """Start the screen and the buses; return the environment and the session bus."""
    width, height = SIZE
    screen = ["/usr/bin/Xvfb", "-noreset", "-screen", "0", f"{width}x{height}x24"]
    number = _said(stack, [*screen, "-nolisten", "tcp"], "-displayfd", dict(os.environ))
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("DBUS", "AT_SPI"))},
        "DISPLAY": f":{number}",
        "XDG_RUNTIME_DIR": str(folder),
        "HOME": str(folder),
    }
    daemon = ["/usr/bin/dbus-daemon", "--session", "--nofork", "--nosyslog"]
    bus = _said(stack, daemon, "--print-address", env)
    env["DBUS_SESSION_BUS_ADDRESS"] = bus
    launcher = "/usr/libexec/at-spi-bus-launcher"
    _start(stack, [launcher, "--launch-immediately"], env)
    _switch_on(bus)
    return env, bus


def _browser(stack: ExitStack, env: dict[str, str], folder: Path, url: str) -> int:
    """Start the browser; return its process id once its window is active."""
    command = [
        *("/usr/bin/chromium", "--no-sandbox", "--kiosk", "--disable-gpu"),
        *("--force-renderer-accessibility", "--no-first-run", "--password-store=basic"),
        *("--disable-background-networking", "--window-position=0,0"),
        *(f"--window-size={SIZE[0]},{SIZE[1]}", f"--user-data-dir={folder}/profile"),
        url,
    ]
    return _start(stack, command, env).pid


def _start(
    stack: ExitStack, command: list[str], env: dict[str, str], **more: Any
) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        command, env=env, start_new_session=True, **quiet, **more
    )
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _said(
    stack: ExitStack, command: list[str], option: str, env: dict[str, str]
) -> str:
    """Start a program that prints a line to the descriptor it is given."""
    reader, writer = os.pipe()
    given = [f"{option}={writer}"] if option.startswith("--") else [option, str(writer)]
    _start(stack, [*command, *given], env, pass_fds=(writer,))
    os.close(writer)
    with os.fdopen(reader) as pipe:
        return pipe.readline().strip()


def _switch_on(bus: str) -> None:
    with closing(open_dbus_connection(bus=bus)) as connection:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            status = Properties(_STATUS)
            connection.send_and_get_reply(status.set("IsEnabled", "b", 1))
            reply = connection.send_and_get_reply(status.get("IsEnabled"))
            if reply.body[0][-1] is True:
                return
            time.sleep(0.05)
    pytest.fail("no accessibility bus")
