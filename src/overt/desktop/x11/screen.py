"""The screen lane: damage, raw presses and grabs on one X connection.

Input: an X display. Output: `Damage`, `RawPress`, `Stirred`, `StackChanged`, `Resized`
in the order in which the server saw them, and grabs of the root window with the events
that came before each grab's reply. Because all of it travels on one connection, the
order proves what a grab shows: the screen after every event in `Grab.before`, before
every event read later. It never decides what may be recorded.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from Xlib import X

from overt.desktop.types import Rect
from overt.desktop.x11.wire import GENERIC_EVENT, Wire
from overt.protocol.errors import CaptureError
from overt.protocol.records import EventKind, Pixels

if TYPE_CHECKING:
    from overt.desktop.x11.clock import ServerClock

_ALL_MASTER_DEVICES = 1
_RAW_KEY_PRESS, _RAW_KEY_RELEASE = 13, 14
_RAW_BUTTON_PRESS, _RAW_BUTTON_RELEASE, _RAW_MOTION = 15, 16, 17
_PRESSES = 1 << _RAW_KEY_PRESS | 1 << _RAW_BUTTON_PRESS
_ALL_INPUT = (
    _PRESSES | 1 << _RAW_KEY_RELEASE | 1 << _RAW_BUTTON_RELEASE | 1 << _RAW_MOTION
)
_RAW_RECTANGLES = 0
_Z_PIXMAP = 2
_GET_INPUT_FOCUS = 43
_RAW_KINDS = {
    _RAW_KEY_PRESS: EventKind.KEY_PRESS,
    _RAW_BUTTON_PRESS: EventKind.BUTTON_PRESS,
}
_STACK_EVENTS = frozenset(
    [
        X.DestroyNotify,
        X.UnmapNotify,
        X.MapNotify,
        X.ReparentNotify,
        X.ConfigureNotify,
        X.GravityNotify,
        X.CirculateNotify,
    ]
)
_STACK_ATOMS = ("_NET_ACTIVE_WINDOW", "_NET_CLIENT_LIST_STACKING")


@dataclass(frozen=True, slots=True)
class Damage:
    """Pixels of `rect` were drawn at `t_ns` (server time)."""

    t_ns: int
    rect: Rect


@dataclass(frozen=True, slots=True)
class RawPress:
    """A key or button went down.

    Attributes:
        t_ns: Server time, the same as of the event in the record lane.
        kind: `KEY_PRESS` or `BUTTON_PRESS`.
        detail: Keycode or button number.
    """

    t_ns: int
    kind: EventKind
    detail: int


@dataclass(frozen=True, slots=True)
class Stirred:
    """The pointer moved or something was let go, after `wait_for_input`."""

    t_ns: int


@dataclass(frozen=True, slots=True)
class StackChanged:
    """Windows were mapped, unmapped, moved, restacked, or another became active."""

    t_ns: int


@dataclass(frozen=True, slots=True)
class Resized:
    """The root window has a new size."""

    t_ns: int
    width_px: int
    height_px: int


ScreenEvent = Damage | RawPress | Stirred | StackChanged | Resized


@dataclass(frozen=True, slots=True)
class Grab:
    """Pixels of the root window and the events that the server wrote before them.

    Attributes:
        rect: What was grabbed, within the root window.
        pixels: uint8 (height, width, 3), RGB.
        before: Events not yet read that came before the pixels were taken, in order.
    """

    rect: Rect
    pixels: Pixels
    before: list[ScreenEvent]


class ScreenLane:
    """One X connection that sees drawing, presses and pixels in one order."""

    def __init__(
        self,
        name: str | None,
        clock: ServerClock,
        *,
        drawing: bool = True,
        presses: bool = True,
    ) -> None:
        """Connect to a display (`None`: $DISPLAY) and start to listen.

        Args:
            name: The display.
            clock: Its server's time.
            drawing: Whether to be told of drawing; without it there is no `Damage`.
            presses: Whether to be told of presses; without it there is no `RawPress`.

        Raises:
            CaptureError: The display cannot be opened or recorded.
        """
        self._clock = clock
        needed = ("XFIXES", "DAMAGE", "XInputExtension", "MIT-SHM")
        self._wire = Wire(name, needed)
        try:
            self._shm = _SharedImage(self._wire)
            self._listen(drawing=drawing, presses=presses)
        except BaseException:
            self._wire.close()
            raise

    def fileno(self) -> int:
        """The connection, for a selector."""
        return self._wire.fileno()

    def close(self) -> None:
        """Close the connection and free the shared memory."""
        self._wire.close()
        self._shm.close()

    @property
    def root_rect(self) -> Rect:
        """The root window as far as the events read tell."""
        return self._wire.root_rect

    def read(self) -> list[ScreenEvent]:
        """All events that have arrived since the last read or grab, in order.

        Raises:
            CaptureError: The server is gone.
        """
        return self._decode(self._wire.packets())

    def grab(self, rect: Rect) -> Grab:
        """Take the pixels of `rect`, clipped to the root window.

        Raises:
            RefusedError: The root window has shrunk meanwhile; read and grab again.
            CaptureError: The server is gone, or the rectangle is off the screen.
        """
        inside = rect.intersection(self.root_rect)
        if inside.is_empty():
            raise CaptureError(f"The rectangle {rect} lies outside the screen.")
        answer = self._wire.answer(self._shm.request(inside))
        pixels = self._shm.pixels(inside)
        return Grab(inside, pixels, self._decode(answer.before))

    def _listen(self, *, drawing: bool, presses: bool) -> None:
        wire = self._wire
        wire.ask(wire.extension("XFIXES").major, 0, struct.pack("=II", 5, 0))
        damage = wire.extension("DAMAGE")
        wire.ask(damage.major, 0, struct.pack("=II", 1, 1))
        xinput = wire.extension("XInputExtension")
        wire.ask(xinput.major, 47, struct.pack("=HH", 2, 2))
        self._atoms = frozenset(wire.atom(each) for each in _STACK_ATOMS)
        self._damage_event = damage.first_event
        self._xinput_major = xinput.major
        masks = X.StructureNotifyMask | X.SubstructureNotifyMask | X.PropertyChangeMask
        wire.send(2, 0, struct.pack("=III", wire.root, X.CWEventMask, masks))
        if presses:
            self._select_input(_PRESSES)
        if drawing:
            made = struct.pack("=IIBxxx", wire.new_id(), wire.root, _RAW_RECTANGLES)
            wire.send(damage.major, 1, made)
        answer = wire.ask(_GET_INPUT_FOCUS, 0)  # all of the above is done
        for packet in answer.before:
            if packet[0] == 0:
                raise CaptureError("The X server refused to report its screen.")

    def wait_for_input(self) -> list[ScreenEvent]:
        """Be told of the next motion or release too; return what came before that.

        To be called when hands rest: until `hear_presses` each of them wakes whoever
        listens. What the server saw after the reply is told.

        Raises:
            CaptureError: The server is gone or silent.
        """
        self._select_input(_ALL_INPUT)
        return self._decode(self._wire.ask(_GET_INPUT_FOCUS, 0).before)

    def hear_presses(self) -> None:
        """Be told of presses alone again.

        Raises:
            CaptureError: The server is gone.
        """
        self._select_input(_PRESSES)

    def _select_input(self, kinds: int) -> None:
        devices = (1, 0, _ALL_MASTER_DEVICES, 1)
        body = struct.pack("=IHHHHI", self._wire.root, *devices, kinds)
        self._wire.send(self._xinput_major, 46, body)

    def _decode(self, packets: list[bytes]) -> list[ScreenEvent]:
        events: list[ScreenEvent] = []
        for packet in packets:
            event = self._event(packet)
            if event is not None:
                events.append(event)
        return events

    def _event(self, packet: bytes) -> ScreenEvent | None:
        kind = packet[0] & 0x7F
        if kind == self._damage_event:
            return self._damage(packet)
        if kind == GENERIC_EVENT:
            return self._press(packet)
        if kind == X.PropertyNotify:
            atom = struct.unpack_from("=I", packet, 8)[0]
            return StackChanged(time.monotonic_ns()) if atom in self._atoms else None
        if kind in _STACK_EVENTS:
            return self._structure(packet, kind)
        return None

    def _damage(self, packet: bytes) -> Damage:
        stamp, x, y, width, height = struct.unpack_from("=IhhHH", packet, 12)
        return Damage(self._clock.to_ns(stamp), Rect(x, y, width, height))

    def _press(self, packet: bytes) -> RawPress | Stirred | None:
        kind, _, stamp, detail = struct.unpack_from("=HHII", packet, 8)
        if packet[1] != self._xinput_major:
            return None
        if kind not in _RAW_KINDS:
            return Stirred(self._clock.to_ns(stamp))
        return RawPress(self._clock.to_ns(stamp), _RAW_KINDS[kind], detail)

    def _structure(self, packet: bytes, kind: int) -> ScreenEvent | None:
        subject = struct.unpack_from("=I", packet, 8)[0]
        now_ns = time.monotonic_ns()
        if subject != self._wire.root:
            return StackChanged(now_ns)
        if kind != X.ConfigureNotify:
            return None
        width, height = struct.unpack_from("=HH", packet, 20)
        self._wire.root_rect = Rect(0, 0, width, height)
        return Resized(now_ns, width, height)


class _SharedImage:
    """Memory shared with the server into which it copies the screen (MIT-SHM 1.2)."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._major = wire.extension("MIT-SHM").major
        version = struct.unpack_from("=HH", wire.ask(self._major, 0).reply, 8)
        if version < (1, 2) or wire.root_depth not in {24, 32}:
            raise CaptureError(
                f"The display has MIT-SHM {version[0]}.{version[1]} and a depth of"
                f" {wire.root_depth}.",
                remedy="Use a local X server with MIT-SHM 1.2 and 24-bit colour.",
            )
        self._segment, self._memory = 0, mmap.mmap(-1, mmap.PAGESIZE)
        self._size_bytes = 0

    def close(self) -> None:
        self._memory.close()

    def request(self, rect: Rect) -> int:
        """Ask for the pixels of `rect`; its reply tells that they lie in memory."""
        size_bytes = 4 * rect.width * rect.height
        if size_bytes > self._size_bytes:
            self._grow(max(size_bytes, 4 * self._root_pixels()))
        place = struct.pack("=IhhHH", self._wire.root, *_corners(rect))
        form = struct.pack("=IBxxxII", 0xFFFFFFFF, _Z_PIXMAP, self._segment, 0)
        return self._wire.send(self._major, 4, place + form)

    def pixels(self, rect: Rect) -> Pixels:
        """A copy of what the server wrote, as RGB."""
        count = rect.width * rect.height
        words = np.frombuffer(self._memory, np.uint8, 4 * count)
        shaped = words.reshape(rect.height, rect.width, 4)
        rgb = np.empty((rect.height, rect.width, 3), np.uint8)
        for channel in range(3):
            rgb[..., channel] = shaped[..., 2 - channel]
        del words, shaped
        return rgb

    def _root_pixels(self) -> int:
        return self._wire.root_rect.width * self._wire.root_rect.height

    def _grow(self, size_bytes: int) -> None:
        if self._segment:
            self._wire.send(self._major, 2, struct.pack("=I", self._segment))
        self._memory.close()
        handle = os.memfd_create("overt-screen", os.MFD_CLOEXEC)
        try:
            os.ftruncate(handle, size_bytes)
            self._memory = mmap.mmap(handle, size_bytes)
            self._segment = self._wire.new_id()
            body = struct.pack("=IBxxx", self._segment, 0)
            self._wire.send(self._major, 6, body, [handle])
        finally:
            os.close(handle)
        self._size_bytes = size_bytes


def _corners(rect: Rect) -> tuple[int, int, int, int]:
    return rect.x, rect.y, rect.width, rect.height
