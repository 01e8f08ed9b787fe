"""The lane's events and grabs come in the server's order; grabs equal screenshots."""

import select
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from Xlib import X

from overt.desktop.types import Rect
from overt.desktop.x11.clock import ServerClock, calibrate
from overt.desktop.x11.screen import Damage, RawPress, ScreenLane, StackChanged
from overt.desktop.x11.screenshot import screenshot
from overt.protocol.errors import CaptureError
from overt.protocol.records import EventKind

pytestmark = pytest.mark.display


@pytest.fixture
def lane(x_server: str) -> Iterator[Any]:
    opened = ScreenLane(x_server, ServerClock())
    yield opened
    opened.close()


def test_drawing_and_presses_come_in_the_order_in_which_they_happened(
    lane: ScreenLane, painter: Any
) -> None:
    window = painter.window(0, 0, 300, 300, 0xFFFFFF)
    lane.read()
    for step in range(20):
        painter.fill(window, step, step, 0, 5, 5)
        painter.fake(X.ButtonPress, 1)
        painter.fill(window, step, 0, step, 7, 7)
        painter.fake(X.ButtonRelease, 1)
    events = [e for e in lane.read() if isinstance(e, Damage | RawPress)]
    assert [type(e) for e in events] == [Damage, RawPress, Damage] * 20
    assert [e.rect for e in events[::3]] == [Rect(s, 0, 5, 5) for s in range(20)]
    assert [e.rect for e in events[2::3]] == [Rect(0, s, 7, 7) for s in range(20)]
    press = events[1]
    assert (press.kind, press.detail) == (EventKind.BUTTON_PRESS, 1)
    times = [e.t_ns for e in events]
    assert times == sorted(times)
    window.destroy()


def test_a_grab_shows_everything_before_it_and_says_so(
    lane: ScreenLane, painter: Any
) -> None:
    window = painter.window(10, 20, 200, 100, 0x102030)
    lane.read()
    painter.fill(window, 0xFF8001, 5, 6, 50, 40)
    grab = lane.grab(Rect(10, 20, 200, 100))
    assert Rect(15, 26, 50, 40) in [
        e.rect for e in grab.before if isinstance(e, Damage)
    ]
    assert tuple(grab.pixels[0, 0]) == (0x10, 0x20, 0x30)
    assert tuple(grab.pixels[6, 5]) == (0xFF, 0x80, 0x01)
    painter.fill(window, 0x00FF00, 5, 6, 50, 40)
    assert [e.rect for e in lane.read()] == [Rect(15, 26, 50, 40)]
    window.destroy()


def test_a_grab_equals_a_screenshot(
    lane: ScreenLane, painter: Any, x_server: str
) -> None:
    generator = np.random.default_rng(7)
    window = painter.window(100, 50, 400, 400, 0)
    for colour in generator.integers(0, 1 << 24, 50):
        x, y = (int(v) for v in generator.integers(0, 350, 2))
        painter.fill(window, int(colour), x, y, 40, 30)
    grab = lane.grab(Rect(-5, -5, 900, 700))
    assert grab.rect == Rect(0, 0, 800, 600)
    assert np.array_equal(grab.pixels, screenshot(x_server))
    window.destroy()


def test_a_window_that_appears_or_moves_changes_the_stack(
    lane: ScreenLane, painter: Any
) -> None:
    window = painter.window(0, 0, 50, 50, 0)
    assert any(isinstance(e, StackChanged) for e in lane.read())
    window.configure(x=30)
    painter.display.sync()
    assert any(isinstance(e, StackChanged) for e in lane.read())
    window.destroy()


def test_the_lane_wakes_a_selector_at_a_press(lane: ScreenLane, painter: Any) -> None:
    lane.read()
    began = time.monotonic()
    painter.fake(X.ButtonPress, 3)
    assert select.select([lane], [], [], 2)[0]
    assert time.monotonic() - began < 1
    painter.fake(X.ButtonRelease, 3)


def test_a_grab_outside_the_screen_is_refused(lane: ScreenLane) -> None:
    with pytest.raises(CaptureError, match="outside the screen"):
        lane.grab(Rect(5000, 0, 10, 10))


def test_a_display_that_is_not_there_is_named() -> None:
    with pytest.raises(CaptureError, match="display :9876 cannot be opened"):
        ScreenLane(":9876", ServerClock())


def test_server_time_is_monotonic_time_within_a_few_ms(
    lane: ScreenLane, painter: Any, x_server: str
) -> None:
    calibrate(x_server)
    lane.read()
    before_ns = time.monotonic_ns()
    painter.fake(X.ButtonPress, 1)
    painter.fake(X.ButtonRelease, 1)
    after_ns = time.monotonic_ns()
    (press,) = [e for e in lane.read() if isinstance(e, RawPress)]
    assert before_ns - 5_000_000 <= press.t_ns <= after_ns + 5_000_000


def test_server_time_may_wrap() -> None:
    clock = ServerClock()
    now_ns = ((1 << 32) + 100) * 1_000_000
    assert clock.to_ns(99, now_ns) == ((1 << 32) + 99) * 1_000_000
    assert clock.to_ns((1 << 32) - 1, now_ns) == ((1 << 32) - 1) * 1_000_000
    assert clock.to_ns(150, now_ns) == ((1 << 32) + 150) * 1_000_000
