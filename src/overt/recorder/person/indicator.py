"""The indicator: a window above everything that says whether recording goes on.

Two halves. `python -m overt.recorder.person.indicator` is a process of its own: it
reads badges as JSON lines from its standard input, shows them in an override-redirect
X window that raises itself again when it is covered, and reports clicks on its
standard output. `Indicator` is the recorder's half: it starts the process, tells it
what was committed last, and looks at the screen to see that the badge is really
there. There is no way to record without it.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from Xlib import X
from Xlib import error as xerror

from overt.desktop.types import Rect
from overt.desktop.x11.wire import connect
from overt.protocol.errors import CaptureError
from overt.recorder.person.badge import (
    HEIGHT_PX,
    MARGIN_PX,
    WIDTH_PX,
    Badge,
    draw_badge,
)

if TYPE_CHECKING:
    from Xlib import display as xdisplay

    from overt.protocol.records import Pixels

UNSEEN_S = 2.0  # for so long may the badge be missing before recording stops
SILENT_S = 4.0  # for so long may the recorder say nothing before the badge says so
_LOOK_S = 0.8
_LOOK_AGAIN_S = 0.4  # once a look missed the badge
_START_S = 20.0  # a machine under load takes its time; nothing is recorded before
_SEEN_SHARE = 0.97  # of the badge's pixels must be right: a tooltip may hide a corner


def indicator_seen(shown: Pixels, badges: tuple[Badge, ...]) -> bool:
    """Whether pixels from the indicator's place show one of these badges.

    Args:
        shown: uint8 (24, 170, 3), as on the screen.
        badges: What may stand there: the newest badge and the one before.
    """
    drawn = [draw_badge(badge) for badge in reversed(badges)]
    if any(np.array_equal(shown, each) for each in drawn):
        return True
    return any(
        float((shown == each).all(axis=2).mean()) >= _SEEN_SHARE for each in drawn
    )


class Indicator:
    """The recorder's half: starts, tells and watches the indicator.

    Attributes:
        rect: Where the indicator is, in root pixels.
    """

    def __init__(self, display: str) -> None:
        """Start the process and wait until its window is up.

        Raises:
            CaptureError: It does not come up.
        """
        self._eyes = connect(display)
        command = [sys.executable, "-m", "overt.recorder.person.indicator", display]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._badges: tuple[Badge, ...] = (Badge("grey", "Not recording: starting"),)
        self._told_s = self._looked_s = 0.0
        self._missed_s: float | None = None  # since when every look missed the badge
        self._pending = b""
        self.rect = self._wait_for_window()
        self.show(self._badges[0])

    def show(self, badge: Badge) -> None:
        """Tell the indicator what to say; the same again counts as a sign of life."""
        now_s = time.monotonic()
        if badge != self._badges[-1]:
            self._badges = (self._badges[-1], badge)
        elif now_s - self._told_s < 1.0:
            return
        self._told_s = now_s
        line = json.dumps({"tone": badge.tone, "text": badge.text}).encode() + b"\n"
        if self._process.stdin is not None:
            try:
                self._process.stdin.write(line)
            except OSError:
                self._missed_s = -UNSEEN_S  # dead: `problem` says so at once

    def clicked(self) -> bool:
        """Whether somebody clicked the indicator since the last question."""
        return b"click" in self._read(0)

    def problem(self) -> str:
        """Look at the screen and say why recording must stop; empty if it may go on.

        The screen is looked at every 0.8 s, and every 0.4 s once a look missed the
        badge. Time counts from the first look that missed it, so that a recorder that
        was held up looks again first.
        """
        now_s = time.monotonic()
        if self._process.poll() is not None:
            return "The indicator has ended."
        wait_s = _LOOK_S if self._missed_s is None else _LOOK_AGAIN_S
        if now_s - self._looked_s >= wait_s:
            self._looked_s = now_s
            if self._is_seen():
                self._missed_s = None
            elif self._missed_s is None:
                self._missed_s = now_s
        if self._missed_s is not None and now_s - self._missed_s >= UNSEEN_S:
            return "The indicator cannot be seen."
        return ""

    def close(self) -> None:
        """End the indicator."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._eyes.close()

    def _is_seen(self) -> bool:
        try:
            shown = _grab(self._eyes, self.rect)
        except (xerror.ConnectionClosedError, xerror.XError, OSError):
            return False
        return shown is not None and indicator_seen(shown, self._badges)

    def _wait_for_window(self) -> Rect:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            for line in self._read(0.1).splitlines():
                if line.startswith(b"rect "):
                    x, y = map(int, line.split()[1:3])
                    return Rect(x, y, WIDTH_PX, HEIGHT_PX)
        self.close()
        raise CaptureError(
            "The indicator does not come up, so nothing is recorded.",
            remedy="Run: overt doctor",
        )

    def _read(self, wait_s: float) -> bytes:
        """Return the whole lines that the process has written."""
        out = self._process.stdout
        if out is None or not select.select([out], [], [], wait_s)[0]:
            return b""
        self._pending += os.read(out.fileno(), 4096)
        lines, mark, self._pending = self._pending.rpartition(b"\n")
        return lines + mark


def _grab(display: xdisplay.Display, rect: Rect) -> Pixels | None:
    """Return the pixels of a rectangle of the root window; None if it is off it."""
    root = display.screen().root
    whole = root.get_geometry()
    if rect.right > whole.width or rect.bottom > whole.height:
        return None
    image = root.get_image(
        rect.x, rect.y, rect.width, rect.height, X.ZPixmap, 0xFFFFFFFF
    )
    raw = np.frombuffer(image.data, np.uint8).reshape(rect.height, rect.width, 4)
    return np.ascontiguousarray(raw[:, :, 2::-1])


class _Window:
    """The indicator's own half: one window, drawn with core X requests."""

    def __init__(self, display: str) -> None:
        self._display = connect(display)
        self._badge = Badge("grey", "Not recording: starting")
        screen = self._display.screen()
        self._root = screen.root
        self._root.change_attributes(event_mask=X.StructureNotifyMask)
        x, y = self._place()
        self._window = self._root.create_window(
            *(x, y, WIDTH_PX, HEIGHT_PX, 0, screen.root_depth),
            *(X.InputOutput, X.CopyFromParent),
            override_redirect=True,
            event_mask=X.ExposureMask | X.ButtonPressMask | X.VisibilityChangeMask,
        )
        self._window.set_wm_name("overt indicator")
        self._window.set_wm_class("overt-indicator", "overt-indicator")
        self._context = self._window.create_gc()
        self._depth = screen.root_depth
        self._window.map()
        self._window.configure(stack_mode=X.Above)
        self._report_place(x, y)
        self.draw()

    def fileno(self) -> int:
        return int(self._display.fileno())

    def show(self, badge: Badge) -> None:
        if badge != self._badge:
            self._badge = badge
            self.draw()

    def draw(self) -> None:
        pixels = draw_badge(self._badge)
        blue_first = np.zeros((HEIGHT_PX, WIDTH_PX, 4), np.uint8)
        blue_first[:, :, :3] = pixels[:, :, ::-1]
        self._window.put_image(
            *(self._context, 0, 0, WIDTH_PX, HEIGHT_PX, X.ZPixmap, self._depth, 0),
            blue_first.tobytes(),
        )
        self._display.flush()

    def events(self) -> None:
        """Take what the X server has sent."""
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type == X.VisibilityNotify:
                if event.state != X.VisibilityUnobscured:
                    self.rise()
            elif event.type == X.Expose:
                self.draw()
            elif event.type == X.ButtonPress:
                _say("click")
            elif event.type == X.ConfigureNotify:
                self._move()

    def rise(self) -> None:
        self._window.configure(stack_mode=X.Above)
        self._display.flush()

    def _place(self) -> tuple[int, int]:
        whole = self._root.get_geometry()
        return max(whole.width - WIDTH_PX - MARGIN_PX, 0), MARGIN_PX

    def _move(self) -> None:
        x, y = self._place()
        self._window.configure(x=x, y=y, stack_mode=X.Above)
        self._report_place(x, y)

    def _report_place(self, x: int, y: int) -> None:
        self._display.sync()
        _say(f"rect {x} {y}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _badge_of(line: bytes) -> Badge | None:
    try:
        body = json.loads(line)
        tone = body["tone"]
        return Badge(tone if tone in {"red", "amber"} else "grey", str(body["text"]))
    except (ValueError, KeyError, TypeError):
        return None


def show_until_closed(display: str) -> None:
    """Show badges from standard input until it ends; the process's whole work."""
    window, pending = _Window(display), b""
    heard_s, raised_s = time.monotonic(), 0.0
    while True:
        ready = select.select([window, sys.stdin], [], [], 0.5)[0]
        window.events()
        now_s = time.monotonic()
        if now_s - raised_s >= 1.0:
            raised_s = now_s
            window.rise()
        if sys.stdin in ready:
            chunk = os.read(sys.stdin.fileno(), 4096)
            if not chunk:
                return
            heard_s = now_s
            *lines, pending = (pending + chunk).split(b"\n")
            if lines and (badge := _badge_of(lines[-1])) is not None:
                window.show(badge)
        if now_s - heard_s > SILENT_S:
            window.show(Badge("grey", "Recorder hangs"))


if __name__ == "__main__":
    show_until_closed(sys.argv[1])
