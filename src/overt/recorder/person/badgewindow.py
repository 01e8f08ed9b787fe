"""The indicator's own process: a badge on each monitor, above everything.

`python -m overt.recorder.person.badgewindow DISPLAY` reads badges as JSON lines from
its standard input, shows them in override-redirect X windows that raise themselves
again when they are covered, and reports on its standard output: `up`, `click`,
`chord`, `chord-taken`. It grabs the chord, so that no application sees it. It ends with
its input, and says so when the recorder is silent.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from Xlib import XK, X
from Xlib import error as xerror

from overt.desktop.x11.wire import connect
from overt.recorder.person.badge import (
    HEIGHT_PX,
    MENU_PX,
    WIDTH_PX,
    Badge,
    drawn,
)
from overt.recorder.person.places import places

if TYPE_CHECKING:
    from Xlib import display as xdisplay

    from overt.desktop.types import Rect

SILENT_S = 4.0  # for so long may the recorder say nothing before the badge says so
CHORD = "Ctrl+Alt+P"
_CHORD_KEY, _CHORD_MASK = XK.XK_p, X.ControlMask | X.Mod1Mask
_LOCKS = (0, X.LockMask, X.Mod2Mask, X.LockMask | X.Mod2Mask)  # Caps Lock, Num Lock
_TONES = {"red", "amber", "alarm"}


class _Window:
    """One badge, drawn with core X requests."""

    def __init__(self, display: xdisplay.Display, place: Rect, badge: Badge) -> None:
        self._display, self._badge, self.place = display, badge, place
        screen = display.screen()
        self._window = screen.root.create_window(
            *(place.x, place.y, WIDTH_PX, HEIGHT_PX, 0, screen.root_depth),
            *(X.InputOutput, X.CopyFromParent),
            override_redirect=True,
            event_mask=X.ExposureMask | X.ButtonPressMask | X.VisibilityChangeMask,
        )
        self._window.set_wm_name("overt indicator")
        self._window.set_wm_class("overt-indicator", "overt-indicator")
        self._context = self._window.create_gc()
        self._depth = screen.root_depth
        self._window.map()
        self.rise()
        self.draw()

    @property
    def id(self) -> int:
        return int(self._window.id)

    def show(self, badge: Badge) -> None:
        self._badge = badge
        self.draw()

    def draw(self) -> None:
        self._window.put_image(
            *(self._context, 0, 0, WIDTH_PX, HEIGHT_PX, X.ZPixmap, self._depth, 0),
            drawn(self._badge).tobytes("raw", "BGRX"),
        )

    def rise(self) -> None:
        self._window.configure(stack_mode=X.Above)

    def close(self) -> None:
        self._window.destroy()


class _Badges:
    """A badge on every monitor, and the chord."""

    def __init__(self, display: str) -> None:
        self._name, self._display = display, connect(display)
        self._badge = Badge("grey", "Not recording: starting")
        self._windows: list[_Window] = []
        self._control: subprocess.Popen[bytes] | None = None
        self._root = self._display.screen().root
        self._root.change_attributes(event_mask=X.StructureNotifyMask)
        self.place()
        self._grab()

    def fileno(self) -> int:
        return int(self._display.fileno())

    def show(self, badge: Badge) -> None:
        if badge != self._badge:
            self._badge = badge
            for window in self._windows:
                window.show(badge)
            self._display.flush()

    def place(self) -> None:
        """Put a badge on each monitor where none is, and raise all."""
        spots = places(self._display)
        if [one.place for one in self._windows] != spots:
            for window in self._windows:
                window.close()
            self._windows = [
                _Window(self._display, spot, self._badge) for spot in spots
            ]
        for window in self._windows:
            window.rise()
        self._display.sync()

    def events(self) -> None:
        """Take what the X server has sent."""
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type == X.KeyPress:
                _say("chord")
            elif event.type == X.ConfigureNotify:
                self.place()
            elif event.type == X.MappingNotify:
                self._display.refresh_keyboard_mapping(event)
            else:
                self._window_event(event)
        self._display.flush()

    def _window_event(self, event: object) -> None:
        target = getattr(getattr(event, "window", None), "id", None)
        for window in self._windows:
            if window.id != target:
                continue
            kind = getattr(event, "type", None)
            if kind == X.VisibilityNotify:
                if getattr(event, "state", None) != X.VisibilityUnobscured:
                    window.rise()
            elif kind == X.Expose:
                window.draw()
            elif kind == X.ButtonPress:
                self._pressed(event)

    def _pressed(self, event: object) -> None:
        """The menu or the right button opens the control window, the rest pauses."""
        at_menu = getattr(event, "event_x", 0) >= WIDTH_PX - MENU_PX
        if at_menu or getattr(event, "detail", 1) == 3:
            self._open_control()
        elif getattr(event, "detail", 1) == 1:
            _say("click")

    def _open_control(self) -> None:
        if self._control is not None and self._control.poll() is None:
            return
        if find_spec("tkinter") is None:
            _say("click")
            return
        command = [sys.executable, "-m", "overt.recorder.person.window", self._name]
        self._control = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def _grab(self) -> None:
        """Take the chord for itself on this display; say so where it is taken."""
        code = self._display.keysym_to_keycode(_CHORD_KEY)
        refused = xerror.CatchError(xerror.BadAccess)
        for locks in _LOCKS:
            self._root.grab_key(
                *(code, _CHORD_MASK | locks, False),
                *(X.GrabModeAsync, X.GrabModeAsync),
                onerror=refused,
            )
        self._display.sync()
        if refused.get_error():
            _say("chord-taken")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _badge_of(line: bytes) -> Badge | None:
    try:
        body = json.loads(line)
        tone = body["tone"]
        words, has_news = str(body["text"]), bool(body["has_news"])
        return Badge(tone if tone in _TONES else "grey", words, has_news)
    except (ValueError, KeyError, TypeError):
        return None


def show_until_closed(display: str) -> None:
    """Show badges from standard input until it ends; the process's whole work."""
    badges, pending = _Badges(display), b""
    _say("up")
    heard_s = placed_s = time.monotonic()
    while True:
        ready = select.select([badges, sys.stdin], [], [], 0.5)[0]
        badges.events()
        now_s = time.monotonic()
        if now_s - placed_s >= 1.0:
            placed_s = now_s
            badges.place()
        if sys.stdin in ready:
            chunk = os.read(sys.stdin.fileno(), 4096)
            if not chunk:
                return
            heard_s = now_s
            *lines, pending = (pending + chunk).split(b"\n")
            if lines and (badge := _badge_of(lines[-1])) is not None:
                badges.show(badge)
        if now_s - heard_s > SILENT_S:
            badges.show(Badge("alarm", "Recorder hangs"))


if __name__ == "__main__":
    show_until_closed(sys.argv[1])
