"""Synthetic input on an X display through XTEST, with a log of what was injected.

Stage: a scripted worker or an agent acts. Input: where to point and what to type.
Output: events in the X server, and `Synth.log`, one `Injected` for each of them, which
the caller may compare with a recording. It reads the screen only for `hold_screen`,
never makes an event that the X server would swallow (a motion to where the pointer
already is), and has no knowledge of what it acts on.
"""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from Xlib import XK, X, display
from Xlib import error as xerror
from Xlib.ext import xtest

from overt.desktop.x11.gesture import MIN_KEY_S, plan_move
from overt.desktop.x11.screenshot import root_pixels
from overt.protocol.errors import CaptureError
from overt.protocol.records import EventKind

if TYPE_CHECKING:
    from overt.protocol.actions import Button
    from overt.protocol.records import Pixels

_BUTTONS: dict[Button, int] = {"left": 1, "middle": 2, "right": 3}
Wheel = Literal["up", "down", "left", "right"]
_WHEEL: dict[Wheel, int] = {"up": 4, "down": 5, "left": 6, "right": 7}
_MODIFIERS = {
    "ctrl": XK.XK_Control_L,
    "alt": XK.XK_Alt_L,
    "shift": XK.XK_Shift_L,
    "super": XK.XK_Super_L,
}
_X_TYPES = {
    EventKind.BUTTON_PRESS: X.ButtonPress,
    EventKind.BUTTON_RELEASE: X.ButtonRelease,
    EventKind.KEY_PRESS: X.KeyPress,
    EventKind.KEY_RELEASE: X.KeyRelease,
}


@dataclass(frozen=True, slots=True)
class Injected:
    """One event given to the X server.

    Attributes:
        kind: What it was.
        t_ns: CLOCK_MONOTONIC just before it was sent.
        x_px: Pointer position in root pixels after the event.
        y_px: Likewise.
        detail: Button number; for keys the keysym that the held shift selects; 0 for
            motion: as in `overt.protocol.records.EVENT_DTYPE`.
    """

    kind: EventKind
    t_ns: int
    x_px: int
    y_px: int
    detail: int


class Synth:
    """A pointer and a keyboard of one display.

    Attributes:
        log: Every event injected so far, in order.
        pace: Speed relative to an unhurried person; 2.0 halves pauses and moves. A
            move still takes 150 ms and a key 40 ms at least.
    """

    def __init__(
        self, display_name: str, *, pace: float = 1.0, rng: random.Random | None = None
    ) -> None:
        self.log: list[Injected] = []
        self.pace = pace
        self.rng = rng or random.Random()  # noqa: S311 - timing, nothing secret
        self._display = _open(display_name)
        screen = self._display.screen()
        self._root = screen.root
        self._size = (screen.width_in_pixels, screen.height_in_pixels)
        self._keys = _keyboard_map(self._display)
        self._shift_held = self._holds_screen = False
        self._at = self.position()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to the display."""
        self._display.close()

    def position(self) -> tuple[int, int]:
        """Ask the X server where the pointer is, in root pixels."""
        reply = self._root.query_pointer()
        return int(reply.root_x), int(reply.root_y)

    def hold_screen(self) -> Pixels:
        """Return the root window and let nobody draw before the next press or key.

        What is returned is the screen at that event: between a screenshot and a press
        a caret may blink. Call it right before the event: the display stands still.
        """
        self._display.grab_server()
        self._holds_screen = True
        return root_pixels(self._root)

    # Single events

    def move(self, x_px: int, y_px: int) -> bool:
        """Put the pointer at a place; return whether that made an event."""
        x = min(max(int(x_px), 0), self._size[0] - 1)
        y = min(max(int(y_px), 0), self._size[1] - 1)
        if (x, y) == self._at:
            return False
        self._at = (x, y)
        self._note(EventKind.MOTION, 0)
        xtest.fake_input(self._display, X.MotionNotify, x=x, y=y)
        self._display.sync()
        return True

    def button(self, number: int, *, press: bool) -> None:
        """Press or release a button by its X number (1 left, 3 right, 4-7 wheel)."""
        kind = EventKind.BUTTON_PRESS if press else EventKind.BUTTON_RELEASE
        self._send(kind, number, number)

    def key(self, keysym: int, *, press: bool) -> None:
        """Press or release the key that carries a keysym, without touching shift.

        Raises:
            CaptureError: No key of the display's layout carries the keysym.
        """
        code, _ = self._code(keysym)
        if keysym in {XK.XK_Shift_L, XK.XK_Shift_R}:
            self._shift_held = press
        kind = EventKind.KEY_PRESS if press else EventKind.KEY_RELEASE
        self._send(kind, code, keysym)

    # Gestures at a person's pace

    def glide(self, x_px: int, y_px: int, *, width_px: float = 20.0) -> None:
        """Move as a hand does: curved, timed by distance, with corrections.

        Args:
            x_px: Where to end, in root pixels.
            y_px: Likewise.
            width_px: Size of the target; smaller takes longer (Fitts).
        """
        self._at = self.position()
        start = time.monotonic()
        plan = plan_move(self._at, (x_px, y_px), self.rng, self.pace, width_px)
        for due_s, x, y in plan:
            time.sleep(max(0.0, start + due_s - time.monotonic()))
            self.move(x, y)

    def dwell(self, low_s: float, high_s: float) -> None:
        """Wait a random time between two bounds, divided by the pace."""
        time.sleep(self.rng.uniform(low_s, high_s) / self.pace)

    def click(
        self, button: Button = "left", *, count: int = 1, human: bool = True
    ) -> None:
        """Press and release a button where the pointer is.

        Args:
            button: Which button.
            count: How often; 2 is a double click.
            human: Whether to hold it as a finger does, else as short as can be.
        """
        for nth in range(count):
            if nth and human:
                self.dwell(0.06, 0.11)
            self.button(_BUTTONS[button], press=True)
            if human:
                self.dwell(0.05, 0.11)
            self.button(_BUTTONS[button], press=False)

    def drag(self, to_x_px: int, to_y_px: int, button: Button = "left") -> None:
        """Press where the pointer is, glide, release."""
        self.button(_BUTTONS[button], press=True)
        self.dwell(0.08, 0.15)
        self.glide(to_x_px, to_y_px)
        self.dwell(0.08, 0.15)
        self.button(_BUTTONS[button], press=False)

    def scroll(self, direction: Wheel) -> None:
        """Turn the wheel by one step."""
        self.button(_WHEEL[direction], press=True)
        self.button(_WHEEL[direction], press=False)

    def type_text(self, text: str, *, human: bool = True) -> None:
        """Type characters that the layout has; shift is pressed where needed.

        Args:
            text: What to type; a newline is Return.
            human: Whether to keep a person's rhythm, else as fast as can be.

        Raises:
            CaptureError: A character is on no key; nothing was typed.
        """
        keysyms = [_keysym_of(character) for character in text]
        for keysym in keysyms:
            self._code(keysym)
        for keysym in keysyms:
            start = time.monotonic()
            self._stroke(keysym, human=human)
            if human:
                whole = max(MIN_KEY_S, self.rng.gauss(0.12, 0.035) / self.pace)
                time.sleep(max(0.0, start + whole - time.monotonic()))

    def combo(self, combo: str, *, human: bool = True) -> None:
        """Press a combination such as `ctrl+a` or a key such as `Return`.

        Raises:
            CaptureError: A part of it is no keysym name, or is on no key.
        """
        *names, last = combo.split("+")
        held = [_modifier(name) for name in names]
        keysym = _named(last)
        for part in [*held, keysym]:
            self._code(part)
        for modifier in held:
            self.key(modifier, press=True)
            if human:
                self.dwell(0.03, 0.06)
        self._stroke(keysym, human=human)
        for modifier in reversed(held):
            self.key(modifier, press=False)

    def _stroke(self, keysym: int, *, human: bool) -> None:
        _, shifted = self._code(keysym)
        add_shift = shifted and not self._shift_held
        if add_shift:
            self.key(XK.XK_Shift_L, press=True)
            time.sleep(0.012 if human else 0)
        self.key(keysym, press=True)
        time.sleep(self.rng.uniform(0.018, 0.032) if human else 0)
        self.key(keysym, press=False)
        if add_shift:
            self.key(XK.XK_Shift_L, press=False)

    def _code(self, keysym: int) -> tuple[int, bool]:
        found = self._keys.get(keysym)
        if found is None:
            raise CaptureError(
                f"The display's keyboard has no key for keysym 0x{keysym:x}.",
                remedy="Type ASCII text, or load a layout that has the character.",
            )
        return found

    def _send(self, kind: EventKind, x_detail: int, detail: int) -> None:
        self._note(kind, detail)
        xtest.fake_input(self._display, _X_TYPES[kind], x_detail)
        if self._holds_screen:
            self._display.ungrab_server()
            self._holds_screen = False
        self._display.sync()

    def _note(self, kind: EventKind, detail: int) -> None:
        self.log.append(Injected(kind, time.monotonic_ns(), *self._at, detail))


def _open(name: str) -> Any:
    """Open a display that has XTEST."""
    try:
        _check_socket(name)
        found = display.Display(name)
    except (xerror.DisplayError, OSError) as error:
        raise CaptureError(
            f"The X display {name!r} cannot be opened.",
            remedy="Check that its X server runs, or name another.",
        ) from error
    if not found.has_extension("XTEST"):
        found.close()
        raise CaptureError(
            f"The X display {name!r} lacks the extension XTEST.",
            remedy="Start its X server with `+extension XTEST`.",
        )
    return found


def _check_socket(name: str) -> None:
    """Refuse a local display without a socket; else python-xlib would try TCP."""
    number = re.fullmatch(r":(\d+)(\.\d+)?", name)
    if number is not None:
        Path(f"/tmp/.X11-unix/X{number[1]}").stat()  # noqa: S108 - where X has it


def _keyboard_map(connection: Any) -> dict[int, tuple[int, bool]]:
    """Map each keysym to its key code and whether shift selects it."""
    first = connection.display.info.min_keycode
    last = connection.display.info.max_keycode
    rows = connection.get_keyboard_mapping(first, last - first + 1)
    found: dict[int, tuple[int, bool]] = {}
    for column in (0, 1):
        for code, row in enumerate(rows, start=first):
            if column < len(row) and row[column]:
                found.setdefault(int(row[column]), (code, bool(column)))
    return found


def _keysym_of(character: str) -> int:
    """Return the keysym of a character (Latin-1 is its own keysym)."""
    if character == "\n":
        return int(XK.XK_Return)
    point = ord(character)
    return point if point < 0x100 else 0x01000000 | point


def _modifier(name: str) -> int:
    if name not in _MODIFIERS:
        raise CaptureError(
            "A key combination names an unknown modifier.",
            remedy=f"Known are {', '.join(_MODIFIERS)}.",
        )
    return int(_MODIFIERS[name])


def _named(name: str) -> int:
    keysym = int(XK.string_to_keysym(name))
    if keysym == X.NoSymbol:
        raise CaptureError(
            "A key combination names no X keysym.",
            remedy="Use names such as Return, Tab, BackSpace, a.",
        )
    return keysym
