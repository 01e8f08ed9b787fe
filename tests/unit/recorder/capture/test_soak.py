"""Hours of a desk in short: windows, monitors and layouts change, hands never rest.

Ten minutes with `make long`, some seconds in every run: no event is missed, and neither
memory nor handles grow.
"""

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from Xlib import X

from overt.protocol.records import EventKind
from tests.fakes.xorg import Xorg

pytestmark = pytest.mark.display
LAYOUTS = ("us", "de", "fr", "ru", "us,gr")
LARGE, SMALL = ("--mode", "1024x768"), ("--mode", "800x600")
MOST_GROWN_BYTES = 48 << 20


def _memory_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Desk:
    """Does something at random, and notes what hands did."""

    def __init__(self, painter: Any, name: str) -> None:
        self.painter, self.name = painter, name
        self.chance = random.Random(11)  # noqa: S311 - a script, no secret
        self.windows: list[Any] = []
        self.injected: list[tuple[int, int, int]] = []
        self.at = (0, 0)

    def act(self) -> None:
        self.chance.choice(
            (self.move, self.move, self.click, self.window, self.paint)
        )()

    def move(self) -> None:
        for _ in range(self.chance.randint(5, 60)):
            before = self.at
            while self.at == before:
                self.at = self.chance.randrange(600), self.chance.randrange(380)
            self.painter.fake(X.MotionNotify, 0, *self.at)
            self.injected.append((EventKind.MOTION, *self.at))

    def click(self) -> None:
        for kind, fake in (
            (EventKind.BUTTON_PRESS, X.ButtonPress),
            (EventKind.BUTTON_RELEASE, X.ButtonRelease),
        ):
            self.painter.fake(fake, 1)
            self.injected.append((kind, *self.at))

    def window(self) -> None:
        if len(self.windows) > 4:
            self.windows.pop(self.chance.randrange(len(self.windows))).destroy()
        x, y = self.chance.randrange(400), self.chance.randrange(250)
        colour = self.chance.randrange(1 << 24)
        self.windows.append(self.painter.window(x, y, 200, 120, colour=colour))

    def paint(self) -> None:
        if self.windows:
            window = self.chance.choice(self.windows)
            self.painter.fill(window, self.chance.randrange(1 << 24), 5, 5, 150, 90)

    def lay_out(self) -> None:
        layout = self.chance.choice(LAYOUTS)
        command = ["/usr/bin/setxkbmap", "-display", self.name, "-layout", layout]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


class Monitors:
    """A second monitor that comes and goes."""

    def __init__(self, xorg: Xorg) -> None:
        self._xorg, self._mode = xorg, xorg.add_mode("DUMMY1", 640, 480)
        self._second, self._chance = False, random.Random(12)  # noqa: S311 - no secret
        xorg.randr("--output", "DUMMY0", *LARGE)

    def change(self) -> None:
        """Make one monitor of the screen, or two, or a smaller one."""
        if not self._second:
            off = ("--output", "DUMMY1", "--off")
            self._xorg.randr(*off, "--output", "DUMMY0", *SMALL)
        else:
            place = self._chance.choice(("--right-of", "--below"))
            second = ("--output", "DUMMY1", "--mode", self._mode, place, "DUMMY0")
            self._xorg.randr("--output", "DUMMY0", *LARGE, *second)
        self._second = not self._second


@pytest.fixture
def xorg(tmp_path: Path) -> Iterator[Xorg]:
    made = Xorg(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["x_server", "xorg"])
def server(request: pytest.FixtureRequest) -> Any:
    """An X server's name, or one whose monitors can be plugged."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("seconds", [6, pytest.param(600, marks=pytest.mark.long)])
@pytest.mark.timeout(1500)
def test_nothing_is_missed_and_nothing_grows(
    server: str | Xorg, bench: Any, painter_of: Any, replay: Any, seconds: int
) -> None:
    monitors = Monitors(server) if isinstance(server, Xorg) else None
    name = server.name if isinstance(server, Xorg) else server
    painter = painter_of(name)
    desk = Desk(painter, name)
    base = painter.window(0, 0, 640, 400)
    painter.focus(base)
    recorder = bench(name=name)
    end_s, warm_s = time.monotonic() + seconds, time.monotonic() + seconds / 3
    at_first: tuple[int, int] | None = None
    while time.monotonic() < end_s:
        for _ in range(10):
            desk.act()
            time.sleep(0.02)
        desk.lay_out()
        if monitors is not None:
            monitors.change()
            desk.move()  # the server has put the pointer elsewhere, and told nobody
        if at_first is None and time.monotonic() >= warm_s:
            at_first = _memory_bytes(), _handles()
    assert at_first is not None
    assert _handles() <= at_first[1] + 2  # a file of the segment that is being begun
    assert _memory_bytes() <= at_first[0] + MOST_GROWN_BYTES
    found = [
        (kind, x, y)
        for segment in recorder.stop()
        for kind, _, x, y in replay(segment).events()
    ]
    assert found == desk.injected
    for window in [*desk.windows, base]:
        window.destroy()
