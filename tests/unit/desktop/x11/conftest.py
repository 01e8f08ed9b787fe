"""An X server of the test's own, and a client that paints and types on it."""

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from Xlib import X, display
from Xlib.ext import xtest

_XVFB = ["/usr/bin/Xvfb", "-screen", "0", "800x600x24", "-noreset", "-displayfd"]


@pytest.fixture(scope="module")
def x_server() -> Iterator[str]:
    """Name of the display of an Xvfb without a window manager."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        [*_XVFB, str(writer)],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as said:
        name = f":{said.readline().strip()}"
    yield name
    server.terminate()
    server.wait()


class Painter:
    """An X client with coloured windows and XTEST input."""

    def __init__(self, name: str) -> None:
        self.display = display.Display(name)
        self.root = self.display.screen().root

    def window(
        self, x: int, y: int, width: int, height: int, colour: int, **attributes: Any
    ) -> Any:
        name = attributes.pop("wm_class", "painter")
        made = self.root.create_window(
            x,
            y,
            width,
            height,
            0,
            X.CopyFromParent,
            background_pixel=colour,
            **attributes,
        )
        made.set_wm_class(name, name.title())
        made.map()
        self.display.sync()
        return made

    def fill(
        self, window: int, colour: int, x: int, y: int, width: int, height: int
    ) -> None:
        pen = window.create_gc(foreground=colour)
        window.fill_rectangle(pen, x, y, width, height)
        pen.free()
        self.display.sync()

    def fake(self, kind: int, detail: int = 0, x: int = 0, y: int = 0) -> None:
        xtest.fake_input(self.display, kind, detail, x=x, y=y)
        self.display.sync()


@pytest.fixture
def painter(x_server: str) -> Iterator[Painter]:
    client = Painter(x_server)
    yield client
    client.display.close()
