"""The whole recorder on real monitors that are plugged, resized and moved meanwhile.

Frames are replayed and compared with screenshots that an independent client took: equal
bit by bit, but for the badges, which are in no frame.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from Xlib import X, display
from Xlib.ext import xtest

from overt.desktop.types import Rect
from overt.desktop.x11.screenshot import screenshot
from overt.protocol.records import InputRecord, Pixels
from overt.recorder.person.badge import HEIGHT_PX, MARGIN_PX, WIDTH_PX
from overt.recorder.person.playback import open_own, screens
from tests.fakes.ownrecorder import Recording
from tests.fakes.xorg import Xorg

pytestmark = [pytest.mark.display, pytest.mark.timeout(180)]


@pytest.fixture
def xorg(tmp_path: Path) -> Iterator[Xorg]:
    made = Xorg(tmp_path)
    yield made
    made.close()


class Desk:
    """A window over the whole screen, somebody who clicks in it, and a camera."""

    def __init__(self, xorg: Xorg) -> None:
        self._xorg, self._client = xorg, display.Display(xorg.name)
        self._chance = random.Random(7)  # noqa: S311 - a script, no secret
        self._window = self._client.screen().root.create_window(
            *(0, 0, 64, 64, 0, X.CopyFromParent), background_pixel=0x336699
        )
        self._window.set_wm_class("allowed", "Allowed")
        self._window.map()
        self.shots: list[tuple[int, Pixels]] = []
        self.clicked: list[tuple[int, int]] = []

    def lay_out(self, monitors: list[Rect], *options: str) -> None:
        """Plug monitors as options of xrandr say, and work on each of them."""
        self._xorg.randr(*options)
        whole = self._client.screen().root.get_geometry()
        assert whole.width == max(each.right for each in monitors)
        assert whole.height == max(each.bottom for each in monitors)
        self._window.configure(width=whole.width, height=whole.height)
        self._client.sync()
        time.sleep(3.0)  # badges move within a second; a window settles in half of one
        for each in monitors:
            self._work(each)
        time.sleep(1.5)
        self._look(monitors)

    def _work(self, monitor: Rect) -> None:
        pen = self._window.create_gc()
        for _ in range(12):
            pen.change(foreground=self._chance.randrange(1, 1 << 24))
            x_px = monitor.x + self._chance.randrange(monitor.width - 90)
            y_px = monitor.y + 40 + self._chance.randrange(monitor.height - 120)
            self._window.fill_rectangle(pen, x_px, y_px, 83, 61)
        pen.free()
        self.clicked.append((monitor.right - 33, monitor.bottom - 21))
        x_px, y_px = self.clicked[-1]
        xtest.fake_input(self._client, X.MotionNotify, x=x_px, y=y_px)
        for kind in (X.ButtonPress, X.ButtonRelease):
            xtest.fake_input(self._client, kind, 1)
        self._client.sync()

    def _look(self, monitors: list[Rect]) -> None:
        """Take a screenshot: a badge on every monitor, then no badge."""
        shot = screenshot(self._xorg.name)
        badges = []
        for each in monitors:
            x_px, y_px = each.right - WIDTH_PX - MARGIN_PX, each.y + MARGIN_PX
            badge = shot[y_px : y_px + HEIGHT_PX, x_px : x_px + WIDTH_PX]
            badges.append(badge.copy())
            badge[:] = 0
        assert all(np.array_equal(one, badges[0]) for one in badges)
        assert len(np.unique(badges[0].reshape(-1, 3), axis=0)) > 2  # words on it
        self.shots.append((time.monotonic_ns(), shot))

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def desk(xorg: Xorg) -> Iterator[Desk]:
    made = Desk(xorg)
    yield made
    made.close()


def _check(person: SimpleNamespace, desk: Desk) -> None:
    spool = person.home.spool
    parts = [
        open_own(spool, entry.segment, person.identity.own) for entry in spool.entries()
    ]
    shown = [each for part in parts for each in screens(part)]
    for t_ns, shot in desk.shots:
        last = [each.pixels for each in shown if each.t_ns <= t_ns][-1]
        assert last.shape == shot.shape
        assert np.array_equal(last, shot)
    pressed = [
        (int(event["x_px"]), int(event["y_px"]))
        for part in parts
        for record in part.records
        if isinstance(record, InputRecord)
        for event in record.events
        if event["detail"]
    ]
    assert pressed[::2] == pressed[1::2] == desk.clicked


def test_monitors_come_move_and_go_while_it_records(
    consenting: SimpleNamespace, words: Path, xorg: Xorg, desk: Desk
) -> None:
    first, second = ("--output", "DUMMY0"), ("--output", "DUMMY1")
    one, mode = [Rect(0, 0, 1280, 720)], xorg.add_mode("DUMMY1", 800, 600)
    xorg.randr(*first, "--mode", "1280x720")
    recording = Recording(consenting, xorg.name, words)
    try:
        recording.wait_until_alive()
        desk.lay_out(one, *first, "--mode", "1280x720")
        desk.lay_out(
            [*one, Rect(1280, 0, 800, 600)],
            *(*second, "--mode", mode, "--right-of", "DUMMY0"),
        )
        desk.lay_out(
            [Rect(0, 600, 1280, 720), Rect(0, 0, 800, 600)],
            *(*second, "--above", "DUMMY0"),
        )
        desk.lay_out(
            [Rect(0, 0, 1024, 768)],
            *(*first, "--mode", "1024x768", *second, "--off"),
        )
        recording.control.call("stop")
        assert recording.end() == (0, {})
    finally:
        recording.process.kill()
    _check(consenting, desk)


def test_a_screen_of_4k_beside_another(
    consenting: SimpleNamespace, words: Path, xorg: Xorg, desk: Desk
) -> None:
    mode = xorg.add_mode("DUMMY0", 3840, 2160)
    small = xorg.add_mode("DUMMY1", 1024, 768)
    recording = Recording(consenting, xorg.name, words)
    try:
        recording.wait_until_alive()
        desk.lay_out([Rect(0, 0, 3840, 2160)], "--output", "DUMMY0", "--mode", mode)
        desk.lay_out(
            [Rect(0, 0, 3840, 2160), Rect(3840, 0, 1024, 768)],
            *("--output", "DUMMY1", "--mode", small, "--right-of", "DUMMY0"),
        )
        recording.control.call("stop")
        assert recording.end() == (0, {})
    finally:
        recording.process.kill()
    _check(consenting, desk)
