"""The record lane: every key, button and motion event of all clients, in batches.

Input: an X display. Output: numpy batches of the server's device events with server
time, position and device, in its order. RECORD hands events over late and in lumps, so
`drain` asks for them; the screen lane is the one that wakes at once. It never decodes
keys and keeps an event only until `drain` hands it over.

Core events do not say which device they came from, those of X Input 1 do: the server
writes the event of the device, then that of the master whose pointer or keyboard it
moves.

The server writes each event by itself, and some 277 of them fill the socket: 35 ms of a
mouse of 8,000 Hz. What a full socket does not take the server of Debian 12 sometimes
loses (FlushClient lets RECORD add to the output that it has already counted), so a
thread empties the socket while events come. It sleeps while none do.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time

import numpy as np
import numpy.typing as npt
from Xlib import X

from overt.desktop.x11.devices import InputDevices
from overt.desktop.x11.wire import ERROR, RefusedError, Wire, packet_bytes
from overt.protocol.errors import CaptureError
from overt.protocol.records import SYNTHETIC

DEVICE_EVENT_DTYPE = np.dtype(
    [
        ("time_ms", "u4"),  # server time
        ("type", "u1"),  # X.KeyPress .. X.MotionNotify
        ("detail", "u1"),  # keycode or button number
        ("root_x", "i2"),
        ("root_y", "i2"),
        ("state", "u2"),  # modifiers and buttons before the event
        ("device", "u1"),  # of the source, as in protocol.records.EVENT_DTYPE
    ]
)
DeviceEvents = npt.NDArray[np.void]  # of DEVICE_EVENT_DTYPE

_INPUT_EVENT = np.dtype(
    [
        ("type", "u1"),
        ("detail", "u1"),
        ("serial", "u2"),
        ("time_ms", "u4"),
        ("windows", "u4", 3),
        ("root_x", "i2"),
        ("root_y", "i2"),
        ("event_x", "i2"),
        ("event_y", "i2"),
        ("state", "u2"),
        ("same_screen", "u1"),
        ("device", "u1"),  # upper bit: its valuators follow
    ]
)
_ALL_CLIENTS = 3
_NO_OPERATION, _INPUT_FOCUS = 127, 43
_FROM_SERVER, _FROM_CLIENT = 0, 1
_KEY_PRESS, _MOTION = 1, 5  # X Input 1's, from its first event on
_HEAD_BYTES = 32
_ALIKE = (0, 1, 4, 5, 6, 7)  # bytes of a reply's head: kind, category, size
_MOST_ALIKE = 1024
_ANSWER_S = 5.0
_REST_S = 0.012  # of the thread that empties the socket: a third of what fills it
_MUCH_BYTES = 13_000  # half of what fills it: then there is no rest


class RecordLane:
    """Two connections: one that controls RECORD, one on which its data comes."""

    def __init__(self, name: str | None) -> None:
        """Start to record the device events of a display (`None`: $DISPLAY).

        Raises:
            CaptureError: The display cannot be opened or lacks RECORD or XInput.
        """
        self._control = Wire(name, ["RECORD", "XInputExtension"])
        try:
            self._data = Wire(name, ["RECORD"])
        except BaseException:
            self._control.close()
            raise
        self._major = self._control.extension("RECORD").major
        self._first = self._control.extension("XInputExtension").first_event
        self._devices = InputDevices(self._control)
        self._rest = b""  # of a packet that has not come to its end
        self._start()
        self._emptier = _Emptier(self._data)

    def close(self) -> None:
        """Stop recording."""
        self._emptier.close()
        self._data.close()
        self._control.close()

    def drain(self) -> DeviceEvents:
        """All device events up to now, `DEVICE_EVENT_DTYPE` (n,), in order.

        A request of our own is recorded too: when it comes back on the data
        connection, everything before it has come.

        Raises:
            CaptureError: The server is gone or silent.
        """
        self._control.send(_NO_OPERATION, 0)
        answer = self._control.ask(_INPUT_FOCUS, 0)  # makes RECORD write out
        self._devices.hear(answer.before)
        parts: list[bytes] = []
        while True:
            self._rest, is_complete = _cut(self._rest + self._emptier.take(), parts)
            if is_complete:
                return self._decode(b"".join(parts))
            if not select.select([self._data], [], [], _ANSWER_S)[0]:
                raise CaptureError("The X server stopped reporting input.")

    def _start(self) -> None:
        control, major = self._control, self._major
        control.ask(major, 0, struct.pack("=HH", 1, 13))
        context = control.new_id()
        devices = _range(18, self._first + _KEY_PRESS, self._first + _MOTION)
        control.send(major, 1, _registration(context, _ALL_CLIENTS, devices))
        fence = _range(0, _NO_OPERATION, _NO_OPERATION)
        control.send(major, 2, _registration(context, context, fence))
        control.ask(_INPUT_FOCUS, 0)
        self._data.ask(major, 5, struct.pack("=I", context))  # start of data

    def _decode(self, body: bytes) -> DeviceEvents:
        """Return the masters' events, each with the device of the event before it."""
        wire, devices = np.frombuffer(body, _INPUT_EVENT), self._devices
        kinds, ids = wire["type"] & 0x7F, wire["device"] & 0x7F
        if not devices.is_known[ids].all():  # one has just come
            devices.look()
        is_master = devices.is_master[ids]
        places = np.flatnonzero(is_master)
        events = np.empty(len(places), DEVICE_EVENT_DTYPE)
        for name in DEVICE_EVENT_DTYPE.names or ():
            events[name] = wire[name][places]
        events["type"] = kinds[places] - self._first - _KEY_PRESS + X.KeyPress
        before = places - 1  # of the first: the last, a master's
        is_source = ~is_master[before] & (kinds[before] == kinds[places])
        source = ids[before] | np.where(devices.is_synthetic[ids[before]], SYNTHETIC, 0)
        events["device"] = np.where(is_source, source, 0)
        return events


class _Emptier:
    """A thread that reads a connection often enough that it is never full."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._lock = wire, threading.Lock()
        self._read = bytearray()
        self._bell, self._ears = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self) -> bytes:
        """All bytes that have arrived.

        Raises:
            CaptureError: The server is gone.
        """
        with self._lock:
            self._read += self._wire.take()
            taken = bytes(self._read)
            self._read.clear()
            return taken

    def close(self) -> None:
        """End the thread; the connection stays open."""
        self._bell.close()
        self._thread.join()
        self._ears.close()

    def _run(self) -> None:
        while True:
            both = [self._wire.fileno(), self._ears.fileno()]
            if both[1] in select.select(both, [], [])[0]:
                return
            try:
                with self._lock:
                    came = self._wire.take()
                    self._read += came
            except CaptureError:
                return  # `take` says so too
            if len(came) < _MUCH_BYTES:
                time.sleep(_REST_S)


def _cut(data: bytes, parts: list[bytes]) -> tuple[bytes, bool]:
    """Cut what came into packets; those of a row that are alike at once.

    Args:
        data: Bytes of RECORD's data connection, from the start of a packet on.
        parts: Takes the bodies of what the server sent.

    Returns:
        What is no whole packet yet, and whether our own request is among the others.

    Raises:
        RefusedError: The server refused to go on.
    """
    place, is_complete = 0, False
    while len(data) - place >= _HEAD_BYTES:
        size = packet_bytes(data, place)
        if len(data) - place < size:
            break
        if data[place] == ERROR:
            raise RefusedError(data[place : place + size])
        count = _alike(data, place, size)
        if data[place + 1] == _FROM_SERVER:
            rows = np.frombuffer(data, np.uint8, count * size, place)
            parts.append(rows.reshape(count, size)[:, _HEAD_BYTES:].tobytes())
        is_complete |= data[place + 1] == _FROM_CLIENT
        place += count * size
    return data[place:], is_complete


def _alike(data: bytes, place: int, size: int) -> int:
    """How many packets in a row have the kind, the category and the size of one."""
    most = min((len(data) - place) // size, _MOST_ALIKE)
    rows = np.frombuffer(data, np.uint8, most * size, place).reshape(most, size)
    same = (rows[:, _ALIKE] == rows[0, _ALIKE]).all(axis=1)
    return most if same.all() else int(same.argmin())


def _range(place: int, first: int, last: int) -> bytes:
    """A RECORDRANGE that selects one kind of protocol; `place` is its offset."""
    return bytes(place) + bytes([first, last]) + bytes(22 - place)


def _registration(context: int, client: int, what: bytes) -> bytes:
    return struct.pack("=IBxxxIII", context, 0, 1, 1, client) + what
