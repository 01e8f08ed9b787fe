"""What hands do at a display: keys, buttons and the pointer, or nothing at all.

Stage: capture, over the record lane. Input: an X display. Output: decoded input events
in the server's order, and which presses want a picture. `NoHands` stands in where the
participant did not agree to input: it opens nothing and hears nothing.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import numpy as np

from overt.desktop.x11.recordlane import RecordLane
from overt.protocol.records import EVENT_DTYPE, EventArray
from overt.recorder.capture.frames import Bursts
from overt.recorder.capture.keys import InputDecoder, Keyboard, acts

if TYPE_CHECKING:
    from overt.desktop.x11.clock import ServerClock
    from overt.desktop.x11.recordlane import DeviceEvents
    from overt.desktop.x11.screen import RawPress


class Hands(Protocol):
    """What hands do."""

    def opens(self, press: RawPress) -> bool:
        """Whether a press gets a picture of its own."""
        ...

    def fetch(self) -> None:
        """Fetch all that was done up to now, without decoding it."""
        ...

    def decode(self, *, drop: bool = False) -> EventArray:
        """Return what was fetched; or drop it."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class OpenHands:
    """The input of one display."""

    def __init__(self, display: str | None, clock: ServerClock) -> None:
        """Start to listen.

        Raises:
            CaptureError: The display cannot be opened or lacks RECORD.
        """
        with contextlib.ExitStack() as opened:
            self._keyboard = opened.enter_context(contextlib.closing(Keyboard(display)))
            self._lane = opened.enter_context(contextlib.closing(RecordLane(display)))
            self._opened = opened.pop_all()
        self._decoder = InputDecoder(clock, self._keyboard)
        self._bursts = Bursts(lambda code: acts(self._keyboard.plain(code)))
        self._batch: DeviceEvents | None = None

    def opens(self, press: RawPress) -> bool:
        """Whether a press gets a picture of its own."""
        return self._bursts.opens(press)

    def fetch(self) -> None:
        """Fetch all that was done up to now, without decoding it.

        Raises:
            CaptureError: The server is gone or silent.
        """
        self._batch = self._lane.drain()

    def decode(self, *, drop: bool = False) -> EventArray:
        """Return what was fetched; or drop it.

        Raises:
            CaptureError: The server is gone.
        """
        self._keyboard.follow()
        batch, self._batch = self._batch, None
        if batch is None or drop:
            return np.zeros(0, EVENT_DTYPE)
        return self._decoder.decode(batch)

    def close(self) -> None:
        """Stop listening."""
        self._opened.close()


class NoHands:
    """No input at all."""

    def opens(self, press: RawPress) -> bool:
        """No press is known of."""
        del press
        return False

    def fetch(self) -> None:
        """Fetch nothing."""

    def decode(self, *, drop: bool = False) -> EventArray:
        """Return no events."""
        del drop
        return np.zeros(0, EVENT_DTYPE)

    def close(self) -> None:
        """Nothing is open."""
