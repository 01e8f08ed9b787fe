"""Device events of the record lane, decoded into the events of a segment.

Stage: capture. Input: batches of the record lane. Output: `EVENT_DTYPE` batches with
keysyms instead of key codes; a release has the keysym of its press. Never drops an
event.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import numpy as np
from Xlib import X
from Xlib import error as xerror

from overt.desktop.x11.keymap import Keymap
from overt.desktop.x11.wire import connect
from overt.protocol.errors import CaptureError
from overt.protocol.records import EVENT_DTYPE, EventArray, EventKind

if TYPE_CHECKING:
    from overt.desktop.x11.clock import ServerClock
    from overt.desktop.x11.recordlane import DeviceEvents

_KINDS = np.zeros(128, np.uint8)
_KINDS[X.MotionNotify] = EventKind.MOTION
_KINDS[X.ButtonPress] = EventKind.BUTTON_PRESS
_KINDS[X.ButtonRelease] = EventKind.BUTTON_RELEASE
_KINDS[X.KeyPress] = EventKind.KEY_PRESS
_KINDS[X.KeyRelease] = EventKind.KEY_RELEASE


class KeyDecoder(Protocol):
    """A keyboard layout that remembers which keys are down."""

    def press(self, keycode: int, state: int) -> int:
        """Keysym of a press."""
        ...

    def release(self, keycode: int, state: int) -> int:
        """Keysym of a release: that of its press."""
        ...


# Keys with a function code that only edit or shape text: BackSpace, Delete, locks,
# Shift, Level3 Shift, Compose, and the keypad's characters.
_TEXT_KEYS = frozenset(
    [
        0xFF08,
        0xFFFF,
        0xFF7F,
        0xFF7E,
        0xFF20,
        0xFFE1,
        0xFFE2,
        0xFFE5,
        0xFFE6,
        *range(0xFFAA, 0xFFBA),
    ]
)


def acts(keysym: int) -> bool:
    """Whether a key acts or begins a shortcut, rather than types."""
    is_function = 0xFF00 <= keysym <= 0xFFFF or keysym == 0xFE20  # back tab
    return is_function and keysym not in _TEXT_KEYS


class Keyboard:
    """The layout of a display's keyboard, followed as it changes."""

    def __init__(self, name: str | None) -> None:
        """Read the layout of a display (`None`: $DISPLAY).

        Raises:
            CaptureError: The display cannot be opened.
        """
        self._display = connect(name)
        self._keymap = Keymap(self._display)

    def close(self) -> None:
        """Leave the display."""
        with contextlib.suppress(xerror.ConnectionClosedError):
            self._display.close()

    def follow(self) -> None:
        """Read the layout anew if it changed.

        Raises:
            CaptureError: The server is gone.
        """
        try:
            changes = self._display.pending_events()
            for _ in range(changes):
                self._display.next_event()
            if changes:
                self._keymap.refresh()
        except xerror.ConnectionClosedError as fault:
            raise CaptureError("The X server closed the connection.") from fault

    def plain(self, keycode: int) -> int:
        """Keysym of a key without any modifier."""
        return self._keymap.keysym(keycode, 0)

    def press(self, keycode: int, state: int) -> int:
        """Keysym of a press, held for its release."""
        return self._keymap.press(keycode, state)

    def release(self, keycode: int, state: int) -> int:
        """Keysym of a release: that of its press."""
        return self._keymap.release(keycode, state)


class InputDecoder:
    """Decodes batches of one display's record lane."""

    def __init__(self, clock: ServerClock, keymap: KeyDecoder) -> None:
        self._clock, self._keymap = clock, keymap

    def decode(self, batch: DeviceEvents) -> EventArray:
        """Decode a batch."""
        events = np.zeros(len(batch), EVENT_DTYPE)
        if not len(batch):
            return events
        first = batch["time_ms"][0]
        later_ms = (batch["time_ms"] - first).astype(np.int32).astype(np.int64)
        events["t_ns"] = self._clock.to_ns(int(first)) + later_ms * 1_000_000
        events["kind"] = _KINDS[batch["type"]]
        events["state"], events["device"] = batch["state"], batch["device"]
        events["x_px"], events["y_px"] = batch["root_x"], batch["root_y"]
        for place in np.flatnonzero(events["kind"] != EventKind.MOTION):
            self._complete(events[place : place + 1], int(batch["detail"][place]))
        return events

    def _complete(self, event: EventArray, code: int) -> None:
        kind, state = EventKind(int(event["kind"][0])), int(event["state"][0])
        if kind is EventKind.KEY_PRESS:
            event["detail"] = self._keymap.press(code, state)
        elif kind is EventKind.KEY_RELEASE:
            event["detail"] = self._keymap.release(code, state)
        else:
            event["detail"] = code
